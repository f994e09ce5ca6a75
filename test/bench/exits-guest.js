import { createMachine } from 'tsvmm';
import { MEMORY_MIB, guest } from './places.js';
import { gaugeOption, usedDuring } from './thread-gauge.js';

/** The kinds of exits of guests/exits.c that are measured. */
export const OPERATIONS = /** @type {const} */ (['out', 'in', 'mmio-read', 'mmio-write']);

/**
 * The guest's command line.
 * @param {string} operation
 * @param {number} exits
 */
export const commandLine = (operation, exits) => `op=${operation} n=${exits}`;

/**
 * Boots the guest `exits` in tsvmm.
 * @param {string} operation
 * @param {number} exits
 * @param {import('tsvmm').ProbeFilter} [filter] of a probe that is there all the time
 * @param {Partial<import('tsvmm').MachineOptions>} [more] options
 * @returns what it used and said
 */
export async function runInTsvmm(operation, exits, filter, more = {}) {
  const machine = await createMachine({
    kernel: guest('exits'),
    append: commandLine(operation, exits),
    memory: MEMORY_MIB << 20,
    devices: [gaugeOption],
    ...more,
  });
  try {
    let events = 0;
    if (filter) await machine.probe(filter, () => void events++);
    let total = 0;
    const used = await usedDuring(machine, async () => {
      const result = await machine.run();
      if (result.status !== 0) throw new Error(`the guest's run ended by ${result.reason}`);
      total = result.exits;
    });
    return { ...used, events, exits: total, cycles: cyclesIn(machine.serial.text) };
  } finally {
    await machine.close();
  }
}

/**
 * Time stamp counts that all the exits took, as the guest tells them.
 * @param {string} output
 */
export function cyclesIn(output) {
  const match = /^# cycles (\d+)$/m.exec(output);
  if (!match) throw new Error(`the guest did not say how long its exits took:\n${output}`);
  return Number(match[1]);
}
