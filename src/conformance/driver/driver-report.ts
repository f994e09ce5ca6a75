import { DeviceId } from '../../devices/virtio/device-type.js';
import type { Clause } from '../clauses/clause.js';
import { DRIVER_CLAUSES } from '../clauses/driver-clauses.js';
import type { ClauseResult, ConformanceReport, RunReport, Violation, WatchedPart } from '../report/report.js';
import type { RunResult } from '../../vmm/run-result.js';
import type { DriverFindings, WatchedSummary } from './driver-watch.js';
import { endsWell, endText } from './run-end.js';
import { variantOf } from './variants/index.js';
import { isVariant, PLAIN } from './variants/names.js';

/** One run with what was found in it. */
export interface DriverRun {
  readonly run: RunReport;
  readonly findings: DriverFindings;
  /** Clauses that this run's variant provokes: they are kept when the run ends well. */
  readonly provokes: readonly string[];
  /** What a driver that drives plain devices makes of this variant: drives it too, may refuse it, or may lose it. */
  readonly expects: 'driven' | 'refused' | 'lost';
  /** The variant takes an occasion, of which each device tells whether it had one. */
  readonly late: boolean;
}

/**
 * What became of a run.
 * @param said the output came that was awaited, if any was
 */
export function driverRun(
  name: string,
  result: Pick<RunResult, 'reason' | 'code'>,
  said: boolean,
  findings: DriverFindings,
): DriverRun {
  const variant = variantOf(name);
  const { provokes = [], hopeless = false, absent = false, late = false, required } = variant;
  const isIdle = late && !findings.devices.some(({ acted }) => acted);
  const isRefused = required !== undefined && !findings.devices.some(({ driven }) => driven);
  const judgedBy = isRefused ? { ...variant, absent: true } : variant;
  return {
    run: {
      name,
      end: endText(result),
      ok: endsWell(judgedBy, result, said),
      ...(isIdle && { note: 'no device had an occasion for it' }),
    },
    findings,
    late,
    provokes: provokes.map(id => `virtio/${id}`),
    expects: required !== undefined ? 'refused' : hopeless || absent ? 'lost' : 'driven',
  };
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

/** Chips, by what the ids of their clauses begin with. */
const CHIPS: Readonly<Record<string, string>> = {
  '16550': 'a serial port',
  hpet: 'high precision event timers',
  ioapic: 'an I/O APIC',
  lapic: 'local APICs that can be watched (the software CPU’s can)',
  acpi: 'ACPI’s fixed hardware',
};

/** Violations of one clause that a report shows. */
const MAX_SHOWN = 8;

/** Everything that was found in all runs, as one report. */
export function driverReport(
  about: Pick<ConformanceReport, 'subject' | 'version'>,
  runs: readonly DriverRun[],
): ConformanceReport {
  return {
    ...about,
    party: 'driver',
    runs: runs.map(({ run }) => run),
    results: DRIVER_CLAUSES.map(clause => judge(clause, runs)),
    watched: watchedParts(runs),
  };
}

/** Every device and chip of the runs, each once. */
function watchedParts(runs: readonly DriverRun[]): readonly WatchedPart[] {
  const driven = new Map<string, boolean>();
  for (const part of runs.flatMap(({ findings }) => [...findings.devices, ...findings.chips])) {
    driven.set(part.name, part.driven || driven.get(part.name) === true);
  }
  return Array.from(driven, ([name, isDriven]) => ({ name, driven: isDriven }));
}

function judge(clause: Clause, runs: readonly DriverRun[]): ClauseResult {
  const violations: Violation[] = [];
  let checks = 0;
  for (const driverRun of runs) {
    const { run, findings } = driverRun;
    const found = findings.clauses.find(({ id }) => id === clause.id);
    checks += found?.checks ?? 0;
    for (const violation of found?.violations ?? [])
      addViolation(violations, { ...violation, run: run.name });
    const provoked = provocation(clause, driverRun, runs);
    if (provoked === 'no') continue;
    checks++;
    if (provoked !== 'kept') addViolation(violations, provoked);
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
    ...(means.how === 'provoked' && {
      why: provocationWanted(means.by, runs),
    }),
  };
}

/** What it would take to provoke a clause, or that it was tried. @param by as clauses have it */
function provocationWanted(by: string, runs: readonly DriverRun[]): string {
  if (runs.some(({ run }) => run.name === by)) return `the run ${by} has not provoked it`;
  return `to be provoked by ${isVariant(by) ? `--variant ${by}` : by}`;
}

/** The same at the same place is one, in whichever runs it was seen. */
function addViolation(violations: Violation[], violation: Violation): void {
  const { device, queue, what, place } = violation;
  const at = violations.findIndex(
    other =>
      other.device === device &&
      other.queue === queue &&
      other.what === what &&
      other.place?.rip === place?.rip,
  );
  if (at < 0) violations.push(violation);
  else violations[at] = { ...violations[at], count: violations[at].count + violation.count };
}

/** What a run says of a clause that its variant provokes: nothing, when it had nothing that the clause is about. */
function provocation(
  clause: Clause,
  { run, findings, provokes, expects, late }: DriverRun,
  runs: readonly DriverRun[],
): 'no' | 'kept' | Violation {
  const devices = concerned(clause, findings.devices).filter(({ acted }) => acted || !late);
  if (!provokes.includes(clause.id) || devices.length === 0) return 'no';
  const isDriven = devices.some(({ driven }) => driven);
  if (expects === 'refused' && !isDriven) return 'no';
  if (!run.ok) return didNotSurvive(run, findings);
  if (isDriven) return 'kept';
  const plain = runs.find(other => other.run.name === PLAIN)?.findings.devices ?? [];
  const lost = devices.find(({ name }) => plain.some(device => device.name === name && device.driven));
  if (!lost || expects !== 'driven') return 'no';
  return {
    device: lost.name,
    what: 'no driver takes it, as one does in the plain run',
    count: 1,
    run: run.name,
  };
}

/** The devices that the clause is about. */
function concerned({ section }: Clause, devices: readonly WatchedSummary[]): readonly WatchedSummary[] {
  const need = NEEDS.find(([prefix]) => section.startsWith(`${prefix}.`));
  return need ? devices.filter(need[2]) : devices;
}

/** The machine had no device that the clause is about, or no driver for it. */
function missing(clause: Clause, runs: readonly DriverRun[]): string | undefined {
  const [specification] = clause.id.split('/');
  if (specification in CHIPS) {
    const chips = runs
      .flatMap(({ findings }) => findings.chips)
      .filter(chip => chip.specification === specification);
    if (chips.length === 0) return `without ${CHIPS[specification]}`;
    return chips.some(({ driven }) => driven) ? undefined : `no driver for ${CHIPS[specification]}`;
  }
  const candidates = runs.flatMap(({ findings }) => concerned(clause, findings.devices));
  const what = NEEDS.find(([prefix]) => clause.section.startsWith(`${prefix}.`))?.[1] ?? 'a virtio device';
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
