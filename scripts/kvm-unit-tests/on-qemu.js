import { spawn } from 'node:child_process';
import { RunnerError } from './errors.js';
import { commandLine } from './unittests-cfg.js';

/** @import { End } from './outcome.js' */
/** @import { Job } from './suite.js' */

const QEMU = 'qemu-system-x86_64';

/**
 * Runs a test on QEMU's software CPU with all that it has (`-cpu max`) and the flags of unittests.cfg.
 *
 * @param {Job} job
 * @returns {Promise<{ output: string, end: End }>}
 * @throws {RunnerError} when there is no QEMU
 */
export async function runOnQemu({ kernel, test, needs, timeoutSeconds }) {
  const append = commandLine(test);
  const args = [
    ...['--no-reboot', '-nodefaults', '-display', 'none', '-serial', 'stdio', '-accel', 'tcg'],
    ...['-device', 'pc-testdev', '-device', 'isa-debug-exit,iobase=0xf4,iosize=0x4'],
    ...['-cpu', ['max', ...needs.processor].join(','), '-m', String(needs.memoryMiB)],
    ...['-smp', String(test.cpus), '-kernel', kernel],
    ...(append === '' ? [] : ['-append', append]),
    ...needs.others.flatMap(option => option.split(' ')),
  ];
  const started = performance.now();
  const { status, signal, output, diagnosis } = await run(args, timeoutSeconds);
  const seconds = (performance.now() - started) / 1000;
  return { output, end: endOf(status, signal, diagnosis, seconds) };
}

/** @returns {Promise<string>} QEMU's name and version */
export async function qemuVersion() {
  const { output } = await run(['--version'], 10);
  return output.split('\n')[0];
}

/**
 * @param {number | null} status
 * @param {NodeJS.Signals | null} signal
 * @param {string} diagnosis
 * @param {number} seconds
 * @returns {End}
 */
function endOf(status, signal, diagnosis, seconds) {
  if (signal === 'SIGKILL') return { kind: 'timeout', reason: `after ${Math.round(seconds)} s`, seconds };
  if (status === null) return { kind: 'crash', reason: `QEMU ended by ${signal}`, seconds };
  // isa-debug-exit's status is (value << 1) | 1, cut to a byte; QEMU's own failures have 1, as has success.
  const refusal = diagnosis.split('\n').find(line => line.startsWith(QEMU) && !line.includes('warning:'));
  if (refusal !== undefined) return { kind: 'unavailable', reason: refusal, seconds };
  if (status === 0) return { kind: 'crash', reason: 'reset or power-off', seconds };
  return { kind: 'exit', code: status >> 1, seconds };
}

/**
 * @param {string[]} args
 * @param {number} timeoutSeconds after which it is killed
 * @returns {Promise<{ status: number | null, signal: NodeJS.Signals | null, output: string, diagnosis: string }>}
 */
function run(args, timeoutSeconds) {
  return new Promise((resolve, reject) => {
    const child = spawn(QEMU, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutSeconds * 1000,
      killSignal: 'SIGKILL',
    });
    let output = '';
    let diagnosis = '';
    child.stdout.on('data', chunk => (output += String(chunk)));
    child.stderr.on('data', chunk => (diagnosis += String(chunk)));
    child.on('error', error => reject(new RunnerError(`cannot run ${QEMU}: ${error.message}`)));
    child.on('close', (status, signal) => resolve({ status, signal, output, diagnosis }));
  });
}
