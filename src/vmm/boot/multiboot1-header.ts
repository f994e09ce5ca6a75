import { u32 } from 'buffer-layout';
import { ImageError, hex } from '../../errors.js';
import { asBuffer, structure } from '../layout.js';

/** The header of the Multiboot specification 0.6.96, 3.1.1: the part that each kernel has. */
interface HeaderStart {
  readonly magic: number;
  readonly flags: number;
  readonly checksum: number;
}

const HEADER_START = structure<HeaderStart>([u32('magic'), u32('flags'), u32('checksum')], 12);

/** The address fields behind it, with flag 16. */
export interface Multiboot1Addresses {
  readonly headerAddress: number;
  readonly loadAddress: number;
  readonly loadEnd: number;
  readonly bssEnd: number;
  readonly entry: number;
}

const ADDRESSES = structure<Multiboot1Addresses>(
  [u32('headerAddress'), u32('loadAddress'), u32('loadEnd'), u32('bssEnd'), u32('entry')],
  20,
);

export interface Multiboot1Header {
  /** Where in the file it is. */
  readonly offset: number;
  readonly flags: number;
  /** Present when the kernel is to be loaded as they say, not as an ELF file. */
  readonly addresses?: Multiboot1Addresses;
}

const HEADER_MAGIC = 0x1bad_b002;
/** 3.1: the header lies wholly within these first bytes of the file. */
const SEARCH_SIZE = 8192;
const SEARCH_STEP = 4;

/** 3.1.2. Bits 0 to 15 are requirements: a loader that does not know one must refuse. */
const REQUIREMENTS = 0xffff;
const PAGE_ALIGN = 1 << 0;
const MEMORY_INFO = 1 << 1;
const VIDEO_MODE = 1 << 2;
const AOUT_KLUDGE = 1 << 16;

/** The header, or `undefined` when the file has none. Never throws. */
export function findMultiboot1Header(image: Uint8Array): Multiboot1Header | undefined {
  const area = asBuffer(image.subarray(0, SEARCH_SIZE));
  for (let offset = 0; offset + HEADER_START.span <= area.length; offset += SEARCH_STEP) {
    if (area.readUInt32LE(offset) !== HEADER_MAGIC) continue;
    const { magic, flags, checksum } = HEADER_START.decode(area, offset);
    if ((magic + flags + checksum) % 2 ** 32 !== 0) continue;
    if ((flags & AOUT_KLUDGE) === 0) return { offset, flags };
    const at = offset + HEADER_START.span;
    if (at + ADDRESSES.span <= area.length) return { offset, flags, addresses: ADDRESSES.decode(area, at) };
  }
  return undefined;
}

/** @throws ImageError when there is no header, or one that requires what cannot be had */
export function readMultiboot1Header(image: Uint8Array): Multiboot1Header {
  const header = findMultiboot1Header(image);
  if (!header) throw new ImageError('the file has no Multiboot header in its first 8 KiB');
  if (header.flags & VIDEO_MODE) {
    throw new ImageError(
      'the Multiboot header requires a video mode (flag 2), but the machine has no display',
    );
  }
  const unknown = header.flags & REQUIREMENTS & ~(PAGE_ALIGN | MEMORY_INFO);
  if (unknown !== 0) {
    throw new ImageError(`the Multiboot header requires unknown features (flags ${hex(unknown)})`, {
      flags: header.flags,
    });
  }
  return header;
}
