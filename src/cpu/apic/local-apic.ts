import type { ApicObserver, ObservedApic } from '../../vmm/accelerator.js';
import { ApicTimer } from './apic-timer.js';
import { BROADCAST, DeliveryMode, destinationOf, type ApicMessage, type Shorthand } from './apic-message.js';
import { VectorSet } from './vector-set.js';

/** IA32_APIC_BASE. */
export const APIC_BASE_BSP = 1 << 8;
export const APIC_BASE_X2APIC = 1 << 10;
export const APIC_BASE_ENABLE = 1 << 11;
const APIC_BASE_MODE = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
/** Bits 0 to 7 and 9. */
const APIC_BASE_RESERVED = 0x2ff;
const APIC_BASE_DEFAULT = 0xfee0_0000;

/** Version 0x14, six LVT entries. */
const VERSION = 0x0005_0014;
const SVR_ENABLED = 1 << 8;
const SVR_BITS = 0x1ff;
const ICR_BITS = 0xc_cfff;
/** What x2APIC mode does not reserve: the delivery status stays without effect. */
const X2_ICR_BITS = ICR_BITS | (1 << 12);
const ICR_ASSERT = 1 << 14;
const ICR_LEVEL = 1 << 15;
const LVT_PENDING = 1 << 12;
const LVT_REMOTE_IRR = 1 << 14;
const LVT_MASKED = 1 << 16;
/** What can be written of the entries of LINT0 and LINT1. */
const LINT_BITS = 0x1_a7ff;

/** Error status register (11.5.3). */
const ESR_SEND_ILLEGAL_VECTOR = 1 << 5;
const ESR_RECEIVE_ILLEGAL_VECTOR = 1 << 6;
const ESR_ILLEGAL_REGISTER = 1 << 7;

/** Offset of the interrupt command register. */
const ICR_LOW = 0x300;

/** Bytes of the page that have registers. */
const PAGE_SIZE = 0x400;
/** Vectors below are the processor's own. */
const FIRST_VECTOR = 16;

/** The local vector table, in the order of its registers. */
const Lvt = { TIMER: 0, THERMAL: 1, PERFORMANCE: 2, LINT0: 3, LINT1: 4, ERROR: 5 } as const;

/** What a local APIC needs around it. */
export interface ApicHost {
  /** Nanoseconds on the machine's clock. */
  now(): number;
  /** Sends to the APICs that message and shorthand name. */
  send(message: ApicMessage, shorthand: Shorthand, from: LocalApic): void;
  /** A level-triggered interrupt has ended. */
  eoi(vector: number): void;
  /** Whether an interrupt can be taken may have changed. */
  changed(apic: LocalApic): void;
  nmi(apic: LocalApic): void;
  init(apic: LocalApic): void;
  startup(apic: LocalApic, vector: number): void;
}

/** A register: what is not there cannot be read or written in any mode. */
interface ApicRegister {
  readonly read?: (apic: LocalApic) => number;
  readonly write?: (apic: LocalApic, value: number) => void;
  /** In x2APIC mode: the bits that may be written. Others are reserved there, and ignored in xAPIC mode. */
  readonly bits?: number;
  /** The mode in which it exists alone. */
  readonly only?: 'xapic' | 'x2apic';
}

/**
 * A local APIC in xAPIC or x2APIC mode (Intel SDM vol. 3, chapter 11). Registers are addressed by their offset in the
 * xAPIC page; the number of an x2APIC register is a sixteenth of it.
 */
export class LocalApic implements ObservedApic {
  /** Number of its vCPU, and the ID that it wakes up with. */
  readonly index: number;
  /** Who hears of the guest's accesses. */
  observer: ApicObserver | undefined;
  private apicBase: number;
  /** xAPIC mode lets the guest change it. */
  private xapicId: number;
  private intr = false;
  private readonly timer: ApicTimer;
  private readonly irr = new VectorSet();
  private readonly isr = new VectorSet();
  private readonly tmr = new VectorSet();
  private readonly lvt = new Uint32Array(6);
  private tpr = 0;
  private ldr = 0;
  private dfr = 0xffff_ffff;
  private svr = 0xff;
  private esr = 0;
  private pendingErrors = 0;
  private icrHigh = 0;
  private icrLow = 0;

