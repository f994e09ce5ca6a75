import type { Clock, Timer } from '../../vmm/clock.js';
import type { BusRange, Device, DeviceState, IrqLine } from '../../vmm/device.js';
import { RegisterBlock, type Register } from '../registers.js';
import { MainCounter, PERIOD_FS, type HpetWidth, type MainCounterState } from './hpet-counter.js';
import { HpetTimer, type HpetTimerState } from './hpet-timer.js';

export const HPET_BASE = 0xfed0_0000;
/** The registers of a block, at the least (2.3.1), and what each timer takes of them behind the general ones. */
const BLOCK_SIZE = 0x400;
const TIMERS_OFFSET = 0x100;
const TIMER_SIZE = 0x20;
export const MAX_HPET_TIMERS = 32;
export const MIN_HPET_TIMERS = 3;

/** The IOAPIC pins by which Intel's ICH9 lets all timers interrupt: 20 to 23 (data sheet 316972, 20.1.5). */
const ROUTES = [20, 21, 22, 23] as const;
const ROUTE_CAP = ROUTES.reduce((sum, gsi) => sum | (1 << gsi), 0) >>> 0;

/** General capabilities and ID register (2.3.4). */
const REV_ID = 1;
const NUM_TIM_CAP_SHIFT = 8;
const COUNT_SIZE_CAP = 1 << 13;
const LEG_RT_CAP = 1 << 15;
const VENDOR_ID = 0x8086;

/** General configuration register (2.3.5). */
const ENABLE_CNF = 1 << 0;
const LEG_RT_CNF = 1 << 1;

/** What a machine's HPET can do. */
export interface HpetModel {
  /** Bits of the main counter: there are kernels that want 64, and kernels that expect no more than 32. */
  readonly width: HpetWidth;
  /** 3 to 32. */
  readonly timers: number;
  /** Timers can interrupt by messages ("front side bus delivery"). */
  readonly msi: boolean;
}

export interface HpetOptions extends HpetModel {
  readonly clock: Clock;
  /** A line of its own into a global system interrupt. */
  readonly irq: (gsi: number) => IrqLine;
  readonly sendMsi: (address: number, data: number) => void;
  /** Legacy replacement: timers 0 and 1 have IRQ 0 and 8, which PIT and RTC have not while it is on. */
  readonly onLegacyReplacement: (on: boolean) => void;
}

type HpetState = {
  readonly config: number;
  readonly status: number;
  readonly counter: MainCounterState;
  readonly timers: readonly HpetTimerState[];
};

/** Bytes of registers. */
export function hpetSize({ timers }: HpetModel): number {
  return Math.max(BLOCK_SIZE, TIMERS_OFFSET + TIMER_SIZE * timers);
}

/** The low half of the capabilities register, which the ACPI table repeats as event timer block ID. */
export function hpetCapabilities({ width, timers }: HpetModel): number {
  const size = width === 64 ? COUNT_SIZE_CAP : 0;
  return (VENDOR_ID * 2 ** 16 + (REV_ID | ((timers - 1) << NUM_TIM_CAP_SHIFT) | size | LEG_RT_CAP)) >>> 0;
}

/**
 * The high precision event timers (IA-PC HPET Specification 1.0a, whose sections are cited here).
 *
 * Registers have 64 bits; accesses of 4 and 8 bytes reach them. A periodic timer's interrupts for which the machine
 * comes too late are not made up, and are 50 µs apart at the least, as the PIT's.
 */
export class Hpet implements Device {
  readonly name = 'hpet';
  readonly ranges: readonly BusRange[];
  private readonly options: HpetOptions;
  private readonly counter: MainCounter;
  private readonly timers: readonly HpetTimer[];
  private readonly alarm: Timer;
  private readonly legacyLines: readonly IrqLine[];
  /** For each timer, its lines by their GSIs. */
  private readonly routedLines: readonly (readonly (IrqLine | undefined)[])[];
  /** For each timer, the line that it had when somebody looked last. */
  private readonly driven: (IrqLine | undefined)[];
  private config = 0;
  private status = 0;

