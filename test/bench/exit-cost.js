import { createMachine } from 'tsvmm';
import { buildExitLoop, cyclesIn, runExitLoop } from './exit-loop.js';
import { MEMORY_MIB, guest } from './places.js';
import { figure } from './report.js';
import { interleave, median, paired } from './stats.js';

/** @typedef {import('tsvmm').ProbeFilter} ProbeFilter */

const OPERATIONS = ['out', 'in', 'mmio-read', 'mmio-write'];
const MOST = 1.1;

/** Registers are copied at each exit, and no event passes the filter. */
const REGISTERS_ONLY = /** @type {const} */ ({ registers: true, device: 'none of this name' });
const EVERY_EXIT = /** @type {const} */ ({ registers: true });

/**
 * What an exit costs under tsvmm and under a C loop around KVM_RUN: the same guest file counts its own time stamp
 * counter. Includes the first exits of each run, in which tsvmm's code is not compiled yet.
 * @param {{ readonly rounds: number, readonly exits: number }} options
 */
export async function measureExitCost({ rounds, exits }) {
  await buildExitLoop();
  const { tscKhz } = await runExitLoop('op=out n=100', false);
  /** @param {number} cycles */
  const nsAnExit = cycles => (cycles / tscKhz / exits) * 1e6;
  const figures = [];
  for (const operation of OPERATIONS) {
    const commandLine = `op=${operation} n=${exits}`;
    const c = async (registers = false) => nsAnExit((await runExitLoop(commandLine, registers)).cycles);
    /** @param {ProbeFilter} [filter] */
    const tsvmm = async filter => nsAnExit(await runTsvmm(commandLine, exits, filter));
    const ns = await interleave(rounds, {
      c: () => c(),
      tsvmm: () => tsvmm(),
      cRegisters: () => c(true),
      tsvmmRegisters: () => tsvmm(REGISTERS_ONLY),
      tsvmmProbe: () => tsvmm(EVERY_EXIT),
    });
    figures.push(
      compared(operation, ns.tsvmm, ns.c, 'C loop'),
      compared(`${operation}, registers`, ns.tsvmmRegisters, ns.cRegisters, 'C loop, registers'),
      compared(`${operation}, registers and an event`, ns.tsvmmProbe, ns.cRegisters, 'C loop, registers'),
    );
  }
  return figures;
}

/**
 * @param {string} operation
 * @param {readonly number[]} values
 * @param {readonly number[]} peers
 * @param {string} peerName
 */
function compared(operation, values, peers, peerName) {
  return figure(`exit: ${operation}`, 'ns', median(values), {
    peer: median(peers),
    peerName,
    compared: paired(values, peers, (value, peer) => value / peer),
    bar: { kind: 'ratio', most: MOST },
  });
}

/**
 * @param {string} commandLine
 * @param {number} exits
 * @param {ProbeFilter} [filter]
 */
async function runTsvmm(commandLine, exits, filter) {
  const machine = await createMachine({
    kernel: guest('exits'),
    append: commandLine,
    memory: MEMORY_MIB << 20,
  });
  try {
    let events = 0;
    if (filter) await machine.probe(filter, () => void events++);
    const { status, reason } = await machine.run();
    const output = machine.serial.text;
    if (status !== 0) throw new Error(`the guest's run ended by ${reason}:\n${output}`);
    if (filter === EVERY_EXIT && events < exits) throw new Error(`${events} events of ${exits} exits`);
    return cyclesIn(output);
  } finally {
    await machine.close();
  }
}
