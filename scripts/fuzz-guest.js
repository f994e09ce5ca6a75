// Runs guests/fuzz with one seed after the other: `npm run fuzz:devices -- --guest`, see docs/fuzzing.md.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createMachine } from '../dist/index.js';
import { fuzzMachine } from './fuzz-guest-machine.js';

const KERNEL = fileURLToPath(new URL('../guests/build/fuzz.elf', import.meta.url));
/** Of so many runs one is made twice, with counted instructions, and both must be the same. */
const RUNS_A_REPLAY = 4;
const MIB = 2 ** 20;

/**
 * @param {string[]} args
 * @returns {Promise<number>} the exit status: 1 when a run did not end by itself, or not as it did before
 */
export async function fuzzGuests(args) {
  const { values } = parseArgs({
    args,
    options: {
      guest: { type: 'boolean' },
      accel: { type: 'string', default: 'wasm' },
      operations: { type: 'string', default: '200000' },
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Date.now() % 1e9) },
    },
  });
  const accel = /** @type {'kvm' | 'wasm'} */ (values.accel);
  const folder = mkdtempSync(join(tmpdir(), 'tsvmm-fuzz-'));
  const begin = performance.now();
  const end = begin + 1000 * Number(values.seconds);
  let total = 0;
  let runs = 0;
  /** @param {number} seed @param {boolean} counted */
  const run = async (seed, counted) => {
    const operations = Number(values.operations);
    const machine = await createMachine({
      ...fuzzMachine({ folder, accel, seed, operations, counted }),
      kernel: KERNEL,
    });
    const { reason, code } = await machine.run();
    const { text } = machine.serial;
    await machine.close();
    const done = /^fuzz\.operations PASS (\d+)$/m.exec(text)?.[1];
    total += Number(done ?? 0);
    runs++;
    if (reason === 'exit' && code === 0 && done !== undefined) return text;
    throw new Error(`seed ${seed} on ${accel}: ${reason}, status ${code}\n${text}`);
  };
  try {
    for (let seed = Number(values.seed); performance.now() < end; seed++) {
      const replay = accel === 'wasm' && seed % RUNS_A_REPLAY === 0;
      const text = await run(seed, replay);
      if (replay && (await run(seed, true)) !== text)
        throw new Error(`seed ${seed}: two runs are not the same`);
    }
    return 0;
  } catch (error) {
    console.log(error instanceof Error ? error.message : error);
    return 1;
  } finally {
    rmSync(folder, { recursive: true });
    const seconds = (performance.now() - begin) / 1000;
    const peak = Math.round((process.resourceUsage().maxRSS * 1024) / MIB);
    console.log(
      `the guest on ${accel}: ${total.toLocaleString('en')} operations in ${runs} runs, ${seconds.toFixed(0)} s, ` +
        `${Math.round(total / seconds).toLocaleString('en')}/s, ${peak} MiB at most`,
    );
  }
}
