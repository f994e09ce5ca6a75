import type { Clock, Timer } from '../../vmm/clock.js';
import type { BusRange, Device, DeviceState, IrqLine, Power } from '../../vmm/device.js';
import { RegisterBlock } from '../registers.js';
import { TickRate } from './tick-rate.js';

/** PM1a_EVT_BLK: status and enable registers, 4 bytes. */
export const PM1A_EVENT_PORT = 0x600;
/** PM1a_CNT_BLK: the control register, 2 bytes. */
export const PM1A_CONTROL_PORT = 0x604;
/** PM_TMR_BLK: the timer, 4 bytes. */
export const PM_TIMER_PORT = 0x608;
const BLOCK_SIZE = 0x0c;

/** The interrupt that is SCI: an ISA interrupt and the GSI of the same number. */
export const SCI_IRQ = 9;

/**
 * SLP_TYP of the soft off state, the only one that there is besides S0. 0 as on QEMU's PC, whose control register has
 * the same address: the `outw(0x2000, 0x604)` of small kernels powers off here too.
 */
export const S5_SLP_TYP = 0;

/** Bits that status (4.8.3.1.1) and enable register (4.8.3.1.2) have in common. */
const TMR = 1 << 0;
const GBL = 1 << 5;
const PWRBTN = 1 << 8;
const SLPBTN = 1 << 9;
const RTC = 1 << 10;
/**
 * There is no sleep button, RTC wake-up or release of the global lock to report, but ACPICA takes an enable bit that
 * does not stick for broken hardware.
 */
const ENABLES = TMR | GBL | PWRBTN | SLPBTN | RTC;

/** Control register (4.8.3.2.1). */
const SCI_EN = 1 << 0;
const BM_RLD = 1 << 1;
const SLP_TYP_SHIFT = 10;
const SLP_TYP = 7 << SLP_TYP_SHIFT;
const SLP_EN = 1 << 13;

/** 4.8.1.5 */
const TIMER_HZ = 3_579_545;
const TIMER_PERIOD = 2 ** 24;
/** TMR_STS is set whenever the timer's highest bit changes. */
const TIMER_HALF = TIMER_PERIOD / 2;
const RATE = new TickRate(TIMER_HZ, 1_000_000_000);

export interface AcpiPmOptions {
  readonly clock: Clock;
  /** SCI, level-triggered. */
  readonly sci: IrqLine;
  /** Its `poweroff` is what S5 means. */
  readonly power: Power;
}

type AcpiPmState = {
  status: number;
  enable: number;
  control: number;
  /** Time since the timer was 0, in ns. */
  timerNs: number;
  /** Changes of the timer's highest bit of which TMR_STS tells. */
  halves: number;
};

/**
 * ACPI's fixed hardware (ACPI 6.5, 4.8, whose sections are cited here): the PM1a event and control registers and the
 * power management timer, as Intel's ICH9 has them at its PMBASE (data sheet 316972, 13.8.3).
 *
 * - The machine has no legacy mode, hence no SMI command port: SCI_EN is always 1 (4.8.3.2.1).
 * - The timer has 24 bits, as in the ICH9: guests that ignore TMR_VAL_EXT assume so. It counts in the guest's time and is
 *   computed when read; a host timer is armed only while TMR_EN would make TMR_STS an interrupt.
 * - Requests for other sleeping states than S5 do nothing, since no other is announced.
 */
export class AcpiPm implements Device {
  readonly name = 'acpi-pm';
  readonly ranges: readonly BusRange[];

  private readonly clock: Clock;
  private readonly sci: IrqLine;
  private readonly power: Power;
  private readonly timer: Timer;
  private status = 0;
  private enable = 0;
  private control = 0;
  /** When the timer was 0. */
  private origin: number;
  private halves = 0;

  private static readonly registers = new RegisterBlock<AcpiPm>(
    [
      {
        name: 'PM1_STS',
        offset: 0x00,
        width: 2,
        read: pm => pm.readStatus(),
        write: (pm, value) => pm.clearStatus(value),
      },
      {
        name: 'PM1_EN',
        offset: 0x02,
        width: 2,
        read: pm => pm.enable,
        write: (pm, value) => pm.writeEnable(value),
      },
      {
        name: 'PM1_CNT',
        offset: 0x04,
        width: 2,
        read: pm => pm.control | SCI_EN,
        write: (pm, value) => pm.writeControl(value),
      },
      { name: 'PM_TMR', offset: 0x08, width: 4, read: pm => pm.ticks() % TIMER_PERIOD },
    ],
    0x00,
  );

  constructor({ clock, sci, power }: AcpiPmOptions) {
    this.clock = clock;
    this.sci = sci;
    this.power = power;
    this.origin = clock.now();
    this.timer = clock.timer(() => this.update());
    this.ranges = [
      { space: 'port', base: PM1A_EVENT_PORT, size: BLOCK_SIZE, target: AcpiPm.registers.bind(this) },
    ];
  }

  /** The power button is pressed and released (4.8.2.2.1): what the guest does of it is the guest's business. */
  pressPowerButton(): void {
    this.status |= PWRBTN;
    this.update();
  }

  reset(): void {
    this.status = 0;
    this.enable = 0;
    this.control = 0;
    this.origin = this.clock.now();
    this.halves = 0;
    this.update();
  }

  save(): DeviceState {
    const { status, enable, control, halves } = this;
    return {
      status,
      enable,
      control,
      timerNs: this.clock.now() - this.origin,
      halves,
    } satisfies AcpiPmState;
  }

  load(state: DeviceState): void {
    const { status, enable, control, timerNs, halves } = state as AcpiPmState;
    this.status = status;
    this.enable = enable;
    this.control = control;
    this.origin = this.clock.now() - timerNs;
    this.halves = halves;
    this.update();
  }

  private readStatus(): number {
    this.watchTimer();
    return this.status;
  }

  /** Writing a 1 clears the bit (4.8.3.1.1). */
  private clearStatus(value: number): void {
    this.watchTimer();
    this.status &= ~value;
    this.update();
  }

  private writeEnable(value: number): void {
    this.enable = value & ENABLES;
    this.update();
  }

  /** GBL_RLS would tell firmware, of which there is none, that the global lock is free: it is ignored. */
  private writeControl(value: number): void {
    this.control = value & (BM_RLD | SLP_TYP);
    if (value & SLP_EN && (value & SLP_TYP) >> SLP_TYP_SHIFT === S5_SLP_TYP) this.power.poweroff();
  }

  private ticks(): number {
    return RATE.ticksAt(this.clock.now() - this.origin);
  }

  /** Sets TMR_STS if the timer's highest bit has changed since the last look. */
  private watchTimer(): void {
    const halves = Math.floor(this.ticks() / TIMER_HALF);
    if (halves !== this.halves) this.status |= TMR;
    this.halves = halves;
  }

  /** Drives SCI and arms the timer as status and enables have it now. */
  private update(): void {
    this.watchTimer();
    this.sci.set((this.status & this.enable) !== 0);
    if (this.enable & ~this.status & TMR) {
      this.timer.arm(this.origin + RATE.timeOf((this.halves + 1) * TIMER_HALF));
    } else {
      this.timer.disarm();
    }
  }
}
