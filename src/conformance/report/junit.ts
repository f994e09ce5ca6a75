import type { Clause } from '../clauses/clause.js';
import type { ClauseResult, ConformanceReport } from './report.js';
import { summarize } from './report.js';
import { violationDetails, violationLine } from './violation-text.js';

/** JUnit's XML, as CI servers read it: a test case a clause, and one a run. */
export function junitXml(report: ConformanceReport): string {
  const { results, runs, party, subject } = report;
  const { counts, fresh, failedRuns } = summarize(report);
  const totals = [
    `tests="${results.length + runs.length}"`,
    `failures="${fresh.length + failedRuns.length}"`,
    'errors="0"',
    `skipped="${counts['NOT EXERCISED'] + counts['NOT APPLICABLE'] + counts.FAIL - fresh.length}"`,
  ].join(' ');
  const suite = attribute(`${party} conformance of ${subject}`);
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${totals}>`,
    `  <testsuite name=${suite} ${totals}>`,
    ...results.flatMap(testCase),
    ...runs.flatMap(({ name, end, ok }) => [
      `    <testcase classname="run" name=${attribute(name)}${ok ? '/>' : '>'}`,
      ...(ok ? [] : [`      <failure message=${attribute(end)}/>`, '    </testcase>']),
    ]),
    '  </testsuite>',
    '</testsuites>',
  ];
  return `${lines.join('\n')}\n`;
}

function testCase({ clause, verdict, why, known, violations }: ClauseResult): string[] {
  const head = `    <testcase classname=${attribute(className(clause))} name=${attribute(clause.id)}`;
  if (verdict === 'PASS') return [`${head}/>`];
  if (verdict !== 'FAIL' || known) {
    const message =
      verdict === 'FAIL'
        ? 'known failure'
        : [verdict.toLowerCase(), ...(why === undefined ? [] : [why])].join(': ');
    return [`${head}>`, `      <skipped message=${attribute(message)}/>`, '    </testcase>'];
  }
  const details = violations.flatMap(violation => [violationLine(violation), ...violationDetails(violation)]);
  return [
    `${head}>`,
    `      <failure type=${attribute(clause.level)} message=${attribute(clause.text)}>${text(details.join('\n'))}</failure>`,
    '    </testcase>',
  ];
}

/** Specification and section: what CI servers group by. */
function className({ id }: Clause): string {
  return id.split('/').slice(0, 2).join('.');
}

function attribute(value: string): string {
  return `"${text(value).replace(/"/g, '&quot;').replace(/\n/g, '&#10;')}"`;
}

/** XML 1.0 has no other control characters, escaped or not. */
function text(value: string): string {
  return value
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f]/g, '\ufffd')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;');
}
