/** Bits of the timer's LVT entry. */
const PERIODIC = 1 << 17;
const TSC_DEADLINE = 1 << 18;

/**
 * The timer of a local APIC (Intel SDM vol. 3, 11.5.4). It counts nanoseconds of the machine's clock, divided as
 * the divide configuration register says.
 */
export class ApicTimer {
  /** When it expires next, in ns on the machine's clock. */
  deadline = Infinity;
  private mode = 0;
  private initial = 0;
  private divide = 0;
  /** When the count was last at its initial value. */
  private start = 0;

  constructor(private readonly now: () => number) {}

  reset(): void {
    this.deadline = Infinity;
    this.mode = 0;
    this.initial = 0;
    this.divide = 0;
  }

  /** Puts it where another one was. The deadline of TSC-deadline mode is not among its registers. */
  restore(entry: number, registers: { initial: number; current: number; divide: number }): void {
    this.mode = entry & (PERIODIC | TSC_DEADLINE);
    this.initial = registers.initial;
    this.divide = registers.divide;
    const runs = !this.usesTscDeadline && registers.initial !== 0 && registers.current !== 0;
    this.deadline = runs ? this.now() + registers.current * this.divisor : Infinity;
  }

  get usesTscDeadline(): boolean {
    return this.mode === TSC_DEADLINE;
  }

  /** The LVT entry was written. One-shot and periodic go over into each other without a break; a deadline does not. */
  setMode(entry: number): void {
    const mode = entry & (PERIODIC | TSC_DEADLINE);
    if ((mode ^ this.mode) & TSC_DEADLINE) {
      this.deadline = Infinity;
      this.initial = 0;
    }
    this.mode = mode;
  }

  get initialCount(): number {
    return this.initial;
  }

  set initialCount(count: number) {
    if (this.usesTscDeadline) return;
    this.initial = count;
    this.start = this.now();
    this.deadline = count === 0 ? Infinity : this.start + this.period;
  }

  /** What is left of the count. `expire` comes first: a count that is over has its interrupt before anybody reads it. */
  get currentCount(): number {
    if (this.deadline === Infinity || this.usesTscDeadline) return 0;
    return Math.max(0, Math.floor((this.deadline - this.now()) / this.divisor));
  }

  get divideConfiguration(): number {
    return this.divide;
  }

  set divideConfiguration(value: number) {
    const left = this.currentCount;
    this.divide = value;
    if (this.deadline !== Infinity && !this.usesTscDeadline) {
      this.deadline = this.now() + left * this.divisor;
    }
  }

  /** Arms it for a time in ns on the machine's clock, by IA32_TSC_DEADLINE. */
  setDeadline(ns: number): void {
    if (this.usesTscDeadline) this.deadline = ns;
  }

  /** Whether it has expired by `now`; starts it anew when it is periodic. */
  expire(now: number): boolean {
    if (now < this.deadline) return false;
    if (this.mode === PERIODIC) {
      const missed = Math.floor((now - this.deadline) / this.period);
      this.start = this.deadline + missed * this.period;
      this.deadline = this.start + this.period;
    } else {
      this.deadline = Infinity;
    }
    return true;
  }

  private get divisor(): number {
    const code = (this.divide & 3) | ((this.divide & 8) >> 1);
    return code === 7 ? 1 : 2 << code;
  }

  private get period(): number {
    return this.initial * this.divisor;
  }
}
