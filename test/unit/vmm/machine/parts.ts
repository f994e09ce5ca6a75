import { partsOf, type BoardParts } from '../../../../src/vmm/machine/machine-parts.js';

/** A PC, and a microvm, as they are without further options. */
export const PC: BoardParts = {
  ...partsOf({ type: 'pc' }, undefined),
  hpet: { width: 64, timers: 3, msi: true },
  mmioSlots: 0,
};
export const MICROVM: BoardParts = {
  ...partsOf({ type: 'microvm' }, undefined),
  hpet: undefined,
  mmioSlots: 0,
};
