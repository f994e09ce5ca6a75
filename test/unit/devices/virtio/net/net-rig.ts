import { expect } from 'vitest';
import { Feature } from '../../../../../src/devices/virtio/features.js';
import { VirtioNet, type VirtioNetOptions } from '../../../../../src/devices/virtio/net/net.js';
import type { NetBackend, NetCard, Offload, OffloadSupport } from '../../../../../src/net/backend.js';
import { Cable } from '../../../../../src/net/cable.js';
import { RemoteCard } from '../../../../../src/net/card.js';
import { areasAt, PackedDriver, SplitDriver } from '../queue/driver-ring.js';
import { legacyAreasAt, ModernPci, type Transport } from '../transport/drivers.js';

/** Feature bits, from virtio 1.3, 5.1.3. */
export const F = {
  CSUM: 1n << 0n,
  GUEST_CSUM: 1n << 1n,
  CTRL_GUEST_OFFLOADS: 1n << 2n,
  MTU: 1n << 3n,
  MAC: 1n << 5n,
  GUEST_TSO4: 1n << 7n,
  HOST_TSO4: 1n << 11n,
  HOST_TSO6: 1n << 12n,
  HOST_ECN: 1n << 13n,
  MRG_RXBUF: 1n << 15n,
  STATUS: 1n << 16n,
  CTRL_VQ: 1n << 17n,
  CTRL_RX: 1n << 18n,
  CTRL_VLAN: 1n << 19n,
  CTRL_RX_EXTRA: 1n << 20n,
  GUEST_ANNOUNCE: 1n << 21n,
  MQ: 1n << 22n,
  CTRL_MAC_ADDR: 1n << 23n,
  HOST_USO: 1n << 56n,
} as const;

export const MAC = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);
export const ALL_OFFLOADS: OffloadSupport = { checksum: true, tcp4: true, tcp6: true, udp: true };

const QUEUES = 0x10_0000;
const QUEUE_BYTES = 0x2_0000;
/** Where the driver's buffers are, one after the other. */
const BUFFERS = 0x28_0000;
const RAM_END = 4 << 20;

export interface Sent {
  readonly frame: Uint8Array;
  readonly offload: Offload | undefined;
}

/** A back end that keeps what it gets, and sends what the test wants. */
export class RecordingBackend implements NetBackend {
  card!: NetCard;
  ready = true;
  onReady?: () => void;
  rooms = 0;
  readonly sent: Sent[] = [];

  constructor(readonly accepts: OffloadSupport = ALL_OFFLOADS) {}

  attach(card: NetCard): void {
    this.card = card;
  }

  transmit(frame: Uint8Array, offload?: Offload): void {
    this.sent.push({ frame: frame.slice(), offload: offload && { ...offload } });
  }

  onRoom(): void {
    this.rooms++;
  }

  close(): void {}
}

export interface RigOptions extends Partial<Omit<VirtioNetOptions, 'cable'>> {
  readonly Way?: new (type: VirtioNet) => Transport;
  readonly features?: bigint;
  readonly backend?: RecordingBackend;
  readonly packed?: boolean;
  /** OSv's way: a modern device whose driver does not acknowledge VERSION_1. */
  readonly version1?: boolean;
}

/** A card, its driver, and what is at the other end of its cable. */
export class NetRig {
  readonly cable = new Cable(Cable.allocate());
  readonly backend: RecordingBackend;
  readonly remote: RemoteCard;
  readonly net: VirtioNet;
  readonly transport: Transport;
  readonly drivers: (SplitDriver | PackedDriver)[] = [];
  /** How often each side was woken. */
  kicks = 0;
  agains = 0;
  rings = 0;
  headerSize = 12;
  private nextBuffer = BUFFERS;
  private readonly packed: boolean;
  private readonly version1: boolean;
  private readonly received = new Map<number, { gpa: number; length: number }>();

  constructor(options: RigOptions = {}) {
    const { Way = ModernPci, features = 0n, backend = new RecordingBackend() } = options;
    const { packed = false, version1 = true } = options;
    this.packed = packed;
    this.version1 = version1;
    this.backend = backend;
    this.remote = new RemoteCard(
      this.cable,
      backend,
      () => this.rings++,
      () => undefined,
    );
    this.net = new VirtioNet({
      mac: MAC,
      ...options,
      cable: this.cable,
      kick: () => this.kicks++,
      again: () => this.agains++,
    });
    this.transport = new Way(this.net);
    this.start(features);
  }

