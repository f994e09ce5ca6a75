import { createMachine } from 'tsvmm';
import { guest } from './places.js';
import { figure } from './report.js';
import { median } from './stats.js';

const OPERATIONS = ['out', 'in', 'mmio-read', 'mmio-write'];
/** Both long enough for the compiler to be done; the difference is what further exits allocate. */
const FEW = 20_000;
const MANY = 60_000;
/** A quarter of the smallest object: the rest is the end of a slice every 10 ms. */
const MOST_BYTES = 4;

/**
 * Bytes of JavaScript heap that the machine's thread allocates for an exit.
 * @param {{ readonly rounds: number }} options
 */
export async function measureAllocation({ rounds }) {
  const figures = [];
  for (const operation of OPERATIONS) {
    const values = [];
    for (let round = 0; round < rounds; round++) {
      const few = await allocatedBy(operation, FEW);
      const many = await allocatedBy(operation, MANY);
      values.push((many - few) / (MANY - FEW));
    }
    figures.push(
      figure(`allocation: ${operation}`, 'B', median(values), { bar: { kind: 'value', most: MOST_BYTES } }),
    );
  }
  return figures;
}

/**
 * @param {string} operation
 * @param {number} exits
 */
async function allocatedBy(operation, exits) {
  const machine = await createMachine({
    kernel: guest('exits'),
    append: `op=${operation} n=${exits}`,
    devices: [{ module: new URL('./heap-gauge.js', import.meta.url) }],
  });
  try {
    const before = await gauge(machine);
    await machine.run();
    return (await gauge(machine)) - before;
  } finally {
    await machine.close();
  }
}

/** @param {import('tsvmm').Machine} machine */
async function gauge(machine) {
  return Number((await machine.device('heap-gauge'))['allocated']);
}
