import type { BootModule, BootRequest } from '../../../../src/vmm/boot/protocol.js';

/**
 * Small kernels of every format, put together byte by byte from the specifications, so that they do not share code with
 * what they test.
 */

export interface SegmentSource {
  readonly type?: number;
  readonly flags?: number;
  readonly vaddr?: bigint;
  readonly paddr?: number;
  readonly data?: Uint8Array;
  readonly memorySize?: number;
  readonly align?: number;
}

export interface SectionSource {
  readonly name: string;
  readonly type: number;
  readonly flags?: number;
  readonly address?: number;
  readonly data?: Uint8Array;
  readonly link?: number;
}

export interface ElfSource {
  readonly class?: 32 | 64;
  readonly type?: number;
  readonly machine?: number;
  readonly entry?: bigint;
  readonly segments?: readonly SegmentSource[];
  readonly sections?: readonly SectionSource[];
}

export const MIB = 1 << 20;
/** `hlt; jmp $-1`, and zeroes up to 64 bytes. */
export const CODE = bytes([0xf4, 0xeb, 0xfd], 64);

export function bytes(values: readonly number[], size = values.length): Uint8Array {
  const result = new Uint8Array(size);
  result.set(values);
  return result;
}

export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, character => character.charCodeAt(0));
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap(part => Array.from(part)));
}

export function u16(...values: readonly number[]): Uint8Array {
  return concat(...values.map(value => bytes([value & 0xff, (value >> 8) & 0xff])));
}

export function u32(...values: readonly number[]): Uint8Array {
  return concat(...values.map(value => bytes([0, 8, 16, 24].map(shift => (value >>> shift) & 0xff))));
}

export function u64(...values: readonly (number | bigint)[]): Uint8Array {
  return concat(
    ...values.map(value => u32(Number(BigInt(value) & 0xffff_ffffn), Number(BigInt(value) >> 32n))),
  );
}

/** A copy with `patch` written over it at `offset`. */
export function patched(image: Uint8Array, offset: number, patch: Uint8Array): Uint8Array {
  const copy = image.slice();
  copy.set(patch, offset);
  return copy;
}

/** An ELF file: header, program headers, the segments' bytes, the sections' bytes, section headers. */
export function elf(source: ElfSource = {}): Uint8Array {
  const { machine = 62, type = 2, entry = 0x10_0000n, segments = [], sections = [] } = source;
  const is64 = (source.class ?? 64) === 64;
  const word = is64 ? (value: number | bigint) => u64(value) : (value: number | bigint) => u32(Number(value));
  const headerSize = is64 ? 64 : 52;
  const segmentHeaderSize = is64 ? 56 : 32;
  const sectionHeaderSize = is64 ? 64 : 40;

  let offset = headerSize + segments.length * segmentHeaderSize;
  const blobs: Uint8Array[] = [];
  const append = (data: Uint8Array) => {
    const at = offset;
    blobs.push(bytes(Array.from(data), Math.ceil(data.length / 8) * 8));
    offset += blobs.at(-1)!.length;
    return at;
  };
  offset = Math.ceil(offset / 8) * 8;
  const start = offset;

  const programHeaders = segments.map(segment => {
    const { type: kind = 1, flags = 7, data = new Uint8Array(0), paddr = 0x10_0000 } = segment;
    const { vaddr = BigInt(paddr), memorySize = data.length, align = 4 } = segment;
    const at = append(data);
    const addresses = [at, vaddr, paddr, data.length, memorySize].map(word);
    return is64
      ? concat(u32(kind, flags), ...addresses, u64(align))
      : concat(u32(kind), ...addresses, u32(flags, align));
  });

  const all =
    sections.length === 0 ? [] : [{ name: '', type: 0 }, ...sections, { name: '.shstrtab', type: 3 }];
  const names = all.map(({ name }) => concat(ascii(name), bytes([0])));
  const sectionHeaders = all.map((section: SectionSource, i) => {
    const { flags = 0, address = 0, link = 0 } = section;
    const nameOffset = names.slice(0, i).reduce((sum, name) => sum + name.length, 0);
    const data = section.name === '.shstrtab' ? concat(...names) : (section.data ?? new Uint8Array(0));
    const at = append(data);
    return concat(
      u32(nameOffset, section.type),
      ...[flags, address, at, data.length].map(word),
      u32(link, 0),
      word(1),
      word(0),
    );
  });

  const header = concat(
    bytes([0x7f, 0x45, 0x4c, 0x46, is64 ? 2 : 1, 1, 1], 16),
    u16(type, machine),
    u32(1),
    ...[entry, segments.length === 0 ? 0 : headerSize, all.length === 0 ? 0 : offset].map(word),
    u32(0),
    u16(
      headerSize,
      segmentHeaderSize,
      segments.length,
      sectionHeaderSize,
      all.length,
      Math.max(all.length - 1, 0),
    ),
  );
  const front = concat(header, ...programHeaders);
  return concat(front, new Uint8Array(start - front.length), ...blobs, ...sectionHeaders);
}

