import { MMIO_HOLE_START } from '../vmm/memory/guest-memory.js';
import { MAX_VCPUS } from './core/layout.js';

/** The most that a machine on the software CPU can have. */
export const WASM_LIMITS = { cpus: MAX_VCPUS, memory: MMIO_HOLE_START } as const;
