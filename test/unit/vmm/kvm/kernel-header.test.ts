import type { Layout, Structure } from 'buffer-layout';
import { describe, expect, it, test } from 'vitest';
import * as constants from '../../../../src/vmm/kvm/constants.js';
import * as structs from '../../../../src/vmm/kvm/structs.js';
import { evaluateInC, NO_KVM_HEADERS } from './c-program.js';

/** The oracle is the machine's own <linux/kvm.h>, as its C compiler reads it. */

type AnyStructure = Structure<object>;

const UNION_SIZE = 'sizeof(((struct kvm_run *)0)->padding)';
const SYNC_SIZE = 'sizeof(((struct kvm_run *)0)->s)';

/** What each layout is called in C: a structure, or a member of the union in kvm_run. */
const STRUCTURES: Readonly<Record<keyof LayoutsOf<typeof structs>, string>> = {
  kvmRegs: 'struct kvm_regs',
  kvmSegment: 'struct kvm_segment',
  kvmDtable: 'struct kvm_dtable',
  kvmSregs: 'struct kvm_sregs',
  kvmVcpuEvents: 'struct kvm_vcpu_events',
  kvmSyncRegs: 'struct kvm_sync_regs',
  kvmRun: 'struct kvm_run',
  kvmUserspaceMemoryRegion: 'struct kvm_userspace_memory_region',
  kvmCpuidEntry: 'struct kvm_cpuid_entry2',
  kvmCpuidHeader: 'struct kvm_cpuid2',
  kvmMsrEntry: 'struct kvm_msr_entry',
  kvmMsrsHeader: 'struct kvm_msrs',
  kvmIrqRoutingMsi: 'struct kvm_irq_routing_entry',
  kvmIrqRoutingHeader: 'struct kvm_irq_routing',
  kvmMsi: 'struct kvm_msi',
  kvmInterrupt: 'struct kvm_interrupt',
  kvmMpState: 'struct kvm_mp_state',
  kvmLapicState: 'struct kvm_lapic_state',
  kvmXsave: 'struct kvm_xsave',
  kvmXcr: 'struct kvm_xcr',
  kvmXcrs: 'struct kvm_xcrs',
  kvmEnableCap: 'struct kvm_enable_cap',
  exitIo: 'io',
  exitMmio: 'mmio',
  exitEoi: 'eoi',
  exitFailEntry: 'fail_entry',
  exitInternal: 'internal',
  exitEmulation: 'emulation_failure',
  exitMsr: 'msr',
  exitSystemEvent: 'system_event',
  exitUnknown: 'hw',
  exitHypercall: 'hypercall',
};

type LayoutsOf<Module> = {
  [Name in keyof Module as Module[Name] extends Layout<unknown> ? Name : never]: Module[Name];
};

/** Fields that C has under another name, or inside a union. */
const MEMBERS: Readonly<Record<string, string>> = {
  'kvmRun.exit': 'hw',
  'kvmIrqRoutingMsi.address_lo': 'u.msi.address_lo',
  'kvmIrqRoutingMsi.address_hi': 'u.msi.address_hi',
  'kvmIrqRoutingMsi.data': 'u.msi.data',
  'kvmIrqRoutingMsi.devid': 'u.msi.devid',
  'kvmIrqRoutingMsi.union_pad': 'u.pad[4]',
  'kvmVcpuEvents.exception_injected': 'exception.injected',
  'kvmVcpuEvents.exception_nr': 'exception.nr',
  'kvmVcpuEvents.exception_has_error_code': 'exception.has_error_code',
  'kvmVcpuEvents.exception_pending': 'exception.pending',
  'kvmVcpuEvents.exception_error_code': 'exception.error_code',
  'kvmVcpuEvents.interrupt_injected': 'interrupt.injected',
  'kvmVcpuEvents.interrupt_nr': 'interrupt.nr',
  'kvmVcpuEvents.interrupt_soft': 'interrupt.soft',
  'kvmVcpuEvents.interrupt_shadow': 'interrupt.shadow',
  'kvmVcpuEvents.nmi_injected': 'nmi.injected',
  'kvmVcpuEvents.nmi_pending': 'nmi.pending',
  'kvmVcpuEvents.nmi_masked': 'nmi.masked',
  'kvmVcpuEvents.nmi_pad': 'nmi.pad',
  'kvmVcpuEvents.smi_smm': 'smi.smm',
  'kvmVcpuEvents.smi_pending': 'smi.pending',
  'kvmVcpuEvents.smi_smm_inside_nmi': 'smi.smm_inside_nmi',
  'kvmVcpuEvents.smi_latched_init': 'smi.latched_init',
  'kvmVcpuEvents.triple_fault_pending': 'triple_fault.pending',
};

