import type { BusRange, ByteSink, Device, DeviceState, IrqLine } from '../../vmm/device.js';
import type { Clock, Timer } from '../../vmm/clock.js';
import { RegisterBlock, type Register } from '../registers.js';
import { Fifo } from './fifo.js';

/** A modem control line that the far end drives. */
export type ModemInput = 'cts' | 'dsr' | 'ri' | 'dcd';

export interface Uart16550Options {
  readonly name: string;
  /** First of eight I/O ports. */
  readonly base: number;
  /** The IRQ line of the slot; driven only while the guest sets OUT2, as on a PC. */
  readonly irq: IrqLine;
  readonly clock: Clock;
  /** Gets every byte that the guest transmits, at once. */
  readonly output: ByteSink;
}

/** Oscillator input of a PC's serial port in Hz; divided by the latches it gives 16 times the baud rate (8.3). */
const CRYSTAL_HZ = 1_843_200;
/** 9600 baud. The data sheet leaves the latches undefined after power-on. */
const POWER_ON_DIVISOR = 12;
const FIFO_DEPTH = 16;
/** RX FIFO levels at which data becomes an interrupt, by FCR bits 7–6 (8.5). */
const TRIGGER_LEVELS = [1, 4, 8, 14] as const;

/** Interrupt enable register (8.7). */
const IER_ERBFI = 0x01;
const IER_ETBEI = 0x02;
const IER_ELSI = 0x04;
const IER_EDSSI = 0x08;

/** Interrupt identification register (8.6, table IV), highest priority first. */
const IIR_LINE_STATUS = 0x06;
const IIR_RX_DATA = 0x04;
const IIR_CHARACTER_TIMEOUT = 0x0c;
const IIR_THR_EMPTY = 0x02;
const IIR_MODEM_STATUS = 0x00;
const IIR_NONE = 0x01;
const IIR_FIFOS_ENABLED = 0xc0;

/** FIFO control register (8.5). */
const FCR_ENABLE = 0x01;
const FCR_RX_RESET = 0x02;
const FCR_DMA_MODE = 0x08;
const FCR_TRIGGER = 0xc0;
const FCR_TRIGGER_SHIFT = 6;

/** Line control register (8.1). */
const LCR_WORD_LENGTH = 0x03;
const LCR_STOP_BITS = 0x04;
const LCR_PARITY = 0x08;
const LCR_BREAK = 0x40;
const LCR_DLAB = 0x80;

/** Modem control register (8.8). */
const MCR_DTR = 0x01;
const MCR_RTS = 0x02;
const MCR_OUT1 = 0x04;
const MCR_OUT2 = 0x08;
const MCR_LOOP = 0x10;
const MCR_MASK = 0x1f;

/** Line status register (8.4). */
const LSR_OFFSET = 5;
const LSR_DR = 0x01;
const LSR_OE = 0x02;
const LSR_FE = 0x08;
const LSR_BI = 0x10;
const LSR_THRE = 0x20;
const LSR_TEMT = 0x40;
const LSR_FIFO_ERROR = 0x80;
/**
 * Reads of LSR in a row by which a guest shows that it waits for a character: the transmitter is always empty, so that
 * nobody waits for that. Linux has been seen to read it twice in a row before it empties the receiver.
 */
const POLLING_READS = 4;

/** Modem status register (8.9): inputs above, what changed of each below. */
const MSR_DELTAS = 0x0f;
const MSR_INPUTS = 0xf0;
const MSR_CTS = 0x10;
const MSR_DSR = 0x20;
const MSR_RI = 0x40;
const MSR_DCD = 0x80;

const INPUT_BITS: Readonly<Record<ModemInput, number>> = {
  cts: MSR_CTS,
  dsr: MSR_DSR,
  ri: MSR_RI,
  dcd: MSR_DCD,
};