/** A note with name and descriptor padded to `align`. */
export function note(owner: string, type: number, descriptor: Uint8Array, align = 4): Uint8Array {
  const name = concat(ascii(owner), bytes([0]));
  const head = concat(u32(name.length, descriptor.length, type), name);
  const pad = (part: Uint8Array) => bytes(Array.from(part), Math.ceil(part.length / align) * align);
  return concat(pad(head), pad(descriptor));
}

export function symbol(
  elfClass: 32 | 64,
  {
    name,
    value,
    size,
    info,
    section,
  }: Record<'name' | 'size' | 'info' | 'section', number> & { value: bigint },
): Uint8Array {
  return elfClass === 64
    ? concat(u32(name), bytes([info, 0]), u16(section), u64(value, size))
    : concat(u32(name, Number(value), size), bytes([info, 0]), u16(section));
}

/** A kernel with a PVH note whose descriptor has as many bytes as asked for. */
export function pvhElf(elfClass: 32 | 64 = 64, entry = 0x10_0010, descriptorSize: 4 | 8 = 4): Uint8Array {
  const descriptor = descriptorSize === 8 ? u64(entry) : u32(entry);
  const notes = concat(
    note('Xen', 6, ascii('test\0')),
    note('GNU', 3, bytes([1, 2, 3], 20)),
    note('Xen', 18, descriptor),
  );
  return elf({
    class: elfClass,
    machine: elfClass === 64 ? 62 : 3,
    segments: [
      { data: CODE, paddr: 0x10_0000, vaddr: 0x4010_0000n, memorySize: 0x2000 },
      { type: 4, data: notes, paddr: 0 },
    ],
  });
}

const MULTIBOOT1_MAGIC = 0x1bad_b002;

export function multiboot1Header(flags: number, ...fields: readonly number[]): Uint8Array {
  return u32(MULTIBOOT1_MAGIC, flags, -(MULTIBOOT1_MAGIC + flags), ...fields);
}

/** An ELF kernel whose first bytes of code are a Multiboot 1 header. */
export function multiboot1Elf(elfClass: 32 | 64 = 32, flags = 3): Uint8Array {
  return elf({
    class: elfClass,
    machine: elfClass === 64 ? 62 : 3,
    entry: 0x10_0010n,
    segments: [{ data: concat(multiboot1Header(flags), u32(0), CODE), memorySize: 0x3000 }],
  });
}

/** A raw kernel with AOUT_KLUDGE: 16 bytes that are not loaded, then code with the header 8 bytes in. */
export function multiboot1Flat(
  overrides: Partial<Record<keyof typeof FLAT_FIELDS, number>> = {},
): Uint8Array {
  const fields = { ...FLAT_FIELDS, ...overrides };
  const { header, load, loadEnd, bssEnd, entry } = fields;
  return concat(
    new Uint8Array(16).fill(0xee),
    u32(0x1111_1111, 0x2222_2222),
    multiboot1Header(0x1_0003, header, load, loadEnd, bssEnd, entry),
    CODE,
  );
}

export const FLAT_FIELDS = {
  header: 0x20_0008,
  load: 0x20_0000,
  loadEnd: 0x20_0000 + 8 + 32 + 64,
  bssEnd: 0x20_1000,
  entry: 0x20_0028,
};

export interface Multiboot2Tag {
  readonly type: number;
  readonly optional?: boolean;
  readonly content?: Uint8Array;
}

const MULTIBOOT2_MAGIC = 0xe852_50d6;

export function multiboot2Header(tags: readonly Multiboot2Tag[], architecture = 0): Uint8Array {
  const parts = [...tags, { type: 0 }].map(
    ({ type, optional, content = new Uint8Array(0) }: Multiboot2Tag) => {
      const tag = concat(u16(type, optional ? 1 : 0), u32(8 + content.length), content);
      return bytes(Array.from(tag), Math.ceil(tag.length / 8) * 8);
    },
  );
  const length = 16 + parts.reduce((sum, part) => sum + part.length, 0);
  return concat(
    u32(MULTIBOOT2_MAGIC, architecture, length, -(MULTIBOOT2_MAGIC + architecture + length)),
    ...parts,
  );
}

