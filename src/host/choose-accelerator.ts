import { WASM_LIMITS } from '../cpu/limits.js';
import type { AcceleratorChoice } from '../vmm/machine/host.js';
import type { KvmReport } from './inspect-host.js';

/** What of a machine decides who can run it. */
export interface MachineSize {
  readonly cpus: number;
  readonly memoryBytes: number;
}

/**
 * What `auto` takes: KVM where the processor executes guest code itself, otherwise the software CPU, which is faster than
 * any emulation behind KVM's interface; such a KVM has to do for machines that the software CPU is too small for.
 */
export function chooseAccelerator(kvm: KvmReport, machine?: MachineSize): AcceleratorChoice {
  if (!kvm.usable) return { name: 'wasm', why: kvm.why };
  const { hardware, instructionsPerSecond } = kvm.speed;
  const speed = `${formatMillions(instructionsPerSecond)} million guest instructions a second`;
  if (hardware) return { name: 'kvm', why: `the processor executes guest code itself, ${speed}` };
  const why = `KVM has no hardware virtualization under it here and emulates, ${speed}`;
  if (machine && !fitsSoftwareCpu(machine)) {
    return { name: 'kvm', why: `the machine is too large for the software CPU, although ${why}` };
  }
  return { name: 'wasm', why };
}

/** A number of millions with two significant digits: `1.4`, `2800`. */
export function formatMillions(value: number): string {
  return String(Number((value / 1e6).toPrecision(2)));
}

function fitsSoftwareCpu({ cpus, memoryBytes }: MachineSize): boolean {
  return cpus <= WASM_LIMITS.cpus && memoryBytes <= WASM_LIMITS.memory;
}
