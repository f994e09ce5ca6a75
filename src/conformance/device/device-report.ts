import type { Clause } from '../clauses/clause.js';
import { PC_CLAUSES } from '../clauses/pc/index.js';
import { VIRTIO_CLAUSES } from '../clauses/virtio/index.js';
import type { ClauseResult, ConformanceReport, RunReport, Violation } from '../report/report.js';
import type { ProgramFindings } from './findings.js';

/** Everything that is asked of devices. */
export const DEVICE_CLAUSES: readonly Clause[] = [...VIRTIO_CLAUSES, ...PC_CLAUSES].filter(
  ({ party }) => party === 'device',
);

/** One run of a guest program with what it has found. */
export interface DeviceRun {
  readonly run: RunReport;
  readonly findings: ProgramFindings;
}

/** What all programs together have found, as one report. */
export function deviceReport(
  about: Pick<ConformanceReport, 'subject' | 'version'>,
  runs: readonly DeviceRun[],
): ConformanceReport {
  return {
    ...about,
    party: 'device',
    runs: runs.map(({ run }) => run),
    results: DEVICE_CLAUSES.map(clause => judge(clause, runs)),
  };
}

function judge(clause: Clause, runs: readonly DeviceRun[]): ClauseResult {
  const violations: Violation[] = [];
  let checks = 0;
  let skipped: string | undefined;
  for (const { run, findings } of runs) {
    const found = findings.clauses.get(clause.id);
    if (!found) continue;
    checks += found.checks;
    skipped ??= found.skipped;
    if (found.failures.length === 0) continue;
    const what = `there was ${[...new Set(found.failures)].filter(Boolean).join(', ') || 'something else'}`;
    violations.push({ device: run.name, run: run.name, what, count: found.failures.length });
  }
  const common = { clause, checks, violations };
  if (violations.length > 0) return { ...common, verdict: 'FAIL' };
  if (checks > 0) return { ...common, verdict: 'PASS' };
  if (clause.means.how === 'not observable') {
    return { ...common, verdict: 'NOT APPLICABLE', why: `not observable: ${clause.means.why}` };
  }
  return skipped === undefined
    ? { ...common, verdict: 'NOT EXERCISED' }
    : { ...common, verdict: 'NOT APPLICABLE', why: skipped };
}
