import { hex } from '../../../errors.js';
import type { AccessSize } from '../../../vmm/device.js';
import type { ChipJudging, ChipRules } from './watched-chip.js';

/** Registers (PC16550D, table II, whose sections are cited here). */
const R = { DATA: 0, IER: 1, FCR: 2, LCR: 3, LSR: 5 } as const;
const DLAB = 0x80;
const FCR_ENABLE = 0x01;
/** Writes in a row to the lower divisor latch that look as if they were characters. */
const CHARACTERS = 4;

/** Drivers of the serial port. */
export class Uart16550Rules implements ChipRules {
  private divisorAccess = false;
  /** Latches that were written since power-on: bit 0 and 1. */
  private latches = 0;
  private sent = false;
  /** Writes to the lower latch since DLAB was set. */
  private lowWrites = 0;

  constructor(private readonly judge: ChipJudging) {}

  isPolled(offset: number): boolean {
    return offset === R.LSR;
  }

  writes(offset: number, _size: AccessSize, value: number): void {
    const { judge } = this;
    switch (offset) {
      case R.DATA:
        if (this.divisorAccess) this.writeLatch(value);
        else this.send();
        break;
      case R.IER:
        if (this.divisorAccess) this.latches |= 2;
        break;
      case R.FCR:
        judge(
          '8.5/fcr-enable',
          value === 0 || (value & FCR_ENABLE) !== 0,
          () => `it writes ${hex(value)} to FCR: without bit 0 nothing of it counts`,
        );
        break;
      case R.LCR:
        this.divisorAccess = (value & DLAB) !== 0;
        this.lowWrites = 0;
        break;
      case R.LSR:
        judge('8.4/lsr-read-only', false, () => `it writes ${hex(value)} to LSR`);
        break;
    }
  }

  private writeLatch(value: number): void {
    this.latches |= 1;
    this.lowWrites++;
    if (this.lowWrites !== CHARACTERS) return;
    this.judge(
      '8.1/dlab',
      false,
      () => `${CHARACTERS} writes to the divisor latch, the last of ${hex(value)}: DLAB is still set`,
    );
  }

  private send(): void {
    this.judge('8.1/dlab', true, () => '');
    if (this.sent) return;
    this.sent = true;
    this.judge(
      '8.3/loads-divisor',
      this.latches === 3,
      () => 'it sends before it has loaded both divisor latches',
    );
    this.judge('8.4/lsr-read-only', true, () => '');
  }
}
