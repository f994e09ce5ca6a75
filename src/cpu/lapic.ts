/**
 * A local APIC in xAPIC or x2APIC mode (Intel SDM vol. 3, chapter 11). Its timer counts nanoseconds; registers are
 * addressed by their offset in the xAPIC page.
 */

const Register = {
  ID: 0x20,
  VERSION: 0x30,
  TPR: 0x80,
  APR: 0x90,
  PPR: 0xa0,
  EOI: 0xb0,
  LDR: 0xd0,
  DFR: 0xe0,
  SVR: 0xf0,
  ISR: 0x100,
  TMR: 0x180,
  IRR: 0x200,
  ESR: 0x280,
  ICR_LOW: 0x300,
  ICR_HIGH: 0x310,
  LVT_TIMER: 0x320,
  LVT_THERMAL: 0x330,
  LVT_PMC: 0x340,
  LVT_LINT0: 0x350,
  LVT_LINT1: 0x360,
  LVT_ERROR: 0x370,
  TIMER_INITIAL: 0x380,
  TIMER_CURRENT: 0x390,
  TIMER_DIVIDE: 0x3e0,
  SELF_IPI: 0x3f0,
} as const;

/** Version 0x14, six LVT entries. */
const VERSION = 0x0005_0014;
const SVR_ENABLED = 1 << 8;
const LVT_MASKED = 1 << 16;
const TIMER_PERIODIC = 1 << 17;
const TIMER_TSC_DEADLINE = 1 << 18;
const ESR_SEND_ILLEGAL_VECTOR = 1 << 5;
const ESR_RECEIVE_ILLEGAL_VECTOR = 1 << 6;

/** IA32_APIC_BASE. */
export const APIC_BASE_BSP = 1 << 8;
export const APIC_BASE_X2APIC = 1 << 10;
export const APIC_BASE_ENABLE = 1 << 11;

export enum DeliveryMode {
  FIXED = 0,
  LOWEST = 1,
  SMI = 2,
  NMI = 4,
  INIT = 5,
  STARTUP = 6,
  EXTINT = 7,
}

/** An interrupt message on its way between APICs. */
export interface ApicMessage {
  readonly destination: number;
  readonly logical: boolean;
  readonly mode: DeliveryMode;
  readonly vector: number;
  readonly level: boolean;
}

/** What a local APIC needs around it. */
export interface ApicHost {
  /** Nanoseconds on the machine's clock. */
  now(): number;
  /** Sends to other APICs. @param shorthand 0 none, 1 self, 2 all, 3 all but self */
  send(message: ApicMessage, shorthand: number, from: LocalApic): void;
  /** A level-triggered interrupt has ended. */
  eoi(vector: number): void;
  /** Whether an interrupt can be taken may have changed. */
  changed(apic: LocalApic): void;
  nmi(apic: LocalApic): void;
  init(apic: LocalApic): void;
  startup(apic: LocalApic, vector: number): void;
}

export class LocalApic {
  /** IA32_APIC_BASE's low half. */
  base: number;
  /** The PIC's INTR is high, and this APIC is the one that it reaches. */
  intr = false;
  /** When the timer expires, ns on the machine's clock. */
  deadline = Infinity;
  private readonly irr = new Uint32Array(8);
  private readonly isr = new Uint32Array(8);
  private readonly tmr = new Uint32Array(8);
  private readonly lvt = new Uint32Array(6);
  private tpr = 0;
  private ldr = 0;
  private dfr = 0xffff_ffff;
  private svr = 0xff;
  private esr = 0;
  private pendingErrors = 0;
  private icrHigh = 0;
  private icrLow = 0;
  private timerInitial = 0;
  private timerDivide = 0;
  private timerStart = 0;
  private tscDeadline = 0;

  constructor(
    readonly id: number,
    private readonly host: ApicHost,
  ) {
    this.base = 0xfee0_0000 | APIC_BASE_ENABLE | (id === 0 ? APIC_BASE_BSP : 0);
    this.reset();
  }

