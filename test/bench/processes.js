import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { once } from 'node:events';

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */

/**
 * Starts Node on `args`.
 * @param {readonly string[]} args
 */
export function startNode(args) {
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/**
 * Milliseconds from the start of the process to its first byte of output.
 * @param {readonly string[]} args
 */
export async function timeToFirstByte(args) {
  const started = performance.now();
  const child = startNode(args);
  const exited = once(child, 'exit');
  await Promise.race([once(child.stdout, 'data'), exited.then(([status]) => fail(args, status))]);
  const elapsed = performance.now() - started;
  child.stdout.resume();
  await exited;
  return elapsed;
}

/**
 * Milliseconds from the start of the process to its end.
 * @param {readonly string[]} args
 */
export async function timeToExit(args) {
  const started = performance.now();
  await once(startNode(args), 'exit');
  return performance.now() - started;
}

/**
 * Resolves once the process's output contains `text`.
 * @param {ReturnType<typeof startNode>} child
 * @param {string} text
 */
export async function outputOf(child, text) {
  let output = '';
  for await (const data of child.stdout.iterator({ destroyOnReturn: false })) {
    output += String(data);
    if (output.includes(text)) return;
  }
  throw new Error(`the process ended without '${text}' in its output: ${output}`);
}

/** @param {ChildProcess} child */
export async function stop(child) {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

/**
 * Nanoseconds of processor time that all threads of a process have used, in the guest too. The scheduler's own count:
 * /proc/PID/stat counts in hundredths of a second.
 * @param {number} pid
 */
export function processorTime(pid) {
  let total = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const [running] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    total += Number(running);
  }
  return total;
}

/**
 * Resident memory of a process in bytes, apart by whether it belongs to a mapping of exactly `guestSize` bytes.
 * @param {number} pid
 * @param {number} guestSize bytes, 0 for none
 */
export function residentMemory(pid, guestSize) {
  const resident = { guest: 0, rest: 0, restProportional: 0 };
  let isGuest = false;
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    const range = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
    if (range) isGuest = Number(`0x${range[2]}`) - Number(`0x${range[1]}`) === guestSize;
    const amount = /^(Rss|Pss): +(\d+) kB$/.exec(line);
    if (!amount) continue;
    const bytes = Number(amount[2]) * 1024;
    if (amount[1] === 'Pss') resident.restProportional += isGuest ? 0 : bytes;
    else resident[isGuest ? 'guest' : 'rest'] += bytes;
  }
  return resident;
}

/**
 * @param {readonly string[]} args
 * @param {unknown} status
 * @returns {never}
 */
function fail(args, status) {
  throw new Error(`node ${args.join(' ')} ended with status ${String(status)} and without output`);
}
