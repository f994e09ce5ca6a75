import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fuzzMachine } from '../../scripts/fuzz-guest-machine.js';
import { ACCELERATORS, onEachAccelerator, runGuest, type GuestRun, type TestAccelerator } from './harness.js';

/**
 * The guest that drives all devices at random, for a short while: `npm run fuzz:devices -- --guest` runs it for longer. It
 * ends by itself, with all that it wanted to do done.
 */

const OPERATIONS = 50_000;
/** For a KVM that takes a millisecond an exit. */
const FEW = 2000;

let folder: string;
beforeEach(() => (folder = mkdtempSync(`${tmpdir()}/tsvmm-fuzz-`)));
afterEach(() => rmSync(folder, { recursive: true }));

async function fuzz(
  accel: TestAccelerator,
  seed: number,
  operations: number,
  counted = false,
): Promise<GuestRun> {
  const options = fuzzMachine({ folder, accel, seed, operations, counted });
  const run = await runGuest('fuzz.elf', options);
  expect([run.result.reason, run.report.succeeded], run.text).toEqual(['exit', true]);
  return run;
}

const valueOf = ({ report }: GuestRun, name: string): string | undefined =>
  report.checks.find(check => check.name === name)?.value;

/** What the guest does follows from the seed, whatever devices answer. */
let sequence: string | undefined;

onEachAccelerator('a guest that does everything wrong', accel => {
  test('ends by itself', async () => {
    const run = await fuzz(accel, 1, FEW);
    expect(Number(valueOf(run, 'operations'))).toBeGreaterThanOrEqual(FEW);
    sequence ??= valueOf(run, 'sequence');
    expect(valueOf(run, 'sequence')).toBe(sequence);
  });
});

describe.runIf(ACCELERATORS.some(name => name === 'wasm'))('a guest that does everything wrong', () => {
  test('ends by itself after a while', async () => {
    const run = await fuzz('wasm', 2, OPERATIONS);
    expect(Number(valueOf(run, 'operations'))).toBeGreaterThanOrEqual(OPERATIONS);
  });

  test('does and finds the same again with counted instructions', async () => {
    const first = await fuzz('wasm', 3, OPERATIONS, true);
    const second = await fuzz('wasm', 3, OPERATIONS, true);
    expect(second.text).toBe(first.text);
    expect(valueOf(first, 'values')).toBeDefined();
  });
});
