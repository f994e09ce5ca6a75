import { describe, expect, test } from 'vitest';
import { outcomeOf } from '../../scripts/kvm-unit-tests/outcome.js';
import { runOnTsvmm } from '../../scripts/kvm-unit-tests/on-tsvmm.js';
import { HOW_TO_BUILD, readSuite } from '../../scripts/kvm-unit-tests/suite.js';

const VARIABLE = 'TSVMM_KVM_UNIT_TESTS';
const folder = process.env[VARIABLE];

/** Tests that are left out here, and why; docs/kvm-unit-tests.md says more. */
const LEFT_OUT: ReadonlyMap<string, string> = new Map([
  ['s3', 'the machine has no sleep state S3'],
  ['access', 'takes longer than its time limit; QEMU TCG does, too'],
  ['access-reduced-maxphyaddr', 'takes longer than its time limit; QEMU TCG does, too'],
  ['sieve', 'takes longer than its time limit; QEMU TCG does, too'],
  ['kvmclock_test', 'takes longer than its time limit'],
]);

describe('kvm-unit-tests on the software CPU', () => {
  if (folder === undefined || folder === '') {
    test('all', ({ skip }) => skip(`${VARIABLE} is not set: ${HOW_TO_BUILD}`));
    return;
  }
  for (const job of readSuite(folder).jobs) {
    const { name, accel } = job.test;
    test(name, { timeout: (job.timeoutSeconds + 10) * 1000 }, async ({ skip }) => {
      if (accel === 'kvm') skip('unittests.cfg: for KVM alone');
      const why = LEFT_OUT.get(name);
      if (why !== undefined) skip(why);
      const { output, end } = await runOnTsvmm(job);
      const { verdict, reason, failed } = outcomeOf(output, end);
      if (verdict === 'skip') skip(reason ?? 'the test says so');
      expect({ verdict, failed }, reason).toEqual({ verdict: 'pass', failed: [] });
    });
  }
});
