import { nu64, u8, type Structure } from 'buffer-layout';
import { structure } from '../vmm/layout.js';

/** Generic Address Structure (ACPI 6.5, 5.2.3.2): where a register is. */
export interface GenericAddress {
  readonly space: number;
  /** Size of the register in bits. */
  readonly bitWidth: number;
  readonly bitOffset: number;
  readonly accessSize: number;
  readonly address: number;
}

const LAYOUT = structure<GenericAddress>(
  [u8('space'), u8('bitWidth'), u8('bitOffset'), u8('accessSize'), nu64('address')],
  12,
);

const SYSTEM_MEMORY = 0;
const SYSTEM_IO = 1;

/** Values of `accessSize`. */
export const BYTE_ACCESS = 1;
export const WORD_ACCESS = 2;
export const DWORD_ACCESS = 3;

/** A register that does not exist. */
export const NO_REGISTER: GenericAddress = {
  space: 0,
  bitWidth: 0,
  bitOffset: 0,
  accessSize: 0,
  address: 0,
};

/** A field of a table. */
export function genericAddress(property: string): Structure<GenericAddress> {
  return LAYOUT.replicate(property);
}

/** Registers in I/O ports. @param bytes size of all of them */
export function portRegister(port: number, bytes: number, accessSize: number): GenericAddress {
  return { space: SYSTEM_IO, bitWidth: 8 * bytes, bitOffset: 0, accessSize, address: port };
}

/** A block of registers in memory, whose width and access the specification of the block says. */
export function memoryRegister(address: number): GenericAddress {
  return { space: SYSTEM_MEMORY, bitWidth: 0, bitOffset: 0, accessSize: 0, address };
}
