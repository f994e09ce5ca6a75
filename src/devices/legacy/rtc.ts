import type { Clock, Timer } from '../../vmm/clock.js';
import type { BusRange, BusTarget, Device, DeviceState, IrqLine } from '../../vmm/device.js';
import { RegisterBlock, type Register } from '../registers.js';
import {
  CENTURY,
  DATE_OF_MONTH,
  DAY_OF_WEEK,
  decodeTime,
  encodeTime,
  HOURS,
  HOURS_ALARM,
  MINUTES,
  MINUTES_ALARM,
  MONTH,
  nextAlarm,
  SECONDS,
  SECONDS_ALARM,
  weekdayShiftOf,
  YEAR,
  type RtcFormat,
} from './rtc-time.js';
import { TickRate } from './tick-rate.js';

const REG_A = 0x0a;
const REG_B = 0x0b;

const A_UIP = 0x80;
/** Divider chain held in reset: DV2 and DV1 (data sheet, table 4). */
const A_DIVIDER_RESET = 0x60;
const A_RATE = 0x0f;

const B_SET = 0x80;
const B_PIE = 0x40;
const B_AIE = 0x20;
const B_UIE = 0x10;
const B_DM_BINARY = 0x04;
const B_24_HOURS = 0x02;

/** Register C; its three flags stand where register B has their enables. */
const C_IRQF = 0x80;
const C_PF = B_PIE;
const C_AF = B_AIE;
const C_UF = B_UIE;

const D_VRT = 0x80;

/** What firmware leaves: 32.768 kHz crystal, 1024 Hz; BCD, 24 hours, no interrupts. */
const FIRMWARE_A = 0x26;
const FIRMWARE_B = 0x02;

const NS_PER_SECOND = 1_000_000_000;
/** The update cycle and the time before it in which UIP announces it: tUC + tBUC (table 6, 32.768 kHz). */
const UIP_NS = 1_984_000 + 244_000;
/**
 * From the end of the divider chain's reset to the first update ("Register A"). The chip begins its update cycle
 * then and shows the new time 2 ms later; here the new time is shown then, which is what drivers count on.
 */
const FIRST_UPDATE_NS = 500_000_000;

const CRYSTAL = new TickRate(32_768, NS_PER_SECOND);

const KIB = 1024;
const MIB = 1024 * KIB;

/** What the real-time clock needs of its machine. */
export interface RtcOptions {
  readonly clock: Clock;
  /** IRQ 8. */
  readonly irq: IrqLine;
  /** Bytes of RAM from 0 up to the hole below 4 GiB. */
  readonly lowRam: number;
  /** Bytes of RAM from 4 GiB up. */
  readonly highRam: number;
}

type RtcState = {
  readonly index: number;
  readonly nmiMasked: boolean;
  readonly cmos: readonly number[];
  readonly flags: number;
  readonly checked: number;
  readonly offsetSeconds: number;
  readonly offsetNs: number;
  readonly weekdayShift: number;
};

const PORTS = new RegisterBlock<Rtc>([
  { name: 'INDEX', offset: 0, width: 1, write: (rtc, value) => rtc.writeIndex(value) },
  {
    name: 'DATA',
    offset: 1,
    width: 1,
    read: rtc => INDEXED.read(rtc, rtc.index, 1),
    write: (rtc, value) => INDEXED.write(rtc, rtc.index, 1, value),
  },
]);

const NAMED: readonly Register<Rtc>[] = [
  time('SECONDS', SECONDS),
  alarm('SECONDS_ALARM', SECONDS_ALARM),
  time('MINUTES', MINUTES),
  alarm('MINUTES_ALARM', MINUTES_ALARM),
  time('HOURS', HOURS),
  alarm('HOURS_ALARM', HOURS_ALARM),
  time('DAY_OF_WEEK', DAY_OF_WEEK),
  time('DATE_OF_MONTH', DATE_OF_MONTH),
  time('MONTH', MONTH),
  time('YEAR', YEAR),
  {
    name: 'REG_A',
    offset: REG_A,
    width: 1,
    read: rtc => rtc.readA(),
    write: (rtc, value) => rtc.writeA(value),
  },
  {
    name: 'REG_B',
    offset: REG_B,
    width: 1,
    read: rtc => rtc.cmos[REG_B],
    write: (rtc, value) => rtc.writeB(value),
  },
  { name: 'REG_C', offset: 0x0c, width: 1, read: rtc => rtc.readC() },
  { name: 'REG_D', offset: 0x0d, width: 1, read: () => D_VRT },
  ram('SHUTDOWN_STATUS', 0x0f),
  time('CENTURY', CENTURY),
];

