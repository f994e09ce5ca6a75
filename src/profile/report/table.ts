import { formatBytes, formatNs, formatShare } from './format-time.js';
import type { CodeRow } from './code-rows.js';
import type { Phase } from './phases.js';
import type { RequestRow } from './requests.js';
import type { Row } from './rows.js';
import type { RowDifference } from './difference.js';
import type { TimeShares } from './shares.js';
import type { Profile } from '../format.js';
import { notesOf } from './page-data.js';
import { bucketStart } from '../histogram.js';

/** Longest bar of a histogram, in characters. */
const BAR = 40;

/** What was recorded and where its time went, in some lines. */
export function summaryText(profile: Profile, all: Row, shares: TimeShares): string {
  const { meta, end } = profile;
  const sum = shares.guest + shares.handlers + shares.machine + shares.idle + shares.profiler;
  const wall = shares.wall ?? sum;
  const share = (name: string, ns: number): string => `${name} ${formatNs(ns)} (${formatShare(ns, wall)})`;
  const signals = profile.totals.reduce(
    (count, totals, i) => (profile.points[i].site.reason === 'signal' ? count + totals.count : count),
    0,
  );
  const lines = [
    `${meta.kernel}: ${meta.accelerator}, ${meta.cpus} vCPU${meta.cpus === 1 ? '' : 's'}${end ? `, ended: ${end.reason}` : ''}`,
    `${all.count} exits${signals > 0 ? ` (${signals} of them by signals of the host)` : ''} in ${formatNs(wall)}: ${[
      share('guest', shares.guest),
      share('handlers', shares.handlers),
      share('machine', shares.machine),
      share('idle', shares.idle),
      share('profiler', shares.profiler),
    ].join(', ')}`,
    ...notesOf(profile).map(note => `note: ${note}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** Rows as columns of text. @param title what the rows are grouped by */
export function rowsText(rows: readonly Row[], all: Row, title: string): string {
  const header = [title, 'count', '%', 'time', '%', 'p50', 'p99', 'max', 'guest before'];
  const cells = rows.map(row => [
    shortened(row.key),
    String(row.count),
    formatShare(row.count, all.count),
    formatNs(row.hostNs),
    formatShare(row.hostNs, all.hostNs),
    formatNs(row.p50),
    formatNs(row.p99),
    formatNs(row.maxHostNs),
    formatNs(row.guestNs),
  ]);
  return columns([header, ...cells]);
}

/** How long single handlers took, a line a bucket. */
export function histogramText(row: Row): string {
  const buckets = [...row.histogram].sort(([a], [b]) => a - b);
  const most = Math.max(...buckets.map(([, count]) => count));
  const lines = buckets.map(([bucket, count]) => [
    formatNs(bucketStart(bucket)),
    String(count),
    '#'.repeat(Math.ceil((count / most) * BAR)),
  ]);
  return `${row.key}: p50 ${formatNs(row.p50)}, p99 ${formatNs(row.p99)}, max ${formatNs(row.maxHostNs)}\n${columns(lines, 2)}`;
}

/** Requests by device and kind. */
export function requestsText(rows: readonly RequestRow[]): string {
  const cells = rows.map(({ device, type, count, p50, p99, max, ns, bytes }) => [
    `${device} ${type}`,
    String(count),
    formatNs(p50),
    formatNs(p99),
    formatNs(max),
    formatNs(ns),
    formatBytes(bytes),
  ]);
  return columns([['requests', 'count', 'p50', 'p99', 'max', 'together', 'bytes'], ...cells]);
}

/** Guest code by function. @param all rows, shown or not; @param period instructions of each sample */
export function codeText(rows: readonly CodeRow[], all: readonly CodeRow[], period: number): string {
  const samples = all.reduce((sum, { self }) => sum + self, 0);
  const cells = rows.map(({ function: name, self, total }) => [
    shortened(name),
    String(self),
    formatShare(self, samples),
    formatShare(total, samples),
  ]);
  const text = columns([['guest code', 'samples', '%', 'with callees'], ...cells]);
  return `${samples} samples, one of each ${period} instructions\n${text}`;
}

/** What was counted, by name. */
export function countersText(counters: ReadonlyMap<string, number>): string {
  return columns([['counter', 'count'], ...Array.from(counters, ([name, count]) => [name, String(count)])]);
}

/** Milestones and the exits between them. */
export function phasesText(list: readonly Phase[]): string {
  if (list.length === 0) return 'no milestones were recorded\n';
  const cells = list.map(({ name, start, duration, exits, hostNs, top }) => [
    name,
    formatNs(start),
    formatNs(duration),
    String(exits),
    formatNs(hostNs),
    top.map(({ site, count }) => `${site} × ${count}`).join(', '),
  ]);
  return columns([['milestone', 'at', 'until the next', 'exits', 'handlers', 'most of them'], ...cells], 5);
}

/** What changed from one profile to another. */
export function differenceText(rows: readonly RowDifference[], title: string): string {
  const header = [title, 'change', 'count', '→', 'p50', '→', 'time', '→', 'difference'];
  const cells = rows.map(({ key, change, before, after, hostNs }) => [
    shortened(key),
    change,
    String(before?.count ?? 0),
    String(after?.count ?? 0),
    before ? formatNs(before.p50) : '-',
    after ? formatNs(after.p50) : '-',
    before ? formatNs(before.hostNs) : '-',
    after ? formatNs(after.hostNs) : '-',
    `${hostNs > 0 ? '+' : ''}${formatNs(hostNs)}`,
  ]);
  return columns([header, ...cells]);
}

/** Of names of C++ functions some are longer than any line; what they begin with tells them. */
const LONGEST_NAME = 72;

function shortened(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name;
}

/** Columns that are as wide as they need; the first and the one numbered `text` to the left, the others to the right. */
function columns(rows: readonly (readonly string[])[], text = 0): string {
  const widths = rows.reduce<number[]>(
    (most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, cell.length)),
    [],
  );
  const left = (i: number): boolean => i === 0 || i === text;
  return rows
    .map(row =>
      row
        .map((cell, i) => (left(i) ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
    .concat('\n');
}