  /** INIT: all but the ID and IA32_APIC_BASE. */
  reset(): void {
    this.irr.fill(0);
    this.isr.fill(0);
    this.tmr.fill(0);
    this.lvt.fill(LVT_MASKED);
    this.tpr = 0;
    this.ldr = 0;
    this.dfr = 0xffff_ffff;
    this.svr = 0xff;
    this.esr = 0;
    this.pendingErrors = 0;
    this.icrHigh = 0;
    this.icrLow = 0;
    this.timerInitial = 0;
    this.timerDivide = 0;
    this.tscDeadline = 0;
    this.deadline = Infinity;
  }

  get enabled(): boolean {
    return (this.base & APIC_BASE_ENABLE) !== 0;
  }

  get x2apic(): boolean {
    return (this.base & APIC_BASE_X2APIC) !== 0;
  }

  /** The page that the registers are at, −1 when they are not in memory. */
  get page(): number {
    return this.enabled && !this.x2apic ? (this.base & 0xffff_f000) >>> 0 : -1;
  }

  /** Writes IA32_APIC_BASE. @returns false for a transition that is not allowed (11.12.5) */
  setBase(value: number): boolean {
    const to = value & (APIC_BASE_ENABLE | APIC_BASE_X2APIC);
    const from = this.base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC);
    if (to === APIC_BASE_X2APIC) return false;
    if (from === (APIC_BASE_ENABLE | APIC_BASE_X2APIC) && to === APIC_BASE_ENABLE) return false;
    if (from === 0 && to === (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) return false;
    if (to === 0 && from !== 0) this.reset();
    this.base = (value & 0xffff_fc00) | (this.base & APIC_BASE_BSP);
    if (this.x2apic) this.ldr = ((this.id & 0xffff_fff0) << 12) | (1 << (this.id & 15));
    this.host.changed(this);
    return true;
  }

  /** CR8. */
  get taskPriority(): number {
    return this.tpr >> 4;
  }

  set taskPriority(value: number) {
    this.tpr = value << 4;
    this.host.changed(this);
  }

  read(offset: number): number {
    switch (offset) {
      case Register.ID:
        return this.x2apic ? this.id : (this.id << 24) >>> 0;
      case Register.VERSION:
        return VERSION;
      case Register.TPR:
        return this.tpr;
      case Register.PPR:
        return this.processorPriority();
      case Register.LDR:
        return this.ldr >>> 0;
      case Register.DFR:
        return this.dfr >>> 0;
      case Register.SVR:
        return this.svr;
      case Register.ESR:
        return this.esr;
      case Register.ICR_LOW:
        return this.icrLow;
      case Register.ICR_HIGH:
        return this.icrHigh >>> 0;
      case Register.TIMER_INITIAL:
        return this.timerInitial;
      case Register.TIMER_CURRENT:
        return this.timerCurrent();
      case Register.TIMER_DIVIDE:
        return this.timerDivide;
      default:
        if (offset >= Register.ISR && offset < Register.ISR + 0x80) return this.isr[(offset >> 4) & 7];
        if (offset >= Register.TMR && offset < Register.TMR + 0x80) return this.tmr[(offset >> 4) & 7];
        if (offset >= Register.IRR && offset < Register.IRR + 0x80) return this.irr[(offset >> 4) & 7];
        if (isLvt(offset)) return this.lvt[lvtIndex(offset)];
        return 0;
    }
  }

  write(offset: number, value: number): void {
    switch (offset) {
      case Register.ID:
        break;
      case Register.TPR:
        this.tpr = value & 0xff;
        this.host.changed(this);
        break;
      case Register.EOI:
        this.endOfInterrupt();
        break;
      case Register.LDR:
        if (!this.x2apic) this.ldr = value & 0xff00_0000;
        break;
      case Register.DFR:
        this.dfr = value | 0x0fff_ffff;
        break;
      case Register.SVR:
        this.svr = value & 0x1ff;
        if (!(value & SVR_ENABLED)) for (let i = 0; i < 6; i++) this.lvt[i] |= LVT_MASKED;
        this.host.changed(this);
        break;
      case Register.ESR:
        this.esr = this.pendingErrors;
        this.pendingErrors = 0;
        break;
      case Register.ICR_LOW:
        this.icrLow = value & 0xc_cfff;
        this.sendIpi(this.x2apic ? this.icrHigh >>> 0 : this.icrHigh >>> 24);
        break;
      case Register.ICR_HIGH:
        this.icrHigh = value;
        break;
      case Register.TIMER_INITIAL:
        if (this.timerMode() === TIMER_TSC_DEADLINE) break;
        this.timerInitial = value >>> 0;
        this.startTimer();
        break;
      case Register.TIMER_DIVIDE:
        this.setDivide(value & 0xb);
        break;
      case Register.SELF_IPI:
        if (this.x2apic) this.accept(value & 0xff, false);
        break;
      default:
        if (isLvt(offset)) this.writeLvt(offset, value);
    }
  }