/** The registers behind the data port, by index: 0 to 0x7F. */
const INDEXED = new RegisterBlock<Rtc>([
  ...NAMED,
  ...Array.from({ length: 128 }, (_, index) => index)
    .filter(index => !NAMED.some(register => register.offset === index))
    .map(index => ram(`CMOS[0x${index.toString(16)}]`, index)),
]);

function time(name: string, offset: number): Register<Rtc> {
  return {
    name,
    offset,
    width: 1,
    read: rtc => rtc.readTime(offset),
    write: (rtc, value) => rtc.writeTime(offset, value),
  };
}

function alarm(name: string, offset: number): Register<Rtc> {
  return {
    name,
    offset,
    width: 1,
    read: rtc => rtc.cmos[offset],
    write: (rtc, value) => rtc.writeAlarm(offset, value),
  };
}

function ram(name: string, offset: number): Register<Rtc> {
  return {
    name,
    offset,
    width: 1,
    read: rtc => rtc.cmos[offset],
    write: (rtc, value) => (rtc.cmos[offset] = value),
  };
}

/**
 * The real-time clock and CMOS memory of a PC: MC146818A (Motorola data sheet) behind index port 0x70 and data port
 * 0x71, 128 bytes.
 *
 * The time is the machine's wall clock as UTC plus the offset by which the guest moved it, and is computed when
 * somebody looks. The registers change at once at the end of the update cycle, which is when UF is set; UIP is high
 * for the 1984 µs of the cycle and the 244 µs before it. Flags that no interrupt is enabled for are computed when
 * register C is read; a timer is armed only for the next event that would raise IRQ 8, and not while it is raised.
 *
 * While SET is 1 or the divider chain is in reset, the time registers are memory, and what they hold when
 * the clock goes on is the time. A time register that is written while the clock runs counts at once.
 */
export class Rtc implements Device {
  readonly name = 'rtc';
  readonly ranges: readonly BusRange[];
  /** @internal The selected register. */
  index = 0;
  /** @internal Everything that is stored; of the time registers, only while the clock stands. */
  readonly cmos = new Uint8Array(128);
  private readonly clock: Clock;
  private readonly irq: IrqLine;
  private readonly timer: Timer;
  private nmi = false;
  /** PF, AF and UF up to the time `checked`. */
  private flags = 0;
  private checked: number;
  /**
   * The clock shows `originSeconds` + ⌊(now + `originNs`) / 1 s⌋ seconds since 1970; the divider chain's seconds begin
   * where now + `originNs` is a whole one. `originNs` is a whole number below 10^9.
   */
  private originSeconds = 0;
  private originNs = 0;
  private weekdayShift = 0;
  /** The time registers as of `shownSeconds`. */
  private readonly shown = new Uint8Array(128);
  private shownSeconds = NaN;
  private format: RtcFormat = formatOf(FIRMWARE_B);

  constructor(options: RtcOptions) {
    this.clock = options.clock;
    this.irq = options.irq;
    this.timer = options.clock.timer(() => this.update());
    this.checked = options.clock.now();
    this.setOrigin(0, 0);
    this.cmos[REG_A] = FIRMWARE_A;
    this.cmos[REG_B] = FIRMWARE_B;
    this.storeRamSizes(options.lowRam, options.highRam);

    const ports = PORTS.bind(this);
    const indexed = INDEXED.bind(this);
    const target: BusTarget = {
      ...ports,
      registerName: (offset, direction) =>
        (offset === 1 ? indexed : ports).registerName!(offset === 1 ? this.index : offset, direction),
    };
    this.ranges = [{ space: 'port', base: 0x70, size: 2, target }];
  }

  /** Bit 7 of the index port, by which a PC keeps NMIs from the CPU. */
  get nmiMasked(): boolean {
    return this.nmi;
  }

  /**
   * The time and the CMOS memory survive, as they have a battery. Interrupts are disabled and their flags cleared, as
   * the RESET pin does; registers A and B get what firmware writes to them.
   */
  reset(): void {
    this.control(FIRMWARE_A, FIRMWARE_B);
    this.flags = 0;
    this.index = 0;
    this.nmi = false;
    this.update();
  }

