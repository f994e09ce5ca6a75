#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { OPERATIONS, runInTsvmm } from './exits-guest.js';
import { interleave, median, paired } from './stats.js';

// What recording costs an exit: processor time of the machine's thread, in a guest's loop of exits, with a recording and without one,
// in turn. `npm run build && npm run guests` first.
//   node test/bench/profile-cost.js [--accel kvm] [--rounds 5] [--exits 20000]

const { values } = parseArgs({
  options: {
    accel: { type: 'string', default: 'kvm' },
    rounds: { type: 'string', default: '5' },
    exits: { type: 'string', default: '20000' },
  },
});
const accel = values.accel === 'wasm' ? 'wasm' : 'kvm';
const exits = Number(values.exits);

/**
 * @param {string} operation
 * @param {import('tsvmm').RecordingOptions} [recording]
 */
async function nsAnExit(operation, recording) {
  const run = await runInTsvmm(operation, exits, undefined, { accel, ...(recording && { recording }) });
  return run.processorNs / run.exits;
}

process.stdout.write(`${accel}, ${exits} exits a run, medians of ${values.rounds} rounds\n`);
for (const operation of OPERATIONS) {
  const ns = await interleave(Number(values.rounds), {
    off: () => nsAnExit(operation),
    counts: () => nsAnExit(operation, { stacks: 'none' }),
    stacks: () => nsAnExit(operation, { stacks: 'sampled' }),
  });
  /** @param {readonly number[]} on */
  const added = on => {
    const difference = paired(on, ns.off, (a, b) => a - b);
    const percent = paired(on, ns.off, (a, b) => (100 * (a - b)) / b);
    return `${difference >= 0 ? '+' : ''}${difference.toFixed(0)} ns (${percent.toFixed(1)} %)`;
  };
  process.stdout.write(
    `${operation.padEnd(11)} off ${median(ns.off).toFixed(0)} ns, on ${added(ns.counts)}, with call stacks ${added(ns.stacks)}\n`,
  );
}
