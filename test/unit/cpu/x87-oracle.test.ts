import { describe, expect, it } from 'vitest';
import { compareX87Cases } from '../../cpu-oracle/campaign.js';
import { CoreRunner } from '../../cpu-oracle/core-runner.js';
import { describeMismatch } from '../../cpu-oracle/corpus.js';
import { nativeAvailable, nativeIsAmd } from '../../cpu-oracle/host.js';
import { NativeRunner } from '../../cpu-oracle/native.js';
import { TRANSCENDENTAL } from '../../cpu-oracle/x87-cases.js';

const CASES = 20_000;
const TRANSCENDENTAL_CASES = 8_000;

describe.runIf(nativeAvailable && nativeIsAmd)('x87 against the processor', () => {
  const native = new NativeRunner();
  const core = new CoreRunner();

  it('agrees on every register, flag, pointer and byte of memory', () => {
    const { found } = compareX87Cases({ native, core, seed: 2026, cases: CASES });
    expect(found.map(describeMismatch)).toEqual([]);
  });

  it('agrees on transcendental functions within a unit in the last place', () => {
    const campaign = { native, core, seed: 87, cases: TRANSCENDENTAL_CASES };
    const { found, ulps } = compareX87Cases(campaign, TRANSCENDENTAL);
    expect(found.map(describeMismatch)).toEqual([]);
    expect(ulps).toBeLessThanOrEqual(1n);
  });
});
