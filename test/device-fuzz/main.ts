import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Campaign, type Failure } from './campaign.js';
import { CorpusFolder } from './corpus.js';
import { BlockCoverage } from './coverage.js';
import { formatEntry, minimise } from './fuzz-case.js';
import { FAMILIES, familyOf } from './targets.js';

/** Of the time, what goes to looking for code that nothing has reached; the rest only makes operations. */
const EXPLORING = 0.25;
/** What the heap may grow by in a campaign, in bytes: campaigns keep what they find. */
const MAX_GROWTH = 32 << 20;
const REPORT_MS = 10_000;

const { values } = parseArgs({
  options: {
    corpus: { type: 'string' },
    device: { type: 'string', multiple: true },
    operations: { type: 'string', default: 'Infinity' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
    keep: { type: 'boolean', default: false },
  },
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const folder = new CorpusFolder(values.corpus!);
const seed = Number(values.seed);
const coverage = new BlockCoverage(url => url.includes('/dist/'));

function heap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

/** Fuzzes one family until its time is over or its operations are done. @returns how it failed */
function fuzz(family: string): Failure | Error | undefined {
  const targets = familyOf(family);
  const corpus = folder.read(family);
  const campaign = new Campaign(targets, corpus, seed);
  const seconds = Number(values.seconds);
  const limit = Number(values.operations);
  const begin = performance.now();
  const elapsed = (): number => (performance.now() - begin) / 1000;
  const rate = (): string => Math.round(campaign.operations / elapsed()).toLocaleString('en');
  const over = (share: number): boolean =>
    elapsed() >= share * seconds || campaign.operations >= share * limit;

  coverage.start();
  coverage.forget();
  let failure = campaign.replay(coverage);
  while (!failure && !over(EXPLORING)) failure = campaign.explore(coverage);
  if (values.keep && !failure && campaign.found.length > 0) folder.write(family, campaign.smallest(coverage));
  coverage.stop();
  const before = heap();
  let reported = performance.now();
  while (!failure && !over(1)) {
    failure = campaign.hammer();
    if (performance.now() - reported < REPORT_MS) continue;
    reported = performance.now();
    console.log(`  ${family}: ${campaign.operations.toLocaleString('en')} operations, ${rate()}/s`);
  }
  const grown = heap() - before;
  const total = campaign.operations.toLocaleString('en');
  console.log(
    `${family}: ${total} operations in ${campaign.cases} cases, ${rate()}/s, ` +
      `${campaign.found.length} cases reached something new, heap ${(grown / 2 ** 20).toFixed(1)} MiB larger`,
  );
  if (failure) return failure;
  return grown > MAX_GROWTH ? new Error(`${family}: the heap has grown by ${grown} bytes`) : undefined;
}

console.log(`seed ${seed}`);
for (const family of values.device ?? Object.keys(FAMILIES)) {
  const failure = fuzz(family);
  if (!failure) continue;
  process.exitCode = 1;
  if (failure instanceof Error) {
    console.log(failure.message);
    continue;
  }
  const { target, error } = failure;
  console.log(`${target}: ${error.stack ?? error.message}`);
  const steps = minimise(familyOf(family)[target], failure.steps);
  console.log(`after ${steps.length} steps, for the corpus:\n${formatEntry({ target, steps })}`);
}