/** An ELF kernel with a Multiboot 2 header, a symbol table and its names. */
export function multiboot2Elf(tags: readonly Multiboot2Tag[] = [], elfClass: 32 | 64 = 64): Uint8Array {
  const header = multiboot2Header(tags);
  return elf({
    class: elfClass,
    machine: elfClass === 64 ? 62 : 3,
    entry: 0x20_0000n,
    segments: [
      { data: CODE, paddr: 0x20_0000, memorySize: 0x1000 },
      { data: header, paddr: 0x20_1000 },
    ],
    sections: [
      { name: '.text', type: 1, flags: 6, address: 0x20_0000, data: CODE },
      {
        name: '.symtab',
        type: 2,
        link: 3,
        data: concat(
          new Uint8Array(elfClass === 64 ? 24 : 16),
          symbol(elfClass, { name: 1, value: 0x20_0000n, size: 16, info: 0x12, section: 1 }),
        ),
      },
      { name: '.strtab', type: 3, data: ascii('\0start\0') },
    ],
  });
}

/** A raw kernel with a Multiboot 2 address tag; the whole file is loaded at 2 MiB. */
export function multiboot2Flat(extra: readonly Multiboot2Tag[] = []): Uint8Array {
  return concat(
    multiboot2Header([
      { type: 2, content: u32(0x20_0000, 0xffff_ffff, 0, 0x20_2000) },
      { type: 3, content: u32(0x20_0004) },
      ...extra,
    ]),
    CODE,
  );
}

export interface BzImageSource {
  readonly version?: number;
  readonly setupSectors?: number;
  readonly loadFlags?: number;
  readonly extendedLoadFlags?: number;
  readonly relocatable?: number;
  readonly alignment?: number;
  readonly preferredAddress?: number;
  readonly initSize?: number;
  readonly commandLineSize?: number;
  readonly initrdAddressMax?: number;
  readonly systemSize?: number;
  readonly payload?: Uint8Array;
  readonly code?: Uint8Array;
  /** The byte after the jump opcode at 0x200. */
  readonly jump?: number;
}

/** A bzImage whose protected-mode code is a pattern that tells where it is. */
export function bzImage(source: BzImageSource = {}): Uint8Array {
  const { version = 0x20f, setupSectors = 1, code = bzImageCode(source.payload) } = source;
  const {
    preferredAddress = 0x100_0000,
    initSize = 0x2000,
    systemSize = Math.ceil(code.length / 16),
  } = source;
  const setup = new Uint8Array(512 * ((setupSectors || 4) + 1));
  const put = (offset: number, data: Uint8Array) => setup.set(data, offset);
  put(0x1f1, bytes([setupSectors]));
  put(0x1f4, u32(systemSize));
  put(0x1fe, u16(0xaa55));
  put(0x200, bytes([0xeb, source.jump ?? 0x6a]));
  put(0x202, ascii('HdrS'));
  put(0x206, u16(version));
  put(0x20e, u16(0x100));
  put(0x211, bytes([source.loadFlags ?? 1]));
  put(0x214, u32(0x10_0000));
  put(0x22c, u32(source.initrdAddressMax ?? 0x7fff_ffff));
  put(0x230, u32(source.alignment ?? 0x20_0000));
  put(0x234, bytes([source.relocatable ?? 1]));
  put(0x236, u16(source.extendedLoadFlags ?? 1));
  put(0x238, u32(source.commandLineSize ?? 255));
  put(0x248, u32(source.payload ? 0x300 : 0, source.payload?.length ?? 0));
  put(0x258, u64(preferredAddress));
  put(0x260, u32(initSize));
  put(0x300, ascii('6.1.0-test (somebody) #1 SMP\0'));
  return concat(setup, code);
}

function bzImageCode(payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const code = Uint8Array.from({ length: 0x300 }, (_, i) => i & 0xff);
  return concat(code, payload, new Uint8Array((16 - (payload.length % 16)) % 16));
}

export function module(name: string, data: Uint8Array | number, rest = ''): BootModule {
  const content = typeof data === 'number' ? new Uint8Array(data).fill(0x5a) : data;
  return { name, data: content, arguments: rest };
}

export function request(image: Uint8Array, rest: Partial<BootRequest> = {}): BootRequest {
  return { name: 'kernel', image, commandLine: '', modules: [], cpus: 1, ...rest };
}
