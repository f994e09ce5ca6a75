/**
 * A clock of exactly `ticks` ticks in each `perNs` nanoseconds, whose tick 0 is at 0 ns. All results are exact as
 * long as `ticks`·`perNs` and the times stay below 2^53.
 */
export class TickRate {
  constructor(
    private readonly ticks: number,
    private readonly perNs: number,
  ) {}

  /** How many ticks happened up to and including `ns`. */
  ticksAt(ns: number): number {
    const rest = ns % this.perNs;
    return ((ns - rest) / this.perNs) * this.ticks + Math.floor((rest * this.ticks) / this.perNs);
  }

  /** The first whole nanosecond at which `tick` has happened. */
  timeOf(tick: number): number {
    const rest = tick % this.ticks;
    return ((tick - rest) / this.ticks) * this.perNs + Math.ceil((rest * this.perNs) / this.ticks);
  }
}
