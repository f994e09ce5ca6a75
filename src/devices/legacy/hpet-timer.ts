import type { Clock } from '../../vmm/clock.js';
import { addTicks, type HpetWidth, type MainCounter, type Wide } from './hpet-counter.js';

/** Timer N configuration and capabilities register, low half (IA-PC HPET 1.0a, 2.3.8). */
const INT_TYPE_LEVEL = 1 << 1;
const INT_ENB = 1 << 2;
const TYPE_PERIODIC = 1 << 3;
const PER_INT_CAP = 1 << 4;
const SIZE_CAP = 1 << 5;
const VAL_SET = 1 << 6;
const MODE_32 = 1 << 8;
const ROUTE_SHIFT = 9;
const ROUTE = 0x1f << ROUTE_SHIFT;
const FSB_EN = 1 << 14;
const FSB_CAP = 1 << 15;

/** Ticks between two interrupts of a periodic timer at the least, 50 µs: a guest cannot keep the machine busy with it. */
export const MIN_TICKS = 5000;

const WRAP_32 = 2 ** 32;
const FAR = 2 ** 53;

export interface HpetTimerOptions {
  readonly clock: Clock;
  readonly counter: MainCounter;
  readonly width: HpetWidth;
  /** Delivers interrupts by messages, if asked to. */
  readonly fsb: boolean;
  /** INT_ROUTE_CAP: the IOAPIC pins that it can interrupt by. */
  readonly routes: number;
}

export type HpetTimerState = {
  readonly config: number;
  readonly comparator: Wide;
  readonly period: Wide;
  readonly fsbValue: number;
  readonly fsbAddress: number;
  readonly next: number | null;
  readonly fired: number | null;
};

/** One timer: its registers, and when the main counter matches its comparator next. */
export class HpetTimer {
  private readonly options: HpetTimerOptions;
  private readonly capabilities: number;
  private config: number;
  private valueSet = false;
  /** When VAL_SET was used up by a write to the comparator's low half, in ns. */
  private valueSetAt = -1;
  readonly comparator: Wide = { low: 0, high: 0 };
  private readonly period: Wide = { low: 0, high: 0 };
  fsbValue = 0;
  fsbAddress = 0;
  /** Ticks of the main counter since its start at which it matches next. */
  next = Infinity;
  /** The same, of the last match since the comparator was written. */
  private fired = -1;

  constructor(options: HpetTimerOptions) {
    this.options = options;
    this.capabilities = PER_INT_CAP | (options.width === 64 ? SIZE_CAP : 0) | (options.fsb ? FSB_CAP : 0);
    this.config = this.capabilities;
    this.reset();
  }

  get level(): boolean {
    return (this.config & INT_TYPE_LEVEL) !== 0;
  }

  get enabled(): boolean {
    return (this.config & INT_ENB) !== 0;
  }

  get periodic(): boolean {
    return (this.config & TYPE_PERIODIC) !== 0;
  }

  get usesFsb(): boolean {
    return (this.config & FSB_EN) !== 0;
  }

  /** INT_ROUTE_CNF. */
  get route(): number {
    return (this.config & ROUTE) >> ROUTE_SHIFT;
  }

  /** A match has an effect: an interrupt, or a status bit. */
  get observable(): boolean {
    return this.enabled || this.level;
  }

  get configLow(): number {
    return this.config;
  }

  set configLow(value: number) {
    const { width, fsb, routes } = this.options;
    const route = (value & ROUTE) >> ROUTE_SHIFT;
    // A route that it has not is not taken (2.3.8, Tn_INT_ROUTE_CNF).
    const routed = (routes >>> route) & 1 ? value & ROUTE : this.config & ROUTE;
    const writable =
      INT_TYPE_LEVEL | INT_ENB | TYPE_PERIODIC | (width === 64 ? MODE_32 : 0) | (fsb ? FSB_EN : 0);
    const before = this.config;
    this.config = this.capabilities | (value & writable) | routed;
    // VAL_SET is for periodic timers alone, and reads as 0.
    this.valueSet = (value & VAL_SET) !== 0 && this.periodic;
    if ((before ^ this.config) & (MODE_32 | TYPE_PERIODIC)) {
      if (this.width === 32) this.comparator.high = this.period.high = 0;
      this.schedule();
    }
  }

