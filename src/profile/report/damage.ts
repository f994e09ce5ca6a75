import type { Damage } from '../format.js';

/** What is wrong with a recording, as the end of a sentence about it. */
export function damageText({ kind, at, size }: Damage): string {
  if (kind === 'cut off' && at === size) return `was cut off: it has no end. What is there is shown`;
  const where = `at byte ${at} of ${size}: only what is before that is shown`;
  return kind === 'cut off'
    ? `was cut off, and its last piece is not whole, ${where}`
    : `is damaged ${where}`;
}
