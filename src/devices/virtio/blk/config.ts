import { RegisterBlock, type Register } from '../../registers.js';
import type { VirtioBlk } from './blk.js';

/** Bytes of the device configuration layout (virtio 1.3, 5.2.4), up to what VIRTIO_BLK_F_WRITE_ZEROES adds. */
export const CONFIG_SIZE = 60;

/** What old BIOSes make of a disk that is large enough: 255 heads, 63 sectors, and as many cylinders as fit. */
const HEADS = 255;
const SECTORS = 63;
const MAX_CYLINDERS = 0xffff;

/** Ranges of a discard or write-zeroes request, and sectors of one: as many as a request can carry at once. */
export const MAX_RANGES = 32;
export const MAX_RANGE_SECTORS = 1 << 22;

const REGISTERS: readonly Register<VirtioBlk>[] = [
  { name: 'capacity_lo', offset: 0, width: 4, read: blk => blk.capacity % 2 ** 32 },
  { name: 'capacity_hi', offset: 4, width: 4, read: blk => Math.floor(blk.capacity / 2 ** 32) },
  { name: 'size_max', offset: 8, width: 4, read: () => 0 },
  { name: 'seg_max', offset: 12, width: 4, read: blk => blk.maxSegments },
  {
    name: 'geometry_cylinders',
    offset: 16,
    width: 2,
    read: blk => Math.min(MAX_CYLINDERS, Math.floor(blk.capacity / (HEADS * SECTORS))),
  },
  { name: 'geometry_heads', offset: 18, width: 1, read: () => HEADS },
  { name: 'geometry_sectors', offset: 19, width: 1, read: () => SECTORS },
  { name: 'blk_size', offset: 20, width: 4, read: blk => blk.blockSize },
  { name: 'topology_physical_block_exp', offset: 24, width: 1, read: blk => blk.physicalBlockExponent },
  { name: 'topology_alignment_offset', offset: 25, width: 1, read: () => 0 },
  { name: 'topology_min_io_size', offset: 26, width: 2, read: blk => blk.minIoBlocks },
  { name: 'topology_opt_io_size', offset: 28, width: 4, read: () => 0 },
  {
    name: 'writeback',
    offset: 32,
    width: 1,
    read: blk => (blk.writeback ? 1 : 0),
    write: (blk, value) => blk.setWriteback(value !== 0),
  },
  { name: 'num_queues', offset: 34, width: 2, read: blk => blk.queueSizes.length },
  { name: 'max_discard_sectors', offset: 36, width: 4, read: () => MAX_RANGE_SECTORS },
  { name: 'max_discard_seg', offset: 40, width: 4, read: () => MAX_RANGES },
  { name: 'discard_sector_alignment', offset: 44, width: 4, read: blk => blk.discardAlignment },
  { name: 'max_write_zeroes_sectors', offset: 48, width: 4, read: () => MAX_RANGE_SECTORS },
  { name: 'max_write_zeroes_seg', offset: 52, width: 4, read: () => MAX_RANGES },
  { name: 'write_zeroes_may_unmap', offset: 56, width: 1, read: () => 1 },
];

export const CONFIGURATION = new RegisterBlock<VirtioBlk>(REGISTERS, 0);
