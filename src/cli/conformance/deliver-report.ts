import type { Clause } from '../../conformance/clauses/clause.js';
import type { Baseline } from '../../conformance/report/baseline.js';
import { isStrict, summarize, summaryLine, type ConformanceReport } from '../../conformance/report/report.js';
import { writeStdout } from '../output.js';
import { tell } from '../report-error.js';
import type { ReportFlags } from './report-options.js';

/** The exit status of a conformance command that found something. */
const FAILURES = 1;

/** Reads the baseline before anything runs. @throws ConfigError when it cannot be read, or names unknown clauses */
export async function readBaseline(flags: ReportFlags, clauses: readonly Clause[]): Promise<Baseline> {
  if (flags.baseline === undefined) return new Set();
  const [{ readWholeFile }, { parseBaseline }] = await Promise.all([
    import('../../host/read-file.js'),
    import('../../conformance/report/baseline.js'),
  ]);
  const bytes = await readWholeFile(flags.baseline, 'baseline');
  return parseBaseline(new TextDecoder().decode(bytes), flags.baseline, clauses);
}

/**
 * Writes the report as the flags ask for it, and sets the process's exit status: 0, or 1 when a clause failed that the
 * baseline does not know, or a run did not end well.
 * @throws ConfigError when a file cannot be written
 */
export async function deliverReport(
  found: ConformanceReport,
  flags: ReportFlags,
  baseline: Baseline,
): Promise<void> {
  const { withBaseline, outdated, baselineText } = await import('../../conformance/report/baseline.js');
  const report = withBaseline(found, baseline);
  await writeStdout(await formatted(report, flags));
  if (flags.tap || flags.json || flags.sarif) tell(summaryLine(report));
  for (const id of outdated(report, baseline)) tell(`the baseline can do without ${id}: it passes`);
  const { writeFileInPieces } = await import('../../host/write-file.js');
  if (flags.junit !== undefined) {
    const { junitXml } = await import('../../conformance/report/junit.js');
    writeFileInPieces(flags.junit, [junitXml(report)]);
  }
  if (flags.writeBaseline !== undefined) writeFileInPieces(flags.writeBaseline, [baselineText(report)]);
  const { fresh, failedRuns } = summarize(report);
  const failures = fresh.filter(({ clause }) => !flags.must || isStrict(clause));
  process.exitCode = failures.length > 0 || failedRuns.length > 0 ? FAILURES : 0;
}

async function formatted(report: ConformanceReport, flags: ReportFlags): Promise<string> {
  if (flags.tap) return (await import('../../conformance/report/tap.js')).tapText(report);
  if (flags.json) return json((await import('../../conformance/report/json.js')).jsonReport(report));
  if (flags.sarif) return json((await import('../../conformance/report/sarif.js')).sarifLog(report));
  return (await import('../../conformance/report/table.js')).tableText(report, flags.all);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
