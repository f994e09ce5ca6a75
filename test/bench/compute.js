import { MACHINES, runMachine } from './machines.js';
import { guest } from './places.js';
import { processorTime } from './processes.js';
import { figure } from './report.js';
import { geometricMean, median } from './stats.js';
import { formatColumns } from './table.js';

/** @typedef {import('./machines.js').MachineName} MachineName */

/**
 * Which clock the loops are measured by. `wall`: when the lines around a loop arrive here, a clock that all machines
 * have in common and no guest can bend. `processor`: processor time of the machine's process between the two, for a
 * host that is busy otherwise.
 * @typedef {'wall' | 'processor'} Clock
 */

/** tsvmm is to have at least this much of TCG's speed in the mean. */
const LEAST_OF_TCG = 0.1;

/** The same loops at both widths; only 32 bits run everywhere. */
const BUILDS = /** @type {const} */ ([
  { bits: 64, kernel: 'compute', machines: ['tsvmm', 'tcg'] },
  { bits: 32, kernel: 'compute-i386', machines: ['tsvmm', 'tcg', 'v86'] },
]);

/**
 * Milliseconds of each loop, by name.
 * @typedef {Map<string, number>} Times
 */

/**
 * The compute guest on every machine in turn, and how fast tsvmm is against each of the others.
 * @param {{ readonly rounds: number, readonly clock: Clock, readonly withKvm: boolean, readonly scale: number, readonly loop?: string,
 *   readonly bits?: number }} options
 * @returns {Promise<{ figures: import('./report.js').Figure[], text: string }>}
 */
export async function measureCompute({ rounds, clock, withKvm, scale, loop, bits }) {
  const figures = [];
  const tables = [];
  const commandLine = `scale=${scale}${loop === undefined ? '' : ` loop=${loop}`}`;
  for (const build of BUILDS.filter(build => bits === undefined || build.bits === bits)) {
    /** @type {MachineName[]} */
    const machines = [
      ...build.machines,
      ...(withKvm && build.bits === 64 ? /** @type {const} */ (['kvm']) : []),
    ];
    /** @type {Map<MachineName, Times[]>} */
    const runs = new Map(machines.map(name => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const name of machines)
        runs.get(name)?.push(await timeLoops(name, { kernel: guest(build.kernel), commandLine }, clock));
    }
    const medians = new Map([...runs].map(([name, times]) => [name, mediansOf(times)]));
    figures.push(...figuresOf(build.bits, medians, loop === undefined));
    tables.push(tableOf(build.bits, medians));
  }
  return { figures, text: tables.join('\n\n') };
}

/**
 * One run of the guest.
 * @param {MachineName} machine
 * @param {import('./machines.js').Guest} guest
 * @param {Clock} clock
 * @returns {Promise<Times>}
 */
async function timeLoops(machine, guest, clock) {
  /** @type {Times} */
  const times = new Map();
  let started = 0;
  const output = await runMachine(machine, guest, (line, { pid }) => {
    const [, edge, name] = /^# (begin|end) (\S+)$/.exec(line) ?? [];
    if (name === undefined) return;
    const now = clock === 'wall' ? performance.now() : processorTime(pid) / 1e6;
    if (edge === 'begin') started = now;
    else times.set(name, now - started);
  });
  if (!/^compute END [1-9]\d* 0$/m.test(output))
    throw new Error(`${MACHINES[machine].title} computes something else:\n${output}`);
  const unseen = [...times].find(([, ms]) => ms <= 0);
  if (unseen)
    throw new Error(`the loop ${unseen[0]} was over before its first line was seen: give a --scale`);
  return times;
}

/**
 * @param {readonly Times[]} runs
 * @returns {Times}
 */
function mediansOf(runs) {
  return new Map([...runs[0].keys()].map(name => [name, median(runs.map(times => times.get(name) ?? NaN))]));
}

/**
 * How many times as fast tsvmm is as the peer, loop by loop.
 * @param {Map<MachineName, Times>} medians
 * @param {MachineName} peer
 */
function speeds(medians, peer) {
  const mine = medians.get('tsvmm') ?? new Map();
  return [...mine].map(([name, ms]) => (medians.get(peer)?.get(name) ?? NaN) / ms);
}

/**
 * @param {number} bits
 * @param {Map<MachineName, Times>} medians
 * @param {boolean} isWhole whether these are all loops, so that the mean has its bar
 */
function figuresOf(bits, medians, isWhole) {
  const peers = [...medians.keys()].filter(name => name !== 'tsvmm');
  return peers.flatMap(peer => [
    ...[...(medians.get('tsvmm') ?? [])].map(([name, ms], i) =>
      figure(`compute, ${bits} bits: ${name}`, 'ms', ms, {
        peer: medians.get(peer)?.get(name) ?? NaN,
        peerName: MACHINES[peer].title,
        compared: speeds(medians, peer)[i],
      }),
    ),
    figure(`compute, ${bits} bits: geometric mean of speeds`, '', geometricMean(speeds(medians, peer)), {
      peerName: MACHINES[peer].title,
      compared: geometricMean(speeds(medians, peer)),
      ...(peer === 'tcg' && isWhole ? { bar: { kind: 'ratio', least: LEAST_OF_TCG } } : {}),
    }),
  ]);
}

/**
 * Times of all machines side by side, and speeds against each peer.
 * @param {number} bits
 * @param {Map<MachineName, Times>} medians
 */
function tableOf(bits, medians) {
  const machines = [...medians.keys()];
  const peers = machines.filter(name => name !== 'tsvmm');
  const ratios = peers.map(peer => speeds(medians, peer));
  const loops = [...(medians.get('tsvmm') ?? new Map()).keys()];
  return formatColumns([
    [
      `${bits} bits`,
      ...machines.map(name => `${MACHINES[name].title}, ms`),
      ...peers.map(name => `× ${MACHINES[name].title}`),
    ],
    ...loops.map((loop, i) => [
      loop,
      ...machines.map(name => (medians.get(name)?.get(loop) ?? NaN).toFixed(1)),
      ...ratios.map(of => of[i].toFixed(2)),
    ]),
    ['geometric mean', ...machines.map(() => ''), ...ratios.map(of => geometricMean(of).toFixed(3))],
  ]);
}
