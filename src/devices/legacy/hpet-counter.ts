import type { Clock } from '../../vmm/clock.js';

/** Bits of the main counter, and with it of the comparators. */
export type HpetWidth = 32 | 64;

/** One tick in ns, and in the femtoseconds that the capabilities register tells: 100 MHz. */
export const TICK_NS = 10;
export const PERIOD_FS = TICK_NS * 1_000_000;

const WORD = 2 ** 32;
/** Counts beyond are not exact any more, and some years away. */
const FAR = 2 ** 53;

/** A 64-bit value as two 32-bit words. */
export interface Wide {
  low: number;
  high: number;
}

export function addTicks(value: Wide, ticks: number): void {
  const low = value.low + (ticks % WORD);
  value.high = (value.high + Math.floor(ticks / WORD) + (low >= WORD ? 1 : 0)) >>> 0;
  value.low = low >>> 0;
}

export type MainCounterState = {
  readonly low: number;
  readonly high: number;
  /** Since it was started, in ns; `null` while it is halted. */
  readonly runningNs: number | null;
};

/** The main counter (IA-PC HPET 1.0a, 2.3.7): computed from the clock when somebody looks. */
export class MainCounter {
  /** What it held when it was started or, halted, what it holds. */
  private readonly base: Wide = { low: 0, high: 0 };
  private readonly current: Wide = { low: 0, high: 0 };
  private startedAt: number | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly width: HpetWidth,
  ) {}

  get running(): boolean {
    return this.startedAt !== undefined;
  }

  start(): void {
    this.startedAt ??= this.clock.now();
  }

  halt(): void {
    const { low, high } = this.value();
    this.base.low = low;
    this.base.high = high;
    this.startedAt = undefined;
  }

  /** Ticks since it was started. */
  ticks(): number {
    return this.startedAt === undefined ? 0 : Math.floor((this.clock.now() - this.startedAt) / TICK_NS);
  }

  /** When it will have counted `ticks` since it was started, on the machine's clock. */
  timeOf(ticks: number): number {
    return this.startedAt === undefined ? Infinity : this.startedAt + ticks * TICK_NS;
  }

  /** What it holds. The object is the same in each call. */
  value(): Readonly<Wide> {
    const { current, base } = this;
    current.low = base.low;
    current.high = base.high;
    addTicks(current, this.ticks());
    if (this.width === 32) current.high = 0;
    return current;
  }

  /** Sets one half while it is halted. What is written while it runs has no meaning (2.3.7) and no effect. */
  write(half: 'low' | 'high', value: number): void {
    if (this.running || (half === 'high' && this.width === 32)) return;
    this.base[half] = value;
  }

  /**
   * Ticks since it was started at which it next equals `comparator`, not before `from`; `Infinity` for never.
   * @param width bits that are compared
   */
  nextMatch({ low, high }: Readonly<Wide>, width: HpetWidth, from: number): number {
    if (!this.running) return Infinity;
    const lowDistance = low - this.base.low;
    if (width === 32) {
      const distance = lowDistance >>> 0;
      return distance + Math.max(0, Math.ceil((from - distance) / WORD)) * WORD;
    }
    const highDistance = (high - this.base.high - (lowDistance < 0 ? 1 : 0)) >>> 0;
    const distance = highDistance * WORD + (lowDistance >>> 0);
    return distance < from || distance > FAR ? Infinity : distance;
  }

  reset(): void {
    this.startedAt = undefined;
    this.base.low = this.base.high = 0;
  }

  save(): MainCounterState {
    const { base, startedAt } = this;
    return { ...base, runningNs: startedAt === undefined ? null : this.clock.now() - startedAt };
  }

  load({ low, high, runningNs }: MainCounterState): void {
    this.base.low = low;
    this.base.high = high;
    this.startedAt = runningNs === null ? undefined : this.clock.now() - runningNs;
  }
}
