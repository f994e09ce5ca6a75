import { describe, expect, it } from 'vitest';
import { CoreRunner } from '../../cpu-oracle/core-runner.js';
import { NativeRunner } from '../../cpu-oracle/native.js';
import { Random } from '../../cpu-oracle/random.js';
import { TRANSCENDENTAL, randomX87 } from '../../cpu-oracle/x87-cases.js';
import { compareX87Cases, x87Comparable } from '../../cpu-oracle/x87-compare.js';

const CASES = 20_000;
const TRANSCENDENTAL_CASES = 8_000;

describe.runIf(x87Comparable())('x87 against the processor', () => {
  const native = new NativeRunner();
  const core = new CoreRunner();

  it('agrees on every register, flag, pointer and byte of memory', () => {
    const random = new Random(2026);
    const cases = Array.from({ length: CASES }, () => randomX87(random));
    expect(compareX87Cases(native, core, cases).found).toEqual([]);
  });

  it('agrees on transcendental functions within a unit in the last place', () => {
    const random = new Random(87);
    const cases = Array.from({ length: TRANSCENDENTAL_CASES }, () => randomX87(random, TRANSCENDENTAL));
    const { found, ulps } = compareX87Cases(native, core, cases);
    expect(found).toEqual([]);
    expect(ulps).toBeLessThanOrEqual(1n);
  });
});
