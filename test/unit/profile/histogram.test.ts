import { expect, test } from 'vitest';
import { BUCKETS, addHistogram, bucketOf, bucketStart, percentile } from '../../../src/profile/histogram.js';

test('each bucket begins where the one before ends', () => {
  for (let bucket = 1; bucket < BUCKETS; bucket++) {
    const start = bucketStart(bucket);
    if (start >= 2 ** 32) continue;
    expect(bucketOf(start)).toBe(bucket);
    expect(bucketOf(start - 1)).toBe(bucket - 1);
  }
});

test('fractions count as whole numbers, the longest times all as one', () => {
  expect(bucketOf(3.99)).toBe(3);
  expect(bucketOf(0)).toBe(0);
  expect(bucketOf(1e15)).toBe(bucketOf(2 ** 32 - 1));
  expect(bucketOf(1e15)).toBeLessThan(BUCKETS);
});

test('a percentile is off by an eighth at most', () => {
  const histogram = new Map<number, number>();
  for (let ns = 1; ns <= 100_000; ns++) addHistogram(histogram, new Map([[bucketOf(ns), 1]]));
  for (const quantile of [0.01, 0.5, 0.9, 0.99, 1]) {
    const exact = quantile * 100_000;
    expect(Math.abs(percentile(histogram, quantile) - exact) / exact).toBeLessThan(1 / 8);
  }
  expect(percentile(new Map(), 0.5)).toBe(0);
});
