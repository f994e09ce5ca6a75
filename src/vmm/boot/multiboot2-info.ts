import { nu64, u32 } from 'buffer-layout';
import { ConfigError, hex } from '../../errors.js';
import { encode, offsetOf, structure } from '../layout.js';
import type { GuestMemory } from '../memory/guest-memory.js';
import { zeroTerminated, type BootLayout } from './boot-layout.js';
import { basicMemory, memoryMap } from './e820.js';
import { ELF32_SECTION_HEADER, ELF64_SECTION_HEADER, SHT_STRTAB, SHT_SYMTAB } from './elf-layout.js';
import type { Elf, ElfSection } from './elf.js';
import { moduleString, placeBehind } from './initrd.js';
import { LOADER_NAME } from './loader-name.js';
import type { BootModule, BootRequest } from './protocol.js';

/** Types of boot information tags (Multiboot2 specification 2.0, 3.6). */
const TAG_END = 0;
const TAG_COMMAND_LINE = 1;
const TAG_LOADER_NAME = 2;
const TAG_MODULE = 3;
const TAG_BASIC_MEMORY = 4;
const TAG_MEMORY_MAP = 6;
const TAG_ELF_SECTIONS = 9;
const TAG_RSDP_1 = 14;
const TAG_RSDP_2 = 15;
const TAG_LOAD_BASE = 21;

/** 3.4 and 3.5: what each tag starts with; and, by its shape, the information as a whole (size, reserved). */
const TAG_START = structure<{ readonly type: number; readonly size: number }>([u32('type'), u32('size')], 8);
const ALIGNMENT = 8;

interface MapEntry {
  readonly base: number;
  readonly length: number;
  readonly type: number;
  readonly reserved: number;
}

/** 3.6.8 */
const MAP_ENTRY = structure<MapEntry>([nu64('base'), nu64('length'), u32('type'), u32('reserved')], 24);
const MAP_ENTRY_VERSION = 0;

const RSDP_1_SIZE = 20;
const RSDP_2_MAX = 256;

/** What the information is about. */
export interface InformationSource {
  readonly request: BootRequest;
  /** The kernel, when it was loaded as an ELF file. */
  readonly elf: Elf | undefined;
  /** Where it was loaded, when its header lets it be relocated. */
  readonly loadBase: number | undefined;
}

/**
 * Puts the boot information, and the modules it tells of, into memory.
 * @returns its address
 * @throws ImageError for modules that do not fit, ConfigError for missing ACPI tables or lack of room
 */
export function putInformation(layout: BootLayout, { request, elf, loadBase }: InformationSource): number {
  const { initrd, modules, commandLine, rsdp } = request;
  const tags = [
    tag(TAG_COMMAND_LINE, zeroTerminated('the command line', commandLine)),
    tag(TAG_LOADER_NAME, zeroTerminated("the loader's name", LOADER_NAME)),
    ...(initrd ? [initrd, ...modules] : modules).map(module => moduleTag(layout, module)),
    basicMemoryTag(layout.memory),
    memoryMapTag(layout.memory),
    ...(elf ? elfSectionTags(layout, elf) : []),
    ...(rsdp === undefined ? [] : rsdpTags(layout.memory, rsdp)),
    ...(loadBase === undefined ? [] : [tag(TAG_LOAD_BASE, words(loadBase))]),
    tag(TAG_END, new Uint8Array(0)),
  ];
  const body = Buffer.concat(tags);
  const start = encode(TAG_START, { type: TAG_START.span + body.length, size: 0 });
  return layout.put('the Multiboot2 information', Buffer.concat([start, body]));
}

/** A tag, padded to where the next one starts. */
function tag(type: number, content: Uint8Array): Uint8Array {
  const size = TAG_START.span + content.length;
  const bytes = Buffer.alloc(Math.ceil(size / ALIGNMENT) * ALIGNMENT);
  TAG_START.encode({ type, size }, bytes);
  bytes.set(content, TAG_START.span);
  return bytes;
}

