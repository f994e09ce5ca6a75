import type { BusRange, Device, DeviceState, IrqLine, Power } from '../../vmm/device.js';
import { RegisterBlock } from '../registers.js';
import { Fifo } from './fifo.js';
import { Ps2Keyboard } from './ps2-keyboard.js';

export interface I8042Options {
  /** IRQ 1: the output buffer holds a byte from the keyboard or the controller. */
  readonly keyboardIrq: IrqLine;
  /** IRQ 12: the output buffer holds a byte from the auxiliary port. */
  readonly auxIrq: IrqLine;
  /** Its `reset` is the controller's line to the system's reset. */
  readonly power: Power;
}

export const I8042_DATA_PORT = 0x60;
export const I8042_COMMAND_PORT = 0x64;

/** Status register. The input buffer is never full (bit 1): bytes written are taken at once. */
const STATUS_OUTPUT_FULL = 0x01;
const STATUS_SYSTEM = 0x04;
/** The last byte written went to the command port. */
const STATUS_COMMAND = 0x08;
/** The keyboard's lock is open. */
const STATUS_UNLOCKED = 0x10;
/** The byte in the output buffer is from the auxiliary port. */
const STATUS_AUX = 0x20;
const STATUS_TIMEOUT = 0x40;

/** Command byte. */
const CTR_KEYBOARD_INTERRUPT = 0x01;
const CTR_AUX_INTERRUPT = 0x02;
const CTR_SYSTEM = 0x04;
const CTR_KEYBOARD_DISABLE = 0x10;
const CTR_AUX_DISABLE = 0x20;
const CTR_TRANSLATE = 0x40;
/** Bit 7 is reserved and reads 0. */
const CTR_MASK = 0x7f;
/** As a PC's firmware leaves it, for guests that boot without one. */
const CTR_AFTER_POST = CTR_KEYBOARD_INTERRUPT | CTR_SYSTEM | CTR_AUX_DISABLE | CTR_TRANSLATE;

/** Commands, written to the command port. */
const READ_CTR = 0x20;
const WRITE_CTR = 0x60;
const DISABLE_AUX = 0xa7;
const ENABLE_AUX = 0xa8;
const TEST_AUX = 0xa9;
const SELF_TEST = 0xaa;
const TEST_KEYBOARD = 0xab;
const DISABLE_KEYBOARD = 0xad;
const ENABLE_KEYBOARD = 0xae;
const READ_INPUT_PORT = 0xc0;
const READ_OUTPUT_PORT = 0xd0;
const WRITE_OUTPUT_PORT = 0xd1;
const WRITE_KEYBOARD_OUTPUT = 0xd2;
const WRITE_AUX_OUTPUT = 0xd3;
const WRITE_AUX_DEVICE = 0xd4;
/** 0xF0 to 0xFF: the output port's bits 0–3 go low for 6 µs where the command's are 0. */
const PULSE_OUTPUT_PORT = 0xf0;

const SELF_TEST_PASSED = 0x55;
const INTERFACE_TEST_PASSED = 0x00;
/** Put in the output buffer when a device did not answer. */
const RESEND = 0xfe;
/** Keyboard not locked, manufacturing jumper not installed, second 256 KiB of RAM enabled. */
const INPUT_PORT = 0xb0;

/** Output port. */
const OUT_NOT_RESET = 0x01;
const OUT_A20 = 0x02;
const OUT_KEYBOARD_FULL = 0x10;
const OUT_AUX_FULL = 0x20;
/** Clock and data lines of both ports, idle. */
const OUT_IDLE_LINES = 0xcc;

const REPLY_CAPACITY = 16;
const BREAK_PREFIX = 0xf0;
const BREAK_BIT = 0x80;

/**
 * What the controller makes of a byte from the keyboard when CTR bit 6 is set: scan code set 2 to set 1 (IBM PC/AT
 * Technical Reference, keyboard controller, "Scan Code Translation"). Bytes from 0x85 up stay as they are.
 */
const SET_2_TO_SET_1 = Uint8Array.of(
  ...[0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59],
  ...[0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b],
  ...[0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d],
  ...[0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f],
  ...[0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61],
  ...[0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76],
  ...[0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f],
  ...[0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54],
  ...[0x80, 0x81, 0x82, 0x41, 0x54],
);

type I8042State = {
  ctr: number;
  /** Status bits in bits 15–8. */
  output: number;
  full: boolean;
  replies: readonly number[];
  argumentOf: number;
  lastWasCommand: boolean;
  a20: boolean;
  breakPrefix: boolean;
  keyboard: DeviceState;
};

