import type { Profile } from '../format.js';
import { exitRows, type Grouping, type Row } from './rows.js';

export type Change = 'appeared' | 'vanished' | 'slower' | 'faster' | 'more' | 'fewer' | 'same';

/** What became of one row from one profile to another. */
export interface RowDifference {
  readonly key: string;
  readonly change: Change;
  readonly before: Row | undefined;
  readonly after: Row | undefined;
  /** How much more time its handlers took, in ns. */
  readonly hostNs: number;
}

/** A handler that takes longer by less than this share is as slow as before: single runs differ by some. */
const NOTICEABLE = 0.25;
/** Fewer exits than these say little about how long one takes. */
const ENOUGH = 20;

/** Which exits appeared, vanished, became slower, faster, more or fewer: those that matter most first. */
export function difference(before: Profile, after: Profile, by: Grouping): RowDifference[] {
  const old = new Map(exitRows(before, by, 'time').map(row => [row.key, row]));
  const now = new Map(exitRows(after, by, 'time').map(row => [row.key, row]));
  return [...new Set([...old.keys(), ...now.keys()])]
    .map(key => compare(key, old.get(key), now.get(key)))
    .sort((a, b) => Math.abs(b.hostNs) - Math.abs(a.hostNs) || (a.key < b.key ? -1 : 1));
}

function compare(key: string, before: Row | undefined, after: Row | undefined): RowDifference {
  const hostNs = (after?.hostNs ?? 0) - (before?.hostNs ?? 0);
  return { key, change: changeOf(before, after), before, after, hostNs };
}

/** The median of single exits tells slower from faster: a sum is moved by one that was interrupted. */
function changeOf(before: Row | undefined, after: Row | undefined): Change {
  if (!before) return 'appeared';
  if (!after) return 'vanished';
  if (Math.min(before.count, after.count) >= ENOUGH) {
    if (after.p50 > before.p50 * (1 + NOTICEABLE)) return 'slower';
    if (before.p50 > after.p50 * (1 + NOTICEABLE)) return 'faster';
  }
  if (after.count > before.count) return 'more';
  return after.count < before.count ? 'fewer' : 'same';
}
