import {
  GENERAL_REGISTERS,
  type GeneralRegisters,
  type Segment,
  type SystemRegisters,
} from '../vcpu-state.js';
import type { KvmDtable, KvmRegs, KvmSegment, KvmSregs } from './structs.js';

const TABLE_PADDING = [0, 0, 0];
const SEGMENTS = ['cs', 'ds', 'es', 'fs', 'gs', 'ss', 'tr', 'ldt'] as const;

export function generalFromKvm(regs: KvmRegs): GeneralRegisters {
  return Object.fromEntries(GENERAL_REGISTERS.map(name => [name, regs[name]])) as GeneralRegisters;
}

export function generalToKvm(registers: GeneralRegisters): KvmRegs {
  return { ...registers };
}

export function systemFromKvm(sregs: KvmSregs): SystemRegisters {
  const segments = Object.fromEntries(SEGMENTS.map(name => [name, segmentFromKvm(sregs[name])]));
  return {
    ...(segments as Record<(typeof SEGMENTS)[number], Segment>),
    gdt: { base: sregs.gdt.base, limit: sregs.gdt.limit },
    idt: { base: sregs.idt.base, limit: sregs.idt.limit },
    cr0: sregs.cr0,
    cr2: sregs.cr2,
    cr3: sregs.cr3,
    cr4: sregs.cr4,
    cr8: sregs.cr8,
    efer: sregs.efer,
    apicBase: sregs.apic_base,
  };
}

export function systemToKvm(system: SystemRegisters): KvmSregs {
  const segments = Object.fromEntries(SEGMENTS.map(name => [name, segmentToKvm(system[name])]));
  return {
    ...(segments as Record<(typeof SEGMENTS)[number], KvmSegment>),
    gdt: tableToKvm(system.gdt),
    idt: tableToKvm(system.idt),
    cr0: system.cr0,
    cr2: system.cr2,
    cr3: system.cr3,
    cr4: system.cr4,
    cr8: system.cr8,
    efer: system.efer,
    apic_base: system.apicBase,
    interrupt_bitmap: [0n, 0n, 0n, 0n],
  };
}

/** The attribute word is a descriptor's bytes 5 and 6, which KVM keeps apart. */
function segmentFromKvm(segment: KvmSegment): Segment {
  const { type, s, dpl, present, avl, l, db, g } = segment;
  return {
    selector: segment.selector,
    base: segment.base,
    limit: segment.limit,
    attributes:
      type | (s << 4) | (dpl << 5) | (present << 7) | (avl << 12) | (l << 13) | (db << 14) | (g << 15),
    unusable: segment.unusable !== 0,
  };
}

function segmentToKvm({ selector, base, limit, attributes, unusable }: Segment): KvmSegment {
  return {
    base,
    limit,
    selector,
    type: attributes & 0xf,
    s: (attributes >> 4) & 1,
    dpl: (attributes >> 5) & 3,
    present: (attributes >> 7) & 1,
    avl: (attributes >> 12) & 1,
    l: (attributes >> 13) & 1,
    db: (attributes >> 14) & 1,
    g: (attributes >> 15) & 1,
    unusable: unusable ? 1 : 0,
    padding: 0,
  };
}

function tableToKvm({ base, limit }: { base: bigint; limit: number }): KvmDtable {
  return { base, limit, padding: TABLE_PADDING };
}