  /** INT_ROUTE_CAP. */
  get configHigh(): number {
    return this.options.routes;
  }

  /**
   * Writes one half of the comparator (2.3.9). Of a periodic timer it is the period, and with VAL_SET also the next
   * match; VAL_SET is for one write, of whatever width: the bus hands over the halves of one at the same time.
   */
  writeComparator(half: 'low' | 'high', value: number): void {
    const now = this.options.clock.now();
    const sameWrite = half === 'high' && this.valueSetAt === now;
    const setsValue = !this.periodic || this.valueSet || sameWrite;
    this.valueSetAt = half === 'low' && this.valueSet ? now : -1;
    this.valueSet = false;
    if (half === 'high' && this.width === 32) return;
    if (this.periodic) this.period[half] = value;
    if (!setsValue) return;
    this.comparator[half] = value;
    this.fired = -1;
    this.schedule();
  }

  /** Looks for the next match from now on: the comparator, the main counter or its running has changed. */
  schedule(): void {
    const { counter } = this.options;
    this.next = counter.nextMatch(this.comparator, this.width, counter.ticks());
    if (this.next === this.fired) this.next = this.nextLap(this.next);
  }

  /** The main counter was started or halted: its ticks count from 0 again. */
  restart(): void {
    this.fired = -1;
    this.valueSetAt = -1;
    this.schedule();
  }

  /** The match at `next` has come: moves on to the one that follows. @param now ticks of the main counter */
  match(now: number): void {
    this.fired = this.next;
    const period = this.period.high * WRAP_32 + this.period.low;
    if (!this.periodic || period === 0) {
      this.next = this.nextLap(this.next);
      return;
    }
    if (period > FAR) {
      this.comparator.high = (this.comparator.high + this.period.high) >>> 0;
      addTicks(this.comparator, this.period.low);
      this.next = Infinity;
      return;
    }
    const earliest = Math.max(now + 1, this.fired + MIN_TICKS);
    const ticks = Math.ceil((earliest - this.fired) / period) * period;
    addTicks(this.comparator, ticks);
    if (this.width === 32) this.comparator.high = 0;
    this.next = this.fired + ticks;
  }

  reset(): void {
    this.config = this.capabilities;
    this.valueSet = false;
    this.valueSetAt = -1;
    // All ones, so that nothing matches (2.3.9).
    this.comparator.low = 0xffff_ffff;
    this.comparator.high = this.width === 64 ? 0xffff_ffff : 0;
    this.period.low = this.period.high = 0;
    this.fsbValue = this.fsbAddress = 0;
    this.next = Infinity;
    this.fired = -1;
  }

  save(): HpetTimerState {
    const { config, valueSet, comparator, period, fsbValue, fsbAddress, next, fired } = this;
    return {
      config: config | (valueSet ? VAL_SET : 0),
      comparator: { ...comparator },
      period: { ...period },
      fsbValue,
      fsbAddress,
      next: next === Infinity ? null : next,
      fired: fired < 0 ? null : fired,
    };
  }

  load(state: HpetTimerState): void {
    this.config = state.config & ~VAL_SET;
    this.valueSet = (state.config & VAL_SET) !== 0;
    this.valueSetAt = -1;
    Object.assign(this.comparator, state.comparator);
    Object.assign(this.period, state.period);
    this.fsbValue = state.fsbValue;
    this.fsbAddress = state.fsbAddress;
    this.next = state.next ?? Infinity;
    this.fired = state.fired ?? -1;
  }

  /** Bits that are compared. */
  private get width(): HpetWidth {
    return this.config & MODE_32 ? 32 : this.options.width;
  }

  /** The match that follows `tick` while the comparator stays: when the compared bits have come round. */
  private nextLap(tick: number): number {
    return this.width === 32 ? tick + WRAP_32 : Infinity;
  }
}
