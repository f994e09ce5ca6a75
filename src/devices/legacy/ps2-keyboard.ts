import type { DeviceState } from '../../vmm/device.js';
import { Fifo } from './fifo.js';

/** Bytes that the keyboard keeps until the controller takes them. */
const BUFFER_SIZE = 16;

const ACK = 0xfa;
const RESEND = 0xfe;
const SELF_TEST_PASSED = 0xaa;
const ID = [0xab, 0x83] as const;

/** Commands from the system; each is answered with ACK unless noted. */
const SET_LEDS = 0xed;
/** Answered with itself. */
const ECHO = 0xee;
const SELECT_SCAN_CODE_SET = 0xf0;
const READ_ID = 0xf2;
const SET_TYPEMATIC = 0xf3;
const ENABLE = 0xf4;
const DEFAULT_DISABLE = 0xf5;
const SET_DEFAULT = 0xf6;
/** Answered with the last byte once more. */
const RESEND_LAST = 0xfe;
const RESET = 0xff;

/** Scan code sets that `SELECT_SCAN_CODE_SET` knows; the keyboard starts with set 2. */
const SCAN_CODE_SETS = 3;
const DEFAULT_SCAN_CODE_SET = 2;

type Ps2KeyboardState = {
  answers: readonly number[];
  keys: readonly number[];
  argumentOf: number;
  lastSent: number;
  scanning: boolean;
  scanCodeSet: number;
  leds: number;
};

/**
 * An MF2 keyboard behind the keyboard controller (IBM PS/2 Hardware Interface Technical Reference, "101- and
 * 102-Key Keyboards"). It answers at once; whether the controller takes the answer is the controller's business.
 */
export class Ps2Keyboard {
  private readonly answers = new Fifo(BUFFER_SIZE);
  private readonly keys = new Fifo(BUFFER_SIZE);
  /** The command that waits for its argument, 0 when none does. */
  private argumentOf = 0;
  private lastSent = 0;
  private scanning = true;
  private scanCodeSet = DEFAULT_SCAN_CODE_SET;
  private ledBits = 0;

  /** Lit LEDs: bit 0 scroll lock, bit 1 num lock, bit 2 caps lock. */
  get leds(): number {
    return this.ledBits;
  }

  /** The next byte to the controller, answers before scan codes; −1 when there is none. */
  read(): number {
    const byte = this.answers.length > 0 ? this.answers.shift() : this.keys.shift();
    if (byte >= 0) this.lastSent = byte;
    return byte;
  }

  /** A command, or the argument of the one before, from the controller. */
  write(byte: number): void {
    const command = this.argumentOf;
    this.argumentOf = 0;
    // A byte from SET_LEDS up is a new command even where an argument is due.
    if (command !== 0 && byte < SET_LEDS) this.argument(command, byte);
    else this.command(byte);
  }

  /**
   * Keys go down or up.
   * @param scancodes as they go over the wire, in the selected set: 0x1C, 0xF0 0x1C is A down and up in set 2
   * @returns false, having taken none, when the guest disabled scanning or the buffer has no room for all
   */
  press(scancodes: readonly number[]): boolean {
    if (!this.scanning || this.keys.space < scancodes.length) return false;
    for (const code of scancodes) this.keys.push(code & 0xff);
    return true;
  }

  reset(): void {
    this.answers.clear();
    this.argumentOf = 0;
    this.lastSent = 0;
    this.restoreDefaults();
    this.scanning = true;
    this.ledBits = 0;
  }

  save(): DeviceState {
    const state: Ps2KeyboardState = {
      answers: this.answers.toArray(),
      keys: this.keys.toArray(),
      argumentOf: this.argumentOf,
      lastSent: this.lastSent,
      scanning: this.scanning,
      scanCodeSet: this.scanCodeSet,
      leds: this.ledBits,
    };
    return state;
  }

  load(state: DeviceState): void {
    const saved = state as Ps2KeyboardState;
    this.answers.restore(saved.answers);
    this.keys.restore(saved.keys);
    this.argumentOf = saved.argumentOf;
    this.lastSent = saved.lastSent;
    this.scanning = saved.scanning;
    this.scanCodeSet = saved.scanCodeSet;
    this.ledBits = saved.leds;
  }

  private command(byte: number): void {
    switch (byte) {
      case SET_LEDS:
      case SELECT_SCAN_CODE_SET:
      case SET_TYPEMATIC:
        this.argumentOf = byte;
        this.answers.push(ACK);
        break;
      case ECHO:
        this.answers.push(ECHO);
        break;
      case READ_ID:
        this.answers.push(ACK);
        for (const part of ID) this.answers.push(part);
        break;
      case ENABLE:
        this.keys.clear();
        this.scanning = true;
        this.answers.push(ACK);
        break;
      case DEFAULT_DISABLE:
        this.restoreDefaults();
        this.scanning = false;
        this.answers.push(ACK);
        break;
      case SET_DEFAULT:
        this.restoreDefaults();
        this.answers.push(ACK);
        break;
      case RESEND_LAST:
        this.answers.push(this.lastSent);
        break;
      case RESET:
        this.reset();
        this.answers.push(ACK);
        this.answers.push(SELF_TEST_PASSED);
        break;
      default:
        this.answers.push(RESEND);
    }
  }

  private argument(command: number, value: number): void {
    if (command === SET_LEDS) this.ledBits = value & 0x07;
    if (command === SELECT_SCAN_CODE_SET) {
      if (value > SCAN_CODE_SETS) {
        this.answers.push(RESEND);
        return;
      }
      this.answers.push(ACK);
      // Set 0 asks which one is selected.
      if (value === 0) this.answers.push(this.scanCodeSet);
      else {
        this.keys.clear();
        this.scanCodeSet = value;
      }
      return;
    }
    this.answers.push(ACK);
  }

  private restoreDefaults(): void {
    this.keys.clear();
    this.scanCodeSet = DEFAULT_SCAN_CODE_SET;
  }
}