  constructor(options: HpetOptions) {
    const { clock, width, timers, msi, irq } = options;
    this.options = options;
    this.counter = new MainCounter(clock, width);
    this.timers = Array.from(
      { length: timers },
      () => new HpetTimer({ clock, counter: this.counter, width, fsb: msi, routes: ROUTE_CAP }),
    );
    this.legacyLines = [irq(0), irq(8)];
    this.routedLines = this.timers.map(() => {
      const lines: (IrqLine | undefined)[] = Array.from({ length: 32 });
      for (const gsi of ROUTES) lines[gsi] = irq(gsi);
      return lines;
    });
    this.driven = this.timers.map(() => undefined);
    this.alarm = clock.timer(() => {
      this.catchUp();
      this.arm();
    });
    this.ranges = [
      { space: 'mmio', base: HPET_BASE, size: hpetSize(options), target: registers(timers).bind(this) },
    ];
  }

  reset(): void {
    this.counter.reset();
    for (const timer of this.timers) timer.reset();
    this.status = 0;
    this.config = 0;
    this.options.onLegacyReplacement(false);
    this.update();
  }

  save(): DeviceState {
    return {
      config: this.config,
      status: this.status,
      counter: this.counter.save(),
      timers: this.timers.map(timer => timer.save()),
    } satisfies HpetState;
  }

  load(state: DeviceState): void {
    const { config, status, counter, timers } = state as HpetState;
    this.config = config;
    this.status = status;
    this.counter.load(counter);
    for (const [index, timer] of this.timers.entries()) timer.load(timers[index]);
    this.options.onLegacyReplacement((config & LEG_RT_CNF) !== 0);
    this.update();
  }

  /** @internal */
  get capabilities(): number {
    return hpetCapabilities(this.options);
  }

  /** @internal */
  get configuration(): number {
    return this.config;
  }

  /** @internal */
  set configuration(value: number) {
    this.catchUp();
    const before = this.config;
    this.config = value & (ENABLE_CNF | LEG_RT_CNF);
    const changed = before ^ this.config;
    if (changed & ENABLE_CNF) {
      if (this.config & ENABLE_CNF) this.counter.start();
      else this.counter.halt();
      for (const timer of this.timers) timer.restart();
    }
    if (changed & LEG_RT_CNF) this.options.onLegacyReplacement((this.config & LEG_RT_CNF) !== 0);
    this.update();
  }

  /** @internal */
  readStatus(): number {
    this.catchUp();
    this.arm();
    return this.status;
  }

  /** @internal Writing a 1 clears the bit (2.3.6). */
  clearStatus(value: number): void {
    this.catchUp();
    this.status = (this.status & ~value) >>> 0;
    this.update();
  }

  /** @internal */
  readCounter(half: 'low' | 'high'): number {
    return this.counter.value()[half];
  }

  /** @internal */
  writeCounter(half: 'low' | 'high', value: number): void {
    this.counter.write(half, value);
  }

  /** @internal */
  readConfig(index: number): number {
    return this.timers[index].configLow;
  }

  /** @internal */
  writeConfig(index: number, value: number): void {
    this.catchUp();
    const timer = this.timers[index];
    const wasLevel = timer.level;
    timer.configLow = value;
    if (wasLevel && !timer.level) {
      // The bit is for level-triggered timers alone (2.3.6).
      this.status = (this.status & ~(1 << index)) >>> 0;
      this.driven[index]?.set(false);
    }
    this.update();
  }

  /** @internal */
  readRoutes(index: number): number {
    return this.timers[index].configHigh;
  }

  /** @internal */
  readComparator(index: number, half: 'low' | 'high'): number {
    this.catchUp();
    this.arm();
    return this.timers[index].comparator[half];
  }

  /** @internal */
  writeComparator(index: number, half: 'low' | 'high', value: number): void {
    this.catchUp();
    this.timers[index].writeComparator(half, value);
    this.update();
  }

  /** @internal */
  timer(index: number): HpetTimer {
    return this.timers[index];
  }

  /** Serves the matches that have come, in their order within each timer. */
  private catchUp(): void {
    if (!this.counter.running) return;
    const now = this.counter.ticks();
    for (let index = 0; index < this.timers.length; index++) {
      const timer = this.timers[index];
      while (timer.next <= now) {
        timer.match(now);
        this.fire(index, timer);
      }
    }
  }

  private fire(index: number, timer: HpetTimer): void {
    if (timer.level) {
      this.status = (this.status | (1 << index)) >>> 0;
      this.driveLevel(index, timer);
    }
    if (!timer.enabled) return;
    if (timer.usesFsb) {
      this.options.sendMsi(timer.fsbAddress, timer.fsbValue);
    } else if (!timer.level) {
      const line = this.lineOf(index, timer);
      line?.set(false);
      line?.set(true);
      // The PIC wants its edge-triggered inputs high until it is acknowledged; the IOAPIC's may be other devices' too.
      if (!this.replacesLegacy(index)) line?.set(false);
    }
  }

