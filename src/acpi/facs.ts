import { blob, nu64, u32, u8 } from 'buffer-layout';
import { ascii, encode, structure } from '../vmm/layout.js';

/** Firmware ACPI Control Structure (ACPI 6.5, 5.2.10), in memory that the guest writes to. */
interface Facs {
  readonly signature: string;
  readonly length: number;
  readonly hardwareSignature: number;
  readonly firmwareWakingVector: number;
  readonly globalLock: number;
  readonly flags: number;
  readonly extendedFirmwareWakingVector: number;
  readonly version: number;
  readonly ospmFlags: number;
}

const FACS = structure<Facs>(
  [
    ascii(4, 'signature'),
    u32('length'),
    u32('hardwareSignature'),
    u32('firmwareWakingVector'),
    u32('globalLock'),
    u32('flags'),
    nu64('extendedFirmwareWakingVector'),
    u8('version'),
    blob(3),
    u32('ospmFlags'),
    blob(24),
  ],
  64,
);

const VERSION = 2;

export const FACS_ALIGNMENT = 64;

/** A FACS of a machine that does not sleep: no waking vectors, no S4BIOS, the global lock free. */
export function facs(): Uint8Array {
  return encode(FACS, {
    signature: 'FACS',
    length: FACS.span,
    hardwareSignature: 0,
    firmwareWakingVector: 0,
    globalLock: 0,
    flags: 0,
    extendedFirmwareWakingVector: 0,
    version: VERSION,
    ospmFlags: 0,
  });
}
