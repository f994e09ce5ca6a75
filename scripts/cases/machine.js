import { createMachine } from 'tsvmm';
import { CaseFailed } from './errors.js';

/** @import { Machine, MachineOptions, RunResult } from 'tsvmm' */

/**
 * Runs a machine for as long as `use` takes, and gives it back.
 *
 * @template T
 * @param {MachineOptions} options
 * @param {(machine: Machine, run: Promise<RunResult>) => Promise<T>} use
 * @returns {Promise<T>}
 * @throws {CaseFailed} with what the guest printed
 */
export async function withMachine(options, use) {
  const machine = await createMachine({ memory: '512M', ...options });
  try {
    const run = machine.run();
    // It rejects for whoever waits for it, and not while nobody does yet.
    run.catch(() => undefined);
    return await use(machine, run);
  } catch (error) {
    throw new CaseFailed(error, output(machine));
  } finally {
    await machine.close();
  }
}

/** @param {Machine} machine */
export function output(machine) {
  return machine.serial.text.replaceAll('\r', '');
}
