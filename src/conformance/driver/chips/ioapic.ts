import { hex } from '../../../errors.js';
import type { AccessSize } from '../../../vmm/device.js';
import type { ChipJudging, ChipRules } from './watched-chip.js';

/** Registers (82093AA, 3.1, whose sections are cited here). */
const R = { SELECT: 0x00, WINDOW: 0x10 } as const;
const REDIRECTION_TABLE = 0x10;
const VECTOR = 0xff;
const MODE_SHIFT = 8;
const LEVEL = 1 << 15;
const MASKED = 1 << 16;
const FIRST_VECTOR = 0x10;
const LAST_VECTOR = 0xfe;

/** Delivery modes (3.2.4). */
const Mode = { LOWEST: 1, SMI: 2, RESERVED_3: 3, NMI: 4, INIT: 5, RESERVED_6: 6, EXTINT: 7 } as const;
const EDGE_MODES: readonly number[] = [Mode.SMI, Mode.NMI, Mode.INIT, Mode.EXTINT];

/** Drivers of the I/O APIC. */
export class IoapicRules implements ChipRules {
  private selected = 0;

  constructor(private readonly judge: ChipJudging) {}

  reads(offset: number, size: AccessSize): void {
    this.judgeWidth(offset, size);
  }

  writes(offset: number, size: AccessSize, value: number): void {
    this.judgeWidth(offset, size);
    if (offset === R.SELECT) this.selected = value & 0xff;
    if (offset !== R.WINDOW || size !== 4) return;
    const { selected } = this;
    if (selected < REDIRECTION_TABLE || selected % 2 !== 0) return;
    this.judgeEntry((selected - REDIRECTION_TABLE) / 2, value);
  }

  private judgeWidth(offset: number, size: AccessSize): void {
    if (offset < R.WINDOW || offset >= R.WINDOW + 4) return;
    this.judge(
      '3.0/window-dword',
      size === 4 && offset === R.WINDOW,
      () => `an access of ${size} bytes at offset ${hex(offset)}`,
    );
  }

  private judgeEntry(pin: number, low: number): void {
    const { judge } = this;
    const mode = (low >> MODE_SHIFT) & 7;
    const vector = low & VECTOR;
    const what = (): string => `it writes ${hex(low)} to the entry of pin ${pin}`;
    judge('3.2.4/reserved-mode', mode !== Mode.RESERVED_3 && mode !== Mode.RESERVED_6, what);
    if (low & MASKED) return;
    if (EDGE_MODES.includes(mode)) judge('3.2.4/edge-mode', (low & LEVEL) === 0, what);
    if (mode === Mode.SMI) judge('3.2.4/smi-vector', vector === 0, what);
    if (mode <= Mode.LOWEST) {
      judge('3.2.4/vector-range', vector >= FIRST_VECTOR && vector <= LAST_VECTOR, what);
    }
  }
}
