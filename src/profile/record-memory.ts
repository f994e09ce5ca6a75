import { BUCKETS } from './histogram.js';

/** How much of what a recording has room for. What there is no room for is counted elsewhere: see `ExitRecorder`. */
export const MAX_SITES = 4096;
export const MAX_POINTS = 16_384;
export const MAX_STACKS = 16_384;
export const MAX_STACK_PAIRS = 32_768;
/** Kinds of requests, of all devices. */
export const MAX_REQUESTS = 256;
/** Frames of one stack. */
export const MAX_FRAMES = 64;
export const EVENT_SLOTS = 65_536;
const NAME_BYTES = 1 << 18;
const STACK_ADDRESSES = 1 << 18;

/** Words of the header. Counts are published after what they count. */
export const Header = {
  SITES: 0,
  POINTS: 1,
  STACKS: 2,
  PAIRS: 3,
  /** Events ever written, and taken out again: both modulo 2^32. */
  WRITTEN: 4,
  TAKEN: 5,
  /** 1: the control thread has been told that there are events, and has not looked yet. */
  ANNOUNCED: 6,
  LOST_EVENTS: 7,
  MERGED_EXITS: 8,
  SAMPLES: 9,
  /** 1: nobody takes events out any longer. */
  READER_GONE: 10,
  REQUESTS: 11,
} as const;
const HEADER_WORDS = 16;

/** Words of a site. */
export const SiteWord = {
  /** reason | direction << 8 | size << 16 */
  KIND: 0,
  ADDRESS_LOW: 1,
  ADDRESS_HIGH: 2,
  DEVICE_AT: 3,
  DEVICE_SIZE: 4,
  REGISTER_AT: 5,
  REGISTER_SIZE: 6,
} as const;
export const SITE_WORDS = 8;

/** Words of a point. */
export const PointWord = { SITE: 0, VCPU: 1, RIP_LOW: 2, RIP_HIGH: 3, AFTER: 4 } as const;
export const POINT_WORDS = 8;

/** Sums of a point, of a pair of point and stack. */
export const Sum = { COUNT: 0, GUEST: 1, HOST: 2, MAX: 3 } as const;
export const SUMS = 4;

/** Words of a pair of point and stack. */
export const PairWord = { POINT: 0, STACK: 1 } as const;
export const PAIR_WORDS = 2;

/** A sample: vCPU, stack, count. */
export const SampleWord = { VCPU: 0, STACK: 1, COUNT: 2 } as const;
export const SAMPLE_WORDS = 4;
export const MAX_SAMPLES = 32_768;

/** Words of a kind of request: its name. */
export const RequestWord = { NAME_AT: 0, NAME_SIZE: 1 } as const;
export const REQUEST_WORDS = 2;
/** Sums of a kind of request. Times in ns. */
export const RequestSum = { COUNT: 0, TIME: 1, MAX: 2, BYTES: 3 } as const;
export const REQUEST_SUMS = 4;

/** Fields of an event, all of them doubles. */
export const EventField = {
  /** index into EVENT_KINDS */
  KIND: 0,
  TIME: 1,
  /** Point, kind of interrupt, name. */
  SUBJECT: 2,
  /** Guest time, vector. */
  A: 3,
  /** Host time, destination, duration. */
  B: 4,
  /** Value, bytes. */
  C: 5,
  /** Stack, −1 for none. */
  D: 6,
} as const;
export const EVENT_FIELDS = 8;

/** Interrupts by kind (3) and vector (256). */
const INTERRUPT_COUNTS = 3 * 256;

/**
 * The memory that the machine's thread records into and the control thread reads, all of it allocated before the run:
 * definitions that are only ever appended (sites, points, stacks and the names they have), sums for each of them, and a ring of
 * events.
 */
