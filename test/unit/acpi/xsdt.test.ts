import { describe, expect, it } from 'vitest';
import { rsdt, xsdt } from '../../../src/acpi/xsdt.js';
import { expectHeader, reader } from './bytes.js';

const ADDRESSES = [0xe_0080, 0xe_0200, 0xffff_fff0];

describe('the root tables', () => {
  it('RSDT (ACPI 6.5, 5.2.7) has addresses of 32 bits', () => {
    const bytes = rsdt(ADDRESSES);
    expectHeader(bytes, 'RSDT', 1);
    expect(bytes).toHaveLength(36 + 3 * 4);
    expect(ADDRESSES.map((_, i) => reader(bytes).getUint32(36 + 4 * i, true))).toEqual(ADDRESSES);
  });

  it('XSDT (5.2.8) has addresses of 64 bits', () => {
    const bytes = xsdt(ADDRESSES);
    expectHeader(bytes, 'XSDT', 1);
    expect(bytes).toHaveLength(36 + 3 * 8);
    expect(ADDRESSES.map((_, i) => Number(reader(bytes).getBigUint64(36 + 8 * i, true)))).toEqual(ADDRESSES);
  });
});