  /** Drives all lines, and arms the alarm, as the registers have it now. */
  private update(): void {
    for (let index = 0; index < this.timers.length; index++) {
      const timer = this.timers[index];
      const line = this.lineOf(index, timer);
      if (line !== this.driven[index]) this.driven[index]?.set(false);
      this.driven[index] = line;
      if (timer.level || !timer.enabled || !this.counter.running) this.driveLevel(index, timer);
    }
    this.arm();
  }

  private driveLevel(index: number, timer: HpetTimer): void {
    const asserted = (this.status & (1 << index)) !== 0 && timer.level && timer.enabled;
    this.lineOf(index, timer)?.set(asserted && this.counter.running);
  }

  private replacesLegacy(index: number): boolean {
    return index < this.legacyLines.length && (this.config & LEG_RT_CNF) !== 0;
  }

  private lineOf(index: number, timer: HpetTimer): IrqLine | undefined {
    if (timer.usesFsb) return undefined;
    return this.replacesLegacy(index) ? this.legacyLines[index] : this.routedLines[index][timer.route];
  }

  private arm(): void {
    let next = Infinity;
    for (const timer of this.timers) if (timer.observable && timer.next < next) next = timer.next;
    if (next === Infinity) this.alarm.disarm();
    else this.alarm.arm(this.counter.timeOf(next));
  }
}

/** 2.3.2, in halves of 32 bits. */
const GENERAL: readonly Register<Hpet>[] = [
  { name: 'GCAP_ID', offset: 0x000, width: 4, read: hpet => hpet.capabilities },
  { name: 'COUNTER_CLK_PERIOD', offset: 0x004, width: 4, read: () => PERIOD_FS },
  {
    name: 'GEN_CONF',
    offset: 0x010,
    width: 4,
    read: hpet => hpet.configuration,
    write: (hpet, value) => (hpet.configuration = value),
  },
  {
    name: 'GINTR_STA',
    offset: 0x020,
    width: 4,
    read: hpet => hpet.readStatus(),
    write: (hpet, value) => hpet.clearStatus(value),
  },
  {
    name: 'MAIN_CNT',
    offset: 0x0f0,
    width: 4,
    read: hpet => hpet.readCounter('low'),
    write: (hpet, value) => hpet.writeCounter('low', value),
  },
  {
    name: 'MAIN_CNT_HIGH',
    offset: 0x0f4,
    width: 4,
    read: hpet => hpet.readCounter('high'),
    write: (hpet, value) => hpet.writeCounter('high', value),
  },
];

/** 2.3.8 to 2.3.10. */
function timerRegisters(index: number): readonly Register<Hpet>[] {
  const base = TIMERS_OFFSET + TIMER_SIZE * index;
  const name = `TIM${index}`;
  return [
    {
      name: `${name}_CONF`,
      offset: base,
      width: 4,
      read: hpet => hpet.readConfig(index),
      write: (hpet, value) => hpet.writeConfig(index, value),
    },
    { name: `${name}_ROUTE_CAP`, offset: base + 0x04, width: 4, read: hpet => hpet.readRoutes(index) },
    {
      name: `${name}_COMP`,
      offset: base + 0x08,
      width: 4,
      read: hpet => hpet.readComparator(index, 'low'),
      write: (hpet, value) => hpet.writeComparator(index, 'low', value),
    },
    {
      name: `${name}_COMP_HIGH`,
      offset: base + 0x0c,
      width: 4,
      read: hpet => hpet.readComparator(index, 'high'),
      write: (hpet, value) => hpet.writeComparator(index, 'high', value),
    },
    {
      name: `${name}_FSB_VAL`,
      offset: base + 0x10,
      width: 4,
      read: hpet => hpet.timer(index).fsbValue,
      write: (hpet, value) => (hpet.timer(index).fsbValue = value),
    },
    {
      name: `${name}_FSB_ADDR`,
      offset: base + 0x14,
      width: 4,
      read: hpet => hpet.timer(index).fsbAddress,
      write: (hpet, value) => (hpet.timer(index).fsbAddress = value),
    },
  ];
}

function registers(timers: number): RegisterBlock<Hpet> {
  return new RegisterBlock(
    [...GENERAL, ...Array.from({ length: timers }, (_, index) => timerRegisters(index)).flat()],
    0x00,
  );
}
