import { expect, test } from 'vitest';
import { outcomeOf } from '../../../../scripts/kvm-unit-tests/outcome.js';
import { markdownTable, progressLine } from '../../../../scripts/kvm-unit-tests/report.js';

const OUTPUT = [
  'enabling apic',
  'PASS: first',
  'FAIL: group: second',
  'SKIP: third (not here)',
  'XFAIL: fourth',
  'SUMMARY: 4 tests, 1 unexpected failures, 1 expected failures, 1 skipped',
  '',
].join('\r\n');

test('sub-tests are counted, and those that failed are listed', () => {
  expect(outcomeOf(OUTPUT, { kind: 'exit', code: 1, seconds: 2 })).toEqual({
    verdict: 'fail',
    reason: 'exit 1: XFAIL: fourth',
    subtests: 4,
    failed: ['group: second'],
    skipped: ['third (not here)'],
    summary: '4 tests, 1 unexpected failures, 1 expected failures, 1 skipped',
    seconds: 2,
  });
});

test('the verdict is how the machine ended', () => {
  const verdict = (end: Parameters<typeof outcomeOf>[1], output = '') => {
    const { verdict, reason } = outcomeOf(output, end);
    return [verdict, reason];
  };
  const seconds = 1;
  expect(verdict({ kind: 'exit', code: 0, seconds })).toEqual(['pass', undefined]);
  expect(verdict({ kind: 'exit', code: 38, seconds }, 'SKIP: no such feature\n')).toEqual([
    'skip',
    'no such feature',
  ]);
  expect(verdict({ kind: 'exit', code: 63, seconds }, 'Unhandled exception 13 #GP(0)\ncr8=0\n')).toEqual([
    'fail',
    'exit 63: Unhandled exception 13 #GP(0)',
  ]);
  expect(verdict({ kind: 'timeout', reason: 'after 1 s', seconds })).toEqual(['timeout', 'after 1 s']);
  expect(verdict({ kind: 'crash', reason: 'triple-fault', seconds })).toEqual(['crash', 'triple-fault']);
  expect(verdict({ kind: 'unavailable', reason: 'no such device', seconds })).toEqual([
    'skip',
    'no such device',
  ]);
});

test('reports put machines side by side', () => {
  const failed = outcomeOf(OUTPUT, { kind: 'exit', code: 1, seconds: 2 });
  const passed = outcomeOf('PASS: a\n', { kind: 'exit', code: 0, note: 'not -pcid', seconds: 12.3 });
  expect(progressLine('msr', 'tsvmm', failed)).toBe(
    'fail       2.0 s  tsvmm msr 2/4, 1 failed, 1 skipped; exit 1: XFAIL: fourth',
  );
  expect(markdownTable([{ name: 'msr', outcomes: { tsvmm: passed, qemu: failed } }], ['tsvmm', 'qemu']))
    .toBe(`| test | tsvmm | qemu |
| --- | --- | --- |
| msr | pass (1/1, not -pcid, 12 s) | **fail** (2/4, 1 failed, 1 skipped, 2.0 s) |
| **total** | 1 pass | 1 fail |
`);
});
