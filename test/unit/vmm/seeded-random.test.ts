import { expect, test } from 'vitest';
import { seededRandom } from '../../../src/vmm/seeded-random.js';

const take = (seed: number, count: number): number[] => Array.from({ length: count }, seededRandom(seed));

test('numbers follow from the seed', () => {
  expect(take(1, 100)).toEqual(take(1, 100));
  expect(take(1, 4)).not.toEqual(take(2, 4));
});

test('are whole numbers of 32 bits, and do not repeat soon', () => {
  const numbers = take(0xffff_ffff, 10_000);
  expect(numbers.every(number => Number.isInteger(number) && number >= 0 && number < 2 ** 32)).toBe(true);
  expect(new Set(numbers).size).toBe(numbers.length);
});

test('have each bit set about half of the time', () => {
  const numbers = take(0, 4096);
  for (let bit = 0; bit < 32; bit++) {
    const set = numbers.filter(number => (number >>> bit) & 1).length;
    expect(Math.abs(set - 2048), `bit ${bit}`).toBeLessThan(200);
  }
});
