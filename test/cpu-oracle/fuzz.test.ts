import { expect, it } from 'vitest';
import type { Mismatch } from './campaign.js';
import { CAMPAIGNS } from './campaigns.js';
import { CoreRunner } from './core-runner.js';
import { describeMismatch, encodeLine, minimize } from './corpus.js';
import { Batch } from './layout.js';
import { NativeRunner } from './native.js';
import { compareWithCore } from './operand-order.js';
import { compareX87 } from './x87-compare.js';

const seconds = Number(process.env['CPU_FUZZ_SECONDS'] ?? 0);
const limit = Number(process.env['CPU_FUZZ_CASES'] ?? Infinity);
const seed = Number(process.env['CPU_FUZZ_SEED'] ?? 1);
const CASES = 50_000;

/** Run by `npm run fuzz:cpu`, which gives it its time. */
it.runIf(seconds > 0)(
  'finds no difference between the core and the host processor',
  () => {
    const native = new NativeRunner();
    const core = new CoreRunner();
    const end = performance.now() + seconds * 1000;
    const found: Mismatch[] = [];
    const counts = new Map<string, number>();
    let round = 0;
    for (; performance.now() < end && round * CASES < limit; round++) {
      const [name, compare] = CAMPAIGNS[round % CAMPAIGNS.length];
      const differing = compare({ native, core, seed: seed + round, cases: CASES });
      counts.set(name, (counts.get(name) ?? 0) + CASES);
      for (const mismatch of differing)
        console.log(`seed ${seed + round}, ${name}: ${describeMismatch(mismatch)}`);
      found.push(...differing);
    }
    const each = [...counts].map(([name, count]) => `${name} ${count}`).join(', ');
    console.log(`${round * CASES} cases from seed ${seed} (${each}): ${found.length} differences`);
    if (found.length > 0) console.log('Lines for test/cpu-oracle/corpus.jsonl:');
    const single = new Batch(1);
    for (const mismatch of found.slice(0, 20)) {
      const smallest = minimize(mismatch, test => {
        single.cases[0].copyFrom(test);
        return compareWithCore(
          test,
          native.run(single)[0],
          core,
          (...outcome) => compareX87(...outcome).lines,
        );
      });
      console.log(encodeLine(smallest));
    }
    expect(found.map(describeMismatch)).toEqual([]);
  },
  (seconds + 600) * 1000,
);