/** 3.6.6 */
function moduleTag(layout: BootLayout, module: BootModule): Uint8Array {
  const { gpa, size } = placeBehind(layout, `the module ${module.name}`, module.data);
  const string = zeroTerminated("a module's string", moduleString(module));
  return tag(TAG_MODULE, Buffer.concat([words(gpa, gpa + size), string]));
}

/** 3.6.4 */
function basicMemoryTag(memory: GuestMemory): Uint8Array {
  const { lowerKiB, upperKiB } = basicMemory(memory);
  return tag(TAG_BASIC_MEMORY, words(lowerKiB, upperKiB));
}

/** 3.6.8 */
function memoryMapTag(memory: GuestMemory): Uint8Array {
  const entries = memoryMap(memory).map(({ start, end, type }) =>
    encode(MAP_ENTRY, { base: start, length: end - start, type, reserved: 0 }),
  );
  return tag(TAG_MEMORY_MAP, Buffer.concat([words(MAP_ENTRY.span, MAP_ENTRY_VERSION), ...entries]));
}

/**
 * 3.6.7, with 32-bit numbers as in the specification's own multiboot2.h and in GRUB (the text has 16-bit ones). Symbol
 * and string tables that are not part of the loaded kernel are put into memory, and their headers tell where.
 */
function elfSectionTags(layout: BootLayout, elf: Elf): Uint8Array[] {
  const sections = elf.sections();
  if (sections.length === 0) return [];
  const { sectionHeaders, sectionHeaderSize } = elf.header;
  const start = Buffer.from(
    elf.image.subarray(sectionHeaders, sectionHeaders + sections.length * sectionHeaderSize),
  );
  const namesIndex = elf.sectionNamesIndex(sections);
  for (const section of tables(sections, namesIndex)) {
    const { gpa } = placeBehind(layout, `section ${section.name}`, elf.sectionContents(section));
    writeAddress(elf, start.subarray(section.index * sectionHeaderSize), gpa);
  }
  const content = [words(sections.length, sectionHeaderSize, namesIndex), start];
  return [tag(TAG_ELF_SECTIONS, Buffer.concat(content))];
}

/** The symbol table, its names and the sections' names, as far as they have no place in memory yet. */
function tables(sections: readonly ElfSection[], namesIndex: number): Set<ElfSection> {
  const symbols = sections.find(({ type }) => type === SHT_SYMTAB);
  const candidates = [symbols, symbols && sections[symbols.link], sections[namesIndex]];
  return new Set(
    candidates.filter(
      (section): section is ElfSection =>
        section !== undefined &&
        (section.type === SHT_SYMTAB || section.type === SHT_STRTAB) &&
        section.address === 0n &&
        section.size > 0,
    ),
  );
}

function writeAddress({ header }: Elf, sectionHeader: Buffer, gpa: number): void {
  if (header.class === 64) {
    sectionHeader.writeBigUInt64LE(BigInt(gpa), offsetOf(ELF64_SECTION_HEADER, 'address'));
  } else {
    sectionHeader.writeUInt32LE(gpa, offsetOf(ELF32_SECTION_HEADER, 'address'));
  }
}

/** Copies of the ACPI root pointer: 3.6.13 for ACPI 1.0, 3.6.14 for later versions (ACPI specification 6.5, 5.2.5.3). */
function rsdpTags(memory: GuestMemory, rsdp: number): Uint8Array[] {
  const signature = 'RSD PTR ';
  const isThere =
    memory.contains(rsdp, RSDP_1_SIZE) &&
    Buffer.from(memory.bytes(rsdp, signature.length)).toString('latin1') === signature;
  if (!isThere) throw new ConfigError(`there is no ACPI root pointer in memory at ${hex(rsdp)}`, { rsdp });

  const tags = [tag(TAG_RSDP_1, memory.bytes(rsdp, RSDP_1_SIZE))];
  const revision = memory.read8(rsdp + 15);
  if (revision >= 2 && memory.contains(rsdp, RSDP_2_MAX)) {
    const length = Math.min(memory.read32(rsdp + 20), RSDP_2_MAX);
    tags.push(tag(TAG_RSDP_2, memory.bytes(rsdp, length)));
  }
  return tags;
}

function words(...values: number[]): Uint8Array {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => bytes.writeUInt32LE(value, i * 4));
  return bytes;
}
