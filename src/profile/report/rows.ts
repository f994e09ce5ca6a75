import { lookupAddress, type Point, type PointTotals, type Profile, type Totals } from '../format.js';
import { addHistogram, percentile } from '../histogram.js';
import { deviceName, functionName, isExit, registerName, siteName, sourceLine } from './names.js';

/** What the exits of one row have in common. */
export const GROUPINGS = [
  'reason',
  'device',
  'register',
  'site',
  'function',
  'line',
  'vcpu',
  'point',
] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** What rows are in the order of, the largest first. */
export const ORDERS = ['count', 'time', 'guest', 'max'] as const;
export type Order = (typeof ORDERS)[number];

/** All exits with one key. Times in ns. */
export interface Row extends Totals {
  readonly key: string;
  readonly maxHostNs: number;
  /** Of `hostNs` of single exits. */
  readonly p50: number;
  readonly p99: number;
  readonly histogram: ReadonlyMap<number, number>;
}

const COMPARE: Readonly<Record<Order, (row: Row) => number>> = {
  count: row => row.count,
  time: row => row.hostNs,
  guest: row => row.guestNs,
  max: row => row.maxHostNs,
};

/** The exits of a profile, grouped and in order; rows that are equal in it are in the order of their keys. */
export function exitRows(profile: Profile, by: Grouping, order: Order): Row[] {
  const groups = new Map<string, PointTotals[]>();
  profile.totals.forEach((totals, index) => {
    const point = profile.points[index];
    if (totals.count === 0 || !isExit(point.site.reason)) return;
    const key = keyOf(profile, point, by);
    const group = groups.get(key);
    if (group) group.push(totals);
    else groups.set(key, [totals]);
  });
  const measure = COMPARE[order];
  return [...groups]
    .map(([key, members]) => rowOf(key, members))
    .sort((a, b) => measure(b) - measure(a) || (a.key < b.key ? -1 : 1));
}

/** All exits as one row. */
export function allExits(profile: Profile): Row {
  return rowOf(
    'all',
    profile.totals.filter((_, index) => isExit(profile.points[index].site.reason)),
  );
}

function keyOf(profile: Profile, point: Point, by: Grouping): string {
  switch (by) {
    case 'reason':
      return point.site.reason;
    case 'device':
      return deviceName(point.site);
    case 'register':
      return registerName(point.site);
    case 'site':
      return siteName(point.site);
    case 'function':
      return functionName(profile, lookupAddress(point)) || '?';
    case 'line': {
      const address = lookupAddress(point);
      return sourceLine(profile.symbols.get(address)) || functionName(profile, address) || '?';
    }
    case 'vcpu':
      return `vCPU ${point.vcpu}`;
    case 'point':
      return `${siteName(point.site)} in ${functionName(profile, lookupAddress(point)) || '?'}`;
  }
}

function rowOf(key: string, members: readonly PointTotals[]): Row {
  const histogram = new Map<number, number>();
  let [count, guestNs, hostNs, maxHostNs] = [0, 0, 0, 0];
  for (const totals of members) {
    count += totals.count;
    guestNs += totals.guestNs;
    hostNs += totals.hostNs;
    maxHostNs = Math.max(maxHostNs, totals.maxHostNs);
    addHistogram(histogram, totals.histogram);
  }
  const [p50, p99] = [0.5, 0.99].map(quantile => Math.min(percentile(histogram, quantile), maxHostNs));
  return { key, count, guestNs, hostNs, maxHostNs, p50, p99, histogram };
}
