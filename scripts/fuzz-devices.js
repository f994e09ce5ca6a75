#!/usr/bin/env node
// Drives each device through its registers and rings as a hostile guest would, until the time is over or the number of
// operations is reached, for each family of devices: see docs/fuzzing.md.
//   npm run fuzz:devices -- --seconds 60 --operations 100000000 --device virtio-blk --seed 7 --keep
// With --guest it is a real guest that does so, from inside a whole machine:
//   npm run fuzz:devices -- --guest --seconds 60 --operations 200000 --accel wasm --seed 7
// Ends with status 1 when a device failed, and prints the case for test/corpus/devices.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleFuzzer, CORPUS } from './fuzz-bundle.js';

/** @param {string[]} args */
async function fuzzDevices(args) {
  const folder = mkdtempSync(join(tmpdir(), 'tsvmm-fuzz-'));
  try {
    await bundleFuzzer(folder, ['main', 'explorer']);
    const node = process.env.FUZZ_NODE_OPTIONS?.split(' ') ?? [];
    const { status } = spawnSync(
      process.execPath,
      [...node, join(folder, 'main.mjs'), '--corpus', CORPUS, ...args],
      { stdio: 'inherit' },
    );
    return status ?? 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const args = process.argv.slice(2);
if (args.includes('--guest')) {
  const { fuzzGuests } = await import('./fuzz-guest.js');
  process.exitCode = await fuzzGuests(args);
} else {
  process.exitCode = await fuzzDevices(args);
}
