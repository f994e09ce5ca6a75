import { ConfigError } from '../../errors.js';
import type { Clause } from '../clauses/clause.js';
import type { ConformanceReport } from './report.js';

/** Clauses that are known to fail, by their ids. */
export type Baseline = ReadonlySet<string>;

/**
 * A baseline is a text: a clause's id a line, behind `#` what people want to remember of it.
 * @throws ConfigError for an id that no clause has
 */
export function parseBaseline(text: string, path: string, clauses: readonly Clause[]): Baseline {
  const known = new Set(clauses.map(({ id }) => id));
  const ids = text
    .split('\n')
    .map(line => line.replace(/#.*/, '').trim())
    .filter(line => line !== '');
  for (const id of ids) {
    if (!known.has(id)) throw new ConfigError(`${path}: there is no clause '${id}'`, { path, id });
  }
  return new Set(ids);
}

/** The report's failures as a baseline. */
export function baselineText({ results }: ConformanceReport): string {
  return results
    .filter(({ verdict }) => verdict === 'FAIL')
    .map(({ clause, violations }) => `${clause.id}  # ${violations[0]?.what ?? clause.text}\n`)
    .join('');
}

/** The report with known failures marked. */
export function withBaseline(report: ConformanceReport, baseline: Baseline): ConformanceReport {
  return {
    ...report,
    results: report.results.map(result =>
      result.verdict === 'FAIL' && baseline.has(result.clause.id) ? { ...result, known: true } : result,
    ),
  };
}

/** Clauses of the baseline that pass by now. */
export function outdated({ results }: ConformanceReport, baseline: Baseline): readonly string[] {
  return results
    .filter(({ clause, verdict }) => verdict === 'PASS' && baseline.has(clause.id))
    .map(({ clause }) => clause.id);
}
