import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyIndex } from '../../../src/profile/key-index.js';

/** 32-bit words, signed and unsigned ones. */
const word = fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 });

test('finds what was added, by words of any sign, and nothing else', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(word, word, word), { selector: key => key.map(w => w | 0).join() }), keys => {
      const index = new KeyIndex(Math.max(1, keys.length));
      keys.forEach(([a, b, c], i) => {
        expect(index.find(a, b, c)).toBe(-1);
        index.add(a, b, c, i);
      });
      keys.forEach(([a, b, c], i) => {
        expect(index.find(a, b, c)).toBe(i);
        expect(index.find(a | 0, b >>> 0, c | 0)).toBe(i);
      });
    }),
  );
}); // prettier-ignore
