import type { Profile } from '../format.js';
import { codeRows } from './code-rows.js';
import { phases } from './phases.js';
import { requestRows } from './requests.js';
import { exitRows, type Grouping, type Order, type Row } from './rows.js';
import { timeShares } from './shares.js';

/** A profile for other programs: `tsvmm report --json`. Times in ns. */
export function jsonReport(profile: Profile, by: readonly Grouping[], order: Order): unknown {
  return {
    meta: profile.meta,
    end: profile.end ?? null,
    damage: profile.damage ?? null,
    shares: timeShares(profile),
    exits: Object.fromEntries(
      by.map(grouping => [grouping, exitRows(profile, grouping, order).map(plainRow)]),
    ),
    requests: requestRows(profile),
    code: codeRows(profile),
    phases: phases(profile),
    counters: Object.fromEntries(profile.counters),
  };
}

function plainRow({ histogram, ...row }: Row): unknown {
  return { ...row, histogram: Object.fromEntries(histogram) };
}
