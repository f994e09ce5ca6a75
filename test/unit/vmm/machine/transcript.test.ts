import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { find, lookBack, Transcript } from '../../../../src/vmm/machine/transcript.js';

const MIB = 1 << 20;

describe('a transcript', () => {
  it('keeps the last mebibyte, and counts places from the first character of all', () => {
    const transcript = new Transcript();
    let total = 0;
    for (let i = 0; total < 3 * MIB; i++) {
      const text = `line ${i} ${'x'.repeat(i % 2000)}\n`;
      transcript.append(text);
      total += text.length;
      expect(transcript.end).toBe(total);
    }
    expect(transcript.text).toHaveLength(MIB);
    transcript.append('the end');
    const found = transcript.find(/the (end)/, 0);
    expect(found?.match[1]).toBe('end');
    expect(found?.end).toBe(total + 7);
  });

  it('finds nothing that is kept no longer', () => {
    const transcript = new Transcript();
    transcript.append('needle');
    expect(transcript.find('needle', 0)?.end).toBe(6);
    for (let i = 0; i < 300; i++) transcript.append('hay '.repeat(2000));
    expect(transcript.find('needle', 0)).toBeUndefined();
  });

  it('is searched as the whole text is, in whatever pieces it came', () => {
    const letters = fc.constantFrom('a', 'b', '\n');
    const piece = fc.oneof(
      fc.array(letters, { maxLength: 8 }).map(list => list.join('')),
      // Long ones, so that the newest part is cut.
      fc.integer({ min: 20_000, max: 40_000 }).map(length => 'b'.repeat(length)),
    );
    const patterns = [/^a/, /^a/m, /a$/, /a$/m, /ab?a/, /(?<=b)a/, /\Ba/, 'ab', 'a\nb', /z/, /b{5}\n/];
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 20 }),
        fc.constantFrom(...patterns),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (pieces, pattern, part) => {
          const transcript = new Transcript();
          for (const text of pieces) transcript.append(text);
          const whole = pieces.join('');
          const place = Math.floor(part * whole.length);
          const expected = find(pattern, whole, place);
          const found = transcript.find(pattern, place);
          expect(found?.match[0]).toBe(expected?.[0]);
          expect(found?.end).toBe(expected ? expected.index + expected[0].length : undefined);
        },
      ),
    );
  });

  it('needs to be searched again no further back than a match may reach', () => {
    expect(lookBack('login:')).toBe(5);
    expect(lookBack('')).toBe(0);
    const transcript = new Transcript();
    const pattern = 'login:';
    for (let i = 0; i < 2000; i++) transcript.append('x'.repeat(100));
    transcript.append('log');
    const searched = transcript.end;
    transcript.append('in: ');
    expect(transcript.find(pattern, searched - lookBack(pattern))?.match[0]).toBe('login:');
  });
});
