import { buildExitLoop, runInLoop } from './exit-loop.js';
import { OPERATIONS, runInTsvmm } from './exits-guest.js';
import { figure } from './report.js';
import { interleave, median, paired } from './stats.js';

const BAR = /** @type {const} */ ({ kind: 'ratio', most: 1.1 });

/** Registers are copied at each exit, and no event passes the filter. */
const REGISTERS_ONLY = /** @type {const} */ ({ registers: true, device: 'none of this name' });
const EVERY_EXIT = /** @type {const} */ ({ registers: true });

/**
 * What an exit costs under tsvmm and under a C loop around KVM_RUN that boots the same guest file. Includes the first
 * exits of each run, in which tsvmm's code is not compiled yet.
 * @param {{ readonly rounds: number, readonly exits: number, readonly clock: 'processor' | 'wall' }} options
 *   `processor`: processor time of the thread that runs the vCPU, for all exits of the run; `wall`: by the guest's time
 *   stamp counter, for the measured loop. On a machine with nothing else to do they agree.
 */
export async function measureExitCost({ rounds, exits, clock }) {
  await buildExitLoop();
  const { tscKhz } = await runInLoop('out', 100, false);
  /** @param {{ cycles: number, processorNs: number, exits: number }} run */
  const nsAnExit = run =>
    clock === 'wall' ? ((run.cycles / tscKhz) * 1e6) / exits : run.processorNs / run.exits;

  const figures = [];
  for (const operation of OPERATIONS) {
    const ns = await interleave(rounds, {
      c: async () => nsAnExit(await runInLoop(operation, exits, false)),
      tsvmm: async () => nsAnExit(await runInTsvmm(operation, exits)),
      cRegisters: async () => nsAnExit(await runInLoop(operation, exits, true)),
      tsvmmRegisters: async () => nsAnExit(await runInTsvmm(operation, exits, REGISTERS_ONLY)),
      tsvmmEvents: async () => {
        const run = await runInTsvmm(operation, exits, EVERY_EXIT);
        if (run.events < exits) throw new Error(`the probe saw ${run.events} of ${exits} exits`);
        return nsAnExit(run);
      },
    });
    figures.push(
      compared(operation, ns.tsvmm, ns.c, 'C loop', BAR),
      compared(`${operation}, registers`, ns.tsvmmRegisters, ns.cRegisters, 'C loop, registers', BAR),
      // No bar: the C loop tells nobody of its exits.
      compared(`${operation}, registers and an event`, ns.tsvmmEvents, ns.cRegisters, 'C loop, registers'),
    );
  }
  return figures;
}

/**
 * @param {string} what
 * @param {readonly number[]} values
 * @param {readonly number[]} peers
 * @param {string} peerName
 * @param {import('./report.js').Bar} [bar]
 */
function compared(what, values, peers, peerName, bar) {
  return figure(`exit: ${what}`, 'ns', median(values), {
    peer: median(peers),
    peerName,
    compared: paired(values, peers, (value, peer) => value / peer),
    ...(bar && { bar }),
  });
}
