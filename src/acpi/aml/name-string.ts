import { encoded, type Reference } from './encoding.js';

const NULL_NAME = 0x00;
const DUAL_NAME_PREFIX = 0x2e;
const MULTI_NAME_PREFIX = 0x2f;
const SEGMENT_LENGTH = 4;
const MAX_SEGMENTS = 0xff;

/**
 * A NameString (ACPI 6.5, 20.2.2), written as in ASL: `_HID`, `\_SB.PCI0`, `^LNKA`, `\`. Segments shorter than four
 * characters are filled up with underscores.
 *
 * @throws RangeError for what is no name
 */
export function nameString(path: string): Uint8Array {
  const [, prefix, rest] = /^(\\|\^*)(.*)$/.exec(path)!;
  // Nothing but a caret or a backslash is a name too; the empty text is none.
  if (rest === '' && prefix === '') throw new RangeError('a name must not be empty');
  const segments = rest === '' ? [] : rest.split('.').map(nameSegment);
  return encoded(Buffer.from(prefix, 'latin1'), ...segmentsPrefix(segments.length), ...segments);
}

/** The named object as an operand, or a call of the method with that name if it takes no arguments. */
export function reference(path: string): Reference {
  return encoded(nameString(path));
}

function segmentsPrefix(count: number): number[] {
  if (count === 0) return [NULL_NAME];
  if (count === 1) return [];
  if (count === 2) return [DUAL_NAME_PREFIX];
  if (count <= MAX_SEGMENTS) return [MULTI_NAME_PREFIX, count];
  throw new RangeError(`a name has at most ${MAX_SEGMENTS} segments, not ${count}`);
}

/** NameSeg: a LeadNameChar and three NameChars. */
function nameSegment(text: string): Uint8Array {
  if (!/^[A-Z_][A-Z0-9_]{0,3}$/.test(text)) {
    throw new RangeError(`'${text}' is no name segment: up to four of A to Z, 0 to 9 and _, no digit first`);
  }
  return Buffer.from(text.padEnd(SEGMENT_LENGTH, '_'), 'latin1');
}
