import { SCI_IRQ } from '../devices/legacy/acpi-pm.js';
import { ConfigError } from '../errors.js';
import type { GuestMemory } from '../vmm/memory/guest-memory.js';
import { dsdt, type DsdtOptions } from './dsdt.js';
import { FACS_ALIGNMENT, facs } from './facs.js';
import { fadt } from './fadt.js';
import { hpetTable } from './hpet.js';
import { madt } from './madt.js';
import { mcfg } from './mcfg.js';
import { RSDP_ALIGNMENT, RSDP_SIZE, rsdp } from './rsdp.js';
import { spcr } from './spcr.js';
import { rsdt, xsdt } from './xsdt.js';

/** Where a PC has its firmware, and kernels without a boot protocol look for the root pointer (ACPI 6.5, 5.2.5.1). */
const AREA_START = 0xe_0000;
/** An MP table that is too long for its kibibyte is behind this. */
const AREA_END = 0xf_e000;
const TABLE_ALIGNMENT = 16;

const MAX_CPUS = 254;
/** The pin of the IOAPIC to which the ISA timer is wired. */
const TIMER_GSI = 2;

/** The machine that the tables describe. */
export type AcpiOptions = DsdtOptions;

/** A table and its place. */
export interface PlacedTable {
  /** Its signature, but `RSDP` for the root pointer and `FADT` for the fixed table. */
  readonly name: string;
  /** Guest physical address. */
  readonly gpa: number;
  readonly bytes: Uint8Array;
}

export interface AcpiTables {
  /** By address, without overlaps, all within 0xE0000–0xFDFFF. */
  readonly tables: readonly PlacedTable[];
  /** Guest physical address of the root pointer. */
  readonly rsdp: number;
}

/**
 * The ACPI tables of a machine.
 * @throws ConfigError for another number of CPUs than 1 to 254, or tables that do not fit into their area
 */
export function buildAcpiTables(options: AcpiOptions): AcpiTables {
  const { cpus, parts } = options;
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > MAX_CPUS) {
    throw new ConfigError(`the ACPI tables describe 1 to ${MAX_CPUS} CPUs, not ${cpus}`, { cpus });
  }
  const area = new TableArea();
  // The root pointer comes first, for those who look for it from below, and is made last.
  const root = area.reserve(RSDP_SIZE, RSDP_ALIGNMENT);
  const facsAt = area.put('FACS', facs(), FACS_ALIGNMENT);
  const dsdtAt = area.put('DSDT', dsdt(options));
  const listed = [
    area.put('FADT', fadt({ facs: facsAt, dsdt: dsdtAt }, parts)),
    area.put('MADT', madt({ cpus, pic: parts.pic, timerGsi: TIMER_GSI, sciIrq: SCI_IRQ })),
    ...(parts.hpet ? [area.put('HPET', hpetTable(parts.hpet))] : []),
    ...(options.serialPorts.length > 0 ? [area.put('SPCR', spcr(options.serialPorts[0]))] : []),
    ...(parts.pci ? [area.put('MCFG', mcfg())] : []),
  ];
  const rsdtAt = area.put('RSDT', rsdt(listed));
  const xsdtAt = area.put('XSDT', xsdt(listed));
  const tables = [{ name: 'RSDP', gpa: root, bytes: rsdp(rsdtAt, xsdtAt) }, ...area.tables];
  return { tables, rsdp: root };
}

/**
 * Puts the ACPI tables into guest memory, where the memory map has them reserved.
 * @returns guest physical address of the root pointer
 * @throws ConfigError as {@link buildAcpiTables}
 */
export function writeAcpiTables(memory: GuestMemory, options: AcpiOptions): number {
  const { tables, rsdp } = buildAcpiTables(options);
  for (const { gpa, bytes } of tables) memory.write(gpa, bytes);
  return rsdp;
}

/** Hands out the area from below. */
class TableArea {
  readonly tables: PlacedTable[] = [];
  private next = AREA_START;

  reserve(size: number, alignment: number): number {
    const gpa = Math.ceil(this.next / alignment) * alignment;
    this.next = gpa + size;
    if (this.next > AREA_END) {
      throw new ConfigError(`the ACPI tables take more than ${(AREA_END - AREA_START) / 1024} KiB`);
    }
    return gpa;
  }

  put(name: string, bytes: Uint8Array, alignment = TABLE_ALIGNMENT): number {
    const gpa = this.reserve(bytes.length, alignment);
    this.tables.push({ name, gpa, bytes });
    return gpa;
  }
}
