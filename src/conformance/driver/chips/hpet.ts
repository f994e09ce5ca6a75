import { hex } from '../../../errors.js';
import type { AccessSize } from '../../../vmm/device.js';
import type { ChipJudging, ChipRules } from './watched-chip.js';

/** Offsets (IA-PC HPET 1.0a, 2.3.1, whose sections are cited here). */
const R = {
  CAPABILITIES: 0x000,
  CONFIGURATION: 0x010,
  STATUS: 0x020,
  COUNTER: 0x0f0,
  TIMERS: 0x100,
} as const;
const TIMER_SIZE = 0x20;
/** Of one timer: configuration, comparator. */
const T = { CONFIGURATION: 0x00, COMPARATOR: 0x08 } as const;

/** General configuration register (2.3.5). */
const ENABLE = 1 << 0;
const LEGACY = 1 << 1;

/** Timer configuration (2.3.8). */
const LEVEL = 1 << 1;
const INTERRUPT = 1 << 2;
const PERIODIC = 1 << 3;
const VAL_SET = 1 << 6;
const ROUTE_SHIFT = 9;
const FSB = 1 << 14;
const RESERVED = 0xffff_0081;
/** Timers whose interrupts legacy replacement routes. */
const LEGACY_TIMERS = 2;

/** What the rules want to know of the chip: what its registers hold. */
export interface HpetRegisters {
  readonly timers: number;
  /** INT_ROUTE_CAP. */
  readonly routes: number;
  configuration(): number;
  timerConfiguration(index: number): number;
}

/** Drivers of the high precision event timers. */
export class HpetRules implements ChipRules {
  constructor(
    private readonly judge: ChipJudging,
    private readonly hpet: HpetRegisters,
  ) {}

  isPolled(offset: number): boolean {
    return offset === R.COUNTER || offset === R.COUNTER + 4;
  }

  reads(offset: number, size: AccessSize): void {
    this.judgeAccess(offset, size);
  }

  writes(offset: number, size: AccessSize, value: number): void {
    this.judgeAccess(offset, size);
    if (size !== 4 || offset % 4 !== 0) return;
    const { judge, hpet } = this;
    const what = (): string => `it writes ${hex(value)} to offset ${hex(offset)}`;
    judge('2.3.2/read-only', offset >= R.CAPABILITIES + 8, what);
    switch (offset) {
      case R.CONFIGURATION:
        judge('2.3.5/preserves-reserved', (value & ~(ENABLE | LEGACY)) === 0, what);
        for (let index = 0; index < hpet.timers; index++) {
          this.judgeRoute(index, hpet.timerConfiguration(index), value);
        }
        break;
      case R.CONFIGURATION + 4:
        judge('2.3.5/preserves-reserved', value === 0, what);
        break;
      case R.STATUS:
        judge('2.3.6/edge-status-0', (value & ~this.levelTimers()) === 0, what);
        break;
      case R.STATUS + 4:
        judge('2.3.6/reserved', value === 0, what);
        break;
      case R.COUNTER:
      case R.COUNTER + 4:
        judge(
          '2.3.7/halted',
          (hpet.configuration() & ENABLE) === 0,
          () => `it writes ${hex(value)} to the main counter, which runs`,
        );
        break;
    }
    if (offset >= R.TIMERS && (offset - R.TIMERS) % TIMER_SIZE === T.CONFIGURATION) {
      this.judgeTimer((offset - R.TIMERS) / TIMER_SIZE, value);
    }
  }

  private judgeAccess(offset: number, size: AccessSize): void {
    const { judge, hpet } = this;
    const what = (): string => `an access of ${size} bytes at offset ${hex(offset)}`;
    judge('2.3.2/boundaries', size === 4 && offset % 4 === 0, what);
    if (offset >= R.TIMERS) judge('2.3.8/unimplemented', offset < R.TIMERS + hpet.timers * TIMER_SIZE, what);
  }

  private judgeTimer(index: number, value: number): void {
    const { judge, hpet } = this;
    if (index >= hpet.timers) return;
    judge('2.3.8/reserved', (value & RESERVED) === 0, () => `it writes ${hex(value)} to timer ${index}`);
    judge(
      '2.3.8/val-set',
      (value & VAL_SET) === 0 || (value & PERIODIC) !== 0,
      () => `it sets VAL_SET of timer ${index}, which is not periodic`,
    );
    this.judgeRoute(index, value, hpet.configuration());
  }

  /** @param value of the timer's configuration. @param general the general configuration */
  private judgeRoute(index: number, value: number, general: number): void {
    const { judge, hpet } = this;
    const isLegacy = index < LEGACY_TIMERS && (general & LEGACY) !== 0;
    if (isLegacy || value & FSB) return;
    const route = (value >> ROUTE_SHIFT) & 0x1f;
    // 0 is what it has after a reset: nobody has chosen it, unless interrupts are to come by it.
    const isUsed = (value & INTERRUPT) !== 0 && (general & ENABLE) !== 0;
    if (route === 0 && !isUsed) return;
    judge(
      '2.3.8/valid-route',
      (hpet.routes & (1 << route)) !== 0,
      () => `it routes timer ${index} to interrupt ${route}, of ${hex(hpet.routes)}`,
    );
  }

  /** Status bits that mean something. */
  private levelTimers(): number {
    let bits = 0;
    for (let index = 0; index < this.hpet.timers; index++) {
      if (this.hpet.timerConfiguration(index) & LEVEL) bits |= 1 << index;
    }
    return bits;
  }
}
