import type { ClauseResult, ConformanceReport } from '../report/report.js';

/** A clause of which two machines say different things. */
export interface Difference {
  readonly id: string;
  readonly text: string;
  readonly left: string;
  readonly right: string;
}

/** Clauses at which both have looked, or one has and the other could not, and the verdicts are not the same. */
export function differences(left: ConformanceReport, right: ConformanceReport): readonly Difference[] {
  return left.results.flatMap((result, i) => {
    const other = right.results[i];
    if (result.verdict === other.verdict) return [];
    return [{ id: result.clause.id, text: result.clause.text, left: saying(result), right: saying(other) }];
  });
}

function saying({ verdict, why, violations }: ClauseResult): string {
  const detail = violations[0]?.what ?? why;
  return detail === undefined ? verdict : `${verdict} (${detail})`;
}

/** Side by side, a clause a paragraph. */
export function differencesText(found: readonly Difference[], left: string, right: string): string {
  if (found.length === 0) return `${left} and ${right} say the same of every clause.\n`;
  const width = Math.max(left.length, right.length);
  const paragraphs = found.map(
    ({ id, text, left: ours, right: theirs }) =>
      `${id}: ${text}\n  ${left.padEnd(width)}  ${ours}\n  ${right.padEnd(width)}  ${theirs}\n`,
  );
  return `${found.length} differences between ${left} and ${right}:\n\n${paragraphs.join('\n')}`;
}
