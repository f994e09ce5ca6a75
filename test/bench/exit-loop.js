import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { EXIT_LOOP, EXIT_LOOP_SOURCE, MEMORY_MIB, guest } from './places.js';

const run = promisify(execFile);

/** Builds the C loop around KVM_RUN. */
export async function buildExitLoop() {
  await run(process.env['CC'] ?? 'cc', ['-O2', '-Wall', '-Wextra', '-o', EXIT_LOOP, EXIT_LOOP_SOURCE]);
}

/**
 * Runs the guest `exits` under the C loop.
 * @param {string} commandLine
 * @param {boolean} registers whether RIP is taken at every exit
 * @returns what the guest counted, and the frequency at which it counts
 */
export async function runExitLoop(commandLine, registers) {
  const flags = registers ? ['-r'] : [];
  const { stdout } = await run(EXIT_LOOP, [...flags, guest('exits'), String(MEMORY_MIB), commandLine]);
  const tscKhz = Number(/^tsc-khz (\d+)$/m.exec(stdout)?.[1]);
  if (!(tscKhz > 0))
    throw new Error(`exit-loop does not know the frequency of the time stamp counter:\n${stdout}`);
  return { cycles: cyclesIn(stdout), tscKhz };
}

/**
 * Time stamp counts between `# begin` and `# end`, as guests/exits.c tells them.
 * @param {string} output
 */
export function cyclesIn(output) {
  const match = /^# cycles (\d+)$/m.exec(output);
  if (!match) throw new Error(`the guest did not say how long its exits took:\n${output}`);
  return Number(match[1]);
}
