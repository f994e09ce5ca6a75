import { describe, expect, it } from 'vitest';
import { madt } from '../../../src/acpi/madt.js';
import { expectHeader, hexOf, reader } from './bytes.js';

function entriesOf(table: Uint8Array): string[] {
  const entries: string[] = [];
  let at = 44;
  while (at < table.length) {
    const length = table[at + 1];
    entries.push(hexOf(table.subarray(at, at + length)));
    at += length;
  }
  expect(at, 'the entries fill the table').toBe(table.length);
  return entries;
}

describe('the MADT', () => {
  const bytes = madt({ cpus: 2, pic: true, timerGsi: 2, sciIrq: 9 });

  it('is of ACPI 6.5 (5.2.12) and has the address of the local APICs and the PICs', () => {
    expectHeader(bytes, 'APIC', 6);
    expect(reader(bytes).getUint32(36, true)).toBe(0xfee0_0000);
    expect(reader(bytes).getUint32(40, true)).toBe(1);
  });

  it('has the processors, the IOAPIC with the next id, and what differs from ISA', () => {
    expect(entriesOf(bytes)).toEqual([
      '00 08 00 00 01 00 00 00',
      '00 08 01 01 01 00 00 00',
      '01 0c 02 00 00 00 c0 fe 00 00 00 00',
      // IRQ 0 is GSI 2, edge-triggered and active-high.
      '02 0a 00 00 02 00 00 00 05 00',
      // SCI is GSI 9, level-triggered and active-high.
      '02 0a 00 09 09 00 00 00 0d 00',
      // NMI on LINT1 of all processors.
      '04 06 ff 00 00 01',
    ]);
  });

  it('goes up to 254 processors', () => {
    const entries = entriesOf(madt({ cpus: 254, pic: true, timerGsi: 2, sciIrq: 9 }));
    expect(entries.filter(entry => entry.startsWith('00 08'))).toHaveLength(254);
    expect(entries[253]).toBe('00 08 fd fd 01 00 00 00');
    expect(entries[254]).toBe('01 0c fe 00 00 00 c0 fe 00 00 00 00');
  });
});
