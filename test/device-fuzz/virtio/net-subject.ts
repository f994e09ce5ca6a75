import { VirtioNet } from '../../../src/devices/virtio/net/net.js';
import type { NetBackend, NetCard, Offload } from '../../../src/net/backend.js';
import { Cable } from '../../../src/net/cable.js';
import { RemoteCard } from '../../../src/net/card.js';
import { DeviceFailure } from '../failure.js';
import { pick, valueOf } from '../operations.js';
import type { Piece } from './rings.js';
import type { Subject } from './subject.js';

const PAIRS = 2;
const LENGTHS = [0, 1, 9, 10, 11, 12, 13, 14, 26, 60, 64, 590, 1514, 1526, 4000] as const;
const GSO_TYPES = [0, 0, 1, 4, 5, 0x81, 0x84, 3, 0xff] as const;
const COMMANDS = [
  [0, 0, 1],
  [0, 1, 1],
  [0, 5, 1],
  [0, 6, 1],
  [1, 0, 8],
  [1, 0, 20],
  [1, 1, 6],
  [2, 0, 2],
  [2, 1, 2],
  [3, 0, 0],
  [4, 0, 2],
  [5, 0, 8],
  [6, 0, 4],
  [255, 255, 7],
] as const;

/** Takes what comes, or nothing for a while; it checks that offloads lie inside their frames. */
class UnrulyPeer implements NetBackend {
  card!: NetCard;
  ready = true;
  accepts = { checksum: true, tcp4: true, tcp6: true, udp: true };
  onReady?: () => void;
  frames = 0;

  attach(card: NetCard): void {
    this.card = card;
  }

  transmit(frame: Uint8Array, offload?: Offload): void {
    this.frames++;
    if (offload?.csumStart === undefined) return;
    if (offload.csumStart + offload.csumOffset! + 2 > frame.length) {
      throw new DeviceFailure(
        `a checksum at ${offload.csumStart}+${offload.csumOffset} of ${frame.length} bytes`,
      );
    }
  }

  onRoom(): void {}

  close(): void {}
}

const HEADER = 12;
/** The request or the frame that is being made: it is copied before the next one. */
const scratch = new Uint8Array(HEADER + 4096);
const view = new DataView(scratch.buffer);

/** Puts bytes at `at` as far as they lie before `end`. */
function put(at: number, end: number, list: readonly number[]): void {
  for (let i = 0; i < list.length && at + i < end; i++) scratch[at + i] = list[i];
}

const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
const TO_US = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
const TO_OTHERS = [0x52, 0x54, 0, 0x12, 0x34, 0x57];
const VLAN = [0x81, 0x00];
const IPV6 = [0x86, 0xdd, 0x60];
const IPV6_OPTIONS = [0, 64, ...Array<number>(32).fill(1), 6];
const IPV4 = [0x08, 0x00, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6];
const TRANSPORT = [0x12, 0x34, 0, 80, 1, 2, 3, 4, 5, 6, 7, 8, 0x50, 0x10];

/** Makes an Ethernet frame with an IP header and a TCP or UDP header that are about right, at `start` of the scratch. */
function makeFrame(start: number, length: number, a: number): void {
  const end = start + length;
  scratch.fill(0, start, end);
  put(start, end, a & 2 ? BROADCAST : a & 1 ? TO_US : TO_OTHERS);
  const protocol = a & 8 ? 17 : 6;
  let at = start + 12;
  if (a & 16) {
    put(at, end, VLAN);
    set(at + 2, end, a >>> 8);
    set(at + 3, end, a);
    at += 4;
  }
  if (a & 4) {
    put(at, end, IPV6);
    set(at + 8, end, protocol);
    if (a & 32) {
      put(at + 8, end, IPV6_OPTIONS);
      set(at + 8 + IPV6_OPTIONS.length, end, a >>> 16);
    }
    at += 42;
  } else {
    put(at, end, IPV4);
    if (a & 64) set(at + 2, end, a >>> 20);
    set(at + 8, end, (a >>> 12) & 0x3f);
    set(at + 11, end, protocol);
    at += 22;
  }
  put(at, end, TRANSPORT);
  if (a & 128) set(at + 12, end, a >>> 24);
}

