#!/usr/bin/env node
// Compares the software CPU's core with the host's processor on random instructions until the time is over:
// npm run fuzz:cpu -- --seconds 60 --seed 7
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
  },
});
const { status } = spawnSync(
  'npx',
  ['vitest', 'run', 'test/cpu-oracle/fuzz.test.ts', '--disable-console-intercept'],
  {
    stdio: 'inherit',
    env: { ...process.env, CPU_FUZZ_SECONDS: values.seconds, CPU_FUZZ_SEED: values.seed },
  },
);
process.exitCode = status ?? 1;