  save(): DeviceState {
    this.collectFlags();
    const epoch = this.epoch();
    return {
      index: this.index,
      nmiMasked: this.nmi,
      cmos: Array.from(this.cmos),
      flags: this.flags,
      checked: this.checked,
      offsetSeconds: this.originSeconds - Math.floor(epoch / 1000),
      offsetNs: this.originNs - (epoch % 1000) * 1e6,
      weekdayShift: this.weekdayShift,
    } satisfies RtcState;
  }

  /** The guest's offset from the wall clock is restored: a machine that comes back later shows the later time. */
  load(state: DeviceState): void {
    const { index, nmiMasked, cmos, flags, checked, offsetSeconds, offsetNs, weekdayShift } =
      state as RtcState;
    this.index = index;
    this.nmi = nmiMasked;
    this.cmos.set(cmos);
    this.format = formatOf(this.cmos[REG_B]);
    this.flags = flags;
    this.checked = checked;
    this.weekdayShift = weekdayShift;
    this.setOrigin(offsetSeconds, offsetNs);
    this.update();
  }

  /** @internal */
  writeIndex(value: number): void {
    this.index = value & 0x7f;
    this.nmi = (value & 0x80) !== 0;
  }

  /** @internal */
  readTime(register: number): number {
    if (this.standing) return this.cmos[register];
    const seconds = this.secondsAt(this.clock.now());
    if (seconds !== this.shownSeconds) {
      encodeTime(seconds, this.weekdayShift, this.format, this.shown);
      this.shownSeconds = seconds;
    }
    return this.shown[register];
  }

  /** @internal */
  writeTime(register: number, value: number): void {
    if (this.standing) {
      this.cmos[register] = value;
      return;
    }
    this.collectFlags();
    this.stop();
    this.cmos[register] = value;
    this.resume();
    this.update();
  }

  /** @internal */
  writeAlarm(register: number, value: number): void {
    this.collectFlags();
    this.cmos[register] = value;
    this.update();
  }

  /** @internal */
  readA(): number {
    const sinceSecond = (this.clock.now() + this.originNs) % NS_PER_SECOND;
    const updating = !this.standing && sinceSecond >= NS_PER_SECOND - UIP_NS;
    return this.cmos[REG_A] | (updating ? A_UIP : 0);
  }

  /** @internal */
  writeA(value: number): void {
    this.control(value & ~A_UIP, this.cmos[REG_B]);
    this.update();
  }

  /** @internal */
  writeB(value: number): void {
    // SET clears UIE ("Register B").
    this.control(this.cmos[REG_A], value & B_SET ? value & ~B_UIE : value);
    this.update();
  }

  /** @internal Reading register C clears its flags and with them the interrupt. */
  readC(): number {
    this.collectFlags();
    const value = this.flags | (this.irqFlag ? C_IRQF : 0);
    this.flags = 0;
    this.update();
    return value;
  }

  /** IRQF = PF·PIE + AF·AIE + UF·UIE ("Register C"). */
  private get irqFlag(): boolean {
    return (this.flags & this.cmos[REG_B]) !== 0;
  }

  private get dividerReset(): boolean {
    return (this.cmos[REG_A] & A_DIVIDER_RESET) === A_DIVIDER_RESET;
  }

  /** True while no update cycles happen. */
  private get standing(): boolean {
    return (this.cmos[REG_B] & B_SET) !== 0 || this.dividerReset;
  }

  /** Periods of the periodic interrupt in ticks of the crystal (table 5), 0 for none. Rates 1 and 2 are 8 and 9. */
  private get periodTicks(): number {
    const rate = this.cmos[REG_A] & A_RATE;
    if (rate === 0) return 0;
    return 1 << ((rate < 3 ? rate + 7 : rate) - 1);
  }

  /** Milliseconds since 1970 at power-on, to the whole one, which is all the precision that hosts give. */
  private epoch(): number {
    return Math.round(this.clock.wallClock() - this.clock.now() / 1e6);
  }

  /** Sets the origin by its distance from the wall clock's. @param ns between −10^9 and 10^9 */
  private setOrigin(seconds: number, ns: number): void {
    const epoch = this.epoch();
    const total = (epoch % 1000) * 1e6 + ns;
    const carry = Math.floor(total / NS_PER_SECOND);
    this.originSeconds = Math.floor(epoch / 1000) + seconds + carry;
    this.originNs = total - carry * NS_PER_SECOND;
    this.shownSeconds = NaN;
  }

  private secondsAt(ns: number): number {
    return this.originSeconds + Math.floor((ns + this.originNs) / NS_PER_SECOND);
  }

