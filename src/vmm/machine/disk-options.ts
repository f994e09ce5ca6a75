import { IMAGE_FORMATS, type ImageFormat } from '../../block/open-image.js';
import type { ThrottleLimits } from '../../block/throttle.js';
import { ConfigError } from '../../errors.js';
import { hiddenFeatures, type RingOptions } from './ring-options.js';
import { checkInterface, checkVectors, type VirtioInterface } from './virtio-interface.js';

/** A disk of the guest: a virtio block device. */
export interface DiskOption {
  /** An image file, or a block device of the host. */
  readonly file: string;
  /**
   * What is in the file. By default `raw`, the disk byte by byte; a file that looks like something else is refused then.
   * No format is ever found out by looking: a guest could make its raw disk look like an image that names other files.
   */
  readonly format?: ImageFormat;
  readonly readOnly?: boolean;
  /** What the guest writes stays in memory and is gone with the machine: the file is left as it is. */
  readonly snapshot?: boolean;
  /** Up to 20 characters that the guest can read. */
  readonly serial?: string;
  /** `transitional` by default, `mmio` on a machine without a PCI bus. */
  readonly interface?: VirtioInterface;
  /**
   * Vectors of MSI-X, on the PCI bus; one a queue and one for changes of the configuration by default. With 0 there is MSI
   * with a single message instead.
   */
  readonly vectors?: number;
  /** Request queues, 1 to 64; one for each vCPU by default. */
  readonly queues?: number;
  /** Entries of each queue, a power of two from 4 to 1024; 256 by default. */
  readonly queueSize?: number;
  /** Bytes of the smallest piece that the guest is to read and write, and of one that is fast: powers of two, 512 by default. */
  readonly logicalBlockSize?: number;
  readonly physicalBlockSize?: number;
  /** What becomes of the space that the guest discards: back to the host (`unmap`, the default), or nothing. */
  readonly discard?: (typeof DISCARD_MODES)[number];
  /** With `writethrough` each write is on stable storage when the guest hears of its end, until the guest wants it otherwise. */
  readonly cache?: (typeof CACHE_MODES)[number];
  readonly throttling?: ThrottleLimits;
  /** Features of queues that are offered; all by default. */
  readonly ring?: RingOptions;
}

export const DISCARD_MODES = ['unmap', 'ignore'] as const;
export const CACHE_MODES = ['writeback', 'writethrough'] as const;

/** The same with every default filled in. */
export interface CheckedDisk extends Required<Omit<DiskOption, 'format' | 'ring' | 'vectors'>> {
  readonly vectors: number | undefined;
  readonly format: ImageFormat | undefined;
  /** Feature bits that it goes without. */
  readonly hidden: bigint;
}

const MAX_QUEUES = 64;
const MIN_QUEUE_SIZE = 4;
const MAX_QUEUE_SIZE = 1024;
const MIN_BLOCK = 512;
const MAX_BLOCK = 32_768;
const MAX_SERIAL = 20;

/** @throws ConfigError that says what makes no sense */
export function checkDisk(disk: DiskOption, cpus: number, bus: { readonly pci: boolean }): CheckedDisk {
  const { file, readOnly = false, snapshot = false, serial = '' } = disk;
  const { queues = Math.min(cpus, MAX_QUEUES), queueSize = 256, logicalBlockSize = MIN_BLOCK } = disk;
  const { physicalBlockSize = logicalBlockSize, discard = 'unmap', cache = 'writeback' } = disk;
  const { format, throttling = {}, ring = {} } = disk;
  if (typeof file !== 'string' || file === '') throw new ConfigError('a disk needs the path of a file');
  if (serial.length > MAX_SERIAL || !/^[\x20-\x7e]*$/.test(serial)) {
    throw new ConfigError(`a disk's serial number has up to ${MAX_SERIAL} ASCII characters`, { serial });
  }
  if (!Number.isInteger(queues) || queues < 1 || queues > MAX_QUEUES) {
    throw new ConfigError(`a disk has 1 to ${MAX_QUEUES} queues, not ${queues}`, { queues });
  }
  requirePowerOfTwo('queue size', queueSize, MIN_QUEUE_SIZE, MAX_QUEUE_SIZE);
  requirePowerOfTwo('logical block size', logicalBlockSize, MIN_BLOCK, MAX_BLOCK);
  requirePowerOfTwo('physical block size', physicalBlockSize, logicalBlockSize, MAX_BLOCK);
  requireOneOf('format', format ?? 'raw', IMAGE_FORMATS);
  requireOneOf('discard', discard, DISCARD_MODES);
  requireOneOf('cache', cache, CACHE_MODES);
  for (const [name, rate] of Object.entries(throttling)) {
    if (!Number.isFinite(rate) || rate < 1)
      throw new ConfigError(`a disk's ${name} is 1 or more, not ${rate}`);
  }
  const kind = checkInterface('a disk', disk.interface, bus);
  return {
    file,
    format,
    readOnly,
    snapshot,
    serial,
    interface: kind,
    vectors: checkVectors('a disk', disk.vectors, kind),
    queues,
    queueSize,
    logicalBlockSize,
    physicalBlockSize,
    discard,
    cache,
    throttling,
    hidden: hiddenFeatures(ring),
  };
}

function requirePowerOfTwo(what: string, value: number, least: number, most: number): void {
  if (Number.isInteger(Math.log2(value)) && value >= least && value <= most) return;
  throw new ConfigError(`a disk's ${what} is a power of two from ${least} to ${most}, not ${value}`);
}

function requireOneOf(what: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return;
  throw new ConfigError(`a disk's ${what} is one of ${choices.join(', ')}, not '${value}'`);
}
