import { COMPLETIONS } from './completions.js';
import { FEATURES, pairwise } from './features.js';
import { FRAMES } from './frames.js';
import { INTERRUPTS } from './interrupts.js';
import { isVariant, type VariantName } from './names.js';
import { REGISTERS } from './registers.js';
import { SHAPES } from './shapes.js';
import type { Variant } from './variant.js';

export const VARIANTS: Readonly<Record<VariantName, Variant>> = {
  ...FEATURES,
  ...SHAPES,
  ...COMPLETIONS,
  ...INTERRUPTS,
  ...REGISTERS,
  ...FRAMES,
  'features-0': pairwise(0),
  'features-1': pairwise(1),
  'features-2': pairwise(2),
  'features-3': pairwise(3),
  'features-4': pairwise(4),
  'features-5': pairwise(5),
  'features-6': pairwise(6),
  'features-7': pairwise(7),
  'features-8': pairwise(8),
  'features-9': pairwise(9),
};

/** The variant of this name; of `plain`, devices as usual. */
export function variantOf(name: string): Variant {
  return isVariant(name) ? VARIANTS[name] : { what: 'devices as usual' };
}
