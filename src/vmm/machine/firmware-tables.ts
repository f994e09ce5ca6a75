import { buildAcpiTables, writeAcpiTables, type AcpiOptions } from '../../acpi/index.js';
import { COM_PORTS } from '../../devices/legacy/com-ports.js';
import { ConfigError } from '../../errors.js';
import { writeMpTable } from '../boot/mp-table.js';
import type { GuestMemory } from '../memory/guest-memory.js';
import { checkOptions, type CheckedOptions, type MachineOptions } from './options.js';

/** A table as the guest finds it. */
export interface AcpiTable {
  /** `RSDP` for the root pointer. */
  readonly signature: string;
  readonly bytes: Uint8Array;
}

/**
 * What firmware leaves for the kernel to find.
 * @returns guest physical address of the ACPI root pointer, if there is one
 */
export function writeFirmwareTables(memory: GuestMemory, options: CheckedOptions): number | undefined {
  writeMpTable(memory, options.cpus, options.parts);
  return options.acpi ? writeAcpiTables(memory, acpiOptions(options)) : undefined;
}

/**
 * The ACPI tables of a machine.
 * @throws ConfigError when the options make no sense, or say that there are none
 */
export function acpiTables(options: MachineOptions): readonly AcpiTable[] {
  const checked = checkOptions(options);
  if (!checked.acpi) throw new ConfigError('a machine with --no-acpi has no ACPI tables');
  return buildAcpiTables(acpiOptions(checked)).tables.map(({ name, bytes }) => ({
    signature: name === 'RSDP' ? name : Buffer.from(bytes.subarray(0, 4)).toString('latin1'),
    bytes,
  }));
}

function acpiOptions({ cpus, serialPorts, parts }: CheckedOptions): AcpiOptions {
  return { cpus, serialPorts: COM_PORTS.slice(0, serialPorts), parts };
}