/**
 * The keyboard controller of a PC with a keyboard and no mouse: an Intel 8042 with IBM's program (PC/AT Technical
 * Reference, "Keyboard Controller"; PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device
 * Controller", for the auxiliary port).
 *
 * The A20 gate is remembered and has no effect: A20 is always open.
 */
export class I8042 implements Device {
  readonly name = 'i8042';
  readonly ranges: readonly BusRange[];
  readonly keyboard = new Ps2Keyboard();

  private readonly keyboardIrq: IrqLine;
  private readonly auxIrq: IrqLine;
  private readonly power: Power;
  /** What the controller itself has to say, before the keyboard's bytes; each with its status bits in bits 15–8. */
  private readonly replies = new Fifo(REPLY_CAPACITY);

  private ctr = CTR_AFTER_POST;
  /** The output buffer, with its status bits in bits 15–8. Keeps its byte after it was read. */
  private output = 0;
  private full = false;
  /** The command that waits for a byte at the data port, 0 when none does. */
  private argumentOf = 0;
  private lastWasCommand = false;
  private a20 = true;
  /** Translation has seen 0xF0 and waits for the key that was released. */
  private breakPrefix = false;

  private static readonly dataPort = new RegisterBlock<I8042>([
    {
      name: 'DATA',
      offset: 0,
      width: 1,
      read: i8042 => i8042.readData(),
      write: (i8042, value) => i8042.writeData(value),
    },
  ]);

  private static readonly commandPort = new RegisterBlock<I8042>([
    { name: 'STATUS', offset: 0, width: 1, read: i8042 => i8042.status() },
    { name: 'COMMAND', offset: 0, width: 1, write: (i8042, value) => i8042.command(value) },
  ]);

  constructor(options: I8042Options) {
    this.keyboardIrq = options.keyboardIrq;
    this.auxIrq = options.auxIrq;
    this.power = options.power;
    this.ranges = [
      { space: 'port', base: I8042_DATA_PORT, size: 1, target: I8042.dataPort.bind(this) },
      { space: 'port', base: I8042_COMMAND_PORT, size: 1, target: I8042.commandPort.bind(this) },
    ];
  }

  /**
   * Keys go down or up; see `Ps2Keyboard.press`.
   * @param scancodes in the set that the guest selected in the keyboard, set 2 after power-on, before translation
   * @returns false, having taken none, when the keyboard is off or has no room
   */
  pressKey(scancodes: readonly number[]): boolean {
    const taken = this.keyboard.press(scancodes);
    this.fillOutput();
    return taken;
  }

  reset(): void {
    this.ctr = CTR_AFTER_POST;
    this.output = 0;
    this.full = false;
    this.replies.clear();
    this.argumentOf = 0;
    this.lastWasCommand = false;
    this.a20 = true;
    this.breakPrefix = false;
    this.keyboard.reset();
    this.updateIrqs();
  }

  save(): DeviceState {
    const state: I8042State = {
      ctr: this.ctr,
      output: this.output,
      full: this.full,
      replies: this.replies.toArray(),
      argumentOf: this.argumentOf,
      lastWasCommand: this.lastWasCommand,
      a20: this.a20,
      breakPrefix: this.breakPrefix,
      keyboard: this.keyboard.save(),
    };
    return state;
  }

  load(state: DeviceState): void {
    const saved = state as I8042State;
    this.ctr = saved.ctr;
    this.output = saved.output;
    this.full = saved.full;
    this.replies.restore(saved.replies);
    this.argumentOf = saved.argumentOf;
    this.lastWasCommand = saved.lastWasCommand;
    this.a20 = saved.a20;
    this.breakPrefix = saved.breakPrefix;
    this.keyboard.load(saved.keyboard);
    this.updateIrqs();
  }

  private status(): number {
    return (
      STATUS_UNLOCKED |
      (this.full ? STATUS_OUTPUT_FULL | (this.output >> 8) : 0) |
      (this.ctr & CTR_SYSTEM ? STATUS_SYSTEM : 0) |
      (this.lastWasCommand ? STATUS_COMMAND : 0)
    );
  }

  private readData(): number {
    const byte = this.output & 0xff;
    this.full = false;
    // The line falls between two bytes, so that each is an edge.
    this.updateIrqs();
    this.fillOutput();
    return byte;
  }

