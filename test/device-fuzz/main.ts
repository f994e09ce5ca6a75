import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { Campaign, type Failure } from './campaign.js';
import { CorpusFolder } from './corpus.js';
import type { Discovery, Exploration } from './explorer.js';
import { formatEntry, minimise } from './fuzz-case.js';
import { FAMILIES, familyOf } from './targets.js';

/** Of the time, what goes to looking for code that nothing has reached; the rest only makes operations. */
const EXPLORING = 0.25;
/** But not more than so many seconds, unless it was asked for. */
const MAX_EXPLORING = 60;
/** What the program's memory may grow by in a campaign, in bytes. */
const MAX_GROWTH = 32 << 20;
const REPORT_MS = 10_000;
const MIB = 2 ** 20;

const { values } = parseArgs({
  options: {
    corpus: { type: 'string' },
    device: { type: 'string', multiple: true },
    operations: { type: 'string', default: 'Infinity' },
    seconds: { type: 'string', default: '60' },
    explore: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
    keep: { type: 'boolean', default: false },
  },
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const folder = new CorpusFolder(values.corpus!);
const seed = Number(values.seed);

/** Bytes in objects and in array buffers that something still refers to. */
function heldBytes(): number {
  // What the first collection finalizes is free after the second.
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function explore(exploration: Exploration): Promise<Discovery> {
  const worker = new Worker(new URL('./explorer.mjs', import.meta.url), { workerData: exploration });
  const [discovery] = (await once(worker, 'message')) as [Discovery];
  await worker.terminate();
  return discovery;
}

/** Fuzzes one family until its time is over or its operations are done. @returns how it failed */
async function fuzz(family: string): Promise<Failure | Error | undefined> {
  const seconds = Number(values.seconds);
  const limit = Number(values.operations);
  const begin = performance.now();
  const elapsed = (): number => (performance.now() - begin) / 1000;

  const exploring = Number(values.explore ?? Math.min(EXPLORING * seconds, MAX_EXPLORING));
  const { keep } = values;
  const discovery = await explore({ family, corpus: values.corpus!, seed, seconds: exploring, keep });
  const campaign = new Campaign(familyOf(family), [...folder.read(family), ...discovery.found], seed);
  const operations = (): number => discovery.operations + campaign.operations;
  const rate = (): string => Math.round(operations() / elapsed()).toLocaleString('en');

  // The first case is for what the program allocates once.
  let failure = discovery.failure ?? campaign.hammer();
  await nextTurn();
  const before = heldBytes();
  let reported = performance.now();
  while (!failure && elapsed() < seconds && operations() < limit) {
    failure = campaign.hammer();
    // What the far ends of devices put off for later, they let go of then.
    await nextTurn();
    if (performance.now() - reported < REPORT_MS) continue;
    reported = performance.now();
    console.log(`  ${family}: ${operations().toLocaleString('en')} operations, ${rate()}/s`);
  }
  const grown = heldBytes() - before;
  console.log(
    `${family}: ${operations().toLocaleString('en')} operations in ${elapsed().toFixed(0)} s ` +
      `(${discovery.cases + campaign.cases} cases, ${rate()}/s), ` +
      `${discovery.found.length} cases reached something new, ${(grown / MIB).toFixed(1)} MiB grown, ` +
      `${Math.round(process.resourceUsage().maxRSS / 1024)} MiB at most`,
  );
  if (failure) return failure;
  return grown > MAX_GROWTH ? new Error(`${family}: memory has grown by ${grown} bytes`) : undefined;
}

console.log(`seed ${seed}`);
for (const family of values.device ?? Object.keys(FAMILIES)) {
  const failure = await fuzz(family);
  if (!failure) continue;
  process.exitCode = 1;
  console.log(failure instanceof Error ? failure.message : `${failure.target}: ${failure.message}`);
  if (failure instanceof Error) continue;
  const { target } = failure;
  const steps = minimise(familyOf(family)[target], failure.steps);
  console.log(`after ${steps.length} steps, for the corpus:\n${formatEntry({ target, steps })}`);
}