  /** The interrupt command register of x2APIC mode, in one write. */
  writeIcr(low: number, high: number): void {
    this.icrHigh = high;
    this.write(Register.ICR_LOW, low);
  }

  /** IA32_TSC_DEADLINE, in ns on the machine's clock; 0 when disarmed. */
  get tscDeadlineNs(): number {
    return this.tscDeadline;
  }

  set tscDeadlineNs(ns: number) {
    if (this.timerMode() !== TIMER_TSC_DEADLINE) return;
    this.tscDeadline = ns;
    this.deadline = ns === 0 ? Infinity : ns;
  }

  /** Raises the timer's interrupt if its time has come. */
  expire(now: number): void {
    if (now < this.deadline) return;
    const entry = this.lvt[0];
    if (this.timerMode() === TIMER_PERIODIC) {
      const period = this.timerPeriod();
      const missed = Math.floor((now - this.deadline) / period);
      this.timerStart = this.deadline + missed * period;
      this.deadline = this.timerStart + period;
    } else {
      this.deadline = Infinity;
      this.tscDeadline = 0;
    }
    if (!(entry & LVT_MASKED)) this.accept(entry & 0xff, false);
  }

  /** Whether a message's destination names this APIC (11.6.2). */
  isDestination({ destination, logical }: ApicMessage): boolean {
    if (!logical) return destination === this.id || destination === (this.x2apic ? 0xffff_ffff : 0xff);
    if (this.x2apic) return destination >>> 16 === this.ldr >>> 16 && (destination & this.ldr & 0xffff) !== 0;
    const own = this.ldr >>> 24;
    if (this.dfr >>> 28 === 0xf) return (destination & own & 0xff) !== 0;
    return (destination >> 4 === own >> 4 || destination >> 4 === 0xf) && (destination & own & 0xf) !== 0;
  }

  deliver({ mode, vector, level }: ApicMessage): void {
    switch (mode) {
      case DeliveryMode.FIXED:
      case DeliveryMode.LOWEST:
        this.accept(vector, level);
        break;
      case DeliveryMode.NMI:
        this.host.nmi(this);
        break;
      case DeliveryMode.INIT:
        this.host.init(this);
        break;
      case DeliveryMode.STARTUP:
        this.host.startup(this, vector);
        break;
      case DeliveryMode.SMI:
      case DeliveryMode.EXTINT:
        break;
    }
  }

  /** Whether an interrupt waits that the task priority lets through. */
  get pending(): boolean {
    return this.nextVector() >= 0 || this.takesIntr;
  }

  /** Whether the PIC's interrupt is taken here: through LINT0 as ExtINT, or past an APIC that is off. */
  get takesIntr(): boolean {
    if (!this.intr) return false;
    if (!this.enabled) return true;
    const entry = this.lvt[lvtIndex(Register.LVT_LINT0)];
    return (entry & LVT_MASKED) === 0 && (((entry >> 8) & 7) as DeliveryMode) === DeliveryMode.EXTINT;
  }

  /** Takes the highest pending interrupt into service. @returns its vector, −1 when there is none */
  acknowledge(): number {
    const vector = this.nextVector();
    if (vector < 0) return -1;
    clear(this.irr, vector);
    set(this.isr, vector);
    this.host.changed(this);
    return vector;
  }

  private nextVector(): number {
    if (!this.enabled || !(this.svr & SVR_ENABLED)) return -1;
    const vector = highest(this.irr);
    return vector >= 0 && vector >> 4 > this.processorPriority() >> 4 ? vector : -1;
  }

  private processorPriority(): number {
    const serving = Math.max(0, highest(this.isr));
    return this.tpr >> 4 >= serving >> 4 ? this.tpr : serving & 0xf0;
  }

