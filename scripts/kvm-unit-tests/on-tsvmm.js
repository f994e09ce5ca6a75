import { readFileSync } from 'node:fs';
import { createMachine, TsvmmError } from 'tsvmm';
import { wantsFirmware, withFirmware } from './firmware.js';
import { commandLine } from './unittests-cfg.js';

/** @import { MachineOptions, RunResult } from 'tsvmm' */
/** @import { End } from './outcome.js' */
/** @import { Job } from './suite.js' */

const TEST_DEVICE = new URL('./test-device.js', import.meta.url);

/** An instruction takes 2^3 ns of the guest's time, about what it takes of the host's. */
const INSTRUCTION_TIME = 3;

/**
 * Runs a test on tsvmm's software CPU.
 *
 * @param {Job} job
 * @returns {Promise<{ output: string, end: End }>}
 */
export async function runOnTsvmm(job) {
  const { needs, timeoutSeconds } = job;
  if (needs.others.length > 0) {
    const reason = `the machine has no ${needs.others.join(', ')}`;
    return { output: '', end: { kind: 'unavailable', reason, seconds: 0 } };
  }
  let machine;
  try {
    machine = await createMachine(optionsFor(job));
  } catch (error) {
    if (!(error instanceof TsvmmError)) throw error;
    return { output: '', end: { kind: 'unavailable', reason: error.message, seconds: 0 } };
  }
  try {
    const result = await machine.run();
    const note = needs.processor.filter(isMissing).join(',');
    const end = { ...endOf(result, timeoutSeconds), ...(note !== '' && { note: `not ${note}` }) };
    return { output: machine.serial.text, end };
  } finally {
    await machine.close();
  }
}

/**
 * The software CPU is always the same: features cannot be taken away from it, nor its vendor be changed. A test for a
 * feature that it lacks says so itself.
 *
 * @param {string} flag of `-cpu`
 */
function isMissing(flag) {
  return !flag.startsWith('+');
}

/**
 * @param {Job} job
 * @returns {MachineOptions}
 */
function optionsFor({ kernel, test, needs, timeoutSeconds }) {
  const image = readFileSync(kernel);
  return {
    kernel: wantsFirmware(image) ? withFirmware(image) : kernel,
    accel: 'wasm',
    // Tests of timers take no notice of how busy the host is, and each run repeats the last one.
    icount: { shift: INSTRUCTION_TIME, epoch: Date.now() },
    boot: 'multiboot1',
    append: commandLine(test),
    cpus: test.cpus,
    memory: needs.memoryMiB * 2 ** 20,
    modules: [{ file: environment(test.cpus, needs.memoryMiB), name: 'environment' }],
    devices: [{ module: TEST_DEVICE }],
    timeoutMs: timeoutSeconds * 1000,
  };
}

/**
 * What a test would else ask QEMU's fw_cfg for (lib/x86/fwcfg.c).
 *
 * @param {number} cpus
 * @param {number} memoryMiB
 */
function environment(cpus, memoryMiB) {
  return new TextEncoder().encode(`NR_CPUS=${cpus}\nMEMSIZE=${memoryMiB}\n`);
}

/**
 * @param {RunResult} result
 * @param {number} timeoutSeconds
 * @returns {End}
 */
function endOf({ reason, code, failure, elapsedMs }, timeoutSeconds) {
  const seconds = elapsedMs / 1000;
  if (reason === 'exit') return { kind: 'exit', code: code ?? 0, seconds };
  if (reason === 'timeout') return { kind: 'timeout', reason: `after ${timeoutSeconds} s`, seconds };
  const details = Object.entries(failure?.details ?? {}).map(
    ([name, value]) => ` ${name}=${typeof value === 'bigint' ? `0x${value.toString(16)}` : String(value)}`,
  );
  return { kind: 'crash', reason: `${reason}${details.join('')}`, seconds };
}