export class RecordMemory {
  readonly header: Int32Array;
  /** When time 0 was, in ms since 1970 on the host's monotonic clock. */
  readonly clock: Float64Array;
  readonly sites: Int32Array;
  readonly points: Int32Array;
  readonly sums: Float64Array;
  readonly histograms: Uint32Array;
  /** For each stack where its addresses begin in `addresses`; they end where those of the next begin. */
  readonly stackStarts: Int32Array;
  /** Low and high word of each. */
  readonly addresses: Uint32Array;
  readonly pairs: Int32Array;
  readonly pairSums: Float64Array;
  readonly samples: Int32Array;
  readonly requests: Int32Array;
  readonly requestSums: Float64Array;
  readonly requestHistograms: Uint32Array;
  readonly interrupts: Uint32Array;
  readonly events: Float64Array;
  readonly names: Uint8Array;

  /** @param buffer from `RecordMemory.allocate()` */
  constructor(readonly buffer: SharedArrayBuffer) {
    const layout = new Layout(buffer);
    this.events = layout.doubles(EVENT_SLOTS * EVENT_FIELDS);
    this.sums = layout.doubles(MAX_POINTS * SUMS);
    this.pairSums = layout.doubles(MAX_STACK_PAIRS * SUMS);
    this.requestSums = layout.doubles(MAX_REQUESTS * REQUEST_SUMS);
    this.clock = layout.doubles(1);
    this.header = layout.words(HEADER_WORDS);
    this.sites = layout.words(MAX_SITES * SITE_WORDS);
    this.points = layout.words(MAX_POINTS * POINT_WORDS);
    this.stackStarts = layout.words(MAX_STACKS + 1);
    this.pairs = layout.words(MAX_STACK_PAIRS * PAIR_WORDS);
    this.samples = layout.words(MAX_SAMPLES * SAMPLE_WORDS);
    this.requests = layout.words(MAX_REQUESTS * REQUEST_WORDS);
    this.histograms = layout.counts(MAX_POINTS * BUCKETS);
    this.requestHistograms = layout.counts(MAX_REQUESTS * BUCKETS);
    this.addresses = layout.counts(STACK_ADDRESSES * 2);
    this.interrupts = layout.counts(INTERRUPT_COUNTS);
    this.names = layout.bytes(NAME_BYTES);
  }

  /** With the log's pages in place: the host would make each when an exit reaches it, on the exit's time. */
  static allocate(): SharedArrayBuffer {
    const buffer = new SharedArrayBuffer(
      8 * (1 + EVENT_SLOTS * EVENT_FIELDS + (MAX_POINTS + MAX_STACK_PAIRS) * SUMS) +
        8 * (MAX_REQUESTS * REQUEST_SUMS) +
        4 * (MAX_REQUESTS * (REQUEST_WORDS + BUCKETS)) +
        4 * (HEADER_WORDS + MAX_SITES * SITE_WORDS + MAX_POINTS * POINT_WORDS + MAX_STACKS + 1) +
        4 * (MAX_STACK_PAIRS * PAIR_WORDS + MAX_SAMPLES * SAMPLE_WORDS) +
        4 * (MAX_POINTS * BUCKETS + STACK_ADDRESSES * 2 + INTERRUPT_COUNTS) +
        NAME_BYTES,
    );
    new RecordMemory(buffer).events.fill(0);
    return buffer;
  }
}

/** Hands out pieces of a buffer, those of the widest elements first. */
class Layout {
  private at = 0;

  constructor(private readonly buffer: SharedArrayBuffer) {}

  doubles(length: number): Float64Array {
    return new Float64Array(this.buffer, this.advance(length * 8), length);
  }

  words(length: number): Int32Array {
    return new Int32Array(this.buffer, this.advance(length * 4), length);
  }

  counts(length: number): Uint32Array {
    return new Uint32Array(this.buffer, this.advance(length * 4), length);
  }

  bytes(length: number): Uint8Array {
    return new Uint8Array(this.buffer, this.advance(length), length);
  }

  private advance(size: number): number {
    const at = this.at;
    this.at += size;
    return at;
  }
}
