import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { littleEndian, opcode, pkgLength, withPkgLength } from '../../../../src/acpi/aml/encoding.js';
import { hexOf } from '../bytes.js';

/** Reads a PkgLength as an interpreter does (ACPI 6.5, 20.2.4). */
function readPkgLength(encoding: Uint8Array): { readonly length: number; readonly size: number } {
  const [lead, ...rest] = encoding;
  const size = 1 + (lead >> 6);
  if (size === 1) return { length: lead & 0x3f, size };
  const high = rest.slice(0, size - 1).reduceRight((value, byte) => value * 256 + byte, 0);
  return { length: high * 16 + (lead & 0x0f), size };
}

describe('PkgLength', () => {
  it.each([
    [0, '01'],
    [1, '02'],
    [62, '3f'],
    // One byte holds up to 63, itself included.
    [63, '41 04'],
    [64, '42 04'],
    [0xfff - 2, '4f ff'],
    [0xfff - 1, '81 00 01'],
    [0xf_ffff - 3, '8f ff ff'],
    [0xf_ffff - 2, 'c1 00 00 01'],
    [0xfff_ffff - 4, 'cf ff ff ff'],
  ])('in front of %i bytes', (size, expected) => {
    expect(hexOf(pkgLength(size))).toBe(expected);
  });

  it('counts itself, in as few bytes as can be', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 28 - 5 }), size => {
        const encoding = pkgLength(size);
        expect(readPkgLength(encoding)).toEqual({ length: size + encoding.length, size: encoding.length });
        const shorter = encoding.length - 1;
        const room = [0, 0x3f, 0xfff, 0xf_ffff][shorter];
        expect(size + shorter).toBeGreaterThan(shorter === 0 ? -1 : room);
      }),
    );
  });

  it('has a limit', () => {
    expect(() => pkgLength(0xfff_ffff - 3)).toThrow(RangeError);
  });
});

it('puts ExtOpPrefix in front of the opcodes that need it', () => {
  expect(hexOf(opcode(0x10))).toBe('10');
  expect(hexOf(opcode(0x5b82))).toBe('5b 82');
});

it('puts opcode, length and contents in a row', () => {
  expect(hexOf(withPkgLength(0x5b82, Uint8Array.of(1, 2), 3))).toBe('5b 82 04 01 02 03');
});

it.each([
  [0x1234, 2, '34 12'],
  [0x1_0000_0001, 8, '01 00 00 00 01 00 00 00'],
  [2n ** 64n - 1n, 8, 'ff ff ff ff ff ff ff ff'],
])('writes %i in %i bytes, lowest first', (value, size, expected) => {
  expect(hexOf(littleEndian(value, size))).toBe(expected);
});
