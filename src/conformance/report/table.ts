import type { ClauseResult, ConformanceReport, Verdict } from './report.js';
import { summaryLine, VERDICTS, watchedLines } from './report.js';
import { violationDetails, violationLine } from './violation-text.js';

/** Most urgent first. */
const ORDER: readonly Verdict[] = ['FAIL', 'PASS', 'NOT EXERCISED', 'NOT APPLICABLE'];
const VERDICT_WIDTH = Math.max(...VERDICTS.map(({ length }) => length));

/**
 * A table for people: failures with all that is known of them, then the rest, a clause a line.
 * @param all clauses too that were not exercised or do not apply
 */
export function tableText(report: ConformanceReport, all = false): string {
  const shown = report.results.filter(({ verdict }) => all || verdict === 'PASS' || verdict === 'FAIL');
  const width = Math.max(0, ...shown.map(({ clause }) => clause.id.length));
  const lines: string[] = [];
  for (const verdict of ORDER) {
    for (const result of shown) if (result.verdict === verdict) lines.push(...rows(result, width));
  }
  if (lines.length > 0) lines.push('');
  for (const { name, end, ok, note } of report.runs) {
    if (ok && report.runs.length === 1) continue;
    lines.push(`run ${name}: ${[ok ? 'ok' : 'NOT OK', end, ...(note ? [note] : [])].join(', ')}`);
  }
  lines.push(...watchedLines(report), summaryLine(report));
  return `${lines.join('\n')}\n`;
}

function rows({ clause, verdict, checks, known, why, violations }: ClauseResult, width: number): string[] {
  const note = why ?? (known ? 'known' : '');
  const broken = violations.reduce((sum, violation) => sum + violation.count, 0);
  const count = checks === 0 ? '' : verdict === 'FAIL' ? `${broken} of ${checks}×` : `${checks}×`;
  const head = `${verdict.padEnd(VERDICT_WIDTH)}  ${clause.id.padEnd(width)}  ${clause.level.padEnd(10)}  ${clause.text}`;
  const rest = [count, note].filter(part => part !== '').join(', ');
  return [
    rest === '' ? head : `${head} (${rest})`,
    ...violations.flatMap(violation => [
      `  ${violationLine(violation)}`,
      ...violationDetails(violation).map(line => `    ${line}`),
    ]),
  ];
}
