import { blob, u16, u32, u8 } from 'buffer-layout';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  asBuffer,
  ascii,
  decode,
  encode,
  offsetOf,
  padding,
  structure,
  u64,
} from '../../../src/vmm/layout.js';

interface Sample {
  readonly tag: string;
  readonly wide: bigint;
  readonly narrow: number;
}

const SAMPLE = structure<Sample>([ascii(4, 'tag'), padding(2), u64('wide'), u16('narrow')], 16);

describe('asBuffer', () => {
  it('shares the bytes of a view in the middle of its buffer', () => {
    const whole = new Uint8Array(16);
    const buffer = asBuffer(whole.subarray(4, 8));
    buffer.writeUInt32LE(0x0403_0201);
    expect(Array.from(whole)).toEqual([0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('shares the bytes of shared memory', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(8));
    asBuffer(shared)[7] = 9;
    expect(shared[7]).toBe(9);
  });
});

describe('u64', () => {
  it('keeps all 64 bits, little-endian', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), value => {
        const bytes = encode(u64(), value);
        expect(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)).toBe(value);
        expect(decode(u64(), bytes)).toBe(value);
      }),
    );
  });

  it('encodes modulo 2^64', () => {
    expect(decode(u64(), encode(u64(), -1n))).toBe(2n ** 64n - 1n);
    expect(decode(u64(), encode(u64(), 2n ** 64n + 5n))).toBe(5n);
  });
});

describe('ascii', () => {
  it('pads with zeroes and stops at the first of them', () => {
    expect(Array.from(encode(ascii(4), 'ab'))).toEqual([0x61, 0x62, 0, 0]);
    expect(decode(ascii(4), Uint8Array.of(0x61, 0, 0x62, 0x63))).toBe('a');
    expect(decode(ascii(2), Uint8Array.of(0x61, 0x62))).toBe('ab');
  });

  it('refuses a text that is too long, and a buffer that is too short', () => {
    expect(() => encode(ascii(2), 'abc')).toThrow(RangeError);
    expect(() => ascii(4).encode('a', new Uint8Array(3))).toThrow(RangeError);
  });
});

describe('structure', () => {
  it('decodes what it encodes and leaves padding alone', () => {
    const bytes = new Uint8Array(16).fill(0xaa);
    SAMPLE.encode({ tag: 'x', wide: 0x0102_0304_0506_0708n, narrow: 0x1234 }, asBuffer(bytes));
    expect(Array.from(bytes)).toEqual([0x78, 0, 0, 0, 0xaa, 0xaa, 8, 7, 6, 5, 4, 3, 2, 1, 0x34, 0x12]);
    expect(decode(SAMPLE, bytes)).toEqual({ tag: 'x', wide: 0x0102_0304_0506_0708n, narrow: 0x1234 });
  });

  it('checks the size that the specification gives', () => {
    expect(() => structure<{ a: number }>([u8('a'), u32()], 8)).toThrow(/5 bytes, not 8/);
  });

  it('refuses two fields of one name', () => {
    expect(() => structure<{ a: number }>([u8('a'), u32('a')])).toThrow(/two fields are called a/);
  });

  it('knows where a field starts, and refuses fields that are not there', () => {
    expect(offsetOf(SAMPLE, 'wide')).toBe(6);
    expect(offsetOf(SAMPLE, 'narrow')).toBe(14);
    const partial = structure<{ a?: number; b?: number }>([u8('a')]);
    expect(() => offsetOf(partial, 'b')).toThrow(/no field b/);
  });

  it('refuses to decode beyond the end', () => {
    expect(() => decode(SAMPLE, new Uint8Array(15))).toThrow(RangeError);
    expect(() => decode(blob(4), new Uint8Array(8), 5)).toThrow(RangeError);
    expect(() => decode(blob(4), new Uint8Array(8), -1)).toThrow(RangeError);
  });
});
