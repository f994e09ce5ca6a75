import { hex } from '../../../errors.js';
import type { AccessSize } from '../../../vmm/device.js';
import type { ChipJudging, ChipRules } from './watched-chip.js';

/** Registers, from the PM1a event block on (ACPI 6.5, 4.8.3, whose sections are cited here). */
const R = { STATUS: 0, ENABLE: 2, CONTROL: 4, TIMER: 8 } as const;
/** Bits 1 to 3, 6, 7, 12 and 13 (4.8.3.1.1). */
const STATUS_RESERVED = 0x30ce;
/** Bits 1 to 4, 6, 7, 11 to 13 and 15 (4.8.3.1.2). */
const ENABLE_RESERVED = 0xb8de;
/** Bits 3 to 8, 14 and 15 (4.8.3.2.1). */
const CONTROL_RESERVED = 0xc1f8;
const SCI_EN = 1;

/** What is written to the registers that one access covers: each by its offset, cut to 16 bits. */
function* words(offset: number, size: AccessSize, value: number): Generator<readonly [number, number]> {
  if (size === 1) yield [offset & ~1, offset % 2 === 0 ? value : value << 8];
  else yield [offset, value & 0xffff];
  if (size === 4) yield [offset + 2, value >>> 16];
}

/** Operating systems and ACPI's fixed hardware. */
export class AcpiPmRules implements ChipRules {
  constructor(private readonly judge: ChipJudging) {}

  isPolled(offset: number): boolean {
    return offset >= R.TIMER;
  }

  writes(offset: number, size: AccessSize, value: number): void {
    for (const [register, word] of words(offset, size, value)) {
      const what = (): string => `it writes ${hex(value)} to offset ${hex(offset)}`;
      if (register === R.STATUS) this.judge('4.6.1/event-reserved', (word & STATUS_RESERVED) === 0, what);
      if (register === R.ENABLE) this.judge('4.6.1/event-reserved', (word & ENABLE_RESERVED) === 0, what);
      if (register !== R.CONTROL) continue;
      this.judge('4.6.1/control-reserved', (word & CONTROL_RESERVED) === 0, what);
      const coversLow = offset === R.CONTROL;
      if (coversLow) this.judge('4.8.3.2.1/sci-en', (word & SCI_EN) !== 0, what);
    }
  }
}
