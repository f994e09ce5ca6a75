import type { BusRange, Device, DeviceState } from '../../vmm/device.js';
import type { IrqInputs } from '../../vmm/interrupts.js';
import { RegisterBlock } from '../registers.js';
import { I8259, I8259_REGISTERS, type I8259State } from './i8259.js';

/** The master's input to which the slave is wired. */
const CASCADE = 2;

/** What the pair of interrupt controllers needs of its machine. */
export interface PicOptions {
  /** Inputs that firmware makes level-triggered, 0 to 15: those that PCI devices share. */
  readonly levelTriggered?: readonly number[];
  /** The INTR output changed. Called for changes only, and once after each {@link Pic.load}. */
  onIntr(level: boolean): void;
}

type PicState = { readonly master: I8259State; readonly slave: I8259State };

const ELCR_REGISTERS = new RegisterBlock<{ readonly master: I8259; readonly slave: I8259 }>([
  {
    name: 'ELCR1',
    offset: 0,
    width: 1,
    read: pic => pic.master.readElcr(),
    write: (pic, value) => pic.master.writeElcr(value),
  },
  {
    name: 'ELCR2',
    offset: 1,
    width: 1,
    read: pic => pic.slave.readElcr(),
    write: (pic, value) => pic.slave.writeElcr(value),
  },
]);

/**
 * The two cascaded 8259A of a PC: master at 0x20, slave at 0xA0 on the master's IR2, edge/level control at 0x4D0
 * (8259A data sheet, order number 231468; ELCR as in Intel's ICH9 data sheet, 13.4).
 */
export class Pic implements Device, IrqInputs {
  readonly name = 'pic';
  readonly ranges: readonly BusRange[];
  private readonly master: I8259;
  private readonly slave: I8259;
  private readonly onIntr: (level: boolean) => void;
  private intr = false;
  private readonly levelTriggered: number;

  constructor(options: PicOptions) {
    this.onIntr = level => options.onIntr(level);
    const onChange = (): void => this.update();
    // IRQ 0, 1, 2, 8 and 13 (timer, keyboard, cascade, RTC, FPU error) are always edge-triggered.
    this.master = new I8259({ levelCapable: 0xf8, cascade: CASCADE, onChange });
    this.slave = new I8259({ levelCapable: 0xde, cascade: -1, onChange });
    this.levelTriggered = (options.levelTriggered ?? []).reduce((mask, irq) => mask | (1 << irq), 0);
    this.asFirmwareLeavesIt();
    this.ranges = [
      { space: 'port', base: 0x20, size: 2, target: I8259_REGISTERS.bind(this.master) },
      { space: 'port', base: 0xa0, size: 2, target: I8259_REGISTERS.bind(this.slave) },
      {
        space: 'port',
        base: 0x4d0,
        size: 2,
        target: ELCR_REGISTERS.bind({ master: this.master, slave: this.slave }),
      },
    ];
  }

  /** Drives IRQ `pin` (0–15). Pin 2 is the cascade, which no device can drive: it is ignored. */
  setPin(pin: number, level: boolean): void {
    if (pin === CASCADE) return;
    (pin < 8 ? this.master : this.slave).setPin(pin & 7, level);
    this.update();
  }

  /**
   * The INTA cycle of the CPU.
   * @returns the vector, 0–255. When the request is gone, that of IR7 of the chip whose request it was (spurious
   *   IRQ 7 or 15); for IRQ 15 the master's IR2 is then in service and wants its EOI.
   */
  acknowledge(): number {
    const level = this.master.acknowledge();
    const vector =
      level === CASCADE ? this.slave.vector(this.slave.acknowledge()) : this.master.vector(level);
    this.update();
    return vector;
  }

  reset(): void {
    this.master.reset();
    this.slave.reset();
    this.asFirmwareLeavesIt();
    this.update();
  }

  save(): DeviceState {
    return { master: this.master.save(), slave: this.slave.save() } satisfies PicState;
  }

  load(state: DeviceState): void {
    const { master, slave } = state as PicState;
    this.master.load(master);
    this.slave.load(slave);
    this.intr = this.master.int;
    this.onIntr(this.intr);
  }

  private asFirmwareLeavesIt(): void {
    this.master.writeElcr(this.levelTriggered & 0xff);
    this.slave.writeElcr(this.levelTriggered >> 8);
  }

  private update(): void {
    this.master.setPin(CASCADE, this.slave.int);
    const intr = this.master.int;
    if (intr === this.intr) return;
    this.intr = intr;
    this.onIntr(intr);
  }
}
