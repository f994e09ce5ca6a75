import { blob, nu64, u16, u32, u8 } from 'buffer-layout';
import { structure, u64 } from '../layout.js';

/**
 * The structures of the System V ABI, chapter 4 and 5 ("Object Files", "Program Loading"), in their little-endian
 * 32-bit and 64-bit forms, decoded to one shape. Addresses are `bigint`; offsets and sizes are numbers, which round
 * above 2^53, beyond any file.
 */

/** `e_ident`, common to both classes. */
export interface ElfIdent {
  readonly class: number;
  readonly data: number;
  readonly version: number;
  readonly osAbi: number;
}

export const ELF_IDENT = structure<ElfIdent>(
  [blob(4), u8('class'), u8('data'), u8('version'), u8('osAbi'), blob(8)],
  16,
);

export interface RawElfHeader<Address> {
  readonly type: number;
  readonly machine: number;
  readonly version: number;
  readonly entry: Address;
  readonly programHeaders: number;
  readonly sectionHeaders: number;
  readonly flags: number;
  readonly headerSize: number;
  readonly programHeaderSize: number;
  readonly programHeaderCount: number;
  readonly sectionHeaderSize: number;
  readonly sectionHeaderCount: number;
  readonly sectionNamesIndex: number;
}

const headerTail = () => [
  u32('flags'),
  u16('headerSize'),
  u16('programHeaderSize'),
  u16('programHeaderCount'),
  u16('sectionHeaderSize'),
  u16('sectionHeaderCount'),
  u16('sectionNamesIndex'),
];
const headerStart = () => [blob(16), u16('type'), u16('machine'), u32('version')];

export const ELF32_HEADER = structure<RawElfHeader<number>>(
  [...headerStart(), u32('entry'), u32('programHeaders'), u32('sectionHeaders'), ...headerTail()],
  52,
);
export const ELF64_HEADER = structure<RawElfHeader<bigint>>(
  [...headerStart(), u64('entry'), nu64('programHeaders'), nu64('sectionHeaders'), ...headerTail()],
  64,
);

export interface RawProgramHeader<Address> {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: Address;
  readonly paddr: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly align: number;
}

export const ELF32_PROGRAM_HEADER = structure<RawProgramHeader<number>>(
  [
    u32('type'),
    u32('offset'),
    u32('vaddr'),
    u32('paddr'),
    u32('fileSize'),
    u32('memorySize'),
    u32('flags'),
    u32('align'),
  ],
  32,
);
export const ELF64_PROGRAM_HEADER = structure<RawProgramHeader<bigint>>(
  [
    u32('type'),
    u32('flags'),
    nu64('offset'),
    u64('vaddr'),
    nu64('paddr'),
    nu64('fileSize'),
    nu64('memorySize'),
    nu64('align'),
  ],
  56,
);

export interface RawSectionHeader<Address> {
  readonly name: number;
  readonly type: number;
  readonly flags: Address;
  readonly address: Address;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entrySize: number;
}

export const ELF32_SECTION_HEADER = structure<RawSectionHeader<number>>(
  [
    u32('name'),
    u32('type'),
    u32('flags'),
    u32('address'),
    u32('offset'),
    u32('size'),
    u32('link'),
    u32('info'),
    u32('align'),
    u32('entrySize'),
  ],
  40,
);
export const ELF64_SECTION_HEADER = structure<RawSectionHeader<bigint>>(
  [
    u32('name'),
    u32('type'),
    u64('flags'),
    u64('address'),
    nu64('offset'),
    nu64('size'),
    u32('link'),
    u32('info'),
    nu64('align'),
    nu64('entrySize'),
  ],
  64,
);

export interface RawSymbol<Address> {
  readonly name: number;
  readonly value: Address;
  readonly size: Address;
  readonly info: number;
  readonly section: number;
}

export const ELF32_SYMBOL = structure<RawSymbol<number>>(
  [u32('name'), u32('value'), u32('size'), u8('info'), u8(), u16('section')],
  16,
);
export const ELF64_SYMBOL = structure<RawSymbol<bigint>>(
  [u32('name'), u8('info'), u8(), u16('section'), u64('value'), u64('size')],
  24,
);

export interface NoteHeader {
  readonly nameSize: number;
  readonly descriptorSize: number;
  readonly type: number;
}

export const ELF_NOTE = structure<NoteHeader>([u32('nameSize'), u32('descriptorSize'), u32('type')], 12);

/** `e_type`. */
export const ET_REL = 1;
export const ET_EXEC = 2;
export const ET_DYN = 3;

/** `e_machine` of what this machine can run. */
export const EM_386 = 3;
export const EM_X86_64 = 62;

/** `p_type`. */
export const PT_LOAD = 1;
export const PT_NOTE = 4;

/** `sh_type`. */
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_DYNSYM = 11;

/** `sh_flags`. */
export const SHF_EXECINSTR = 4n;
