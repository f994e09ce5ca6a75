import { RegisterBlock } from '../registers.js';

/** ICW1, at A0 = 0 with bit 4 set (8259A data sheet, figure 7). */
const ICW1 = 0x10;
const ICW1_IC4 = 0x01;
const ICW1_SNGL = 0x02;
const ICW4_AEOI = 0x02;
const ICW4_SFNM = 0x10;

/** OCW3, at A0 = 0 with bits 4:3 = 01 (figure 8). */
const OCW3 = 0x08;
const OCW3_RIS = 0x01;
const OCW3_RR = 0x02;
const OCW3_POLL = 0x04;
const OCW3_SMM = 0x20;
const OCW3_ESMM = 0x40;

const OCW2_EOI = 0x20;
const OCW2_SPECIFIC = 0x40;
const OCW2_ROTATE = 0x80;

/** The initialisation command word that the next write to A0 = 1 is; 0: none, it is OCW1. */
type InitStep = 0 | 2 | 3 | 4;

/** How one of the two chips is wired on a PC. */
export interface I8259Wiring {
  /** ELCR bits that software may set: inputs that can be level-triggered. */
  readonly levelCapable: number;
  /** The input to which a slave's INT output is wired, -1 for none. */
  readonly cascade: number;
  /** The chip's state changed: look at {@link I8259.int} again. */
  onChange(): void;
}

/** @internal What {@link I8259.save} returns. */
export type I8259State = Readonly<ReturnType<I8259['save']>>;

/**
 * One 8259A, as far as a PC uses it: x86 mode, the cascade wired on the board, the trigger mode of each input from
 * the ELCR instead of ICW1's LTIM (as in Intel's chip sets). ICW3 and ICW4's buffered mode are accepted and change
 * nothing, because the wiring does not change.
 *
 * An edge stays requested until it is acknowledged, even if its line falls before. The chip itself would forget it
 * and answer the INTA cycle with IR7; but emulated devices may send pulses, and a virtual CPU may stop for longer
 * than any line stays high, so that ticks would be lost which hardware does not lose.
 */
export class I8259 {
  /** Levels of the inputs. */
  private pins = 0;
  /** Rising edges not yet acknowledged. */
  private edges = 0;
  private elcr = 0;
  private imr = 0;
  private isr = 0;
  private base = 0;
  /** The level of lowest priority; the one after it has the highest. */
  private lowest = 7;
  private initStep: InitStep = 0;
  private icw1 = 0;
  private icw4 = 0;
  private rotateOnAeoi = false;
  private specialMask = false;
  private readIsr = false;
  private poll = false;

  constructor(private readonly wiring: I8259Wiring) {
    this.reset();
  }

  /** The INT output: a request that is neither masked nor behind one in service. */
  get int(): boolean {
    return this.pending() >= 0;
  }

  /** Drives input `level` (0–7). */
  setPin(level: number, high: boolean): void {
    const bit = 1 << level;
    if (high) {
      this.edges |= bit & ~this.pins & ~this.elcr;
      this.pins |= bit;
    } else {
      this.pins &= ~bit;
    }
  }

  /**
   * The INTA cycle: takes the request of highest priority into service.
   * @returns its level, or -1 when nothing is requested any more; the chip then answers with level 7 and
   *   leaves ISR alone (data sheet, "Edge and level triggered modes": default IR7)
   */
  acknowledge(): number {
    const level = this.pending();
    if (level < 0) return level;
    this.edges &= ~(1 << level);
    if (!(this.icw4 & ICW4_AEOI)) this.isr |= 1 << level;
    else if (this.rotateOnAeoi) this.lowest = level;
    return level;
  }

  /** The vector that the chip puts on the bus for `level`, as {@link acknowledge} returned it. */
  vector(level: number): number {
    return this.base | (level < 0 ? 7 : level);
  }

  /**
   * The chip has no reset input and comes up undefined; here it comes up with all inputs masked, so that one which no
   * software initialised asks for nothing. Inputs keep their levels: they belong to the devices that drive them.
   */
  reset(): void {
    this.startInit(0);
    this.elcr = 0;
    this.imr = 0xff;
    this.base = 0;
    this.initStep = 0;
  }

  save() {
    return {
      pins: this.pins,
      edges: this.edges,
      elcr: this.elcr,
      imr: this.imr,
      isr: this.isr,
      base: this.base,
      lowest: this.lowest,
      initStep: this.initStep,
      icw1: this.icw1,
      icw4: this.icw4,
      rotateOnAeoi: this.rotateOnAeoi,
      specialMask: this.specialMask,
      readIsr: this.readIsr,
      poll: this.poll,
    };
  }

  load(state: I8259State): void {
    this.pins = state.pins;
    this.edges = state.edges;
    this.elcr = state.elcr;
    this.imr = state.imr;
    this.isr = state.isr;
    this.base = state.base;
    this.lowest = state.lowest;
    this.initStep = state.initStep;
    this.icw1 = state.icw1;
    this.icw4 = state.icw4;
    this.rotateOnAeoi = state.rotateOnAeoi;
    this.specialMask = state.specialMask;
    this.readIsr = state.readIsr;
    this.poll = state.poll;
  }

