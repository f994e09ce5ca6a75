import { describe, expect, it } from 'vitest';
import { PC } from '../../vmm/machine/parts.js';
import { ConfigError } from '../../../../src/errors.js';
import { writeMpTable } from '../../../../src/vmm/boot/mp-table.js';
import { GuestMemory } from '../../../../src/vmm/memory/guest-memory.js';
import { MIB, ascii } from './images.js';
import { bytesAt } from './reading.js';

const SIZES: Readonly<Record<number, number>> = { 0: 20, 1: 8, 2: 8, 3: 8, 4: 8 };

/** Finds and reads the table as a kernel does: MP specification 1.4, chapters 4 and 4.1. */
function readTable(memory: GuestMemory) {
  let pointer = 0x9_fc00;
  while (Buffer.from(bytesAt(memory, pointer, 4)).toString() !== '_MP_') {
    pointer += 16;
    if (pointer >= 0xa_0000) throw new Error('no floating pointer in the last KiB of base memory');
  }
  expect(sum(bytesAt(memory, pointer, 16)), 'checksum of the pointer').toBe(0);
  const table = memory.read32(pointer + 4);
  const length = memory.read16(table + 4);
  expect(sum(bytesAt(memory, table, length)), 'checksum of the table').toBe(0);

  const entries: number[][] = [];
  let at = table + 44;
  for (let i = 0; i < memory.read16(table + 34); i++) {
    const size = SIZES[memory.read8(at)];
    entries.push(bytesAt(memory, at, size));
    at += size;
  }
  expect(at, 'the entries fill the table').toBe(table + length);
  return {
    pointer: bytesAt(memory, pointer, 16),
    header: bytesAt(memory, table, 44),
    table,
    length,
    entries,
  };
}

function sum(bytes: readonly number[]): number {
  return bytes.reduce((total, byte) => total + byte, 0) & 0xff;
}

function tableFor(cpus: number, pci = false) {
  const memory = GuestMemory.allocate(2 * MIB);
  writeMpTable(memory, cpus, { ...PC, pci });
  return readTable(memory);
}

describe('the MP table', () => {
  const { pointer, header, entries } = tableFor(2);
  const ofType = (type: number) => entries.filter(([first]) => first === type);

  it('is of revision 1.4, without a default configuration and without IMCR', () => {
    expect(pointer.slice(8)).toEqual([1, 4, pointer[10], 0, 0, 0, 0, 0]);
    expect(header.slice(0, 4)).toEqual(Array.from(ascii('PCMP')));
    expect(header[6]).toBe(4);
    expect(header.slice(36, 40)).toEqual([0, 0, 0xe0, 0xfe]);
  });

  it('has the processors, the first of which boots', () => {
    expect(ofType(0).map(([, id, version, flags]) => ({ id, version, flags }))).toEqual([
      { id: 0, version: 0x14, flags: 3 },
      { id: 1, version: 0x14, flags: 1 },
    ]);
  });

  it('has the ISA bus and one IOAPIC with the next id', () => {
    expect(ofType(1)).toEqual([[1, 1, ...ascii('ISA   ')]]);
    expect(ofType(2)).toEqual([[2, 2, 0x20, 1, 0, 0, 0xc0, 0xfe]]);
  });

  it('has the ISA interrupts, the timer on pin 2', () => {
    const wires = ofType(3).map(([, kind, low, high, bus, irq, apic, pin]) => {
      expect([kind, low, high, bus, apic]).toEqual([0, 0, 0, 1, 2]);
      return [irq, pin];
    });
    expect(wires).toEqual([0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15].map(irq => [irq, irq || 2]));
  });

  it('has the PIC on LINT0 and NMI on LINT1 of all processors', () => {
    expect(ofType(4)).toEqual([
      [4, 3, 0, 0, 1, 0, 0xff, 0],
      [4, 1, 0, 0, 1, 0, 0xff, 1],
    ]);
  });

  it('has the PCI bus and INTA# of its slots, level-triggered, instead of the ISA interrupts on those pins', () => {
    const { entries: all } = tableFor(2, true);
    expect(all.filter(([type]) => type === 1)).toEqual([
      [1, 0, ...ascii('PCI   ')],
      [1, 1, ...ascii('ISA   ')],
    ]);
    const interrupts = all.filter(([type]) => type === 3);
    const isa = interrupts.filter(([, , , , bus]) => bus === 1).map(([, , , , , irq]) => irq);
    expect(isa).toEqual([0, 1, 3, 4, 6, 7, 8, 9, 12, 13, 14, 15]);
    const pci = interrupts.filter(([, , , , bus]) => bus === 0);
    expect(pci.map(([, , flags, , , source, , pin]) => [flags, source, pin])).toEqual(
      Array.from({ length: 32 }, (_, slot) => [0x0f, slot * 4, [10, 11, 5][slot % 3]]),
    );
  });

  it('fits into its kibibyte with up to 40 processors', () => {
    const { table, length } = tableFor(40);
    expect(table).toBe(0x9_fc10);
    expect(table + length).toBeLessThanOrEqual(0xa_0000);
  });

  it.each([41, 254])('lies below 1 MiB with %i processors', cpus => {
    const large = tableFor(cpus);
    expect(large.table).toBe(0xf_e000);
    expect(large.table + large.length).toBeLessThanOrEqual(MIB);
    expect(large.entries.filter(([type]) => type === 0)).toHaveLength(cpus);
  });

  it.each([0, -1, 255, 1.5, NaN])('refuses %d processors', cpus => {
    expect(() => writeMpTable(GuestMemory.allocate(2 * MIB), cpus, PC)).toThrow(ConfigError);
  });
});
