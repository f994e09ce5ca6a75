/**
 * The parts of vitest's JSON report (a subset of Jest's) that say how many tests there were.
 *
 * @typedef {object} Report
 * @property {boolean} success
 * @property {{ status: string, assertionResults: { status: string }[] }[]} testResults one a test file
 *
 * @typedef {{ passed: number, failed: number, skipped: number }} Counts
 */

/** @type {Record<string, keyof Counts>} */
const OUTCOMES = {
  passed: 'passed',
  failed: 'failed',
  skipped: 'skipped',
  pending: 'skipped',
  disabled: 'skipped',
  todo: 'skipped',
};

/**
 * Adds reports up. A test file that fails as a whole, without a failed test in it, counts as one failure, and so does
 * a run that fails for another reason, such as an error outside any test.
 *
 * @param {Report[]} reports
 * @returns {Counts}
 * @throws {TypeError} when something in a report is not understood
 */
export function countTests(reports) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const { success, testResults } of reports) {
    if (typeof success !== 'boolean' || !Array.isArray(testResults)) {
      throw new TypeError("this is not one of vitest's JSON reports");
    }
    const before = total.failed;
    for (const { status, assertionResults } of testResults) {
      const beforeFile = total.failed;
      for (const { status } of assertionResults) {
        const outcome = OUTCOMES[status];
        if (!outcome) throw new TypeError(`a test's status is "${status}", which this script does not know`);
        total[outcome] += 1;
      }
      if (status !== 'passed' && total.failed === beforeFile) total.failed += 1;
    }
    if (!success && total.failed === before) total.failed += 1;
  }
  return total;
}

/**
 * @param {Counts} counts
 * @returns {string} such as `12 passed, 0 failed, 3 skipped`
 */
export function formatCounts({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