  /** Periods of the periodic interrupt that the divider chain completed. */
  private periodsAt(ns: number): number {
    return Math.floor(CRYSTAL.ticksAt(ns + this.originNs) / this.periodTicks);
  }

  /** Changes registers A and B, and stops, resumes or shifts the clock accordingly. */
  private control(a: number, b: number): void {
    this.collectFlags();
    const wasStanding = this.standing;
    const wasReset = this.dividerReset;
    if (!wasStanding) this.stop();
    this.cmos[REG_A] = a;
    this.cmos[REG_B] = b;
    this.format = formatOf(b);
    if (wasReset && !this.dividerReset) this.restartDivider();
    // A running clock whose format changes shows its time in the new one.
    this.shownSeconds = NaN;
    if (wasStanding && !this.standing) this.resume();
  }

  /** From computed time registers to stored ones. */
  private stop(): void {
    encodeTime(this.secondsAt(this.clock.now()), this.weekdayShift, this.format, this.cmos);
  }

  /** From stored time registers to computed ones. The divider chain's phase stays. */
  private resume(): void {
    const seconds = decodeTime(this.cmos, this.format);
    this.originSeconds += seconds - this.secondsAt(this.clock.now());
    this.weekdayShift = weekdayShiftOf(this.cmos, this.format, seconds);
    this.shownSeconds = NaN;
  }

  private restartDivider(): void {
    const past = Math.floor(this.clock.now()) % NS_PER_SECOND;
    this.originNs = (2 * NS_PER_SECOND - FIRST_UPDATE_NS - past) % NS_PER_SECOND;
  }

  /** Sets the flags of what happened since the last time. */
  private collectFlags(): void {
    const from = this.checked;
    const to = this.clock.now();
    this.checked = to;
    if (to <= from || this.dividerReset) return;
    if (this.periodTicks > 0 && this.periodsAt(to) > this.periodsAt(from)) this.flags |= C_PF;
    if (this.standing) return;
    const before = this.secondsAt(from);
    const after = this.secondsAt(to);
    if (after <= before) return;
    this.flags |= C_UF;
    if (nextAlarm(this.cmos, this.format, before) <= after) this.flags |= C_AF;
  }

  /** Drives the line and arms the timer as flags and enables have it now. */
  private update(): void {
    this.collectFlags();
    this.irq.set(this.irqFlag);
    const event = this.irqFlag ? Infinity : this.nextInterrupt();
    if (event === Infinity) this.timer.disarm();
    else this.timer.arm(event);
  }

  /** When the next enabled interrupt comes, in ns; `Infinity`: never, as things stand. */
  private nextInterrupt(): number {
    const enables = this.cmos[REG_B];
    let event = Infinity;
    if (this.dividerReset) return event;
    if (enables & B_PIE && this.periodTicks > 0) {
      const period = this.periodsAt(this.checked) + 1;
      event = CRYSTAL.timeOf(period * this.periodTicks) - this.originNs;
    }
    if (this.standing) return event;
    const seconds = this.secondsAt(this.checked);
    if (enables & B_UIE) event = Math.min(event, this.timeOf(seconds + 1));
    if (enables & B_AIE) event = Math.min(event, this.timeOf(nextAlarm(this.cmos, this.format, seconds)));
    return event;
  }

  /** When the clock will show `seconds`. */
  private timeOf(seconds: number): number {
    return (seconds - this.originSeconds) * NS_PER_SECOND - this.originNs;
  }

  /** The sizes of memory where PC firmware leaves them for operating systems. */
  private storeRamSizes(lowRam: number, highRam: number): void {
    const base = Math.min(lowRam / KIB, 640);
    const extended = Math.min(Math.max(lowRam - MIB, 0) / KIB, 0xffff);
    this.store16(0x15, base);
    this.store16(0x17, extended);
    this.store16(0x30, extended);
    this.store16(0x34, Math.min(Math.max(lowRam - 16 * MIB, 0) / (64 * KIB), 0xffff));
    const high = Math.min(Math.floor(highRam / (64 * KIB)), 0xff_ffff);
    this.store16(0x5b, high & 0xffff);
    this.cmos[0x5d] = high >> 16;
  }

  private store16(index: number, value: number): void {
    this.cmos[index] = value & 0xff;
    this.cmos[index + 1] = value >> 8;
  }
}

function formatOf(b: number): RtcFormat {
  return { binary: (b & B_DM_BINARY) !== 0, hours24: (b & B_24_HOURS) !== 0 };
}
