import type { Chain } from '../../../devices/virtio/queue/chain.js';
import { has } from '../../../devices/virtio/features.js';
import { NetFeature } from '../../../devices/virtio/net/net-features.js';
import { VirtioNet } from '../../../devices/virtio/net/net.js';
import { Status } from '../../../devices/virtio/status.js';
import { internetChecksum } from '../../../net/checksum.js';
import { Field, FRAME_HEADER_SIZE } from '../../../net/frame-header.js';
import { ETHERNET_HEADER, EtherType, word } from '../../../net/headers.js';
import { ECHO_IDENTIFIER, ICMP } from '../rules/net-echo.js';
import type { Variant, VariantDevice } from './variant.js';

const MS = 1_000_000;
const FRAME_NS = 100 * MS;
/** Frames of the variant's own, of one card. */
const MAX_FRAMES = 50;
const LEGACY_HEADER_SIZE = 10;
const MIN_FRAME = 60;

/** Flags that no specification has given a meaning. */
const UNKNOWN_FLAGS = 0xc0;
const NOWHERE = 0xfff0;
const ODD_LENGTH = 0xffff;

const ARP = 0x0806;
const IPV4_HEADER = 20;
const ECHO_PAYLOAD = 32;
const WRONG = 0x5555;

/** An announcement by somebody that nobody else is (RFC 5227, 2.3): no driver minds, and none has to answer. */
const ANNOUNCEMENT = Uint8Array.of(
  ...[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0x74, 0x73, 0x76, 0x6d, 1, ARP >> 8, ARP & 0xff],
  ...[0, 1, EtherType.IPV4 >> 8, 0, 6, 4, 0, 1],
  ...[2, 0x74, 0x73, 0x76, 0x6d, 1, 169, 254, 115, 118],
  ...[0, 0, 0, 0, 0, 0, 169, 254, 115, 118],
  ...new Uint8Array(MIN_FRAME - ETHERNET_HEADER - 28),
);

/** Calls `action` every 100 ms while a driver works, 50 times. */
function everyNow({ transport, clock }: VariantDevice, action: () => boolean): void {
  let left = MAX_FRAMES;
  const timer = clock.timer(() => {
    if (transport.device.status & Status.DRIVER_OK && action()) left--;
    if (left > 0) timer.arm(clock.now() + FRAME_NS);
  });
  timer.arm(FRAME_NS);
}

/**
 * Puts a frame into the first receive queue, as if it had come by the network.
 * @returns false when there is no buffer for it
 */
function receive({ transport, acted }: VariantDevice, frame: Uint8Array, isOdd: boolean): boolean {
  const { device } = transport;
  const queue = device.queue(0);
  const chain = queue?.pop();
  if (!queue || !chain) return false;
  const short = device.legacy && !has(device.features, NetFeature.MRG_RXBUF);
  const headerSize = short ? LEGACY_HEADER_SIZE : FRAME_HEADER_SIZE;
  if (chain.writableBytes < headerSize + frame.length) {
    queue.unpop(chain);
    return false;
  }
  const packet = new Uint8Array(headerSize + frame.length);
  if (!short) packet[Field.NUM_BUFFERS] = 1;
  packet.set(frame, headerSize);
  chain.write(0, packet);
  if (isOdd) scribble(chain);
  acted();
  queue.push(chain, packet.length);
  device.signal(0);
  return true;
}

/** Puts into a header that has nothing to say what drivers are not to look at. */
function scribble(chain: Chain): void {
  const header = new Uint8Array(LEGACY_HEADER_SIZE);
  const view = new DataView(header.buffer);
  view.setUint8(Field.FLAGS, UNKNOWN_FLAGS);
  view.setUint16(Field.HDR_LEN, ODD_LENGTH, true);
  view.setUint16(Field.CSUM_START, NOWHERE, true);
  view.setUint16(Field.CSUM_OFFSET, NOWHERE, true);
  chain.write(0, header);
}

/** Whom the driver talks to, as its last IPv4 packet to somebody has it: Ethernet and IP addresses. */
interface Conversation {
  readonly own: Uint8Array;
  readonly peer: Uint8Array;
  readonly ownIp: Uint8Array;
  readonly peerIp: Uint8Array;
}

const conversations = new WeakMap<VirtioNet, Conversation>();