  constructor(
    index: number,
    private readonly host: ApicHost,
  ) {
    this.index = index;
    this.xapicId = index;
    this.timer = new ApicTimer(() => host.now());
    this.apicBase = APIC_BASE_DEFAULT + (APIC_BASE_ENABLE | (index === 0 ? APIC_BASE_BSP : 0));
    this.reset();
    // Firmware hands the machine over in virtual wire mode: the PIC reaches the first processor (MP specification
    // 1.4, 3.6.2.2).
    if (index === 0) this.lvt[Lvt.LINT0] = DeliveryMode.EXTINT << 8;
  }

  /** INIT (11.4.7.3): all but the ID and IA32_APIC_BASE. */
  reset(): void {
    this.irr.clear();
    this.isr.clear();
    this.tmr.clear();
    this.lvt.fill(LVT_MASKED);
    this.tpr = 0;
    this.ldr = 0;
    this.dfr = 0xffff_ffff;
    this.svr = 0xff;
    this.esr = 0;
    this.pendingErrors = 0;
    this.icrHigh = 0;
    this.icrLow = 0;
    this.timer.reset();
  }

  /** IA32_APIC_BASE.ENABLE. */
  get enabled(): boolean {
    return (this.apicBase & APIC_BASE_ENABLE) !== 0;
  }

  get x2apic(): boolean {
    return (this.apicBase & APIC_BASE_X2APIC) !== 0;
  }

  /** Enabled by the spurious-interrupt vector register, too (11.4.7.2). */
  get softwareEnabled(): boolean {
    return this.enabled && (this.svr & SVR_ENABLED) !== 0;
  }

  /** Physical address of the page that the registers are at, −1 when they are not in memory. */
  get page(): number {
    return this.enabled && !this.x2apic ? this.apicBase - (this.apicBase & 0xfff) : -1;
  }

  /** IA32_APIC_BASE, 0 to 2^52 − 1. */
  get base(): number {
    return this.apicBase;
  }

  /** Sets IA32_APIC_BASE as the host does, to any mode. */
  set base(value: number) {
    this.apicBase = value;
    this.host.changed(this);
  }

