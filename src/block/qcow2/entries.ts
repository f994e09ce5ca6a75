import { CorruptImage } from './corrupt-image.js';

/**
 * Entries of L1 and L2 tables (qcow2 specification, "Cluster mapping"), of whose 64 bits the upper and the lower half are
 * looked at apart:
 *
 *     63      62          61..56    55..9    8..1      0
 *     COPIED  COMPRESSED  reserved  offset   reserved  ZERO
 */
const COPIED = 0x8000_0000;
const COMPRESSED = 0x4000_0000;
const OFFSET_HIGH = 0x00ff_ffff;
const OFFSET_LOW = 0xffff_fe00;
const ZERO = 1;

/** Upper bits of offsets that doubles do not keep exactly, and no image has. */
const TOO_HIGH = 0x00e0_0000;

export const ENTRY_SIZE = 8;

/** What an L2 entry says of its cluster. */
export type ClusterKind =
  /** It is not in this image: in the backing file, or all zeroes. */
  'unallocated' | 'zero' | 'normal' | 'compressed';

export function isZeroEntry(table: DataView, at: number): boolean {
  return table.getUint32(at) === 0 && table.getUint32(at + 4) === 0;
}

/** Nobody else refers to what the entry refers to: it may be written in place. */
export function isCopied(table: DataView, at: number): boolean {
  return table.getUint32(at) >= COPIED;
}

/** @throws CorruptImage for an offset that is not a cluster's */
export function entryOffset(table: DataView, at: number, clusterSize: number): number {
  const high = table.getUint32(at) & OFFSET_HIGH;
  const offset = high * 2 ** 32 + ((table.getUint32(at + 4) & OFFSET_LOW) >>> 0);
  if (high & TOO_HIGH || offset % clusterSize !== 0) throw new CorruptImage('an entry leads nowhere');
  return offset;
}

export function clusterKind(table: DataView, at: number): ClusterKind {
  if (table.getUint32(at) & COMPRESSED) return 'compressed';
  const low = table.getUint32(at + 4);
  if (low & ZERO) return 'zero';
  return (table.getUint32(at) & OFFSET_HIGH) === 0 && (low & OFFSET_LOW) === 0 ? 'unallocated' : 'normal';
}

/** The cluster at `offset`, to which nobody else refers. */
export function writeOwnEntry(table: DataView, at: number, offset: number): void {
  table.setUint32(at, (COPIED | Math.floor(offset / 2 ** 32)) >>> 0);
  table.setUint32(at + 4, offset % 2 ** 32);
}

/** All zeroes, with no cluster behind it. */
export function writeZeroEntry(table: DataView, at: number): void {
  table.setUint32(at, 0);
  table.setUint32(at + 4, ZERO);
}

export function clearEntry(table: DataView, at: number): void {
  table.setUint32(at, 0);
  table.setUint32(at + 4, 0);
}

/** Where compressed data lies: any byte, and at most how many of them. */
export interface CompressedExtent {
  readonly offset: number;
  readonly length: number;
}

/** Compressed data is counted in sectors, of which it may begin and end in the middle. */
const SECTOR = 512;

export function compressedExtent(table: DataView, at: number, clusterBits: number): CompressedExtent {
  // Bits of the offset: 62 - (cluster_bits - 8), at least 49.
  const highBits = 62 - (clusterBits - 8) - 32;
  const high = table.getUint32(at) & (COMPRESSED - 1);
  const offsetHigh = high & (2 ** highBits - 1);
  const offset = offsetHigh * 2 ** 32 + table.getUint32(at + 4);
  if (offsetHigh >= 1 << 21) throw new CorruptImage('a compressed cluster leads nowhere');
  const sectors = (high >>> highBits) + 1;
  return { offset, length: sectors * SECTOR - (offset % SECTOR) };
}
