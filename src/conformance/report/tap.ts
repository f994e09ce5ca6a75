import type { ClauseResult, ConformanceReport } from './report.js';
import { summaryLine, watchedLines } from './report.js';
import { violationDetails, violationLine } from './violation-text.js';

/** The Test Anything Protocol, version 14: a test point a clause, then one a run. */
export function tapText(report: ConformanceReport): string {
  const { results, runs } = report;
  const lines = ['TAP version 14', `1..${results.length + runs.length}`];
  let number = 0;
  for (const result of results) lines.push(...testPoint(result, ++number));
  for (const { name, end, ok, note } of runs) {
    const skipped = ok && note !== undefined ? ` # SKIP ${escape(note)}` : '';
    lines.push(`${ok ? 'ok' : 'not ok'} ${++number} - the run ${escape(name)} ends well${skipped}`);
    if (!ok) lines.push(...yaml({ end: [end] }));
  }
  lines.push(...[...watchedLines(report), summaryLine(report)].map(line => `# ${line}`));
  return `${lines.join('\n')}\n`;
}

function testPoint({ clause, verdict, why, known, violations }: ClauseResult, number: number): string[] {
  const name = `${number} - ${clause.id} ${escape(clause.text)}`;
  if (verdict === 'PASS') return [`ok ${name}`];
  if (verdict !== 'FAIL') {
    return [`ok ${name} # SKIP ${verdict.toLowerCase()}${why === undefined ? '' : `: ${escape(why)}`}`];
  }
  const details = violations.flatMap(violation => [violationLine(violation), ...violationDetails(violation)]);
  return [
    `not ok ${name}${known ? ' # TODO known failure' : ''}`,
    ...yaml({ section: [clause.section], level: [clause.level], violations: details }),
  ];
}

/** A diagnostic block: each value is a text, or a list of them. */
function yaml(values: Readonly<Record<string, readonly string[]>>): string[] {
  const lines = Object.entries(values).flatMap(([key, texts]) =>
    texts.length === 1
      ? [`  ${key}: ${JSON.stringify(texts[0])}`]
      : [`  ${key}:`, ...texts.map(text => `    - ${JSON.stringify(text)}`)],
  );
  return ['  ---', ...lines, '  ...'];
}

/** A hash would begin a directive. */
function escape(text: string): string {
  return text.replace(/[\\#]/g, '\\$&');
}