function overhear(type: VirtioNet, chain: Chain, headerSize: number): void {
  const frame = new Uint8Array(ETHERNET_HEADER + IPV4_HEADER);
  if (chain.read(headerSize, frame) < frame.length) return;
  const isMulticast = (frame[0] & 1) !== 0;
  if (word(frame, ETHERNET_HEADER - 2) !== EtherType.IPV4 || isMulticast) return;
  if (word(frame, ETHERNET_HEADER + 12) === 0) return;
  const [ownIp, peerIp] = [frame.slice(ETHERNET_HEADER + 12, ETHERNET_HEADER + 16), frame.slice(-4)];
  conversations.set(type, { peer: frame.slice(0, 6), own: frame.slice(6, 12), ownIp, peerIp });
}

/** An echo request (RFC 792) from the one whom the driver has talked to. */
function echoRequest({ own, peer, ownIp, peerIp }: Conversation, sequence: number): Uint8Array {
  const frame = new Uint8Array(ETHERNET_HEADER + IPV4_HEADER + ICMP.HEADER + ECHO_PAYLOAD);
  const view = new DataView(frame.buffer);
  const ip = ETHERNET_HEADER;
  const icmp = ip + IPV4_HEADER;
  frame.set(own);
  frame.set(peer, 6);
  view.setUint16(ip - 2, EtherType.IPV4);
  frame[ip] = 0x45;
  view.setUint16(ip + 2, frame.length - ip);
  frame[ip + 8] = 64;
  frame[ip + 9] = ICMP.PROTOCOL;
  frame.set(peerIp, ip + 12);
  frame.set(ownIp, ip + 16);
  view.setUint16(ip + 10, internetChecksum(frame, ip, icmp));
  frame[icmp] = ICMP.ECHO_REQUEST;
  view.setUint16(icmp + 4, ECHO_IDENTIFIER);
  view.setUint16(icmp + 6, sequence);
  const checksum = internetChecksum(frame, icmp, frame.length);
  view.setUint16(icmp + 2, sequence % 2 === 0 ? checksum : checksum ^ WRONG);
  return frame;
}

/** Variants of what network cards receive. */
export const FRAMES = {
  'odd-receive-headers': {
    what: 'received frames have unknown flags, and numbers in the fields that these flags do not cover',
    provokes: ['5.1.9.4.1/unknown-flags', '5.1.9.4.1/csum-fields', '5.1.9.4.1/hdr-len-untrusted'],
    late: true,
    prepare: device => {
      if (device.type instanceof VirtioNet) everyNow(device, () => receive(device, ANNOUNCEMENT, true));
    },
    queue: (queue, index, { transport, type }) => {
      if (!(type instanceof VirtioNet) || index % 2 !== 0 || index >= 2 * type.maxPairs) return;
      const push = queue.push.bind(queue);
      let more = 0;
      queue.push = (chain, written) => {
        if (more > 0) more--;
        else if (written >= LEGACY_HEADER_SIZE) {
          const [header] = chain.views(true, 0, FRAME_HEADER_SIZE);
          const isPlain =
            header.length === FRAME_HEADER_SIZE && header[Field.FLAGS] === 0 && header[Field.GSO_TYPE] === 0;
          if (has(transport.device.features, NetFeature.MRG_RXBUF)) more = header[Field.NUM_BUFFERS] - 1;
          if (isPlain) scribble(chain);
        }
        push(chain, written);
      };
    },
  },
  'bad-checksums': {
    what: 'echo requests from whom the driver talks to, every second one with a wrong checksum',
    late: true,
    prepare: device => {
      const { type } = device;
      if (!(type instanceof VirtioNet)) return;
      let sequence = 0;
      everyNow(device, () => {
        const conversation = conversations.get(type);
        if (!conversation || !receive(device, echoRequest(conversation, sequence), false)) return false;
        sequence++;
        return true;
      });
    },
    queue: (queue, index, { transport, type }) => {
      if (!(type instanceof VirtioNet) || index % 2 === 0 || index >= 2 * type.maxPairs) return;
      const { device } = transport;
      const short = device.legacy && !has(device.features, NetFeature.MRG_RXBUF);
      const pop = queue.pop.bind(queue);
      queue.pop = () => {
        const chain = pop();
        if (chain) overhear(type, chain, short ? LEGACY_HEADER_SIZE : FRAME_HEADER_SIZE);
        return chain;
      };
    },
  },
} as const satisfies Readonly<Record<string, Variant>>;
