import {
  encoded,
  littleEndian,
  withPkgLength,
  type ComputationalData,
  type Package,
  type PackageElement,
} from './encoding.js';

const ZERO_OP = 0x00;
const ONE_OP = 0x01;
const ONES_OP = 0xff;
const STRING_PREFIX = 0x0d;
const BUFFER_OP = 0x11;
const PACKAGE_OP = 0x12;

/** ByteConst, WordConst, DWordConst, QWordConst: their prefixes and sizes, smallest first (20.2.3). */
const CONSTANTS = [
  { prefix: 0x0a, size: 1 },
  { prefix: 0x0b, size: 2 },
  { prefix: 0x0c, size: 4 },
  { prefix: 0x0e, size: 8 },
] as const;
const DWORD = CONSTANTS[2];

const MAX_ELEMENTS = 0xff;

/** The integer with all bits set, in whatever width the table's revision gives integers (20.2.3, OnesOp). */
export const ones: ComputationalData = encoded(ONES_OP);

/**
 * An integer in its shortest form.
 * @param value 0 to 2^64−1
 * @throws RangeError for anything else
 */
export function integer(value: number | bigint): ComputationalData {
  const exact = typeof value === 'bigint' || Number.isSafeInteger(value);
  if (!exact || value < 0 || value >= 2n ** 64n) {
    throw new RangeError(`${value} is not an integer from 0 to 2^64-1`);
  }
  if (value === 0 || value === 0n) return encoded(ZERO_OP);
  if (value === 1 || value === 1n) return encoded(ONE_OP);
  const { prefix, size } = CONSTANTS.find(constant => value < 2n ** BigInt(8 * constant.size))!;
  return encoded(prefix, littleEndian(value, size));
}

/** A string. @param text ASCII without NUL @throws RangeError for other characters */
export function string(text: string): ComputationalData {
  // AsciiChar (20.2.3).
  if (!/^[\x01-\x7f]*$/.test(text)) throw new RangeError(`'${text}' is not an ASCII string`);
  return encoded(STRING_PREFIX, Buffer.from(text, 'latin1'), 0);
}

export function buffer(bytes: Uint8Array): ComputationalData {
  return withPkgLength(BUFFER_OP, integer(bytes.length), bytes);
}

/** A package. @param elements at most 255 @throws RangeError for more */
export function packageOf(...elements: readonly PackageElement[]): Package {
  if (elements.length > MAX_ELEMENTS) {
    throw new RangeError(`a package has at most ${MAX_ELEMENTS} elements, not ${elements.length}`);
  }
  return withPkgLength(PACKAGE_OP, elements.length, ...elements);
}

/**
 * An EISA identifier as an integer (ACPI 6.5, 19.3.4, and 6.1.5): three letters of five bits each and four
 * hexadecimal digits, in big-endian order.
 *
 * @param id `PNP0501`, …
 * @throws RangeError for another form
 */
export function eisaId(id: string): ComputationalData {
  if (!/^[A-Z]{3}[0-9A-F]{4}$/.test(id)) {
    throw new RangeError(`'${id}' is no EISA identifier: three letters and four hexadecimal digits`);
  }
  const [first, second, third] = Array.from(id.slice(0, 3), letter => letter.charCodeAt(0) - 0x40);
  const vendor = (first << 10) | (second << 5) | third;
  const bytes = Uint8Array.of(vendor >> 8, vendor & 0xff, ...Buffer.from(id.slice(3), 'hex'));
  return encoded(DWORD.prefix, bytes);
}

/**
 * A UUID as a buffer, as `_OSC` and `_DSM` get it (ACPI 6.5, 19.6.142, ToUUID): the first three groups are
 * little-endian.
 *
 * @param text `33db4d5b-1ff7-401c-9657-7441c03dd766`
 * @throws RangeError for another form
 */
export function uuid(text: string): ComputationalData {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text)) {
    throw new RangeError(`'${text}' is no UUID`);
  }
  const groups = text.split('-').map(group => Buffer.from(group, 'hex'));
  const [low, middle, high, ...rest] = groups;
  return buffer(Buffer.concat([low.reverse(), middle.reverse(), high.reverse(), ...rest]));
}
