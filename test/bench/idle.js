import { setTimeout as sleep } from 'node:timers/promises';
import { CLI, guest } from './places.js';
import { outputOf, processorTime, startNode, stop } from './processes.js';
import { figure } from './report.js';

const CPUS = [1, 2, 4];
const MOST_PERCENT = 1;
/** Start-up is over by then: compilers and collectors at work in the background too. */
const SETTLE_MS = 1000;

/**
 * Processor time of the whole process while its guest sleeps in HLT.
 * @param {{ readonly seconds: number }} options
 */
export async function measureIdle({ seconds }) {
  const figures = [];
  for (const cpus of CPUS) {
    const child = startNode([CLI, 'run', '--cpus', String(cpus), guest('idle')]);
    try {
      await outputOf(child, 'idle.started PASS');
      await sleep(SETTLE_MS);
      const pid = /** @type {number} */ (child.pid);
      const before = processorTime(pid);
      const from = performance.now();
      await sleep(seconds * 1000);
      const used = processorTime(pid) - before;
      const percent = (used / 1e6 / (performance.now() - from)) * 100;
      figures.push(
        figure(`idle: ${cpus} vCPU${cpus > 1 ? 's' : ''}`, '% of a core', percent, {
          bar: { kind: 'value', most: MOST_PERCENT },
        }),
      );
    } finally {
      await stop(child);
    }
  }
  return figures;
}
