import { describe, expect, it } from 'vitest';
import { returnValue } from '../../../../src/acpi/aml/control.js';
import { integer } from '../../../../src/acpi/aml/data.js';
import { device, method, name, scope } from '../../../../src/acpi/aml/objects.js';
import { hexOf } from '../bytes.js';

const UID = '5f 55 49 44';

describe('named objects', () => {
  it('Name', () => {
    expect(hexOf(name('_UID', integer(3)))).toBe(`08 ${UID} 0a 03`);
  });

  it('Scope', () => {
    expect(hexOf(scope('\\', name('_UID', integer(0))))).toBe(`10 09 5c 00 08 ${UID} 00`);
    expect(hexOf(scope('_SB'))).toBe('10 05 5f 53 42 5f');
  });

  it('Device', () => {
    expect(hexOf(device('RTC', name('_UID', integer(1))))).toBe(`5b 82 0b 52 54 43 5f 08 ${UID} 01`);
  });

  it.each([
    [{}, '00'],
    [{ argumentCount: 4 }, '04'],
    [{ argumentCount: 7, serialized: true }, '0f'],
  ])('Method %j', (options, flags) => {
    const encoding = method('_STA', options, returnValue(integer(0x0f)));
    expect(hexOf(encoding)).toBe(`14 09 5f 53 54 41 ${flags} a4 0a 0f`);
  });

  it('refuses an eighth argument', () => {
    expect(() => method('M', { argumentCount: 8 })).toThrow(RangeError);
  });
});