function set(at: number, end: number, byte: number): void {
  if (at < end) scratch[at] = byte;
}

/** Of the one cable that there is at a time. */
const buffers = Cable.allocate();

export function netSubject(): Subject {
  for (const buffer of Object.values(buffers)) new Uint8Array(buffer as SharedArrayBuffer).fill(0);
  const cable = new Cable(buffers);
  const peer = new UnrulyPeer();
  let again = false;
  const remote = new RemoteCard(
    cable,
    peer,
    () => undefined,
    () => undefined,
  );
  const type = new VirtioNet({
    cable,
    kick: () => undefined,
    again: () => void (again = true),
    mac: Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56),
    mtu: 1500,
    queuePairs: PAIRS,
  });
  const makeHeader = (a: number, b: number): void => {
    view.setUint8(0, a & 3);
    view.setUint8(1, pick(GSO_TYPES, a >>> 2));
    view.setUint16(2, b & 1 ? valueOf(b) : 54, true);
    view.setUint16(4, a & 0x1000 ? valueOf(a) : 1000, true);
    view.setUint16(6, b & 2 ? valueOf(Math.imul(b, 3) >>> 0) : 34, true);
    view.setUint16(8, b & 4 ? valueOf(Math.imul(b, 5) >>> 0) : 16, true);
    view.setUint16(10, 0);
  };
  const command = (a: number, b: number): Piece[] => {
    const [kind, number, length] = pick(COMMANDS, a);
    const bytes = new Uint8Array(2 + (b % 8 === 0 ? b >>> 20 : length));
    bytes.set([kind, number].slice(0, bytes.length));
    for (let i = 2; i < bytes.length; i++)
      bytes[i] = i % 4 === 2 ? (b >>> 8) & 3 : b & 16 ? valueOf(b + i) : 0;
    return [{ data: bytes }, ...((a >>> 8) % 8 === 0 ? [] : [{ data: 1 }])];
  };
  return {
    type,
    request(queue, a, b) {
      if (queue === 2 * PAIRS || (queue === 2 && a % 3 === 0)) return command(a >>> 2, b);
      const length = pick(LENGTHS, b >>> 4);
      if (queue % 2 === 0) return a & 1 ? [{ data: length }, { data: length }] : [{ data: length }];
      makeHeader(a, b);
      makeFrame(HEADER, length, Math.imul(a, 0x9e37_79b1) >>> 0);
      const whole = scratch.subarray(0, HEADER + length);
      if (a & 0x100) return [{ data: whole }];
      const cut = (b >>> 12) % (whole.length + 1);
      return [{ data: whole.subarray(0, cut) }, { data: whole.subarray(cut) }];
    },
    world: [
      {
        name: 'frame-in',
        weight: 10,
        run: (a, b) => {
          const gso = pick([undefined, undefined, 'tcp4', 'tcp6', 'udp'] as const, b);
          const offload =
            b & 0x100 ? { csumStart: 34, csumOffset: 16, gso, gsoSize: 500, headerLength: 54 } : undefined;
          const length = pick(LENGTHS, a >>> 3);
          makeFrame(0, length, Math.imul(a, 0x9e37_79b1) >>> 0);
          peer.card.receive(scratch.subarray(0, length), offload);
        },
      },
      {
        name: 'net-poll',
        weight: 12,
        run: () => {
          remote.poll();
          again = type.poll() || again;
          if (again) again = type.poll();
        },
      },
      { name: 'link', weight: 1, run: a => void (cable.link = (a & 1) !== 0) },
      { name: 'peer-ready', weight: 1, run: a => void (peer.ready = (a & 3) !== 0) },
      {
        name: 'peer-accepts',
        weight: 1,
        run: a => {
          peer.accepts = {
            checksum: (a & 1) !== 0,
            tcp4: (a & 2) !== 0,
            tcp6: (a & 4) !== 0,
            udp: (a & 8) !== 0,
          };
        },
      },
    ],
  };
}
