import { describe, expect, it } from 'vitest';
import { PC } from '../vmm/machine/parts.js';
import { buildAcpiTables, writeAcpiTables, type AcpiTables } from '../../../src/acpi/index.js';
import { COM_PORTS } from '../../../src/devices/legacy/com-ports.js';
import { ConfigError } from '../../../src/errors.js';
import { memoryMap } from '../../../src/vmm/boot/e820.js';
import { writeMpTable } from '../../../src/vmm/boot/mp-table.js';
import { GuestMemory } from '../../../src/vmm/memory/guest-memory.js';
import { expectChecksum } from './bytes.js';

const MIB = 1 << 20;

function textAt(memory: GuestMemory, gpa: number, length: number): string {
  return String.fromCharCode(...memory.bytes(gpa, length));
}

/** Finds the root pointer as kernels without a boot protocol do (ACPI 6.5, 5.2.5.1). */
function scanForRsdp(memory: GuestMemory): number {
  for (let gpa = 0xe_0000; gpa < MIB; gpa += 16) {
    if (textAt(memory, gpa, 8) === 'RSD PTR ') return gpa;
  }
  throw new Error('no root pointer');
}

function tableAt(memory: GuestMemory, gpa: number): Uint8Array {
  return memory.bytes(gpa, memory.read32(gpa + 4));
}

function range({ tables }: AcpiTables): { readonly from: number; readonly to: number } {
  const last = tables[tables.length - 1];
  return { from: tables[0].gpa, to: last.gpa + last.bytes.length };
}

describe('the ACPI tables in memory', () => {
  const memory = GuestMemory.allocate(2 * MIB);
  const rsdp = writeAcpiTables(memory, { cpus: 3, serialPorts: COM_PORTS.slice(0, 1), parts: PC });

  it('are found by their root pointer, which is returned too', () => {
    expect(scanForRsdp(memory)).toBe(rsdp);
  });

  it('can all be reached, by RSDT and by XSDT', () => {
    const rsdt = tableAt(memory, memory.read32(rsdp + 16));
    const xsdt = tableAt(memory, Number(memory.read64(rsdp + 24)));
    const short = Array.from(new Uint32Array(rsdt.slice(36).buffer));
    const long = Array.from(new BigUint64Array(xsdt.slice(36).buffer), Number);
    expect(long).toEqual(short);
    expect(long.map(gpa => textAt(memory, gpa, 4))).toEqual(['FACP', 'APIC', 'HPET', 'SPCR', 'MCFG']);

    const [fadt] = long;
    expect(textAt(memory, memory.read32(fadt + 36), 4)).toBe('FACS');
    expect(textAt(memory, memory.read32(fadt + 40), 4)).toBe('DSDT');
    expect(memory.read32(fadt + 36) % 64, 'the FACS is 64-byte aligned').toBe(0);
    const dsdt = memory.read32(fadt + 40);
    for (const gpa of [...long, dsdt]) expectChecksum(tableAt(memory, gpa));
  });
});

describe('the place of the tables', () => {
  it.each([1, 4, 254])('is reserved memory below 1 MiB, without overlaps, with %i CPUs', cpus => {
    const built = buildAcpiTables({ cpus, serialPorts: COM_PORTS, parts: PC });
    expect(built.tables.map(({ name }) => name)).toEqual([
      'RSDP',
      'FACS',
      'DSDT',
      'FADT',
      'MADT',
      'HPET',
      'SPCR',
      'MCFG',
      'RSDT',
      'XSDT',
    ]);
    const ends = built.tables.map(({ gpa, bytes }) => gpa + bytes.length);
    built.tables.slice(1).forEach(({ gpa }, i) => expect(gpa).toBeGreaterThanOrEqual(ends[i]));
    const { from, to } = range(built);
    expect(from).toBe(0xe_0000);
    const reserved = memoryMap(GuestMemory.allocate(2 * MIB)).find(
      ({ start, end }) => start <= from && to <= end,
    );
    expect(reserved?.type).toBe(2);
  });

  it.each([1, 41, 254])('is not the MP table’s, with %i CPUs', cpus => {
    const memory = GuestMemory.allocate(2 * MIB);
    writeMpTable(memory, cpus, PC);
    const { from, to } = range(buildAcpiTables({ cpus, serialPorts: COM_PORTS, parts: PC }));
    expect(memory.bytes(from, to - from).every(byte => byte === 0)).toBe(true);
  });

  it.each([0, 255, -1, 1.5, NaN])('is not had with %d CPUs', cpus => {
    expect(() => buildAcpiTables({ cpus, serialPorts: [], parts: PC })).toThrow(ConfigError);
  });
});