type Uart16550State = {
  divisorLow: number;
  divisorHigh: number;
  ier: number;
  fcr: number;
  lcr: number;
  mcr: number;
  msr: number;
  scr: number;
  rbr: number;
  /** Characters waiting, each with its line status bits in bits 15–8. */
  rx: readonly number[];
  latchedErrors: number;
  modemInputs: number;
  thrEmptyPending: boolean;
  lsrReads: number;
  polling: boolean;
  looped: boolean;
  timedOut: boolean;
  /** Until the character timeout; null when it is not running. */
  timeoutInNs: number | null;
};

/**
 * The serial port of a PC: National Semiconductor PC16550D, "Universal Asynchronous Receiver/Transmitter with
 * FIFOs" (data sheet TL/C/8652, June 1995), whose sections are cited here. The interrupt passes a gate that OUT2
 * opens (IBM PC/AT Technical Reference, Serial/Parallel Adapter).
 *
 * The line is infinitely fast: what the guest writes is transmitted at once and the transmitter is always empty.
 * Characters pass in 8 bits whatever the word length, since many small kernels print without programming it.
 *
 * The host's side never loses input: `receive` takes a character only while there is room, and `listening` tells
 * whether the guest is there to read it.
 */
export class Uart16550 implements Device {
  readonly name: string;
  readonly ranges: readonly BusRange[];

  /**
   * Called when the receiver has run empty and takes characters: after the guest's read of the last one, a FIFO
   * reset, the end of loopback, `reset()`, or when the guest begins to listen. It may call `receive`. It waits for an empty receiver, and not for
   * room alone, so that the interrupt falls and rises again with each refill: an edge-triggered controller sees it
   * even if the guest's handler has already looked for the last time.
   *
   * It is not called by `load()`: look at `rxSpace` then.
   */
  onRxSpace: (() => void) | undefined;
  /**
   * Called with characters that the guest empties out of the receiver unread, by FCR, oldest first: for the far end they
   * have not been sent yet. Linux does so between its first interrupt and its first read.
   */
  onRxDiscard: ((bytes: readonly number[]) => void) | undefined;

  private readonly irq: IrqLine;
  private readonly clock: Clock;
  private readonly output: ByteSink;
  private readonly timeout: Timer;
  private readonly rx = new Fifo(FIFO_DEPTH);

  private divisorLow = 0;
  private divisorHigh = 0;
  private ier = 0;
  private fcr = 0;
  private lcr = 0;
  private mcr = 0;
  private msr = 0;
  private scr = 0;
  /** The character that RBR gives while none waits: the last one read. */
  private rbr = 0;
  /** OE, and the errors of characters that left the receiver before LSR was read. */
  private latchedErrors = 0;
  /** Characters in `rx` with an error: LSR bit 7. */
  private flagged = 0;
  /** MSR bits 7–4 as the far end drives them; the far end survives a reset. */
  private modemInputs = MSR_CTS | MSR_DSR | MSR_DCD;
  private thrEmptyPending = false;
  /** Reads of LSR since the last access to another register: POLLING_READS and more mean that the guest waits. */
  private lsrReads = 0;
  private polling = false;
  /** What the receiver holds, or a part of it, is the guest's own, by loopback. */
  private looped = false;
  private timedOut = false;

  /** Table II, registers 2 to 7: the same with DLAB 0 and 1. */
  private static readonly common: readonly Register<Uart16550>[] = [
    { name: 'IIR', offset: 2, width: 1, read: uart => uart.readIir() },
    { name: 'FCR', offset: 2, width: 1, write: (uart, value) => uart.writeFcr(value) },
    {
      name: 'LCR',
      offset: 3,
      width: 1,
      read: uart => uart.lcr,
      write: (uart, value) => uart.writeLcr(value),
    },
    {
      name: 'MCR',
      offset: 4,
      width: 1,
      read: uart => uart.mcr,
      write: (uart, value) => uart.writeMcr(value),
    },
    { name: 'LSR', offset: 5, width: 1, read: uart => uart.readLsr() },
    { name: 'MSR', offset: 6, width: 1, read: uart => uart.readMsr() },
    {
      name: 'SCR',
      offset: 7,
      width: 1,
      read: uart => uart.scr,
      write: (uart, value) => void (uart.scr = value),
    },
  ];

