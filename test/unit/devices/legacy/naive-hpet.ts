/** One timer of {@link NaiveHpet}. */
export interface NaiveTimer {
  level: boolean;
  enabled: boolean;
  periodic: boolean;
  comparator: bigint;
  period: bigint;
  lastInterrupt: bigint;
}

const MIN_TICKS = 5000n;

/** The timers of an HPET, counted tick by tick: what a real one does, without thought of cost. */
export class NaiveHpet {
  counter = 0n;
  running = false;
  status = 0;
  readonly interrupts: number[] = [];
  readonly timers: NaiveTimer[];
  private readonly mask: bigint;
  private ticks = 0n;

  constructor(width: 32 | 64, count: number) {
    this.mask = 2n ** BigInt(width) - 1n;
    this.timers = Array.from({ length: count }, () => ({
      level: false,
      enabled: false,
      periodic: false,
      comparator: this.mask,
      period: 0n,
      lastInterrupt: -MIN_TICKS,
    }));
    this.interrupts = this.timers.map(() => 0);
  }

  run(ticks: number): void {
    if (!this.running) return;
    for (let i = 0; i < ticks; i++) {
      this.ticks++;
      this.counter = (this.counter + 1n) & this.mask;
      for (let index = 0; index < this.timers.length; index++) this.compare(index);
    }
  }

  /** The comparator, the counter or the mode was written. */
  compare(index: number): void {
    const timer = this.timers[index];
    if (!this.running || timer.comparator !== this.counter) return;
    if (timer.periodic && timer.period > 0n) {
      timer.comparator = (timer.comparator + timer.period) & this.mask;
      if (this.ticks - timer.lastInterrupt < MIN_TICKS) return;
    }
    timer.lastInterrupt = this.ticks;
    if (timer.level) this.status |= 1 << index;
    if (timer.enabled && !timer.level) this.interrupts[index]++;
  }
}
