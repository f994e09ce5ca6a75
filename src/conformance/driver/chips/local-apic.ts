import { hex } from '../../../errors.js';
import type { AccessSize } from '../../../vmm/device.js';
import type { ChipJudging, ChipRules } from './watched-chip.js';

/** Registers by their offsets in the xAPIC page (Intel SDM volume 3, table 11-1, whose sections are cited here). */
const R = {
  EOI: 0x0b0,
  ICR_LOW: 0x300,
  LVT_TIMER: 0x320,
  LVT_ERROR: 0x370,
  TIMER_CURRENT: 0x390,
  SELF_IPI: 0x3f0,
} as const;
const MASKED = 1 << 16;
const FIRST_VECTOR = 16;
const MAX_FIXED_MODE = 1;

/** What the rules want to know of the APIC of the vCPU that is in the access. */
export interface LocalApicState {
  /** An interrupt is in service. */
  inService(): boolean;
  /** There is such a register. */
  exists(offset: number): boolean;
}

/** Drivers of local APICs. */
export class LocalApicRules implements ChipRules {
  constructor(
    private readonly judge: ChipJudging,
    private readonly apic: LocalApicState,
  ) {}

  isPolled(offset: number): boolean {
    return offset === R.TIMER_CURRENT;
  }

  reads(offset: number): void {
    this.judgeOffset(offset);
  }

  writes(offset: number, _size: AccessSize, value: number): void {
    this.judgeOffset(offset);
    const { judge, apic } = this;
    const what = (): string => `it writes ${hex(value)} to the register at ${hex(offset)}`;
    const isLegal = (value & 0xff) >= FIRST_VECTOR;
    const mode = (value >> 8) & 7;
    if (offset === R.EOI) {
      judge('11.8.5/in-service', apic.inService(), () => 'it ends an interrupt, and none is in service');
    } else if (offset === R.SELF_IPI || (offset === R.ICR_LOW && mode <= MAX_FIXED_MODE)) {
      judge('11.5.2/vector', isLegal, what);
    } else if (offset >= R.LVT_TIMER && offset <= R.LVT_ERROR && !(value & MASKED)) {
      // The timer's entry and the one for errors have no delivery mode.
      const isFixed = offset === R.LVT_TIMER || offset === R.LVT_ERROR || mode === 0;
      if (isFixed) judge('11.5.2/vector', isLegal, what);
    }
  }

  private judgeOffset(offset: number): void {
    const { judge, apic } = this;
    const what = (): string => `an access at offset ${hex(offset)}`;
    judge('11.4.1/aligned', offset % 16 === 0, what);
    if (offset % 16 === 0) judge('11.5.3/reserved', apic.exists(offset), what);
  }
}

const NAMES: Readonly<Record<number, string>> = {
  0x020: 'ID',
  0x030: 'version',
  0x080: 'TPR',
  0x0a0: 'PPR',
  0x0b0: 'EOI',
  0x0d0: 'LDR',
  0x0e0: 'DFR',
  0x0f0: 'SVR',
  0x280: 'ESR',
  0x300: 'ICR[31:0]',
  0x310: 'ICR[63:32]',
  0x320: 'LVT timer',
  0x330: 'LVT thermal sensor',
  0x340: 'LVT performance counters',
  0x350: 'LVT LINT0',
  0x360: 'LVT LINT1',
  0x370: 'LVT error',
  0x380: 'initial count',
  0x390: 'current count',
  0x3e0: 'divide configuration',
  0x3f0: 'self IPI',
};

/** The register at `offset` as the SDM calls it. */
export function registerName(offset: number): string {
  return NAMES[offset] ?? `register ${hex(offset)}`;
}
