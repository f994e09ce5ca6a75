import type { NetworkHost } from './host.js';

/** One deadline. */
export interface NetTimer {
  readonly armed: boolean;
  /** Expires in `delay` milliseconds, whatever it was armed for before. */
  arm(delay: number): void;
  disarm(): void;
}

class QueuedTimer implements NetTimer {
  deadline = Infinity;
  /** Its place in the heap is by this time, which is not after the deadline; `Infinity`: it has no place. */
  queuedFor = Infinity;

  constructor(
    private readonly timers: Timers,
    readonly onExpire: () => void,
  ) {}

  get armed(): boolean {
    return this.deadline !== Infinity;
  }

  arm(delay: number): void {
    this.deadline = this.timers.now() + delay;
    if (this.deadline < this.queuedFor) this.timers.enqueue(this);
  }

  disarm(): void {
    this.deadline = Infinity;
  }
}

/** A timer's place in the heap, void when the timer has got an earlier one. */
interface Place {
  readonly at: number;
  readonly timer: QueuedTimer;
}

/**
 * Thousands of timers behind one of the host's. Retransmission timers are armed and disarmed with every segment and
 * hardly ever expire: moving a deadline back costs an assignment, and the queue notices when its old time has come.
 */
export class Timers {
  /** A binary heap, earliest first. */
  private readonly heap: Place[] = [];
  private wakeAt = Infinity;
  private cancelWake?: () => void;

  constructor(private readonly host: NetworkHost) {}

  now(): number {
    return this.host.now();
  }

  timer(onExpire: () => void): NetTimer {
    return new QueuedTimer(this, onExpire);
  }

  close(): void {
    this.cancelWake?.();
    this.heap.length = 0;
    this.wakeAt = -Infinity;
  }

  /** @internal */
  enqueue(timer: QueuedTimer): void {
    timer.queuedFor = timer.deadline;
    this.push({ at: timer.deadline, timer });
    this.wakeFor(timer.deadline);
  }

  private wakeFor(at: number): void {
    if (at >= this.wakeAt) return;
    this.cancelWake?.();
    this.wakeAt = at;
    this.cancelWake = this.host.after(Math.max(0, at - this.now()), () => this.expire());
  }

  private expire(): void {
    this.wakeAt = Infinity;
    const now = this.now();
    for (let place = this.heap[0]; place && place.at <= now; place = this.heap[0]) {
      this.pop();
      const { timer } = place;
      if (timer.queuedFor !== place.at) continue;
      timer.queuedFor = Infinity;
      if (timer.deadline > now) {
        if (timer.armed) this.enqueue(timer);
        continue;
      }
      timer.disarm();
      timer.onExpire();
    }
    if (this.heap.length > 0) this.wakeFor(this.heap[0].at);
  }

  private push(place: Place): void {
    const { heap } = this;
    let i = heap.length;
    heap.push(place);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (heap[parent].at <= place.at) break;
      heap[i] = heap[parent];
      i = parent;
    }
    heap[i] = place;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let i = 0;
    for (let child = 1; child < heap.length; child = 2 * i + 1) {
      if (child + 1 < heap.length && heap[child + 1].at < heap[child].at) child++;
      if (heap[child].at >= last.at) break;
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = last;
  }
}