  private accept(vector: number, level: boolean): void {
    if (!this.enabled || !(this.svr & SVR_ENABLED)) return;
    if (vector < 16) {
      this.error(ESR_RECEIVE_ILLEGAL_VECTOR);
      return;
    }
    set(this.irr, vector);
    if (level) set(this.tmr, vector);
    else clear(this.tmr, vector);
    this.host.changed(this);
  }

  private error(bit: number): void {
    this.pendingErrors |= bit;
    const entry = this.lvt[lvtIndex(Register.LVT_ERROR)];
    if (!(entry & LVT_MASKED) && (entry & 0xff) >= 16) this.accept(entry & 0xff, false);
  }

  private endOfInterrupt(): void {
    const vector = highest(this.isr);
    if (vector < 0) return;
    clear(this.isr, vector);
    if (has(this.tmr, vector)) this.host.eoi(vector);
    this.host.changed(this);
  }

  private sendIpi(destination: number): void {
    const mode = ((this.icrLow >> 8) & 7) as DeliveryMode;
    const vector = this.icrLow & 0xff;
    if (mode === DeliveryMode.FIXED && vector < 16) {
      this.error(ESR_SEND_ILLEGAL_VECTOR);
      return;
    }
    // An INIT with level 0 only synchronises arbitration IDs of old processors.
    if (mode === DeliveryMode.INIT && !(this.icrLow & (1 << 14))) return;
    const logical = (this.icrLow & (1 << 11)) !== 0;
    this.host.send({ destination, logical, mode, vector, level: false }, (this.icrLow >> 18) & 3, this);
  }

  private timerMode(): number {
    return this.lvt[0] & (TIMER_PERIODIC | TIMER_TSC_DEADLINE);
  }

  private divisor(): number {
    const code = (this.timerDivide & 3) | ((this.timerDivide & 8) >> 1);
    return code === 7 ? 1 : 2 << code;
  }

  private timerPeriod(): number {
    return this.timerInitial * this.divisor();
  }

  private startTimer(): void {
    this.timerStart = this.host.now();
    this.deadline = this.timerInitial === 0 ? Infinity : this.timerStart + this.timerPeriod();
  }

  private timerCurrent(): number {
    if (this.deadline === Infinity || this.timerMode() === TIMER_TSC_DEADLINE) return 0;
    return Math.max(0, Math.floor((this.deadline - this.host.now()) / this.divisor())) >>> 0;
  }

  private setDivide(value: number): void {
    const left = this.timerCurrent();
    this.timerDivide = value;
    if (this.deadline !== Infinity && this.timerMode() !== TIMER_TSC_DEADLINE) {
      this.deadline = this.host.now() + left * this.divisor();
    }
  }

  private writeLvt(offset: number, value: number): void {
    const before = this.timerMode();
    const masked = this.svr & SVR_ENABLED ? 0 : LVT_MASKED;
    this.lvt[lvtIndex(offset)] = (value & LVT_BITS[lvtIndex(offset)]) | masked;
    if (offset === Register.LVT_TIMER && (before ^ this.timerMode()) & TIMER_TSC_DEADLINE) {
      this.deadline = Infinity;
      this.tscDeadline = 0;
      this.timerInitial = 0;
    }
    this.host.changed(this);
  }
}

/** Writable bits: timer, thermal, performance counters, LINT0, LINT1, error. */
const LVT_BITS = [0x7_00ff, 0x1_07ff, 0x1_07ff, 0x1_a7ff, 0x1_a7ff, 0x1_00ff];

function isLvt(offset: number): boolean {
  return offset >= Register.LVT_TIMER && offset <= Register.LVT_ERROR;
}

function lvtIndex(offset: number): number {
  return (offset - Register.LVT_TIMER) >> 4;
}

function highest(bits: Uint32Array): number {
  for (let word = 7; word >= 0; word--) {
    if (bits[word] !== 0) return word * 32 + 31 - Math.clz32(bits[word]);
  }
  return -1;
}

function set(bits: Uint32Array, vector: number): void {
  bits[vector >> 5] |= 1 << (vector & 31);
}

function clear(bits: Uint32Array, vector: number): void {
  bits[vector >> 5] &= ~(1 << (vector & 31));
}

function has(bits: Uint32Array, vector: number): boolean {
  return (bits[vector >> 5] & (1 << (vector & 31))) !== 0;
}
