import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { Campaign, type Failure } from './campaign.js';
import { CorpusFolder } from './corpus.js';
import { BlockCoverage } from './coverage.js';
import type { CorpusEntry } from './fuzz-case.js';
import { familyOf } from './targets.js';

/**
 * The part of a campaign that looks for code that nothing has reached, on a thread of its own: code that V8 has once
 * compiled to count what it executes is slow from then on.
 */

/** What the thread is told. */
export interface Exploration {
  readonly family: string;
  /** Folder of the corpus. */
  readonly corpus: string;
  readonly seed: number;
  readonly seconds: number;
  /** What reaches something new goes into the corpus. */
  readonly keep: boolean;
}

/** What it answers. */
export interface Discovery {
  readonly operations: number;
  readonly cases: number;
  readonly found: readonly CorpusEntry[];
  readonly failure: Failure | undefined;
}

const { family, corpus, seed, seconds, keep } = workerData as Exploration;
const folder = new CorpusFolder(corpus);
const campaign = new Campaign(familyOf(family), folder.read(family), seed);
const coverage = new BlockCoverage(url => url.includes('/dist/'));
const end = performance.now() + 1000 * seconds;
coverage.start();
coverage.forget();
let failure = campaign.replay(coverage);
while (!failure && performance.now() < end) {
  failure = campaign.explore(coverage);
  await nextTurn();
}
if (keep && !failure && campaign.found.length > 0) folder.write(family, campaign.smallest(coverage));
const { operations, cases, found } = campaign;
parentPort!.postMessage({ operations, cases, found, failure } satisfies Discovery);