  /** DLAB = 0. */
  private static readonly dataRegisters = new RegisterBlock<Uart16550>([
    { name: 'RBR', offset: 0, width: 1, read: uart => uart.readRbr() },
    { name: 'THR', offset: 0, width: 1, write: (uart, value) => uart.writeThr(value) },
    {
      name: 'IER',
      offset: 1,
      width: 1,
      read: uart => uart.ier,
      write: (uart, value) => uart.writeIer(value),
    },
    ...Uart16550.common,
  ]);

  /** DLAB = 1. */
  private static readonly divisorRegisters = new RegisterBlock<Uart16550>([
    {
      name: 'DLL',
      offset: 0,
      width: 1,
      read: uart => uart.divisorLow,
      write: (uart, value) => void (uart.divisorLow = value),
    },
    {
      name: 'DLM',
      offset: 1,
      width: 1,
      read: uart => uart.divisorHigh,
      write: (uart, value) => void (uart.divisorHigh = value),
    },
    ...Uart16550.common,
  ]);

  constructor(options: Uart16550Options) {
    this.name = options.name;
    this.irq = options.irq;
    this.clock = options.clock;
    this.output = options.output;
    this.timeout = options.clock.timer(() => this.characterTimeout());
    const data = Uart16550.dataRegisters.bind(this);
    const divisor = Uart16550.divisorRegisters.bind(this);
    const bank = () => (this.lcr & LCR_DLAB ? divisor : data);
    this.ranges = [
      {
        space: 'port',
        base: options.base,
        size: 8,
        target: {
          read: (offset, size) => {
            this.watchPolling(offset === LSR_OFFSET);
            return bank().read(offset, size);
          },
          write: (offset, size, value) => {
            this.watchPolling(false);
            bank().write(offset, size, value);
          },
          registerName: (offset, direction) => bank().registerName!(offset, direction),
        },
      },
    ];
    this.reset();
  }

  /** Characters that `receive` would take now, 0 to 16. In loopback the line is cut off, so none. */
  get rxSpace(): number {
    return this.loopback ? 0 : this.depth - this.rx.length;
  }

  /**
   * True once the guest waits for characters: the receiver's interrupt is enabled and reaches it, or it has read LSR again
   * and again. A character that arrives earlier is lost, as on a PC, to a guest that reads what the receiver holds before
   * it begins; and so what the host has is better kept until then.
   */
  get listening(): boolean {
    return this.polling || (this.gateOpen && (this.ier & IER_ERBFI) !== 0);
  }

  /** A character arrives on the line. @returns false, having taken nothing, when `rxSpace` is 0 */
  receive(byte: number): boolean {
    if (this.rxSpace === 0) return false;
    this.deliver(byte & 0xff);
    return true;
  }

  /**
   * A break arrives: one zero character with BI (8.4), and FE, because the line is at 0 where the stop bit belongs.
   * @returns false, having taken nothing, when `rxSpace` is 0
   */
  receiveBreak(): boolean {
    if (this.rxSpace === 0) return false;
    this.deliver((LSR_BI | LSR_FE) << 8);
    return true;
  }

  /** The far end drives one of its modem control lines. After power-on all but `ri` are asserted. */
  setModemInput(line: ModemInput, asserted: boolean): void {
    const bit = INPUT_BITS[line];
    this.modemInputs = asserted ? this.modemInputs | bit : this.modemInputs & ~bit;
    this.updateModemStatus();
    this.updateIrq();
  }

