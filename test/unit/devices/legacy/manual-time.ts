import { MachineClock, type TimeSource } from '../../../../src/vmm/clock.js';

/** Virtual time that passes only when a test says so, and a clock on it. */
export class ManualTime implements TimeSource {
  readonly clock = new MachineClock(this);
  private ns = 0;

  /** @param epoch milliseconds since 1970 at power-on */
  constructor(readonly epoch = 0) {}

  elapsed(): number {
    return this.ns;
  }

  /** Goes on to `ns`, stopping at each deadline on the way, as a machine that is always in time. */
  runTo(ns: number): void {
    while (this.clock.nextDeadline() <= ns) {
      this.jumpTo(Math.max(this.ns, this.clock.nextDeadline()));
      this.clock.runExpired();
    }
    this.jumpTo(ns);
  }

  /** Goes on by `ns`. */
  run(ns: number): void {
    this.runTo(this.ns + ns);
  }

  /** Goes on to `ns` without looking at the timers, as a machine whose host was busy. */
  jumpTo(ns: number): void {
    this.ns = ns;
    this.clock.tick();
  }
}
