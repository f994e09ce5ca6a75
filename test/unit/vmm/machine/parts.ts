import { partsOf, type BoardParts } from '../../../../src/vmm/machine/machine-parts.js';

/** A PC, and a microvm, as they are without further options. */
export const PC: BoardParts = { ...partsOf({ type: 'pc' }, undefined), mmioSlots: 0 };
export const MICROVM: BoardParts = { ...partsOf({ type: 'microvm' }, undefined), mmioSlots: 0 };
