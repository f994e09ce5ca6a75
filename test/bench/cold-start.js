import { fileURLToPath } from 'node:url';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CLI, guest } from './places.js';
import { timeToExit, timeToFirstByte } from './processes.js';
import { figure } from './report.js';
import { interleave, median, paired } from './stats.js';

const MOST_MS = 150;
const PHASES = fileURLToPath(new URL('./cold-start-phases.js', import.meta.url));

/**
 * From the start of the process to the guest's first serial byte, against a Node that does nothing; and where the
 * time goes.
 * @param {{ readonly rounds: number }} options
 */
export async function measureColdStart({ rounds }) {
  const ms = await interleave(rounds, {
    node: () => timeToExit(['-e', '0']),
    tsvmm: () => timeToFirstByte([CLI, 'run', guest('hello')]),
  });
  /** @type {Record<string, number>[]} */
  const phases = [];
  for (let round = 0; round < rounds; round++) phases.push(await timePhases());
  return [
    figure('cold start: first byte', 'ms', median(ms.tsvmm), {
      peer: median(ms.node),
      peerName: 'node -e 0',
      compared: paired(ms.tsvmm, ms.node, (tsvmm, node) => tsvmm - node),
      bar: { kind: 'difference', most: MOST_MS },
    }),
    ...Object.keys(phases[0]).map(name =>
      figure(`cold start: of it ${name}`, 'ms', median(phases.map(phase => phase[name]))),
    ),
  ];
}

/** @returns {Promise<Record<string, number>>} */
async function timePhases() {
  const { stdout } = await promisify(execFile)(process.execPath, [PHASES, guest('hello')]);
  return JSON.parse(stdout);
}
