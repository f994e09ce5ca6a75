/**
 * The middle value.
 * @param {readonly number[]} values at least one
 */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * The mean of ratios: one that is twice as large and one that is half as large cancel out.
 * @param {readonly number[]} values at least one, above 0
 */
export function geometricMean(values) {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/**
 * Measures several things in turn, round by round, so that whatever else the host does falls on all of them alike.
 * @template {string} K
 * @param {number} rounds
 * @param {Readonly<Record<K, () => Promise<number>>>} contenders
 * @returns {Promise<Record<K, number[]>>} each contender's values, by round
 */
export async function interleave(rounds, contenders) {
  const names = /** @type {K[]} */ (Object.keys(contenders));
  const values = /** @type {Record<K, number[]>} */ ({});
  for (const name of names) values[name] = [];
  for (let round = 0; round < rounds; round++) {
    for (const name of names) values[name].push(await contenders[name]());
  }
  return values;
}

/**
 * The median over the rounds of one contender against another: both of a round met the same host.
 * @param {readonly number[]} values
 * @param {readonly number[]} base
 * @param {(value: number, base: number) => number} compare
 */
export function paired(values, base, compare) {
  return median(values.map((value, round) => compare(value, base[round])));
}
