import { describe, expect, it } from 'vitest';
import { countTests, formatCounts } from '../../../scripts/test-counts.js';

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map(status => ({ status })),
});

describe('countTests', () => {
  it('adds up files and reports', () => {
    const first = {
      success: true,
      testResults: [file('passed', 'passed', 'skipped'), file('passed', 'todo')],
    };
    const second = { success: false, testResults: [file('failed', 'passed', 'failed', 'pending')] };
    expect(countTests([first, second])).toEqual({ passed: 2, failed: 1, skipped: 3 });
  });

  it('counts a file that could not be loaded as a failure', () => {
    const report = { success: false, testResults: [file('failed'), file('passed', 'passed')] };
    expect(countTests([report])).toEqual({ passed: 1, failed: 1, skipped: 0 });
  });

  it('counts a run that failed outside any test as a failure', () => {
    expect(countTests([{ success: false, testResults: [file('passed', 'passed')] }])).toEqual({
      passed: 1,
      failed: 1,
      skipped: 0,
    });
  });

  it('refuses what it does not understand', () => {
    const unknown = { success: true, testResults: [file('passed', 'flaky')] };
    expect(() => countTests([unknown])).toThrow('"flaky"');
    expect(() => countTests([JSON.parse('{}') as typeof unknown])).toThrow('not one of');
  });
});

it('formats counts, with the skipped ones only if there are any', () => {
  expect(formatCounts({ passed: 3, failed: 0, skipped: 0 })).toBe('3 passed, 0 failed');
  expect(formatCounts({ passed: 3, failed: 1, skipped: 2 })).toBe('3 passed, 1 failed, 2 skipped');
});
