import { setTimeout as sleep } from 'node:timers/promises';
import { CLI, MEMORY_MIB, guest } from './places.js';
import { outputOf, residentMemory, startNode, stop } from './processes.js';
import { figure } from './report.js';

const CPUS = [1, 4];
const MOST_MIB = 90;
const MIB = 2 ** 20;
const SETTLE_MS = 1000;

/**
 * Resident memory of the process beyond the pages that the guest touched, beside a Node with as many threads that do
 * nothing: each vCPU has a worker of its own.
 */
export async function measureMemory() {
  const figures = [];
  for (const cpus of CPUS) {
    const node = await residentIn(['-e', idleWorkers(cpus)], 'ready', 0);
    const args = [CLI, 'run', '--memory', `${MEMORY_MIB}M`, '--cpus', String(cpus), guest('idle')];
    const tsvmm = await residentIn(args, 'idle.started PASS', MEMORY_MIB * MIB);
    if (tsvmm.guest === 0) throw new Error("the guest's RAM is not among the process's mappings");
    const name = `memory: ${cpus} vCPU${cpus > 1 ? 's' : ''}`;
    const peerName = `node, ${cpus} idle worker${cpus > 1 ? 's' : ''}`;
    figures.push(
      figure(`${name}, RSS without the guest`, 'MiB', tsvmm.rest / MIB, {
        peer: node.rest / MIB,
        peerName,
        // One vCPU is the machine by default; a further one costs little more than the worker it runs on.
        ...(cpus === 1 && { bar: { kind: 'value', most: MOST_MIB } }),
      }),
      figure(`${name}, shared pages in proportion`, 'MiB', tsvmm.restProportional / MIB, {
        peer: node.restProportional / MIB,
        peerName,
      }),
      figure(`${name}, touched by the guest`, 'MiB', tsvmm.guest / MIB),
    );
  }
  return figures;
}

/**
 * A program for Node.
 * @param {number} count
 */
function idleWorkers(count) {
  return `
    const { Worker } = require('node:worker_threads');
    const ready = Array.from({ length: ${count} }, () => {
      const worker = new Worker('setInterval(() => {}, 2 ** 30)', { eval: true });
      return new Promise(resolve => worker.once('online', resolve));
    });
    Promise.all(ready).then(() => console.log('ready'));`;
}

/**
 * @param {readonly string[]} args
 * @param {string} ready
 * @param {number} guestSize
 */
async function residentIn(args, ready, guestSize) {
  const child = startNode(args);
  try {
    await outputOf(child, ready);
    await sleep(SETTLE_MS);
    return residentMemory(/** @type {number} */ (child.pid), guestSize);
  } finally {
    await stop(child);
  }
}
