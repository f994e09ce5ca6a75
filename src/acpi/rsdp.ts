import { blob, nu64, u32, u8 } from 'buffer-layout';
import { ascii, encode, offsetOf, structure } from '../vmm/layout.js';
import { setChecksum } from '../vmm/checksum.js';
import { OEM_ID } from './table.js';

/** Root System Description Pointer (ACPI 6.5, 5.2.5.3). */
interface Rsdp {
  readonly signature: string;
  /** Over the 20 bytes that ACPI 1.0 knew. */
  readonly checksum: number;
  readonly oemId: string;
  readonly revision: number;
  readonly rsdt: number;
  readonly length: number;
  readonly xsdt: number;
  /** Over all. */
  readonly extendedChecksum: number;
}

const RSDP = structure<Rsdp>(
  [
    ascii(8, 'signature'),
    u8('checksum'),
    ascii(6, 'oemId'),
    u8('revision'),
    u32('rsdt'),
    u32('length'),
    nu64('xsdt'),
    u8('extendedChecksum'),
    blob(3),
  ],
  36,
);

const REVISION = 2;

export const RSDP_SIZE = RSDP.span;
/** Kernels look for it at multiples of this (5.2.5.1). */
export const RSDP_ALIGNMENT = 16;

/** The root pointer. @param rsdt guest physical address of the RSDT, below 4 GiB @param xsdt that of the XSDT */
export function rsdp(rsdt: number, xsdt: number): Uint8Array {
  const bytes = encode(RSDP, {
    signature: 'RSD PTR ',
    checksum: 0,
    oemId: OEM_ID,
    revision: REVISION,
    rsdt,
    length: RSDP.span,
    xsdt,
    extendedChecksum: 0,
  });
  setChecksum(bytes.subarray(0, offsetOf(RSDP, 'length')), offsetOf(RSDP, 'checksum'));
  setChecksum(bytes, offsetOf(RSDP, 'extendedChecksum'));
  return bytes;
}
