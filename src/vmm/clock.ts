/**
 * Virtual time: what every device sees instead of the host's clock.
 *
 * All times are nanoseconds since power-on, as doubles: exact to 2^53 ns, which is 104 days.
 */
export interface Clock {
  /** Nanoseconds since power-on. Monotonic, and constant within one exit: a split access sees one time. */
  now(): number;
  /** Milliseconds since 1970-01-01 UTC at `now()`, for real-time clocks. */
  wallClock(): number;
  /** A new disarmed timer. `onExpire` runs on the machine's thread, never inside an exit. */
  timer(onExpire: () => void): Timer;
}

/** One deadline. Arming an armed timer moves its deadline. */
export interface Timer {
  /** The armed deadline in ns since power-on, `Infinity` when disarmed. */
  readonly deadline: number;
  /** Expires at `deadlineNs` or, if that is past, the next time the machine looks at its timers. */
  arm(deadlineNs: number): void;
  disarm(): void;
}

/** Where virtual time comes from: the host's monotonic clock, executed instructions, or a test. */
export interface TimeSource {
  /** Nanoseconds since power-on. */
  elapsed(): number;
  /** Milliseconds since 1970-01-01 UTC at power-on. */
  readonly epoch: number;
}

class QueuedTimer implements Timer {
  deadline = Infinity;

  constructor(
    private readonly queue: MachineClock,
    readonly onExpire: () => void,
  ) {}

  arm(deadlineNs: number): void {
    this.deadline = deadlineNs;
    this.queue.rescan();
    this.queue.expect(deadlineNs);
  }

  disarm(): void {
    this.deadline = Infinity;
    this.queue.rescan();
  }
}

/**
 * The machine's clock and its timers. A machine has a dozen timers, so the earliest deadline is found by
 * looking at each; it is looked for again only after one of them moved.
 */
export class MachineClock implements Clock {
  private readonly timers: QueuedTimer[] = [];
  private sampled = NaN;
  private earliest = Infinity;
  private stale = false;

  /** Until when the machine has planned to be inside the guest. */
  private plan = -Infinity;

  /** @param onEarlier a timer was armed, maybe inside an exit, to expire before the time that was planned for */
  constructor(
    private readonly source: TimeSource,
    private readonly onEarlier?: () => void,
  ) {}

  now(): number {
    if (Number.isNaN(this.sampled)) this.sampled = this.source.elapsed();
    return this.sampled;
  }

  wallClock(): number {
    return this.source.epoch + this.now() / 1e6;
  }

  timer(onExpire: () => void): Timer {
    const timer = new QueuedTimer(this, onExpire);
    this.timers.push(timer);
    return timer;
  }

  /** Forgets the sampled time. The machine calls it at the start of each exit and of each round of its loop. */
  tick(): void {
    this.sampled = NaN;
  }

  /** The earliest armed deadline, `Infinity` when none is. */
  nextDeadline(): number {
    if (this.stale) {
      this.stale = false;
      this.earliest = Infinity;
      for (const timer of this.timers) this.earliest = Math.min(this.earliest, timer.deadline);
    }
    return this.earliest;
  }

  /** Runs what is due, earliest first; a timer that arms itself again in the past runs in the next call. */
  runExpired(): void {
    const now = this.now();
    if (this.nextDeadline() > now) return;
    const due = this.timers.filter(timer => timer.deadline <= now).sort((a, b) => a.deadline - b.deadline);
    for (const timer of due) {
      // An earlier one of this round may have moved or disarmed it.
      if (timer.deadline > now) continue;
      timer.disarm();
      timer.onExpire();
    }
  }

  /**
   * The machine will look at its timers again at `deadlineNs`, and wants to hear of one that is armed for before;
   * `-Infinity` when it looks at them anyway.
   */
  planUntil(deadlineNs: number): void {
    this.plan = deadlineNs;
  }

  /** @internal A timer is due at `deadlineNs`. */
  expect(deadlineNs: number): void {
    if (deadlineNs >= this.plan) return;
    this.plan = -Infinity;
    this.onEarlier?.();
  }

  /** @internal A timer moved: look for the earliest deadline again. */
  rescan(): void {
    this.stale = true;
  }
}
