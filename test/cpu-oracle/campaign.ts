import { differences } from './compare.js';
import type { CoreRunner } from './core-runner.js';
import { randomCase, type Form } from './forms.js';
import type { NativeRunner } from './native.js';
import { Random } from './random.js';

export interface Campaign {
  readonly native: NativeRunner;
  readonly core: CoreRunner;
  readonly forms: readonly Form[];
  readonly seed: number;
  readonly cases: number;
}

/** Cases a call of the native runner. */
const BATCH = 5000;

/** Runs random cases of all forms in turn on both sides. @returns what differed: the instruction's bytes and how */
export function compareForms({ native, core, forms, seed, cases }: Campaign): string[] {
  const random = new Random(seed);
  const found: string[] = [];
  for (let done = 0; done < cases; done += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, cases - done) }, (_, i) =>
      randomCase(random, forms[(done + i) % forms.length]),
    );
    const outcomes = native.run(batch);
    batch.forEach((test, i) => {
      const lines = differences(test, outcomes[i], core.run(test));
      if (lines.length > 0) found.push(`${Buffer.from(test.code).toString('hex')}: ${lines.join('; ')}`);
    });
  }
  return found;
}