/** Members of kvm_run's union are larger in C than what tsvmm reads of some of them. */
const isExit = (name: string): boolean => name.startsWith('exit');

function layout(name: string): AnyStructure {
  return structs[name as keyof typeof STRUCTURES];
}

/** C for where a field starts, from the start of its structure. */
function offsetExpression(name: keyof typeof STRUCTURES, field: string): string {
  const c = STRUCTURES[name];
  const member = MEMBERS[`${name}.${field}`] ?? field;
  if (!isExit(name)) return `offsetof(${c}, ${member})`;
  return `offsetof(struct kvm_run, ${c}.${member}) - offsetof(struct kvm_run, ${c})`;
}

const NAMES = Object.keys(STRUCTURES) as (keyof typeof STRUCTURES)[];

/** The named fields of a layout. */
function fieldsOf(name: keyof typeof STRUCTURES): string[] {
  return layout(name).fields.flatMap(({ property }) => (property === undefined ? [] : [property]));
}

/** The members of an enumeration of ours, under their names in C. */
function enumeration(prefix: string, members: Readonly<Record<string, string | number>>): Numbers {
  const named = Object.entries(members).filter(([, value]) => typeof value === 'number');
  return Object.fromEntries(named.map(([name, value]) => [prefix + name, value as number]));
}

type Numbers = Readonly<Record<string, number>>;

const NUMBERS: Readonly<Record<string, Numbers>> = {
  'requests and flags': enumeration('', constants as unknown as Numbers),
  'exit reasons': enumeration('KVM_EXIT_', constants.KvmExit),
  capabilities: enumeration('KVM_CAP_', constants.KvmCap),
  'internal errors': enumeration('KVM_INTERNAL_ERROR_', constants.KvmInternalError),
};

/** Numbers that the headers of Linux 6.1 do not have yet. */
const NEW = ['KVM_EXIT_MEMORY_FAULT'];

/** errno values are in another header, and the same everywhere on x86. */
const isOfKvm = (name: string): boolean => name.startsWith('KVM_');

if (NO_KVM_HEADERS === undefined) {
  describe('<linux/kvm.h> and tsvmm agree on', () => {
    const sized = NAMES.filter(name => !isExit(name));
    const values = evaluateInC([
      ...sized.map(name => `sizeof(${STRUCTURES[name]})`),
      ...NAMES.flatMap(name => fieldsOf(name).map(field => offsetExpression(name, field))),
      ...Object.values(NUMBERS).flatMap(numbers => Object.keys(numbers).filter(isOfKvm)),
      UNION_SIZE,
      SYNC_SIZE,
    ]);

    it.each(sized)('the size of %s', name => {
      expect(BigInt(layout(name).span)).toBe(values.get(`sizeof(${STRUCTURES[name]})`));
    });

    it.each(NAMES)('the place of each field of %s', name => {
      const fields = fieldsOf(name);
      const ours = fields.map(field => [field, BigInt(layout(name).offsetOf(field)!)]);
      expect(ours).toEqual(fields.map(field => [field, values.get(offsetExpression(name, field))]));
    });

    it('the sizes of what has no layout of its own in kvm_run', () => {
      expect(BigInt(structs.kvmRun.layoutFor('exit')!.span)).toBe(values.get(UNION_SIZE));
      expect(BigInt(structs.kvmRun.layoutFor('s')!.span)).toBe(values.get(SYNC_SIZE));
    });

    it.each(Object.entries(NUMBERS))('%s', (_, numbers) => {
      const ours = Object.entries(numbers).filter(([name]) => isOfKvm(name));
      const known = ours.filter(([name]) => values.has(name) || !NEW.includes(name));
      expect(known.length).toBeGreaterThan(0);
      expect(known.map(([name, value]) => [name, BigInt(value)])).toEqual(
        known.map(([name]) => [name, values.get(name)]),
      );
    });
  });
} else {
  test('<linux/kvm.h> and tsvmm agree', ({ skip }) => skip(NO_KVM_HEADERS));
}

describe('the list of structures', () => {
  it('has every layout that tsvmm defines', () => {
    const exported = Object.entries(structs)
      .filter(([, value]) => typeof value === 'object' && 'span' in value)
      .map(([name]) => name);
    expect(exported.sort()).toEqual([...NAMES].sort());
  });
});
