import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buffer, eisaId, integer, ones, packageOf, string, uuid } from '../../../../src/acpi/aml/data.js';
import { reference } from '../../../../src/acpi/aml/name-string.js';
import { hexOf, reader } from '../bytes.js';

describe('an integer', () => {
  it.each([
    [0, '00'],
    [0n, '00'],
    [1, '01'],
    [1n, '01'],
    [2, '0a 02'],
    [0xff, '0a ff'],
    [0x100, '0b 00 01'],
    [0xffff, '0b ff ff'],
    [0x1_0000, '0c 00 00 01 00'],
    [0xffff_ffff, '0c ff ff ff ff'],
    [0x1_0000_0000, '0e 00 00 00 00 01 00 00 00'],
    [2n ** 64n - 1n, '0e ff ff ff ff ff ff ff ff'],
  ])('%i', (value, expected) => {
    expect(hexOf(integer(value))).toBe(expected);
  });

  it('keeps its value in every size', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 2n, max: 2n ** 64n - 1n }), value => {
        const [prefix, ...digits] = integer(value);
        expect(digits).toHaveLength({ 0x0a: 1, 0x0b: 2, 0x0c: 4, 0x0e: 8 }[prefix]!);
        expect(digits.reduceRight((sum, digit) => sum * 256n + BigInt(digit), 0n)).toBe(value);
      }),
    );
  });

  it.each([-1, -1n, 1.5, NaN, Infinity, 2 ** 53, 2n ** 64n])('is not %d', value => {
    expect(() => integer(value)).toThrow(RangeError);
  });

  it('has a form for all bits set', () => {
    expect(hexOf(ones)).toBe('ff');
  });
});

describe('a string', () => {
  it('ends in NUL', () => {
    expect(hexOf(string('ACPI0007'))).toBe('0d 41 43 50 49 30 30 30 37 00');
    expect(hexOf(string(''))).toBe('0d 00');
  });

  it.each(['a\0b', 'é', '\x80'])('is ASCII without NUL, and not %j', text => {
    expect(() => string(text)).toThrow(RangeError);
  });
});

describe('a buffer', () => {
  it('has its size as an integer', () => {
    expect(hexOf(buffer(Uint8Array.of(7, 8)))).toBe('11 05 0a 02 07 08');
    expect(hexOf(buffer(Uint8Array.of()))).toBe('11 02 00');
  });

  it('may be large', () => {
    const encoding = buffer(new Uint8Array(300));
    expect(hexOf(encoding.subarray(0, 6))).toBe('11 41 13 0b 2c 01');
    expect(encoding).toHaveLength(1 + 0x131);
  });
});

describe('a package', () => {
  it('counts its elements', () => {
    const inner = packageOf(integer(1));
    expect(hexOf(packageOf(integer(0), inner, string('A'), reference('LNKA')))).toBe(
      '12 0e 04 00 12 03 01 01 0d 41 00 4c 4e 4b 41',
    );
    expect(hexOf(packageOf())).toBe('12 02 00');
  });

  it('has 255 at the most', () => {
    const elements = Array.from({ length: 256 }, () => integer(0));
    expect(packageOf(...elements.slice(1))[3]).toBe(255);
    expect(() => packageOf(...elements)).toThrow(RangeError);
  });
});

describe('an EISA identifier', () => {
  // The values of ACPI 6.5, 19.3.4, and of tables that are known to work.
  it.each([
    ['PNP0C08', 0x080c_d041],
    ['PNP0501', 0x0105_d041],
    ['PNP0A03', 0x030a_d041],
    ['PNP0000', 0x0000_d041],
    ['ABC0001', 0x0100_4304],
    ['ZZZFFFF', 0xffff_5a6b],
  ])('%s', (id, value) => {
    const encoding = eisaId(id);
    expect(encoding[0], 'a DWordConst whatever the value').toBe(0x0c);
    expect(reader(encoding).getUint32(1, true)).toBe(value);
  });

  it.each(['', 'PNP050', 'PNP05011', 'pnp0501', 'PN10501', 'PNP050G', 'ACPI0007'])('is not %j', id => {
    expect(() => eisaId(id)).toThrow(RangeError);
  });
});

describe('a UUID', () => {
  it('has its first three groups in little-endian order', () => {
    expect(hexOf(uuid('33db4d5b-1ff7-401c-9657-7441c03dd766'))).toBe(
      '11 13 0a 10 5b 4d db 33 f7 1f 1c 40 96 57 74 41 c0 3d d7 66',
    );
  });

  it.each(['', '33db4d5b1ff7401c96577441c03dd766', '33db4d5b-1ff7-401c-9657-7441c03dd76g'])(
    'is not %j',
    text => {
      expect(() => uuid(text)).toThrow(RangeError);
    },
  );
});
