#!/usr/bin/env node
// Compares the software CPU's core with the host's processor on random instructions until the time is over, or the
// number of cases is reached: npm run fuzz:cpu -- --seconds 60 --seed 7 --cases 1000000
// Prints a line for test/cpu-oracle/corpus.jsonl for every difference and ends with status 1 then.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
    cases: { type: 'string', default: 'Infinity' },
  },
});
const { status } = spawnSync(
  'npx',
  ['vitest', 'run', 'test/cpu-oracle/fuzz.test.ts', '--disable-console-intercept'],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      CPU_FUZZ_SECONDS: values.seconds,
      CPU_FUZZ_SEED: values.seed,
      CPU_FUZZ_CASES: values.cases,
    },
  },
);
process.exitCode = status ?? 1;
