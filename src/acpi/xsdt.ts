import { nu64, seq, u32 } from 'buffer-layout';
import { encode } from '../vmm/layout.js';
import { table } from './table.js';

const REVISION = 1;

/** Root System Description Table (ACPI 6.5, 5.2.7): the other tables' addresses in 32 bits, FADT first. */
export function rsdt(addresses: readonly number[]): Uint8Array {
  return table('RSDT', REVISION, encode(seq(u32(), addresses.length), [...addresses]));
}

/** Extended System Description Table (ACPI 6.5, 5.2.8): the same in 64 bits. */
export function xsdt(addresses: readonly number[]): Uint8Array {
  return table('XSDT', REVISION, encode(seq(nu64(), addresses.length), [...addresses]));
}
