import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CheckFailed } from '../cases/errors.js';

/** @param {string} program */
export function isInstalled(program) {
  return (process.env.PATH ?? '').split(delimiter).some(folder => existsSync(join(folder, program)));
}

/**
 * Runs a program that somebody else wrote to its end, and gives what it printed.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {number} timeoutMs
 * @param {readonly number[]} [statuses] that mean it came to its end
 * @returns {Promise<string>}
 * @throws {CheckFailed} when it fails or does not end
 */
export function runPeer(program, args, timeoutMs, statuses = [0]) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', data => (output += String(data)));
    child.on('error', reject);
    child.on('close', (status, signal) => {
      if (status !== null && statuses.includes(status)) return resolve(output);
      const tail = output.trim().split('\n').slice(-5).join(' | ');
      reject(new CheckFailed(`${program} ended with ${signal ?? status}: ${tail}`));
    });
  });
}