  /** @internal A0 = 0: the result of a poll command, or the register that OCW3 selected. */
  readCommand(): number {
    if (this.poll) return this.readPoll();
    return this.readIsr ? this.isr : this.irr;
  }

  /** @internal A0 = 1: the interrupt mask, unless a poll command waits for its read. */
  readData(): number {
    return this.poll ? this.readPoll() : this.imr;
  }

  /** @internal A0 = 0: ICW1, OCW2 or OCW3. */
  writeCommand(value: number): void {
    if (value & ICW1) this.startInit(value);
    else if (value & OCW3) this.writeOcw3(value);
    else this.writeOcw2(value);
    this.wiring.onChange();
  }

  /** @internal A0 = 1: the next initialisation command word, or OCW1. */
  writeData(value: number): void {
    switch (this.initStep) {
      case 0:
        this.imr = value;
        break;
      case 2:
        this.base = value & 0xf8;
        this.initStep = this.icw1 & ICW1_SNGL ? this.afterIcw3() : 3;
        break;
      case 3:
        this.initStep = this.afterIcw3();
        break;
      case 4:
        this.icw4 = value;
        this.initStep = 0;
        break;
    }
    this.wiring.onChange();
  }

  /** @internal The edge/level control register of chip sets since EISA. */
  readElcr(): number {
    return this.elcr;
  }

  /** @internal */
  writeElcr(value: number): void {
    this.elcr = value & this.wiring.levelCapable;
    this.edges &= ~this.elcr;
    this.wiring.onChange();
  }

  /**
   * The interrupt request register. At the cascade the level counts besides the edge: in each INTA cycle of the slave
   * its INT output falls and, if there is more to serve, rises again, which one level after the cycle cannot show.
   */
  private get irr(): number {
    const cascade = this.wiring.cascade < 0 ? 0 : 1 << this.wiring.cascade;
    return (this.edges & ~this.elcr) | (this.pins & (this.elcr | cascade));
  }

  /** The level that INTA would take into service, or -1. */
  private pending(): number {
    const requests = this.irr & ~this.imr;
    if (requests === 0) return -1;
    const inService = this.specialMask ? this.isr & ~this.imr : this.isr;
    for (let i = 1; i <= 8; i++) {
      const level = (this.lowest + i) & 7;
      const busy = (inService & (1 << level)) !== 0;
      // Special fully nested mode: a slave in service may interrupt again, for a higher level of its own.
      const nested = (this.icw4 & ICW4_SFNM) !== 0 && level === this.wiring.cascade;
      if (requests & (1 << level) && (!busy || nested)) return level;
      if (busy) return -1;
    }
    return -1;
  }

  /** "Initialization command words", a to f: what ICW1 resets. */
  private startInit(icw1: number): void {
    this.edges = 0;
    this.imr = 0;
    this.isr = 0;
    this.lowest = 7;
    this.rotateOnAeoi = false;
    this.specialMask = false;
    this.readIsr = false;
    this.poll = false;
    this.icw1 = icw1;
    this.icw4 = 0;
    this.initStep = 2;
  }

  private afterIcw3(): InitStep {
    return this.icw1 & ICW1_IC4 ? 4 : 0;
  }

  private writeOcw3(value: number): void {
    if (value & OCW3_ESMM) this.specialMask = (value & OCW3_SMM) !== 0;
    if (value & OCW3_RR) this.readIsr = (value & OCW3_RIS) !== 0;
    this.poll = (value & OCW3_POLL) !== 0;
  }

  private writeOcw2(value: number): void {
    const specific = (value & OCW2_SPECIFIC) !== 0;
    const rotate = (value & OCW2_ROTATE) !== 0;
    if (value & OCW2_EOI) {
      const level = specific ? value & 7 : this.highestInService();
      if (level < 0) return;
      this.isr &= ~(1 << level);
      if (rotate) this.lowest = level;
    } else if (specific) {
      if (rotate) this.lowest = value & 7;
    } else {
      this.rotateOnAeoi = rotate;
    }
  }

  /** What a non-specific EOI ends; in special mask mode not a level that is masked ("End of interrupt"). */
  private highestInService(): number {
    const candidates = this.specialMask ? this.isr & ~this.imr : this.isr;
    for (let i = 1; i <= 8; i++) {
      const level = (this.lowest + i) & 7;
      if (candidates & (1 << level)) return level;
    }
    return -1;
  }

  /** The read after a poll command is an INTA cycle that gives bit 7 and the level, not a vector. */
  private readPoll(): number {
    this.poll = false;
    const level = this.acknowledge();
    this.wiring.onChange();
    return level < 0 ? 0 : 0x80 | level;
  }
}

/** The two ports of one chip, told apart by A0. */
export const I8259_REGISTERS = new RegisterBlock<I8259>([
  { name: 'IRR/ISR', offset: 0, width: 1, read: chip => chip.readCommand() },
  { name: 'ICW1/OCW2/OCW3', offset: 0, width: 1, write: (chip, value) => chip.writeCommand(value) },
  { name: 'IMR', offset: 1, width: 1, read: chip => chip.readData() },
  { name: 'OCW1/ICW2-4', offset: 1, width: 1, write: (chip, value) => chip.writeData(value) },
]);
