import { readNumber64, writeNumber64 } from './big-endian.js';

/** How refcounts of one width lie in a block. */
export interface RefcountWidth {
  read(block: DataView, index: number): number;
  write(block: DataView, index: number, count: number): void;
}

/** Refcounts of 1, 2 or 4 bits: the first one is in the lowest bits of its byte. */
function subByte(bits: 1 | 2 | 4): RefcountWidth {
  const perByte = 8 / bits;
  const max = 2 ** bits - 1;
  const shiftOf = (index: number): number => (index % perByte) * bits;
  return {
    read: (block, index) => (block.getUint8(Math.floor(index / perByte)) >>> shiftOf(index)) & max,
    write: (block, index, count) => {
      const at = Math.floor(index / perByte);
      const shift = shiftOf(index);
      block.setUint8(at, (block.getUint8(at) & ~(max << shift)) | (count << shift));
    },
  };
}

/** By `refcount_order` (qcow2 specification, "Host cluster management"). Whole bytes are big-endian. */
export const REFCOUNT_WIDTHS: readonly RefcountWidth[] = [
  subByte(1),
  subByte(2),
  subByte(4),
  {
    read: (block, index) => block.getUint8(index),
    write: (block, index, count) => block.setUint8(index, count),
  },
  {
    read: (block, index) => block.getUint16(index * 2),
    write: (block, index, count) => block.setUint16(index * 2, count),
  },
  {
    read: (block, index) => block.getUint32(index * 4),
    write: (block, index, count) => block.setUint32(index * 4, count),
  },
  {
    read: (block, index) => readNumber64(block, index * 8),
    write: (block, index, count) => writeNumber64(block, index * 8, count),
  },
];
