/**
 * Durations in buckets that get wider with them, four to each doubling: a percentile is off by at most an eighth.
 *
 * ```
 *   bucket   0     1 … 3   4     5     6     7     8      …   127
 *   from     0 ns  1 … 3   4     5     6     7     8, 9   …   7 · 2^30 ns and everything longer
 * ```
 */
export const BUCKETS = 128;

const LONGEST = 2 ** 32 - 1;

/** The bucket of a duration in ns. */
export function bucketOf(ns: number): number {
  const whole = ns < LONGEST ? ns >>> 0 : LONGEST;
  if (whole < 4) return whole;
  const octave = 31 - Math.clz32(whole);
  return (octave - 1) * 4 + ((whole >>> (octave - 2)) & 3);
}

/** The shortest duration of a bucket in ns. `BUCKETS` gives where the last one would end. */
export function bucketStart(bucket: number): number {
  if (bucket < 4) return bucket;
  const octave = Math.floor(bucket / 4) + 1;
  return (4 + (bucket % 4)) * 2 ** (octave - 2);
}

/** Adds the counts of `from` to `to`. */
export function addHistogram(to: Map<number, number>, from: ReadonlyMap<number, number>): void {
  for (const [bucket, count] of from) to.set(bucket, (to.get(bucket) ?? 0) + count);
}

/**
 * The duration below which the share `quantile` of all lies: the middle of its bucket.
 * @param quantile 0 to 1: 0.99 for the 99th percentile
 * @returns 0 when nothing was counted
 */
export function percentile(histogram: ReadonlyMap<number, number>, quantile: number): number {
  const buckets = [...histogram].sort(([a], [b]) => a - b);
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  let below = 0;
  for (const [bucket, count] of buckets) {
    below += count;
    if (below >= quantile * total) return bucket < 8 ? bucketStart(bucket) : middle(bucket);
  }
  return 0;
}

function middle(bucket: number): number {
  return (bucketStart(bucket) + bucketStart(bucket + 1)) / 2;
}