  /** Master reset (table I). */
  reset(): void {
    this.divisorLow = POWER_ON_DIVISOR;
    this.divisorHigh = 0;
    this.ier = 0;
    this.fcr = 0;
    this.lcr = 0;
    this.mcr = 0;
    this.msr = this.modemInputs;
    this.scr = 0;
    this.rbr = 0;
    this.latchedErrors = 0;
    this.thrEmptyPending = false;
    this.lsrReads = 0;
    this.polling = false;
    this.clearReceiver();
    this.updateIrq();
    this.offerSpace();
  }

  save(): DeviceState {
    const state: Uart16550State = {
      divisorLow: this.divisorLow,
      divisorHigh: this.divisorHigh,
      ier: this.ier,
      fcr: this.fcr,
      lcr: this.lcr,
      mcr: this.mcr,
      msr: this.msr,
      scr: this.scr,
      rbr: this.rbr,
      rx: this.rx.toArray(),
      latchedErrors: this.latchedErrors,
      modemInputs: this.modemInputs,
      thrEmptyPending: this.thrEmptyPending,
      lsrReads: this.lsrReads,
      polling: this.polling,
      looped: this.looped,
      timedOut: this.timedOut,
      timeoutInNs: this.timeout.deadline === Infinity ? null : this.timeout.deadline - this.clock.now(),
    };
    return state;
  }

  load(state: DeviceState): void {
    const saved = state as Uart16550State;
    this.divisorLow = saved.divisorLow;
    this.divisorHigh = saved.divisorHigh;
    this.ier = saved.ier;
    this.fcr = saved.fcr;
    this.lcr = saved.lcr;
    this.mcr = saved.mcr;
    this.msr = saved.msr;
    this.scr = saved.scr;
    this.rbr = saved.rbr;
    this.rx.restore(saved.rx);
    this.flagged = saved.rx.filter(entry => entry > 0xff).length;
    this.latchedErrors = saved.latchedErrors;
    this.modemInputs = saved.modemInputs;
    this.thrEmptyPending = saved.thrEmptyPending;
    this.lsrReads = saved.lsrReads;
    this.polling = saved.polling;
    this.looped = saved.looped;
    this.timedOut = saved.timedOut;
    if (saved.timeoutInNs === null) this.timeout.disarm();
    else this.timeout.arm(this.clock.now() + saved.timeoutInNs);
    this.updateIrq();
  }

  private get fifosEnabled(): boolean {
    return (this.fcr & FCR_ENABLE) !== 0;
  }

  private get loopback(): boolean {
    return (this.mcr & MCR_LOOP) !== 0;
  }

  /** 8.8, bit 4: in loopback the modem control outputs are inactive, OUT2 and with it the gate among them. */
  private get gateOpen(): boolean {
    return (this.mcr & (MCR_OUT2 | MCR_LOOP)) === MCR_OUT2;
  }

  /** Characters that the receiver holds: the FIFO's, or RBR alone in 16450 mode. */
  private get depth(): number {
    return this.fifosEnabled ? FIFO_DEPTH : 1;
  }

  private readRbr(): number {
    if (this.rx.length === 0) return this.rbr;
    const entry = this.rx.shift();
    if (this.rx.length === 0) this.looped = false;
    this.rbr = entry & 0xff;
    this.forgetFlags(entry);
    // 8.11: reading a character clears the timeout and restarts its timer.
    this.timedOut = false;
    this.restartTimeout();
    this.updateIrq();
    const value = this.rbr;
    this.offerSpace();
    return value;
  }

  private writeThr(value: number): void {
    // The write clears the interrupt, and the transmitter, empty again at once, raises it anew: a new edge even for
    // a handler that never read IIR (8.6, table IV).
    this.thrEmptyPending = false;
    this.updateIrq();
    // 8.1, bit 6: break forces SOUT to 0 and leaves the transmitter running; in loopback SOUT is not in the path.
    if (this.loopback) {
      this.looped = true;
      this.deliver(value);
    } else if (!(this.lcr & LCR_BREAK)) {
      this.output.write(value);
    }
    this.thrEmptyPending = true;
    this.updateIrq();
  }