  start(features: bigint): void {
    const { transport } = this;
    this.drivers.length = 0;
    this.received.clear();
    this.nextBuffer = BUFFERS;
    transport.status = 0;
    transport.status = 3;
    const ring = this.packed ? Feature.RING_PACKED : 0n;
    transport.writeFeatures(features | ring | (transport.legacy || !this.version1 ? 0n : Feature.VERSION_1));
    if (!transport.legacy) {
      transport.status = 11;
      expect(transport.status).toBe(11);
    }
    this.headerSize = transport.legacy && !(features & F.MRG_RXBUF) ? 10 : 12;
    for (let i = 0; transport.queueSize(i) > 0; i++) {
      const base = QUEUES + i * QUEUE_BYTES;
      transport.memory.bytes(base, QUEUE_BYTES).fill(0);
      const size = transport.queueSize(i);
      const areas = transport.legacy ? legacyAreasAt(base, size) : areasAt(base);
      transport.setUpQueue(i, size, areas);
      this.drivers.push(new (this.packed ? PackedDriver : SplitDriver)(transport.memory, size, areas));
    }
    transport.status = transport.status | 4;
  }

  /** Sends a frame behind a header of the given fields, in pieces of at most `piece` bytes, and lets the back end look. */
  send(frame: Uint8Array, header: Header = {}, queue = 1, piece = Infinity): void {
    this.give(Uint8Array.from([...headerBytes(header).subarray(0, this.headerSize), ...frame]), queue, piece);
    this.transport.notify(queue);
    this.pollBackend();
  }

  /** Makes readable bytes available, not more. */
  give(bytes: Uint8Array, queue = 1, piece = Infinity): void {
    const gpa = this.allocate(bytes.length);
    this.transport.memory.write(gpa, bytes);
    const segments = [];
    for (let at = 0; at < bytes.length; at += piece) {
      segments.push({ gpa: gpa + at, length: Math.min(piece, bytes.length - at) });
    }
    this.drivers[queue].add(...segments);
  }

  pollBackend(): void {
    while (this.remote.poll());
  }

  /** Gives the device `count` receive buffers of `length` bytes each. */
  addBuffers(count: number, length: number, queue = 0): void {
    for (let i = 0; i < count; i++) {
      const gpa = this.allocate(length);
      this.transport.memory.bytes(gpa, length).fill(0xcc);
      const id = this.drivers[queue].add({ gpa, length, writable: true });
      this.received.set(queue * 0x1_0000 + id, { gpa, length });
    }
    this.transport.notify(queue);
  }

  /** What has come into the receive buffers since the last call: one piece for each. */
  collect(queue = 0): Uint8Array[] {
    return this.drivers[queue].collect().map(({ id, length }) => {
      const buffer = this.received.get(queue * 0x1_0000 + id)!;
      expect(length).toBeLessThanOrEqual(buffer.length);
      return this.transport.memory.bytes(buffer.gpa, length).slice();
    });
  }

  /** A command of the control queue. @returns its answer, or −1 when there is none */
  command(bytes: readonly number[], queue = this.drivers.length - 1): number {
    const { memory } = this.transport;
    const gpa = this.allocate(bytes.length + 1);
    memory.write(gpa, Uint8Array.from([...bytes, 0xee]));
    this.drivers[queue].add(
      { gpa, length: bytes.length },
      { gpa: gpa + bytes.length, length: 1, writable: true },
    );
    this.transport.notify(queue);
    const [used] = this.drivers[queue].collect();
    return used === undefined || used.length !== 1 ? -1 : memory.read8(gpa + bytes.length);
  }

  private allocate(length: number): number {
    const size = (length + 15) & ~15;
    if (this.nextBuffer + size > RAM_END) this.nextBuffer = BUFFERS;
    const gpa = this.nextBuffer;
    this.nextBuffer += size;
    return gpa;
  }
}

export interface Header {
  readonly flags?: number;
  readonly gsoType?: number;
  readonly hdrLen?: number;
  readonly gsoSize?: number;
  readonly csumStart?: number;
  readonly csumOffset?: number;
}

export function headerBytes(header: Header): Uint8Array {
  const { flags = 0, gsoType = 0, hdrLen = 0, gsoSize = 0, csumStart = 0, csumOffset = 0 } = header;
  const view = new DataView(new ArrayBuffer(12));
  view.setUint8(0, flags);
  view.setUint8(1, gsoType);
  [hdrLen, gsoSize, csumStart, csumOffset].forEach((value, i) => view.setUint16(2 + 2 * i, value, true));
  return new Uint8Array(view.buffer);
}
