import { Option } from 'commander';
import { once, parsePath } from '../parse.js';

/** What a report can be written as; a table without any of them. */
type ReportFormat = 'tap' | 'json' | 'sarif';

/** How the results of a conformance run are told. */
export interface ReportFlags extends Partial<Readonly<Record<ReportFormat, true>>> {
  readonly all?: true;
  readonly junit?: string;
  readonly baseline?: string;
  readonly writeBaseline?: string;
  readonly must?: true;
}

export function reportOptions(): Option[] {
  const path = (flags: string, description: string): Option => {
    const option = new Option(flags, description);
    return option.argParser(once(option.long!, parsePath));
  };
  return [
    new Option('--all', 'in the table, clauses too that were not exercised or do not apply'),
    new Option('--tap', 'instead of a table, TAP version 14').conflicts(['json', 'sarif']),
    new Option('--json', 'instead of a table, everything as JSON').conflicts(['tap', 'sarif']),
    new Option('--sarif', 'instead of a table, SARIF 2.1.0').conflicts(['tap', 'json']),
    path('--junit <file>', "besides, JUnit's XML to this file"),
    path('--baseline <file>', 'failures of these clauses are known, and do not fail the command'),
    path('--write-baseline <file>', 'write the clauses that fail to this file'),
    new Option('--must', 'only clauses that say MUST or MUST NOT fail the command'),
  ];
}
