import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CoreRunner } from '../../cpu-oracle/core-runner.js';
import type { TestCase } from '../../cpu-oracle/layout.js';
import { NativeRunner } from '../../cpu-oracle/native.js';
import { Random } from '../../cpu-oracle/random.js';
import { compareX87 } from '../../cpu-oracle/x87-compare.js';
import { TRANSCENDENTAL, randomX87 } from '../../cpu-oracle/x87-forms.js';

/** Where the SDM leaves something open, the core does as AMD's processors do: only they can be compared with. */
const comparable =
  process.platform === 'linux' &&
  process.arch === 'x64' &&
  /AuthenticAMD/.test(readFileSync('/proc/cpuinfo', 'latin1'));

const CASES = 20_000;
const TRANSCENDENTAL_CASES = 8_000;

/** @returns the first few disagreements, and the largest deviation in units of the last place */
function compareAll(cases: readonly TestCase[]): { disagreements: string[]; ulps: bigint } {
  const native = new NativeRunner();
  const core = new CoreRunner();
  const outcomes = native.run(cases);
  const disagreements: string[] = [];
  let ulps = 0n;
  cases.forEach((test, i) => {
    const got = core.run(test);
    let comparison = compareX87(test, outcomes[i], got);
    // A context switch makes AMD's processors forget the instruction pointers of x87: such a case is run again.
    if (comparison.lines.length > 0) comparison = compareX87(test, native.run([test])[0], got);
    if (comparison.ulps > ulps) ulps = comparison.ulps;
    if (comparison.lines.length > 0 && disagreements.length < 10) {
      disagreements.push(`${Buffer.from(test.code).toString('hex')}: ${comparison.lines.join('; ')}`);
    }
  });
  return { disagreements, ulps };
}

describe.skipIf(!comparable)('x87 against the processor', () => {
  it('agrees on every register, flag, pointer and byte of memory', () => {
    const random = new Random(20_26);
    const cases = Array.from({ length: CASES }, () => randomX87(random));
    expect(compareAll(cases).disagreements).toEqual([]);
  });

  it('agrees on transcendental functions within a unit in the last place', () => {
    const random = new Random(87);
    const cases = Array.from({ length: TRANSCENDENTAL_CASES }, () => randomX87(random, TRANSCENDENTAL));
    const { disagreements, ulps } = compareAll(cases);
    expect(disagreements).toEqual([]);
    expect(ulps).toBeLessThanOrEqual(1n);
  });
});
