import { u16, u32 } from 'buffer-layout';
import { ImageError, hex } from '../../errors.js';
import { asBuffer, structure } from '../layout.js';
import { ImageReader } from './image-reader.js';

/** The start of the header (Multiboot2 specification 2.0, 3.1.2); tags follow. */
interface HeaderStart {
  readonly magic: number;
  readonly architecture: number;
  readonly length: number;
  readonly checksum: number;
}

const HEADER_START = structure<HeaderStart>(
  [u32('magic'), u32('architecture'), u32('length'), u32('checksum')],
  16,
);

/** 3.1.3 */
interface TagStart {
  readonly type: number;
  readonly flags: number;
  readonly size: number;
}

const TAG_START = structure<TagStart>([u16('type'), u16('flags'), u32('size')], 8);

/** The address tag, 3.1.5 */
export interface Multiboot2Addresses {
  readonly headerAddress: number;
  /** {@link LOAD_FROM_START}: the file is loaded from its beginning. */
  readonly loadAddress: number;
  readonly loadEnd: number;
  readonly bssEnd: number;
}

const ADDRESSES = structure<Multiboot2Addresses>(
  [u32('headerAddress'), u32('loadAddress'), u32('loadEnd'), u32('bssEnd')],
  16,
);
export const LOAD_FROM_START = 0xffff_ffff;

/** The relocatable header tag, 3.1.14 */
export interface Multiboot2Relocation {
  readonly minAddress: number;
  readonly maxAddress: number;
  readonly align: number;
  /** {@link PREFER_LOWEST}, {@link PREFER_HIGHEST}, or none. */
  readonly preference: number;
}

const RELOCATION = structure<Multiboot2Relocation>(
  [u32('minAddress'), u32('maxAddress'), u32('align'), u32('preference')],
  16,
);
export const PREFER_LOWEST = 1;
export const PREFER_HIGHEST = 2;

export interface Multiboot2Header {
  /** Where in the file it is. */
  readonly offset: number;
  /** Types of its tags, in their order. */
  readonly tags: readonly number[];
  readonly addresses?: Multiboot2Addresses;
  readonly entry?: number;
  readonly relocation?: Multiboot2Relocation;
}

const HEADER_MAGIC = 0xe852_50d6;
const ARCHITECTURE_I386 = 0;
/** 3.1.1: the header lies wholly within these first bytes of the file, on an 8-byte boundary. */
const SEARCH_SIZE = 32_768;
const ALIGNMENT = 8;

const OPTIONAL = 1;

/** Header tags, 3.1.4 to 3.1.14 */
const TAG_END = 0;
const TAG_INFORMATION_REQUEST = 1;
const TAG_ADDRESS = 2;
const TAG_ENTRY = 3;
const TAG_CONSOLE = 4;
const TAG_FRAMEBUFFER = 5;
const TAG_MODULE_ALIGN = 6;
const TAG_EFI_BOOT_SERVICES = 7;
const TAG_EFI32_ENTRY = 8;
const TAG_EFI64_ENTRY = 9;
const TAG_RELOCATABLE = 10;

/** The console flags' bit that makes a console a requirement. */
const CONSOLE_REQUIRED = 1;
/** The newest type of boot information (load base address): 0 to this are known. */
const LAST_INFORMATION_TYPE = 21;

/** Where the header is, or `undefined` when the file has none. Never throws. */
export function findMultiboot2Header(image: Uint8Array): number | undefined {
  const area = asBuffer(image.subarray(0, SEARCH_SIZE));
  for (let offset = 0; offset + HEADER_START.span <= area.length; offset += ALIGNMENT) {
    if (area.readUInt32LE(offset) !== HEADER_MAGIC) continue;
    const { magic, architecture, length, checksum } = HEADER_START.decode(area, offset);
    if ((magic + architecture + length + checksum) % 2 ** 32 === 0) return offset;
  }
  return undefined;
}

/** @throws ImageError when there is no header, a damaged one, or one that requires what cannot be had */
export function readMultiboot2Header(image: Uint8Array): Multiboot2Header {
  const offset = findMultiboot2Header(image);
  if (offset === undefined) throw new ImageError('the file has no Multiboot2 header in its first 32 KiB');
  const reader = new ImageReader(image.subarray(0, SEARCH_SIZE));
  const { architecture, length } = reader.read(HEADER_START, offset, 'the Multiboot2 header');
  if (architecture !== ARCHITECTURE_I386) {
    throw new ImageError(`the Multiboot2 header is for another architecture (${architecture}), not x86`);
  }
  const tags = new ImageReader(reader.slice(offset, length, 'the Multiboot2 header'));

  let header: Multiboot2Header = { offset, tags: [] };
  for (let at = HEADER_START.span; ;) {
    const tag = tags.read(TAG_START, at, 'a tag of the Multiboot2 header');
    if (tag.size < TAG_START.span)
      throw new ImageError('a tag of the Multiboot2 header has an impossible size');
    const content = new ImageReader(tags.slice(at, tag.size, 'a tag of the Multiboot2 header').subarray(8));
    if (tag.type === TAG_END) return header;
    header = { ...header, ...readTag(tag, content), tags: [...header.tags, tag.type] };
    at = Math.ceil((at + tag.size) / ALIGNMENT) * ALIGNMENT;
  }
}

/** What one tag adds to the header. @throws ImageError when it requires what cannot be had */
function readTag({ type, flags }: TagStart, content: ImageReader): Partial<Multiboot2Header> {
  const isRequired = (flags & OPTIONAL) === 0;
  const refuseIf = (condition: boolean, what: string) => {
    if (condition) throw new ImageError(`the Multiboot2 header requires ${what}`, { tag: type });
  };
  switch (type) {
    case TAG_INFORMATION_REQUEST:
      // 3.1.4: what is known but not available is left out; what is unknown is an error.
      for (let at = 0; isRequired && at + 4 <= content.size; at += 4) {
        const wanted = content.u32(at, 'an information request');
        refuseIf(wanted > LAST_INFORMATION_TYPE, `unknown information (type ${wanted})`);
      }
      return {};
    case TAG_ADDRESS:
      return { addresses: content.read(ADDRESSES, 0, 'the address tag') };
    case TAG_ENTRY:
      return { entry: content.u32(0, 'the entry address tag') };
    case TAG_CONSOLE: {
      const consoles = content.u32(0, 'the flags tag');
      refuseIf(
        isRequired && (consoles & CONSOLE_REQUIRED) !== 0,
        'a console, but the machine has no display',
      );
      return {};
    }
    case TAG_FRAMEBUFFER:
      refuseIf(isRequired, 'a framebuffer, but the machine has no display');
      return {};
    case TAG_EFI_BOOT_SERVICES:
      refuseIf(isRequired, 'EFI boot services, but the machine has no EFI firmware');
      return {};
    case TAG_MODULE_ALIGN: // Modules are page aligned in any case.
    case TAG_EFI32_ENTRY: // 3.1.11 and 3.1.12: counts on EFI platforms only.
    case TAG_EFI64_ENTRY:
      return {};
    case TAG_RELOCATABLE:
      return { relocation: content.read(RELOCATION, 0, 'the relocatable header tag') };
    default:
      refuseIf(isRequired, `an unknown feature (header tag ${hex(type)})`);
      return {};
  }
}