  private writeData(value: number): void {
    const command = this.argumentOf;
    this.argumentOf = 0;
    this.lastWasCommand = false;
    switch (command) {
      case WRITE_CTR:
        this.ctr = value & CTR_MASK;
        break;
      case WRITE_OUTPUT_PORT:
        this.writeOutputPort(value);
        break;
      case WRITE_KEYBOARD_OUTPUT:
        this.replies.push(value);
        break;
      case WRITE_AUX_OUTPUT:
        this.replies.push(value | (STATUS_AUX << 8));
        break;
      case WRITE_AUX_DEVICE:
        // No mouse clocks the byte in: the controller gives up and says so.
        this.replies.push(RESEND | ((STATUS_AUX | STATUS_TIMEOUT) << 8));
        break;
      default:
        // Sending to the keyboard opens its interface, or the answer could never arrive.
        this.ctr &= ~CTR_KEYBOARD_DISABLE;
        this.keyboard.write(value);
    }
    this.fillOutput();
  }

  private command(value: number): void {
    this.argumentOf = 0;
    this.lastWasCommand = true;
    switch (value) {
      case READ_CTR:
        this.replies.push(this.ctr);
        break;
      case WRITE_CTR:
      case WRITE_OUTPUT_PORT:
      case WRITE_KEYBOARD_OUTPUT:
      case WRITE_AUX_OUTPUT:
      case WRITE_AUX_DEVICE:
        this.argumentOf = value;
        break;
      case DISABLE_AUX:
        this.ctr |= CTR_AUX_DISABLE;
        break;
      case ENABLE_AUX:
        this.ctr &= ~CTR_AUX_DISABLE;
        break;
      case DISABLE_KEYBOARD:
        this.ctr |= CTR_KEYBOARD_DISABLE;
        break;
      case ENABLE_KEYBOARD:
        this.ctr &= ~CTR_KEYBOARD_DISABLE;
        break;
      case SELF_TEST:
        // The controller starts afresh: what it had to say is gone.
        this.full = false;
        this.replies.clear();
        this.ctr |= CTR_SYSTEM;
        this.updateIrqs();
        this.replies.push(SELF_TEST_PASSED);
        break;
      case TEST_KEYBOARD:
      case TEST_AUX:
        this.replies.push(INTERFACE_TEST_PASSED);
        break;
      case READ_INPUT_PORT:
        this.replies.push(INPUT_PORT);
        break;
      case READ_OUTPUT_PORT:
        this.replies.push(this.outputPort());
        break;
      default:
        if (value >= PULSE_OUTPUT_PORT && !(value & OUT_NOT_RESET)) this.power.reset();
    }
    this.fillOutput();
  }

  private outputPort(): number {
    const fromAux = (this.output & (STATUS_AUX << 8)) !== 0;
    const bufferFull = fromAux ? OUT_AUX_FULL : OUT_KEYBOARD_FULL;
    return OUT_IDLE_LINES | OUT_NOT_RESET | (this.a20 ? OUT_A20 : 0) | (this.full ? bufferFull : 0);
  }

  private writeOutputPort(value: number): void {
    this.a20 = (value & OUT_A20) !== 0;
    if (!(value & OUT_NOT_RESET)) this.power.reset();
  }

  /** Moves the next byte into an empty output buffer: the controller's own, then the keyboard's if it may send. */
  private fillOutput(): void {
    if (!this.full) {
      const mayKeyboardSend = !(this.ctr & CTR_KEYBOARD_DISABLE);
      const reply = this.replies.shift();
      const next = reply < 0 && mayKeyboardSend ? this.keyboardByte() : reply;
      if (next >= 0) {
        this.output = next;
        this.full = true;
      }
    }
    this.updateIrqs();
  }

  /** The keyboard's next byte, translated if CTR says so; −1 when there is none. */
  private keyboardByte(): number {
    let byte = this.keyboard.read();
    if (byte < 0 || !(this.ctr & CTR_TRANSLATE)) return byte;
    if (byte === BREAK_PREFIX) {
      this.breakPrefix = true;
      byte = this.keyboard.read();
      if (byte < 0) return byte;
    }
    const translated = byte < SET_2_TO_SET_1.length ? SET_2_TO_SET_1[byte] : byte;
    const released = this.breakPrefix;
    this.breakPrefix = false;
    return released ? translated | BREAK_BIT : translated;
  }

  private updateIrqs(): void {
    const fromAux = (this.output & (STATUS_AUX << 8)) !== 0;
    this.keyboardIrq.set(this.full && !fromAux && (this.ctr & CTR_KEYBOARD_INTERRUPT) !== 0);
    this.auxIrq.set(this.full && fromAux && (this.ctr & CTR_AUX_INTERRUPT) !== 0);
  }
}
