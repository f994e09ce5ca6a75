import { describe, expect, it } from 'vitest';
import * as aml from '../../../../src/acpi/aml.js';
import { hexOf } from '../bytes.js';

const { argument, integer, local } = aml;

describe('variables', () => {
  it('are arguments and locals', () => {
    expect([argument(0), argument(6), local(0), local(7)].map(hexOf)).toEqual(['68', '6e', '60', '67']);
  });

  it.each([() => argument(7), () => argument(-1), () => argument(0.5), () => local(8)])(
    'and no others: %s',
    make => {
      expect(make).toThrow(RangeError);
    },
  );
});

describe('expressions', () => {
  const [a, b] = [argument(0), argument(1)];

  it.each([
    ['store', aml.store(integer(2), local(1)), '70 0a 02 61'],
    ['and without target', aml.and(a, b), '7b 68 69 00'],
    ['and with target', aml.and(a, b, local(0)), '7b 68 69 60'],
    ['or', aml.or(a, b), '7d 68 69 00'],
    ['or with target', aml.or(a, b, local(2)), '7d 68 69 62'],
    ['not', aml.not(a), '80 68 00'],
    ['not with target', aml.not(a, local(0)), '80 68 60'],
    ['lAnd', aml.lAnd(a, b), '90 68 69'],
    ['lOr', aml.lOr(a, b), '91 68 69'],
    ['lNot', aml.lNot(a), '92 68'],
    ['lEqual', aml.lEqual(a, b), '93 68 69'],
    ['lGreater', aml.lGreater(a, b), '94 68 69'],
    ['lLess', aml.lLess(a, b), '95 68 69'],
    ['call', aml.call('^FUNC', a, integer(1)), '5e 46 55 4e 43 68 01'],
  ])('%s', (_, encoding, expected) => {
    expect(hexOf(encoding)).toBe(expected);
  });
});

describe('statements', () => {
  it.each([
    ['Return', aml.returnValue(integer(0)), 'a4 00'],
    ['Notify', aml.notify(aml.reference('PWRB'), integer(0x80)), '86 50 57 52 42 0a 80'],
    ['CreateDWordField', aml.createDWordField(argument(3), integer(4), 'CDW2'), '8a 6b 0a 04 43 44 57 32'],
    ['If', aml.ifElse(argument(0), [aml.returnValue(integer(1))]), 'a0 04 68 a4 01'],
    [
      'If … Else',
      aml.ifElse(argument(0), [aml.returnValue(integer(1))], [aml.returnValue(integer(0))]),
      'a0 04 68 a4 01 a1 03 a4 00',
    ],
  ])('%s', (_, encoding, expected) => {
    expect(hexOf(encoding)).toBe(expected);
  });
});
