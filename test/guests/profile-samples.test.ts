import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createMachine, type MachineOptions, type RunResult } from 'tsvmm';
import { Symbols } from '../../src/vmm/boot/symbols.js';
import { ACCELERATORS, guestPath } from './harness.js';

const KERNEL = guestPath('samples.elf');
const PERIOD = 5000;
const ROUNDS = 300;
/** What guests/samples.c executes in each function, of 20 000 instructions in these. */
const SHARES = { spend_half: 0.5, spend_three_tenths: 0.3, spend_fifth: 0.2 };
/** Three times the standard deviation of the largest share among 1200 samples, taken at random. */
const TOLERANCE = 0.044;

const functions = Symbols.fromElf(readFileSync(KERNEL));

interface Sampled {
  readonly result: RunResult;
  readonly counts: Readonly<Record<string, number>>;
}

async function sample(options: Partial<MachineOptions>): Promise<Sampled> {
  await using machine = await createMachine({
    kernel: KERNEL,
    accel: 'wasm',
    append: `n=${ROUNDS}`,
    timeoutMs: 60_000,
    ...options,
  });
  const result = await machine.run();
  expect(result, machine.serial.text).toMatchObject({ reason: 'exit', status: 0 });
  const counts: Record<string, number> = {};
  for (const { stack, count } of machine.recording?.samples() ?? []) {
    const name = functions.lookup(machine.recording!.stacks[stack][0])?.name ?? '?';
    counts[name] = (counts[name] ?? 0) + count;
  }
  return { result, counts };
}

// KVM does not count instructions.
describe.runIf((ACCELERATORS as readonly string[]).includes('wasm'))('samples of guest code', () => {
  const recording = { samplePeriod: PERIOD };

  test.each([
    ['in real time', {}],
    ['with counted instructions', { icount: true }],
  ] as const)('are shared as its instructions are, %s', async (_name, options) => {
    const { result, counts } = await sample({ recording, ...options });
    const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
    // One of each period: exits and sleep in between change nothing about that.
    expect(all).toBeGreaterThanOrEqual(Math.floor(result.instructions! / PERIOD));
    expect(all).toBeLessThanOrEqual(Math.ceil(result.instructions! / PERIOD));
    for (const [name, share] of Object.entries(SHARES)) {
      expect(Math.abs((counts[name] ?? 0) / all - share), JSON.stringify(counts)).toBeLessThan(TOLERANCE);
    }
  });

  test('are the same in each run with counted instructions, and change nothing about it', async () => {
    const first = await sample({ recording, icount: true });
    const second = await sample({ recording, icount: true });
    expect(second.counts).toEqual(first.counts);
    const unrecorded = await sample({ icount: true });
    expect(first.result.instructions).toBe(unrecorded.result.instructions);
  });
});
