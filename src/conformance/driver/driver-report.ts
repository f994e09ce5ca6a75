import { DeviceId } from '../../devices/virtio/device-type.js';
import type { Clause } from '../clauses/clause.js';
import { VIRTIO_CLAUSES } from '../clauses/virtio/index.js';
import type { ClauseResult, ConformanceReport, RunReport, Violation } from '../report/report.js';
import type { DriverFindings, WatchedSummary } from './driver-watch.js';

/** One run with what was found in it. */
export interface DriverRun {
  readonly run: RunReport;
  readonly findings: DriverFindings;
  /** Clauses that this run's variant provokes: they are kept when the run ends well. */
  readonly provokes: readonly string[];
}

/** Sections that are about one kind of device, or of transport. */
const NEEDS: readonly (readonly [section: string, what: string, has: (device: WatchedSummary) => boolean])[] =
  [
    ['4.1', 'a PCI device', ({ transport }) => transport === 'pci'],
    ['4.2', 'an MMIO device', ({ transport }) => transport === 'mmio'],
    ['5.1', 'a network device', ({ type }) => type === DeviceId.NET],
    ['5.2', 'a block device', ({ type }) => type === DeviceId.BLOCK],
    ['5.3', 'a console device', ({ type }) => type === DeviceId.CONSOLE],
    ['5.4', 'an entropy device', ({ type }) => type === DeviceId.ENTROPY],
  ];

/** Violations of one clause that a report shows. */
const MAX_SHOWN = 8;

/** Everything that was found in all runs, as one report. */
export function driverReport(
  about: Pick<ConformanceReport, 'subject' | 'version'>,
  runs: readonly DriverRun[],
): ConformanceReport {
  const clauses = VIRTIO_CLAUSES.filter(({ party }) => party === 'driver');
  return {
    ...about,
    party: 'driver',
    runs: runs.map(({ run }) => run),
    results: clauses.map(clause => judge(clause, runs)),
  };
}

function judge(clause: Clause, runs: readonly DriverRun[]): ClauseResult {
  const violations: Violation[] = [];
  let checks = 0;
  for (const { run, findings, provokes } of runs) {
    const found = findings.clauses.find(({ id }) => id === clause.id);
    checks += found?.checks ?? 0;
    for (const violation of found?.violations ?? []) violations.push({ ...violation, run: run.name });
    if (!provokes.includes(clause.id)) continue;
    checks++;
    if (!run.ok) violations.push(didNotSurvive(run, findings));
  }
  const common = { clause, checks, violations: violations.slice(0, MAX_SHOWN) };
  if (violations.length > 0) return { ...common, verdict: 'FAIL' };
  if (checks > 0) return { ...common, verdict: 'PASS' };
  const absent = missing(clause, runs);
  if (absent !== undefined) return { ...common, verdict: 'NOT APPLICABLE', why: absent };
  const { means } = clause;
  if (means.how === 'not observable') {
    return { ...common, verdict: 'NOT APPLICABLE', why: `not observable: ${means.why}` };
  }
  return {
    ...common,
    verdict: 'NOT EXERCISED',
    ...(means.how === 'provoked' && { why: `to be provoked by: ${means.by}` }),
  };
}

/** The machine had no device that the clause is about, or no driver for it. */
function missing({ section }: Clause, runs: readonly DriverRun[]): string | undefined {
  const need = NEEDS.find(([prefix]) => section.startsWith(`${prefix}.`));
  const devices = runs.flatMap(({ findings }) => findings.devices);
  const candidates = need ? devices.filter(need[2]) : devices;
  const what = need?.[1] ?? 'a virtio device';
  if (candidates.length === 0) return `without ${what}`;
  return candidates.some(({ driven }) => driven) ? undefined : `no driver for ${what}`;
}

function didNotSurvive({ name, end }: RunReport, { devices }: DriverFindings): Violation {
  const driven = devices.filter(device => device.driven);
  const names = (driven.length > 0 ? driven : devices).map(device => device.name);
  return {
    device: names.join(', ') || 'the machine',
    what: `the run ends with: ${end}`,
    count: 1,
    run: name,
  };
}
