import { check } from '../cases/errors.js';
import { output } from '../cases/machine.js';

/** @import { Machine, RunResult } from 'tsvmm' */

/** Other processors may write into its line. */
const ADDRESS = /eth0: (\d+\.\d+\.\d+\.\d+)(?![\d.])/;

/**
 * OSv's end as it must be: by ACPI where there is ACPI, by the keyboard controller's reset where there is none.
 *
 * @param {RunResult} result
 * @param {{ acpi?: boolean | undefined }} options of the machine
 */
export function checkEnd({ reason, status }, { acpi = true }) {
  const expected = acpi ? 'poweroff' : 'reset';
  check(reason === expected, `the run ended by ${reason}, not by ${expected}`);
  check(status === 0, `the exit status is ${status}`);
}

/**
 * @param {Machine} machine
 * @param {number} cpus
 */
export function checkCpus(machine, cpus) {
  const detected = /^(\d+) CPUs detected$/m.exec(output(machine))?.[1];
  check(detected === String(cpus), `OSv detected ${detected ?? 'no'} CPUs, not ${cpus}`);
}

/**
 * The address that the guest got by DHCP.
 *
 * @param {Machine} machine
 */
export function addressOf(machine) {
  const address = ADDRESS.exec(output(machine))?.[1];
  check(address !== undefined, 'the guest has got no address');
  return address;
}
