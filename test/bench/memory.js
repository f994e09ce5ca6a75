import { setTimeout as sleep } from 'node:timers/promises';
import { CLI, MEMORY_MIB, guest } from './places.js';
import { outputOf, residentMemory, startNode, stop } from './processes.js';
import { figure } from './report.js';

const CPUS = [1, 4];
const MOST_MIB = 90;
const MIB = 2 ** 20;
const SETTLE_MS = 1000;

/** Resident memory of the process beyond the pages that the guest touched, with a bare Node beside it. */
export async function measureMemory() {
  const node = await residentIn(['-e', 'console.log("ready"); setTimeout(() => {}, 1e6)'], 'ready', 0);
  const figures = [];
  for (const cpus of CPUS) {
    const args = [CLI, 'run', '--memory', `${MEMORY_MIB}M`, '--cpus', String(cpus), guest('idle')];
    const tsvmm = await residentIn(args, 'idle.started PASS', MEMORY_MIB * MIB);
    if (tsvmm.guest === 0) throw new Error("the guest's RAM is not among the process's mappings");
    const name = `memory: ${cpus} vCPU${cpus > 1 ? 's' : ''}`;
    const peerName = 'idle node';
    figures.push(
      figure(`${name}, RSS without the guest`, 'MiB', tsvmm.rest / MIB, {
        peer: node.rest / MIB,
        peerName,
        bar: { kind: 'value', most: MOST_MIB },
      }),
      figure(`${name}, the same, shared pages in proportion`, 'MiB', tsvmm.restProportional / MIB, {
        peer: node.restProportional / MIB,
        peerName,
      }),
      figure(`${name}, pages that the guest touched`, 'MiB', tsvmm.guest / MIB),
    );
  }
  return figures;
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