  private writeIer(value: number): void {
    // 8.4, bit 5: THRE makes the interrupt when that is enabled, and THR is always empty here. Linux starts to send so.
    if (value & ~this.ier & IER_ETBEI) this.thrEmptyPending = true;
    const before = this.listening;
    this.ier = value & (IER_ERBFI | IER_ETBEI | IER_ELSI | IER_EDSSI);
    this.updateIrq();
    if (this.listening && !before) this.offerSpace();
  }

  private readIir(): number {
    const id = this.interruptId();
    // Table IV: reading IIR clears the transmitter's interrupt, if that is what it reports.
    if (id === IIR_THR_EMPTY) {
      this.thrEmptyPending = false;
      this.updateIrq();
    }
    return this.fifosEnabled ? id | IIR_FIFOS_ENABLED : id;
  }

  private writeFcr(value: number): void {
    // 8.5, bit 0: a change of mode clears the FIFOs; the other bits count only together with it. The transmitter's
    // FIFO is always empty, so there is nothing for its reset to do.
    const changesMode = ((value ^ this.fcr) & FCR_ENABLE) !== 0;
    const enable = (value & FCR_ENABLE) !== 0;
    this.fcr = enable ? value & (FCR_ENABLE | FCR_DMA_MODE | FCR_TRIGGER) : 0;
    this.polling = false;
    const clears = changesMode || (enable && (value & FCR_RX_RESET) !== 0);
    // 8.11: the first transmitter interrupt after a change of mode is immediate.
    if (changesMode) this.thrEmptyPending = true;
    if (clears && this.rx.length > 0) {
      if (!this.looped) this.onRxDiscard?.(this.rx.toArray().filter(entry => entry <= 0xff));
      this.clearReceiver();
    }
    this.updateIrq();
    if (clears) this.offerSpace();
  }

  /** Whoever sets the port up has not read from it yet, and may empty it before that. */
  private writeLcr(value: number): void {
    this.lcr = value;
    this.polling = false;
  }

  private writeMcr(value: number): void {
    const wasLoopback = this.loopback;
    const before = this.listening;
    this.mcr = value & MCR_MASK;
    this.updateModemStatus();
    this.updateIrq();
    if (wasLoopback || (this.listening && !before)) this.offerSpace();
  }

  private readLsr(): number {
    const value =
      LSR_THRE |
      LSR_TEMT |
      this.lineErrors() |
      (this.rx.length > 0 ? LSR_DR : 0) |
      (this.fifosEnabled && this.flagged > 0 ? LSR_FIFO_ERROR : 0);
    const first = this.rx.peek();
    if (first > 0xff) {
      this.rx.replaceFirst(first & 0xff);
      this.flagged--;
    }
    this.latchedErrors = 0;
    this.updateIrq();
    return value;
  }

  private readMsr(): number {
    const value = this.msr;
    this.msr &= ~MSR_DELTAS;
    this.updateIrq();
    return value;
  }

  /** Errors that LSR shows: latched ones and, revealed at the top of the FIFO, those of the next character (8.4). */
  private lineErrors(): number {
    const first = this.rx.peek();
    return first > 0xff ? this.latchedErrors | (first >> 8) : this.latchedErrors;
  }

  /** Table IV: the pending interrupt of the highest priority among the enabled ones. */
  private interruptId(): number {
    const { ier } = this;
    if (ier & IER_ELSI && this.lineErrors() !== 0) return IIR_LINE_STATUS;
    if (ier & IER_ERBFI) {
      const trigger = this.fifosEnabled ? TRIGGER_LEVELS[this.fcr >> FCR_TRIGGER_SHIFT] : 1;
      if (this.rx.length >= trigger) return IIR_RX_DATA;
      if (this.timedOut) return IIR_CHARACTER_TIMEOUT;
    }
    if (ier & IER_ETBEI && this.thrEmptyPending) return IIR_THR_EMPTY;
    if (ier & IER_EDSSI && this.msr & MSR_DELTAS) return IIR_MODEM_STATUS;
    return IIR_NONE;
  }

