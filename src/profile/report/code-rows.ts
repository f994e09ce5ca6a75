import type { Profile } from '../format.js';
import { functionName } from './names.js';
import { sampledStacks } from './weighted-stacks.js';

/** A function of the guest, by samples of its code. */
export interface CodeRow {
  readonly function: string;
  /** In its own code. */
  readonly self: number;
  /** There, or in what it called. */
  readonly total: number;
}

/** Guest code by function, that with most samples of its own first. */
export function codeRows(profile: Profile): CodeRow[] {
  const rows = new Map<string, { self: number; total: number }>();
  const rowOf = (name: string): { self: number; total: number } => {
    let row = rows.get(name);
    if (!row) rows.set(name, (row = { self: 0, total: 0 }));
    return row;
  };
  for (const { frames, count } of sampledStacks(profile)) {
    const names = frames.map(address => functionName(profile, address) || '?');
    // A function that calls itself has the sample once.
    for (const name of new Set(names)) rowOf(name).total += count;
    const innermost = names.at(-1);
    if (innermost !== undefined) rowOf(innermost).self += count;
  }
  return Array.from(rows, ([name, row]) => ({ function: name, ...row })).sort(
    (a, b) => b.self - a.self || b.total - a.total || (a.function < b.function ? -1 : 1),
  );
}
