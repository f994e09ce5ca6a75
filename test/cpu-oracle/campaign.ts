import { differences } from './compare.js';
import type { CoreRunner } from './core-runner.js';
import { fillCase, type Form } from './forms.js';
import { Batch, type Outcome, type TestCase } from './layout.js';
import type { NativeRunner } from './native.js';
import { compareWithCore } from './operand-order.js';
import { Random } from './random.js';
import { fillX87 } from './x87-cases.js';
import { compareX87 } from './x87-compare.js';

export interface Campaign {
  readonly native: NativeRunner;
  readonly core: CoreRunner;
  readonly seed: number;
  readonly cases: number;
  /** Sees every case after it has run in the core. */
  readonly observe?: (test: TestCase) => void;
}

/** A case that came out differently, and how. */
export interface Mismatch {
  readonly test: TestCase;
  readonly lines: readonly string[];
}

/** Cases a call of the native runner. */
const BATCH = 5000;
/** Mismatches that are kept: more tell nothing new. */
const KEPT = 40;

type Fill = (random: Random, test: TestCase, index: number) => void;
type Compare = (test: TestCase, native: Outcome, core: Outcome) => readonly string[];

const batch = new Batch(BATCH);
const single = new Batch(1);

function run({ native, core, seed, cases, observe }: Campaign, fill: Fill, compare: Compare): Mismatch[] {
  const random = new Random(seed);
  const found: Mismatch[] = [];
  for (let done = 0; done < cases; done += BATCH) {
    const count = Math.min(BATCH, cases - done);
    for (let i = 0; i < count; i++) fill(random, batch.cases[i], done + i);
    const outcomes = native.run(batch, count);
    const differing: TestCase[] = [];
    for (let i = 0; i < count; i++) {
      const test = batch.cases[i];
      const outcome = core.run(test);
      observe?.(test);
      if (compare(test, outcomes[i], outcome).length > 0) differing.push(test);
    }
    // A context switch makes AMD's processors forget x87's instruction pointers: what differs is run again.
    for (const test of differing) {
      single.cases[0].copyFrom(test);
      const lines = compareWithCore(test, native.run(single)[0], core, compare);
      if (lines.length > 0 && found.length < KEPT) found.push({ test: test.copy(), lines });
    }
  }
  return found;
}

/** Runs random cases of all forms in turn on both sides. */
export function compareForms(campaign: Campaign, forms: readonly Form[]): Mismatch[] {
  return run(
    campaign,
    (random, test, index) => fillCase(random, forms[index % forms.length], test),
    differences,
  );
}

/**
 * The same with random x87 instructions.
 * @param only ModRM bytes of D9 to choose from
 * @returns also the largest deviation of a transcendental result, in units in the last place
 */
export function compareX87Cases(
  campaign: Campaign,
  only?: readonly number[],
): { found: Mismatch[]; ulps: bigint } {
  let ulps = 0n;
  const found = run(
    campaign,
    (random, test) => fillX87(random, test, only),
    (test, native, core) => {
      const comparison = compareX87(test, native, core);
      if (comparison.ulps > ulps) ulps = comparison.ulps;
      return comparison.lines;
    },
  );
  return { found, ulps };
}