  private updateIrq(): void {
    this.irq.set(this.gateOpen && this.interruptId() !== IIR_NONE);
  }

  /** A received character, its line status bits in bits 15–8, enters the receiver or overruns it (8.4, bit 1). */
  private deliver(entry: number): void {
    if (this.rx.length < this.depth) {
      this.rx.push(entry);
      if (entry > 0xff) this.flagged++;
    } else {
      this.latchedErrors |= LSR_OE;
      // RBR is overwritten; a full FIFO keeps what it has and the new character is lost.
      if (!this.fifosEnabled) {
        this.forgetFlags(this.rx.peek());
        this.rx.replaceFirst(entry);
        if (entry > 0xff) this.flagged++;
      }
    }
    // 8.11: a new character restarts the timer, but does not take back a timeout that has happened.
    if (!this.timedOut) this.restartTimeout();
    this.updateIrq();
  }

  /** A character leaves the receiver; errors that LSR has not yet shown stay until it does. */
  private forgetFlags(entry: number): void {
    if (entry <= 0xff) return;
    this.latchedErrors |= entry >> 8;
    this.flagged--;
  }

  private clearReceiver(): void {
    this.rx.clear();
    this.looped = false;
    this.flagged = 0;
    this.timedOut = false;
    this.timeout.disarm();
  }

  /** Hears of each access before it is made. The read that shows that the guest waits finds the first character. */
  private watchPolling(lsrRead: boolean): void {
    this.lsrReads = lsrRead ? Math.min(this.lsrReads + 1, POLLING_READS) : 0;
    if (this.polling || this.lsrReads < POLLING_READS) return;
    this.polling = true;
    this.offerSpace();
  }

  private offerSpace(): void {
    if (this.rx.length === 0 && !this.loopback) this.onRxSpace?.();
  }

  private restartTimeout(): void {
    if (this.fifosEnabled && this.rx.length > 0) {
      this.timeout.arm(this.clock.now() + this.fourCharactersNs());
    } else {
      this.timeout.disarm();
    }
  }

  private characterTimeout(): void {
    this.timedOut = true;
    this.updateIrq();
  }

  /** Whole nanoseconds that four characters take on the line as programmed; divisor 0, not recommended, counts as 1. */
  private fourCharactersNs(): number {
    const dataBits = 5 + (this.lcr & LCR_WORD_LENGTH);
    const longStop = dataBits === 5 ? 1.5 : 2;
    const stopBits = this.lcr & LCR_STOP_BITS ? longStop : 1;
    const bits = 1 + dataBits + (this.lcr & LCR_PARITY ? 1 : 0) + stopBits;
    const divisor = Math.max(1, this.divisorLow | (this.divisorHigh << 8));
    return Math.ceil((4 * bits * 16 * divisor * 1e9) / CRYSTAL_HZ);
  }

  private updateModemStatus(): void {
    const inputs = this.loopback ? this.loopedInputs() : this.modemInputs;
    const changed = (inputs ^ this.msr) & MSR_INPUTS;
    // TERI reports only the trailing edge of RI; the other deltas report both edges (8.9).
    const deltas = (changed & ~(inputs & MSR_RI)) >> 4;
    this.msr = inputs | (this.msr & MSR_DELTAS) | deltas;
  }

  /** In loopback the modem control outputs are wired to the inputs (8.8, bit 4). */
  private loopedInputs(): number {
    const { mcr } = this;
    return (
      (mcr & MCR_RTS ? MSR_CTS : 0) |
      (mcr & MCR_DTR ? MSR_DSR : 0) |
      (mcr & MCR_OUT1 ? MSR_RI : 0) |
      (mcr & MCR_OUT2 ? MSR_DCD : 0)
    );
  }
}
