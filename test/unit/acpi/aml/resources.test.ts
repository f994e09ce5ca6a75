import { describe, expect, it } from 'vitest';
import * as aml from '../../../../src/acpi/aml.js';
import { hexOf } from '../bytes.js';

describe('a resource template', () => {
  it('is a buffer of descriptors and an end tag', () => {
    expect(hexOf(aml.resourceTemplate())).toBe('11 05 0a 02 79 00');
    expect(hexOf(aml.resourceTemplate(aml.irqNoFlags(8), aml.irqNoFlags(1)))).toBe(
      '11 0b 0a 08 22 00 01 22 02 00 79 00',
    );
  });
});

describe('resource descriptors', () => {
  const levelLow = { trigger: 'level', polarity: 'low', sharing: 'shared' } as const;
  const edgeHigh = { trigger: 'edge', polarity: 'high', sharing: 'exclusive' } as const;

  it.each([
    ['IRQNoFlags', aml.irqNoFlags(15), '22 00 80'],
    ['IRQ, edge, high, exclusive', aml.irq(4, edgeHigh), '23 10 00 01'],
    ['IRQ, level, low, shared', aml.irq(9, levelLow), '23 00 02 18'],
    ['IO', aml.io(0x3f8, 8), '47 01 f8 03 f8 03 01 08'],
    ['Memory32Fixed', aml.memory32Fixed(0xfed0_0000, 0x400), '86 09 00 01 00 00 d0 fe 00 04 00 00'],
    ['Interrupt, edge, high, exclusive', aml.interrupt(23, edgeHigh), '89 06 00 03 01 17 00 00 00'],
    ['Interrupt, level, low, shared', aml.interrupt(300, levelLow), '89 06 00 0d 01 2c 01 00 00'],
  ])('%s', (_, descriptor, expected) => {
    expect(hexOf(descriptor)).toBe(expected);
  });

  it.each([-1, 16, 1.5])('refuse ISA interrupt %d', irq => {
    expect(() => aml.irqNoFlags(irq)).toThrow(RangeError);
    expect(() => aml.irq(irq, edgeHigh)).toThrow(RangeError);
  });

  it.each([
    ['more ports than a byte counts', () => aml.io(0x600, 256)],
    ['a port beyond the last', () => aml.io(0x1_0000, 1)],
    ['memory beyond 4 GiB', () => aml.memory32Fixed(2 ** 32, 0x1000)],
  ])('refuse %s', (_, make) => {
    expect(make).toThrow(RangeError);
  });
});
