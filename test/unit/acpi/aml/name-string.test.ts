import { describe, expect, it } from 'vitest';
import { nameString, reference } from '../../../../src/acpi/aml/name-string.js';
import { text } from '../bytes.js';

function readable(path: string): string {
  const encoding = nameString(path);
  return text(encoding, 0, encoding.length).replace(/[\x00-\x1f]/g, byte => `<${byte.charCodeAt(0)}>`);
}

describe('a name string', () => {
  it.each([
    ['_HID', '_HID'],
    ['RTC', 'RTC_'],
    ['A', 'A___'],
    ['_', '____'],
    ['C0FF', 'C0FF'],
    ['\\_S5', '\\_S5_'],
    ['^LNKA', '^LNKA'],
    ['^^LNKA', '^^LNKA'],
    ['\\', '\\<0>'],
    ['^', '^<0>'],
    ['_SB.PCI0', '._SB_PCI0'],
    ['\\_SB.PCI0', '\\._SB_PCI0'],
    ['\\_SB.PCI0.ISA', '\\/<3>_SB_PCI0ISA_'],
    ['^^A.B.C.D', '^^/<4>A___B___C___D___'],
  ])('%s', (path, expected) => {
    expect(readable(path)).toBe(expected);
  });

  it('has up to 255 segments', () => {
    const path = (count: number): string => Array<string>(count).fill('ABCD').join('.');
    expect(nameString(path(255))).toHaveLength(2 + 255 * 4);
    expect(() => nameString(path(256))).toThrow(RangeError);
  });

  it.each(['', 'ABCDE', '1ABC', 'abc', 'A.', '.A', 'A..B', '\\^A', 'A^', 'A\\B', 'A B', 'Ä'])(
    'is not %j',
    path => {
      expect(() => nameString(path)).toThrow(RangeError);
    },
  );

  it('is a reference too', () => {
    expect(reference('\\_SB.LNKA')).toEqual(nameString('\\_SB.LNKA'));
  });
});
