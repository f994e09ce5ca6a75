import { hex } from '../../errors.js';
import type { VcpuFailure, Vm } from '../accelerator.js';
import type { GuestMemory } from '../memory/guest-memory.js';
import { readLinear } from '../memory/translate.js';
import type { RunEnd } from '../run-result.js';
import { GENERAL_REGISTERS, type VcpuState } from '../vcpu-state.js';

/** Bytes of code that a report shows: the longest instruction has 15. */
const CODE_BYTES = 16;

/** Adds where the vCPU was to what happened: registers, control registers and the code at RIP. */
export function describeFailure(end: RunEnd, vm: Vm, memory: GuestMemory): VcpuFailure {
  const state = vm.vcpus[end.vcpu ?? 0].getState();
  return {
    reason: end.failure?.reason ?? end.reason,
    details: { ...end.failure?.details, ...describeState(state, memory) },
  };
}

function describeState({ registers, system }: VcpuState, memory: GuestMemory): Record<string, string> {
  const { cr0, cr2, cr3, cr4, efer, cs, ss, gdt, idt } = system;
  const rip = BigInt.asUintN(64, cs.base + registers.rip);
  const code = readLinear(memory, system, rip, CODE_BYTES);
  return {
    ...Object.fromEntries(GENERAL_REGISTERS.map(name => [name, hex(registers[name])])),
    cs: `${hex(cs.selector)} base ${hex(cs.base)}`,
    ss: `${hex(ss.selector)} base ${hex(ss.base)}`,
    cr0: hex(cr0),
    cr2: hex(cr2),
    cr3: hex(cr3),
    cr4: hex(cr4),
    efer: hex(efer),
    gdt: `${hex(gdt.base)} limit ${hex(gdt.limit)}`,
    idt: `${hex(idt.base)} limit ${hex(idt.limit)}`,
    code: Array.from(code, byte => byte.toString(16).padStart(2, '0')).join(' '),
  };
}
