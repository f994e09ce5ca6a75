import { expect, it } from 'vitest';
import { compareForms } from './campaign.js';
import { CoreRunner } from './core-runner.js';
import { INTEGER_FORMS } from './integer-forms.js';
import { NativeRunner } from './native.js';
import { FLOAT_FORMS, VECTOR_FORMS } from './vector-forms.js';
import { Random } from './random.js';
import { randomX87 } from './x87-cases.js';
import { compareX87Cases, x87Comparable } from './x87-compare.js';
import { X87_FORMS } from './x87-forms.js';

const seconds = Number(process.env['CPU_FUZZ_SECONDS'] ?? 0);
const seed = Number(process.env['CPU_FUZZ_SEED'] ?? 1);
const FORMS = [INTEGER_FORMS, VECTOR_FORMS, FLOAT_FORMS, X87_FORMS];
const CASES = 20_000;

/** Run by `npm run fuzz:cpu`, which gives it its time. */
it.runIf(seconds > 0)(
  'finds no difference between the core and the host processor',
  () => {
    const native = new NativeRunner();
    const core = new CoreRunner();
    const end = performance.now() + seconds * 1000;
    const found: string[] = [];
    const rounds = FORMS.length + (x87Comparable() ? 1 : 0);
    let round = 0;
    while (performance.now() < end) {
      const turn = round % rounds;
      if (turn < FORMS.length) {
        found.push(...compareForms({ native, core, forms: FORMS[turn], seed: seed + round, cases: CASES }));
      } else {
        const random = new Random(seed + round);
        const cases = Array.from({ length: CASES }, () => randomX87(random));
        found.push(...compareX87Cases(native, core, cases).found);
      }
      round++;
    }
    console.log(`${round * CASES} cases from seed ${seed}, ${found.length} differences`);
    expect(found.slice(0, 40)).toEqual([]);
  },
  (seconds + 60) * 1000,
);
