import { AcceleratorError, ConfigError } from '../errors.js';
import type { Accelerator, VmOptions } from '../vmm/accelerator.js';
import { prepareCore } from './core-exports.js';
import { RAM } from './core/layout.js';
import { WASM_LIMITS } from './limits.js';
import { WasmVm } from './wasm-vm.js';

/** Bytes that this accelerator needs in front of guest RAM: `GuestMemory.allocate(size, CORE_RESERVE)`. */
export const CORE_RESERVE = RAM;

/** A software x86-64 CPU: a core compiled to WebAssembly that decodes guest code into cached blocks. */
export class WasmAccelerator implements Accelerator {
  readonly name = 'wasm';

  /** Compiles the core ahead: the thread's first machine would wait for it. */
  static prepare(): void {
    prepareCore();
  }

  /** @throws ConfigError for more RAM or vCPUs than the core can have */
  createVm(options: VmOptions): WasmVm {
    const { memory, cpus } = options;
    if (memory.segments.length > 1) {
      throw new ConfigError('the software CPU has at most 3 GiB of memory', { size: memory.size });
    }
    if (memory.segments[0].offset !== CORE_RESERVE) {
      throw new AcceleratorError('the guest memory has no room for the software CPU', {
        reserve: CORE_RESERVE,
      });
    }
    if (!Number.isInteger(cpus) || cpus < 1 || cpus > WASM_LIMITS.cpus) {
      throw new ConfigError(
        `cpus must be between 1 and ${WASM_LIMITS.cpus} on the software CPU, not ${cpus}`,
        { cpus },
      );
    }
    return new WasmVm(options);
  }
}
