import { OPERATIONS, runInTsvmm } from './exits-guest.js';
import { figure } from './report.js';
import { median } from './stats.js';

/** Both long enough for the compiler to be done; the difference is what further exits allocate. */
const FEW = 20_000;
const MANY = 60_000;
/** Half of the smallest object: what is left is the end of a slice every 10 ms, and the noise of two runs. */
const MOST_BYTES = 8;

/**
 * Bytes of JavaScript heap that the machine's thread allocates for an exit.
 * @param {{ readonly rounds: number }} options
 */
export async function measureAllocation({ rounds }) {
  const figures = [];
  for (const operation of OPERATIONS) {
    const values = [];
    for (let round = 0; round < rounds; round++) {
      const few = await runInTsvmm(operation, FEW);
      const many = await runInTsvmm(operation, MANY);
      values.push((many.allocated - few.allocated) / (many.exits - few.exits));
    }
    figures.push(
      figure(`allocation: ${operation}`, 'B', median(values), { bar: { kind: 'value', most: MOST_BYTES } }),
    );
  }
  return figures;
}
