import type { ConformanceReport } from './report.js';
import { summarize } from './report.js';

/** Everything, for programs. */
export function jsonReport(report: ConformanceReport): unknown {
  const { party, subject, version, runs, results, watched } = report;
  const { counts, fresh } = summarize(report);
  return {
    tool: 'tsvmm',
    version,
    party,
    subject,
    summary: { ...counts, 'NEW FAILURES': fresh.length },
    runs,
    ...(watched && { watched }),
    results: results.map(({ clause, ...result }) => {
      const { id, section, level, text, means } = clause;
      return { id, section, level, text, means, ...result };
    }),
  };
}
