import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { commandLine, cyclesIn } from './exits-guest.js';
import { EXIT_LOOP, EXIT_LOOP_SOURCE, MEMORY_MIB, guest } from './places.js';

const run = promisify(execFile);

/** Builds the C loop around KVM_RUN. */
export async function buildExitLoop() {
  await run(process.env['CC'] ?? 'cc', ['-O2', '-Wall', '-Wextra', '-o', EXIT_LOOP, EXIT_LOOP_SOURCE]);
}

/**
 * Runs the guest `exits` under the C loop.
 * @param {string} operation
 * @param {number} exits
 * @param {boolean} registers whether RIP is taken at every exit
 */
export async function runInLoop(operation, exits, registers) {
  const flags = registers ? ['-r'] : [];
  const kernel = [guest('exits'), String(MEMORY_MIB), commandLine(operation, exits)];
  const { stdout } = await run(EXIT_LOOP, [...flags, ...kernel]);
  /** @param {string} name */
  const value = name => {
    const number = Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(stdout)?.[1]);
    if (!(number > 0)) throw new Error(`exit-loop did not tell ${name}:\n${stdout}`);
    return number;
  };
  return {
    cycles: cyclesIn(stdout),
    exits: value('exits'),
    processorNs: value('cpu-ns'),
    tscKhz: value('tsc-khz'),
  };
}
