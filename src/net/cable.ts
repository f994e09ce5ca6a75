import { NO_OFFLOADS, type OffloadSupport } from './backend.js';
import { FrameRing } from './frame-ring.js';

/** Words that both ends share. */
const LINK = 0;
const ACCEPTED = 1;
const WORDS = 2;

const RING_CAPACITY = 1 << 20;

/** Bytes of the largest frame: an IP packet of 65,535 bytes behind an Ethernet header with two VLAN tags. */
export const MAX_FRAME = 14 + 8 + 65_535;
/** An Ethernet header alone. */
export const MIN_FRAME = 14;

/** Bits of the offloads that a driver accepts, as they are shared. */
export const Accepted = { CHECKSUM: 1, TCP4: 2, TCP6: 4, UDP: 8 } as const;

/** Each combination as the back end sees it. */
const SUPPORT: readonly OffloadSupport[] = Array.from({ length: 16 }, (_, bits) =>
  bits & Accepted.CHECKSUM
    ? {
        checksum: true,
        tcp4: (bits & Accepted.TCP4) !== 0,
        tcp6: (bits & Accepted.TCP6) !== 0,
        udp: (bits & Accepted.UDP) !== 0,
      }
    : NO_OFFLOADS,
);

/** The memory of a cable, for other threads. */
export interface CableBuffers {
  readonly control: SharedArrayBuffer;
  readonly toHost: SharedArrayBuffer;
  readonly toGuest: SharedArrayBuffer;
}

/**
 * What connects a network card, on the machine's thread, with its back end, on a thread with an event loop: a ring of
 * frames each way, and what each end has to know of the other. Who puts something in wakes the other by means of its own.
 */
export class Cable {
  readonly toHost: FrameRing;
  readonly toGuest: FrameRing;
  private readonly words: Int32Array;

  /** @param buffers from `Cable.allocate()` */
  constructor(readonly buffers: CableBuffers) {
    this.words = new Int32Array(buffers.control);
    this.toHost = new FrameRing(buffers.toHost);
    this.toGuest = new FrameRing(buffers.toGuest);
  }

  static allocate(): CableBuffers {
    return {
      control: new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT),
      toHost: FrameRing.allocate(RING_CAPACITY),
      toGuest: FrameRing.allocate(RING_CAPACITY),
    };
  }

  /** True while somebody is at the other end. The back end writes it. */
  get link(): boolean {
    return Atomics.load(this.words, LINK) !== 0;
  }

  set link(up: boolean) {
    Atomics.store(this.words, LINK, up ? 1 : 0);
  }

  /** Offloads that the driver accepts: bits of {@link Accepted}. The card writes it. */
  set accepted(bits: number) {
    Atomics.store(this.words, ACCEPTED, bits);
  }

  get accepts(): OffloadSupport {
    return SUPPORT[Atomics.load(this.words, ACCEPTED) & 15];
  }
}
