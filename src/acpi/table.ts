import { u32, u8 } from 'buffer-layout';
import { ascii, encode, offsetOf, structure } from '../vmm/layout.js';
import { setChecksum } from '../vmm/checksum.js';

/** System description table header (ACPI 6.5, 5.2.6). */
interface Header {
  readonly signature: string;
  /** Of the whole table. */
  readonly length: number;
  readonly revision: number;
  readonly checksum: number;
  readonly oemId: string;
  readonly oemTableId: string;
  readonly oemRevision: number;
  readonly creatorId: string;
  readonly creatorRevision: number;
}

export const HEADER = structure<Header>(
  [
    ascii(4, 'signature'),
    u32('length'),
    u8('revision'),
    u8('checksum'),
    ascii(6, 'oemId'),
    ascii(8, 'oemTableId'),
    u32('oemRevision'),
    ascii(4, 'creatorId'),
    u32('creatorRevision'),
  ],
  36,
);

export const OEM_ID = 'TSVMM ';
const OEM_TABLE_ID = 'TSVMMPC ';
const CREATOR_ID = 'TSVM';
/** Counted up when what the tables say of the same machine changes. */
const OEM_REVISION = 1;
const CREATOR_REVISION = 1;

/**
 * A table: the header that all but RSDP and FACS have, and behind it `body`.
 * @param signature four characters
 */
export function table(signature: string, revision: number, body: Uint8Array): Uint8Array {
  const header = encode(HEADER, {
    signature,
    length: HEADER.span + body.length,
    revision,
    checksum: 0,
    oemId: OEM_ID,
    oemTableId: OEM_TABLE_ID,
    oemRevision: OEM_REVISION,
    creatorId: CREATOR_ID,
    creatorRevision: CREATOR_REVISION,
  });
  const bytes = Buffer.concat([header, body]);
  setChecksum(bytes, offsetOf(HEADER, 'checksum'));
  return bytes;
}
