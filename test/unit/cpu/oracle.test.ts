import { describe, expect, it } from 'vitest';
import { CAMPAIGNS } from '../../cpu-oracle/campaigns.js';
import { CoreRunner } from '../../cpu-oracle/core-runner.js';
import { describeMismatch, readCorpus } from '../../cpu-oracle/corpus.js';
import { Coverage } from '../../cpu-oracle/coverage.js';
import { nativeAvailable } from '../../cpu-oracle/host.js';
import { Batch } from '../../cpu-oracle/layout.js';
import { NativeRunner } from '../../cpu-oracle/native.js';
import { compareWithCore } from '../../cpu-oracle/operand-order.js';

const CASES = 15_000;
/** Rounds of all campaigns in which every form has to have its turn. */
const ROUNDS = 6;
/** What they may take on a host with much else to do. */
const ROUNDS_MS = 300_000;

/** The oracle is the processor that the tests run on: single instructions, executed natively and in the core. */
describe.runIf(nativeAvailable)('the core against the host processor', () => {
  const native = new NativeRunner();
  const core = new CoreRunner();
  const coverage = new Coverage(core);

  it('agrees on what it once did not', () => {
    const tests = readCorpus();
    const batch = new Batch(tests.length);
    tests.forEach((test, i) => batch.cases[i].copyFrom(test));
    const outcomes = native.run(batch);
    const found = tests.map((test, i) => ({ test, lines: compareWithCore(test, outcomes[i], core) }));
    expect(tests.length).toBeGreaterThan(0);
    expect(found.filter(({ lines }) => lines.length > 0).map(describeMismatch)).toEqual([]);
  });

  it.each(CAMPAIGNS)('agrees on %s instructions', (_, compare) => {
    const observe = (): void => coverage.note();
    const found = compare({ native, core, seed: 2026, cases: CASES, observe });
    expect(found.map(describeMismatch)).toEqual([]);
  });

  it('has executed every decoded form of user mode', { timeout: ROUNDS_MS }, () => {
    for (let round = 1; round < ROUNDS && coverage.missing().length > 0; round++) {
      for (const [, compare] of CAMPAIGNS) {
        const observe = (): void => coverage.note();
        const found = compare({ native, core, seed: 2026 + round, cases: CASES, observe });
        expect(found.map(describeMismatch)).toEqual([]);
      }
    }
    expect(coverage.missing()).toEqual([]);
    expect(coverage.needlessExemptions()).toEqual([]);
  });
});
