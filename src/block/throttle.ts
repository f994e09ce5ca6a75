import type { Clock, Timer } from '../vmm/clock.js';

/** What a disk may do in a second; what is not said has no limit. */
export interface ThrottleLimits {
  /** Requests: of all, of reads, of everything else but flushes. */
  readonly iopsTotal?: number;
  readonly iopsRead?: number;
  readonly iopsWrite?: number;
  /** Bytes. */
  readonly bpsTotal?: number;
  readonly bpsRead?: number;
  readonly bpsWrite?: number;
}

/** A request in front of a gate. */
export interface GatedRequest {
  /** False once nobody waits for it any more. */
  readonly wanted: boolean;
  /** It may begin. */
  proceed(): void;
}

/** What lets requests through, now or later. */
export interface RequestGate {
  /** Has the request proceed when it may. Reads, and writes, keep their order among themselves. */
  pass(write: boolean, bytes: number, request: GatedRequest): void;
  /** Forgets the requests that are not wanted any more: they do not count, and nothing of them is kept. */
  sweep(): void;
}

const SECOND = 1e9;
/** What may come at once after a pause, in seconds' worth, as in QEMU. */
const BURST = 0.1;

/** A bucket that leaks at the rate that is allowed: who finds it too full waits. */
class LeakyBucket {
  private level = 0;
  private filled = 0;

  constructor(private readonly rate: number) {}

  /** Nanoseconds until the next request may begin. */
  wait(now: number): number {
    this.level = Math.max(0, this.level - ((now - this.filled) / SECOND) * this.rate);
    this.filled = now;
    // What is left of rounding must not make anybody wait for less than a nanosecond for ever.
    return Math.ceil(Math.max(0, ((this.level - this.rate * BURST) / this.rate) * SECOND));
  }

  add(amount: number): void {
    this.level += amount;
  }
}

interface Waiting {
  readonly bytes: number;
  readonly request: GatedRequest;
}

/** One kind of requests, and the buckets that count them. */
class Lane {
  waiting: Waiting[] = [];

  constructor(
    private readonly requests: readonly LeakyBucket[],
    private readonly bytes: readonly LeakyBucket[],
  ) {}

  wait(now: number): number {
    let longest = 0;
    for (const bucket of this.requests) longest = Math.max(longest, bucket.wait(now));
    for (const bucket of this.bytes) longest = Math.max(longest, bucket.wait(now));
    return longest;
  }

  count(bytes: number): void {
    for (const bucket of this.requests) bucket.add(1);
    for (const bucket of this.bytes) bucket.add(bytes);
  }
}

/** Holds requests back so that a disk keeps to its limits, by the machine's clock. */
export class Throttle implements RequestGate {
  private readonly lanes: { readonly read: Lane; readonly write: Lane };
  private readonly timer: Timer;
  /** Whose turn it is when both wait. */
  private writeIsNext = false;

  constructor(
    limits: ThrottleLimits,
    private readonly clock: Clock,
  ) {
    const bucket = (rate: number | undefined): LeakyBucket[] =>
      rate === undefined ? [] : [new LeakyBucket(rate)];
    const requests = bucket(limits.iopsTotal);
    const bytes = bucket(limits.bpsTotal);
    this.lanes = {
      read: new Lane([...requests, ...bucket(limits.iopsRead)], [...bytes, ...bucket(limits.bpsRead)]),
      write: new Lane([...requests, ...bucket(limits.iopsWrite)], [...bytes, ...bucket(limits.bpsWrite)]),
    };
    this.timer = clock.timer(() => this.letThrough());
  }

  pass(write: boolean, bytes: number, request: GatedRequest): void {
    const lane = write ? this.lanes.write : this.lanes.read;
    if (lane.waiting.length === 0 && lane.wait(this.clock.now()) === 0) {
      lane.count(bytes);
      request.proceed();
      return;
    }
    lane.waiting.push({ bytes, request });
    this.expectNext();
  }

  sweep(): void {
    for (const lane of [this.lanes.read, this.lanes.write]) {
      lane.waiting = lane.waiting.filter(({ request }) => request.wanted);
    }
    this.expectNext();
  }

  private letThrough(): void {
    const now = this.clock.now();
    for (let lane = this.nextLane(now); lane; lane = this.nextLane(now)) {
      const { bytes, request } = lane.waiting.shift()!;
      lane.count(bytes);
      request.proceed();
    }
    this.expectNext();
  }

  /** By turns, so that reads do not keep writes from what both may use. */
  private nextLane(now: number): Lane | undefined {
    const { read, write } = this.lanes;
    const order = this.writeIsNext ? [write, read] : [read, write];
    const next = order.find(lane => lane.waiting.length > 0 && lane.wait(now) === 0);
    if (next) this.writeIsNext = next === read;
    return next;
  }

  private expectNext(): void {
    const now = this.clock.now();
    const waits = [this.lanes.read, this.lanes.write]
      .filter(lane => lane.waiting.length > 0)
      .map(lane => lane.wait(now));
    if (waits.length > 0) this.timer.arm(now + Math.min(...waits));
    else this.timer.disarm();
  }
}