  /** The guest writes IA32_APIC_BASE. @returns false for reserved bits or a change of mode that is not allowed (11.12.5) */
  writeBase(value: number): boolean {
    if (value & APIC_BASE_RESERVED) return false;
    const from = this.apicBase & APIC_BASE_MODE;
    const to = value & APIC_BASE_MODE;
    if (to === APIC_BASE_X2APIC) return false;
    if (from === APIC_BASE_MODE && to === APIC_BASE_ENABLE) return false;
    if (from === 0 && to === APIC_BASE_MODE) return false;
    if (to === 0 && from !== 0) {
      this.reset();
      this.xapicId = this.index;
    }
    this.base = value;
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

  /** All registers, in a page of 1 KiB as they lie in memory. */
  save(): Uint8Array {
    const page = new Uint8Array(PAGE_SIZE);
    const view = new DataView(page.buffer);
    for (const [offset, { read }] of LocalApic.REGISTERS) if (read) view.setUint32(offset, read(this), true);
    return page;
  }

  /** Takes over what another one's {@link save} told; IA32_APIC_BASE is set before. */
  restore(page: Uint8Array): void {
    const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
    const word = (offset: number): number => view.getUint32(offset, true);
    if (!this.x2apic) this.xapicId = word(0x20) >>> 24;
    this.tpr = word(0x80) & 0xff;
    this.ldr = word(0xd0);
    this.dfr = word(0xe0) | 0x0fff_ffff;
    this.svr = word(0xf0) & SVR_BITS;
    for (let i = 0; i < 8; i++) {
      this.isr.setWord(i, word(0x100 + i * 0x10));
      this.tmr.setWord(i, word(0x180 + i * 0x10));
      this.irr.setWord(i, word(0x200 + i * 0x10));
    }
    this.esr = word(0x280);
    this.icrLow = word(0x300) & ICR_BITS;
    this.icrHigh = word(0x310);
    this.lvt.forEach((_, entry) => (this.lvt[entry] = word(0x320 + entry * 0x10)));
    this.timer.restore(this.lvt[Lvt.TIMER], {
      initial: word(0x380),
      current: word(0x390),
      divide: word(0x3e0) & 0xb,
    });
    this.host.changed(this);
  }

  /** Reads a register in xAPIC mode. */
  read(offset: number): number {
    const register = this.at(offset);
    const value = (register?.read?.(this) ?? 0) >>> 0;
    this.observer?.read(this, offset, value);
    if (!register) this.error(ESR_ILLEGAL_REGISTER);
    return value;
  }

  /** Writes a register in xAPIC mode. */
  write(offset: number, value: number): void {
    this.observer?.write(this, offset, value);
    const register = this.at(offset);
    if (register) register.write?.(this, value);
    else this.error(ESR_ILLEGAL_REGISTER);
  }

  /** Reads a register in x2APIC mode (11.12.1.2). @returns undefined for one that cannot be read: #GP */
  readX2(offset: number): number | undefined {
    const register = this.x2apic ? this.at(offset) : undefined;
    const value = register?.read && register.read(this) >>> 0;
    if (this.x2apic) this.observer?.read(this, offset, value ?? 0);
    return value;
  }

  /** Writes a register in x2APIC mode. @returns false for one that cannot be written, and for reserved bits: #GP */
  writeX2(offset: number, value: number): boolean {
    if (this.x2apic) this.observer?.write(this, offset, value);
    const register = this.x2apic ? this.at(offset) : undefined;
    if (register?.bits === undefined || (value & ~register.bits) !== 0) return false;
    register.write?.(this, value);
    return true;
  }

  /** The interrupt command register of x2APIC mode, the only one of 64 bits. @returns as `readX2` */
  readX2Icr(): bigint | undefined {
    return this.x2apic ? (BigInt(this.icrHigh >>> 0) << 32n) | BigInt(this.icrLow) : undefined;
  }

  /** @returns as `writeX2` */
  writeX2Icr(value: bigint): boolean {
    const low = Number(value & 0xffff_ffffn);
    if (this.x2apic) this.observer?.write(this, ICR_LOW, low);
    if (!this.x2apic || (low & ~X2_ICR_BITS) !== 0) return false;
    this.icrHigh = Number(value >> 32n);
    this.writeIcr(low);
    return true;
  }

  /** When the timer expires, ns on the machine's clock. */
  get deadline(): number {
    return this.timer.deadline;
  }

  get usesTscDeadline(): boolean {
    return this.timer.usesTscDeadline;
  }

  /** Arms the timer by IA32_TSC_DEADLINE, for a time in ns on the machine's clock. Without effect in other modes. */
  setTscDeadline(ns: number): void {
    this.timer.setDeadline(ns);
    // A time that is over already raises the interrupt at once.
    this.expire(this.host.now());
  }

  /** Raises the timer's interrupt if its time has come. */
  expire(now: number): void {
    if (this.timer.expire(now)) this.raiseLocal(Lvt.TIMER);
  }

  /** Drives LINT0, to which the PIC's INTR is wired. */
  setIntr(level: boolean): void {
    const rises = level && !this.intr;
    this.intr = level;
    // ExtINT is a level that the processor samples.
    if (rises && this.enabled && this.lintMode(Lvt.LINT0) !== DeliveryMode.EXTINT) this.raiseLocal(Lvt.LINT0);
    this.host.changed(this);
  }

  /** Whether a message's destination names this APIC (11.6.2). */
  isDestination({ destination, logical }: ApicMessage): boolean {
    if (!this.enabled) return false;
    if (destination === BROADCAST) return true;
    if (!logical) return destination === this.id;
    const own = this.logicalId;
    if (this.x2apic) return destination >>> 16 === own >>> 16 && (destination & own & 0xffff) !== 0;
    if (this.dfr >>> 28 === 0xf) return (destination & own) !== 0;
    return destination >>> 4 === own >>> 4 && (destination & own & 0xf) !== 0;
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
      // There is no system management mode, and no other way to the PIC than LINT0.
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
    return (this.lvt[Lvt.LINT0] & LVT_MASKED) === 0 && this.lintMode(Lvt.LINT0) === DeliveryMode.EXTINT;
  }

  /** Takes the highest pending interrupt into service. @returns its vector, −1 when there is none */
  acknowledge(): number {
    const vector = this.nextVector();
    if (vector < 0) return -1;
    this.irr.delete(vector);
    this.isr.add(vector);
    this.host.changed(this);
    return vector;
  }

  /** PPR (11.8.3.1). */
  get processorPriority(): number {
    const serving = Math.max(0, this.isr.highest());
    return this.tpr >> 4 >= serving >> 4 ? this.tpr : serving & 0xf0;
  }

  /** Physical ID: 8 bits in xAPIC mode, 32 in x2APIC mode. */
  get id(): number {
    return this.x2apic ? this.index : this.xapicId;
  }

  /** In x2APIC mode it follows from the ID: 16 IDs a cluster (11.12.10.2). */
  private get logicalId(): number {
    if (!this.x2apic) return this.ldr >>> 24;
    return (((this.index >> 4) << 16) | (1 << (this.index & 15))) >>> 0;
  }

  /** What was accepted stays pending in an APIC that software has disabled (11.4.7.2). */
  private nextVector(): number {
    if (!this.enabled) return -1;
    const vector = this.irr.highest();
    return vector >= 0 && vector >> 4 > this.processorPriority >> 4 ? vector : -1;
  }

  private accept(vector: number, level: boolean): void {
    if (!this.softwareEnabled) return;
    if (vector < FIRST_VECTOR) {
      this.error(ESR_RECEIVE_ILLEGAL_VECTOR);
      return;
    }
    this.irr.add(vector);
    if (level) this.tmr.add(vector);
    else this.tmr.delete(vector);
    this.host.changed(this);
  }

  /** An interrupt of the local vector table. */
  private raiseLocal(entry: number): void {
    if (this.lvt[entry] & LVT_MASKED) return;
    const mode = entry === Lvt.LINT0 ? this.lintMode(entry) : DeliveryMode.FIXED;
    if (mode === DeliveryMode.FIXED) this.accept(this.lvt[entry] & 0xff, false);
    else if (mode === DeliveryMode.NMI) this.host.nmi(this);
  }

  private lintMode(entry: number): DeliveryMode {
    return (this.lvt[entry] >> 8) & 7;
  }

  private error(bit: number): void {
    this.pendingErrors |= bit;
    // Its own vector may be the illegal one.
    if ((this.lvt[Lvt.ERROR] & 0xff) >= FIRST_VECTOR) this.raiseLocal(Lvt.ERROR);
  }

  private endOfInterrupt(): void {
    const vector = this.isr.highest();
    if (vector < 0) return;
    this.isr.delete(vector);
    if (this.tmr.has(vector)) this.host.eoi(vector);
    this.host.changed(this);
  }

  private writeSpurious(value: number): void {
    this.svr = value & SVR_BITS;
    if (!this.softwareEnabled) for (let i = 0; i < this.lvt.length; i++) this.lvt[i] |= LVT_MASKED;
    this.host.changed(this);
  }

  private writeLvt(entry: number, value: number): void {
    // A timer that is over expires in the mode in which it ran.
    if (entry === Lvt.TIMER) this.expire(this.host.now());
    this.lvt[entry] = value | (this.softwareEnabled ? 0 : LVT_MASKED);
    if (entry === Lvt.TIMER) this.timer.setMode(value);
    this.host.changed(this);
  }

  private readCurrentCount(): number {
    this.expire(this.host.now());
    return this.timer.currentCount;
  }

  private writeIcr(value: number): void {
    this.icrLow = value & ICR_BITS;
    const mode: DeliveryMode = (value >> 8) & 7;
    const vector = value & 0xff;
    if ((mode === DeliveryMode.FIXED || mode === DeliveryMode.LOWEST) && vector < FIRST_VECTOR) {
      this.error(ESR_SEND_ILLEGAL_VECTOR);
      return;
    }
    // An INIT level de-assert only synchronised the arbitration IDs of old processors.
    if (mode === DeliveryMode.INIT && value & ICR_LEVEL && !(value & ICR_ASSERT)) return;
    const destination = this.x2apic ? this.icrHigh >>> 0 : destinationOf(this.icrHigh >>> 24);
    const logical = (value & (1 << 11)) !== 0;
    const shorthand: Shorthand = (value >> 18) & 3;
    this.host.send({ destination, logical, mode, vector, level: false }, shorthand, this);
  }

  private writeSelfIpi(vector: number): void {
    if (vector < FIRST_VECTOR) this.error(ESR_SEND_ILLEGAL_VECTOR);
    else this.accept(vector, false);
  }

  private writeErrorStatus(): void {
    this.esr = this.pendingErrors;
    this.pendingErrors = 0;
  }

  get inService(): boolean {
    return this.isr.highest() >= 0;
  }

  exists(offset: number): boolean {
    return this.at(offset) !== undefined || (this.x2apic && offset === ICR_LOW);
  }

  private at(offset: number): ApicRegister | undefined {
    const register = LocalApic.REGISTERS.get(offset);
    if (register?.only === undefined) return register;
    return (register.only === 'x2apic') === this.x2apic ? register : undefined;
  }

  private static lvtRegister(this: void, bits: number, entry: number): [number, ApicRegister] {
    const readOnly = bits === LINT_BITS ? LVT_PENDING | LVT_REMOTE_IRR : LVT_PENDING;
    return [
      0x320 + entry * 0x10,
      {
        read: apic => apic.lvt[entry],
        write: (apic, value) => apic.writeLvt(entry, value & bits),
        bits: bits | readOnly,
      },
    ];
  }

  /** Table 11-1, and table 11-6 for x2APIC mode. */
  private static readonly REGISTERS: ReadonlyMap<number, ApicRegister> = new Map<number, ApicRegister>([
    // ID
    [
      0x20,
      {
        read: apic => (apic.x2apic ? apic.index : apic.xapicId << 24),
        write: (apic, value) => void (apic.xapicId = value >>> 24),
      },
    ],
    // Version
    [0x30, { read: () => VERSION }],
    // Task priority
    [
      0x80,
      {
        read: apic => apic.tpr,
        write: (apic, value) => {
          apic.tpr = value & 0xff;
          apic.host.changed(apic);
        },
        bits: 0xff,
      },
    ],
    // Arbitration priority, of processors that had an APIC bus
    [0x90, { read: () => 0, only: 'xapic' }],
    // Processor priority
    [0xa0, { read: apic => apic.processorPriority }],
    // End of interrupt
    [0xb0, { write: apic => apic.endOfInterrupt(), bits: 0 }],
    // Remote read
    [0xc0, { read: () => 0, only: 'xapic' }],
    // Logical destination
    [
      0xd0,
      {
        read: apic => (apic.x2apic ? apic.logicalId : apic.ldr),
        write: (apic, value) => void (apic.ldr = value & 0xff00_0000),
      },
    ],
    // Destination format
    [
      0xe0,
      {
        read: apic => apic.dfr,
        write: (apic, value) => void (apic.dfr = value | 0x0fff_ffff),
        only: 'xapic',
      },
    ],
    // Spurious-interrupt vector
    [0xf0, { read: apic => apic.svr, write: (apic, value) => apic.writeSpurious(value), bits: SVR_BITS }],
    // In-service, trigger mode, interrupt request
    ...vectorRegisters(0x100, apic => apic.isr),
    ...vectorRegisters(0x180, apic => apic.tmr),
    ...vectorRegisters(0x200, apic => apic.irr),
    // Error status
    [0x280, { read: apic => apic.esr, write: apic => apic.writeErrorStatus(), bits: 0 }],
    // Interrupt command
    [0x300, { read: apic => apic.icrLow, write: (apic, value) => apic.writeIcr(value), only: 'xapic' }],
    [
      0x310,
      { read: apic => apic.icrHigh, write: (apic, value) => void (apic.icrHigh = value), only: 'xapic' },
    ],
    // Local vector table: timer, thermal monitor, performance counters, LINT0, LINT1, error
    ...[0x7_00ff, 0x1_07ff, 0x1_07ff, LINT_BITS, LINT_BITS, 0x1_00ff].map(LocalApic.lvtRegister),
    // Timer: initial count, current count, divide configuration
    [
      0x380,
      {
        read: apic => apic.timer.initialCount,
        write: (apic, value) => void (apic.timer.initialCount = value >>> 0),
        bits: 0xffff_ffff,
      },
    ],
    [0x390, { read: apic => apic.readCurrentCount() }],
    [
      0x3e0,
      {
        read: apic => apic.timer.divideConfiguration,
        write: (apic, value) => void (apic.timer.divideConfiguration = value & 0xb),
        bits: 0xb,
      },
    ],
    // Self IPI
    [0x3f0, { write: (apic, value) => apic.writeSelfIpi(value), bits: 0xff, only: 'x2apic' }],
  ]);
}

/** Eight registers of 32 vectors each. */
function vectorRegisters(first: number, set: (apic: LocalApic) => VectorSet): [number, ApicRegister][] {
  return Array.from({ length: 8 }, (_, i) => [first + i * 0x10, { read: apic => set(apic).word(i) }]);
}
