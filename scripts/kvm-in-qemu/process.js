import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { HarnessError } from './errors.js';

/**
 * Runs a program to its end and returns what it wrote to its standard output.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, input?: Uint8Array, env?: NodeJS.ProcessEnv }} [options] `input` is fed to its standard input
 * @returns {Promise<Buffer>}
 * @throws {HarnessError} when it cannot be started or does not exit with status 0; quotes its standard error
 */
export function run(command, args, { cwd, input, env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: env ?? process.env });
    /** @type {Buffer[]} */
    const output = [];
    /** @type {Buffer[]} */
    const diagnosis = [];
    child.stdout.on('data', chunk => output.push(chunk));
    child.stderr.on('data', chunk => diagnosis.push(chunk));
    child.stdin.on('error', () => {
      // A program that ends before it has read everything says why by its status and standard error.
    });
    child.on('error', error => reject(new HarnessError(`cannot run ${command}: ${error.message}`)));
    child.on('close', (status, signal) => {
      if (status === 0) return resolve(Buffer.concat(output));
      const detail = Buffer.concat(diagnosis).toString().trim();
      const end = signal ? `was ended by ${signal}` : `failed with status ${status}`;
      reject(new HarnessError(`${command} ${args.join(' ')} ${end}${detail && `: ${detail}`}`));
    });
    child.stdin.end(input);
  });
}

/**
 * The exit status that a shell gives to a process ended by `signal`.
 *
 * @param {NodeJS.Signals} signal
 */
export function signalStatus(signal) {
  return 128 + constants.signals[signal];
}
