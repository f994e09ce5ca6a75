import { ImageError } from '../../errors.js';
import {
  ELF32_HEADER,
  ELF32_PROGRAM_HEADER,
  ELF32_SECTION_HEADER,
  ELF64_HEADER,
  ELF64_PROGRAM_HEADER,
  ELF64_SECTION_HEADER,
  ELF_IDENT,
  ELF_NOTE,
  EM_386,
  EM_X86_64,
  PT_LOAD,
  PT_NOTE,
  type RawElfHeader,
  type RawProgramHeader,
  type RawSectionHeader,
} from './elf-layout.js';
import { machineName } from './elf-names.js';
import { ImageReader } from './image-reader.js';

export type ElfClass = 32 | 64;

/** The ELF header. */
export interface ElfHeader extends RawElfHeader<bigint> {
  readonly class: ElfClass;
  readonly osAbi: number;
}

/** One program header. `paddr` and sizes above 2^53 are rounded, which no memory reaches. */
export type ElfSegment = RawProgramHeader<bigint>;

/** One section header with its name. */
export interface ElfSection extends Omit<RawSectionHeader<bigint>, 'name'> {
  readonly index: number;
  readonly name: string;
}

/** One entry of a PT_NOTE segment. */
export interface ElfNote {
  readonly owner: string;
  readonly type: number;
  readonly descriptor: Uint8Array;
}

const ELFCLASS32 = 1;
const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;
const ELFDATA2MSB = 2;
/** `e_phnum` when the real number is in section header 0 (System V ABI, chapter 4, "ELF Header"). */
const PN_XNUM = 0xffff;
/** Longest section name and note owner that is read; real ones are much shorter. */
const NAME_LIMIT = 256;
/** More than any kernel has; overlapping note segments of a hostile file could otherwise multiply without end. */
const NOTE_LIMIT = 4096;

/** True when the file starts with ELF's magic bytes. */
export function isElf(image: Uint8Array): boolean {
  return image[0] === 0x7f && image[1] === 0x45 && image[2] === 0x4c && image[3] === 0x46;
}

/** A little-endian x86 ELF file of either class, of which only header and program headers are read at once. */
export class Elf {
  readonly header: ElfHeader;
  readonly segments: readonly ElfSegment[];
  private readonly reader: ImageReader;

  /** @throws ImageError for anything but a complete ELF file for 32-bit or 64-bit x86 */
  constructor(readonly image: Uint8Array) {
    this.reader = new ImageReader(image);
    this.header = readHeader(image, this.reader);
    this.segments = readSegments(this.reader, this.header);
  }

  /** The PT_LOAD segments that take memory. */
  get loadable(): readonly ElfSegment[] {
    return this.segments.filter(segment => segment.type === PT_LOAD && segment.memorySize > 0);
  }

  /** A segment's bytes in the file. @throws ImageError when they are not within the file */
  contents(segment: ElfSegment): Uint8Array {
    return this.reader.slice(segment.offset, segment.fileSize, 'a segment');
  }

  /** A section's bytes in the file. @throws ImageError when they are not within the file */
  sectionContents(section: ElfSection): Uint8Array {
    return this.reader.slice(section.offset, section.size, `section ${section.name}`);
  }

  /**
   * The notes of all PT_NOTE segments, in their order (System V ABI, chapter 5, "Note Section"). Name and descriptor
   * are padded to 4 bytes, also in ELF64, unless the segment's own alignment is 8.
   * @throws ImageError for a note that goes beyond its segment
   */
  *notes(): Generator<ElfNote> {
    let count = 0;
    for (const segment of this.segments) {
      if (segment.type !== PT_NOTE) continue;
      const notes = new ImageReader(this.reader.slice(segment.offset, segment.fileSize, 'a note segment'));
      const align = segment.align === 8 ? 8 : 4;
      for (let at = 0; at + ELF_NOTE.span <= notes.size;) {
        if (++count > NOTE_LIMIT) throw new ImageError(`the ELF file has more than ${NOTE_LIMIT} notes`);
        const { nameSize, descriptorSize, type } = notes.read(ELF_NOTE, at, 'a note');
        const descriptorAt = roundUp(at + ELF_NOTE.span + nameSize, align);
        const descriptor = notes.slice(descriptorAt, descriptorSize, "a note's descriptor");
        yield { owner: notes.text(at + ELF_NOTE.span, Math.min(nameSize, NAME_LIMIT)), type, descriptor };
        at = roundUp(descriptorAt + descriptorSize, align);
      }
    }
  }

  /** The first note of this owner and type. @throws ImageError as {@link notes} */
  note(owner: string, type: number): ElfNote | undefined {
    for (const note of this.notes()) {
      if (note.owner === owner && note.type === type) return note;
    }
    return undefined;
  }

  /**
   * The section headers, an empty list when the file is stripped of them.
   * @throws ImageError when they are not within the file
   */
  sections(): readonly ElfSection[] {
    const { sectionHeaders, sectionHeaderCount, sectionHeaderSize } = this.header;
    if (sectionHeaders === 0) return [];
    const read = (index: number) => this.readSection(index);
    // Numbers that do not fit into the header are in section header 0 (System V ABI, chapter 4, "ELF Header").
    const count = sectionHeaderCount === 0 ? read(0).size : sectionHeaderCount;
    if (count === 0) return [];
    this.reader.slice(sectionHeaders, count * sectionHeaderSize, 'the section headers');
    const raw = Array.from({ length: count }, (_, index) => read(index));
    const names = raw[this.sectionNamesIndex(raw)];
    return raw.map((section, index) => ({
      ...section,
      index,
      name: names ? this.reader.text(names.offset + section.name, NAME_LIMIT) : '',
    }));
  }

  /** The index of the section that holds the sections' names, 0 for none. */
  sectionNamesIndex(sections: readonly { readonly link: number }[]): number {
    const SHN_XINDEX = 0xffff;
    const { sectionNamesIndex } = this.header;
    return sectionNamesIndex === SHN_XINDEX ? (sections[0]?.link ?? 0) : sectionNamesIndex;
  }

  private readSection(index: number): RawSectionHeader<bigint> {
    const { class: elfClass, sectionHeaders, sectionHeaderSize } = this.header;
    const layout = elfClass === 64 ? ELF64_SECTION_HEADER : ELF32_SECTION_HEADER;
    checkEntrySize(sectionHeaderSize, layout.span, 'section');
    const at = sectionHeaders + index * sectionHeaderSize;
    const raw: RawSectionHeader<bigint | number> = this.reader.read<RawSectionHeader<bigint | number>>(
      layout,
      at,
      'a section header',
    );
    return { ...raw, flags: BigInt(raw.flags), address: BigInt(raw.address) };
  }
}

function readHeader(image: Uint8Array, reader: ImageReader): ElfHeader {
  if (!isElf(image)) throw new ImageError('this is not an ELF file');
  const ident = reader.read(ELF_IDENT, 0, 'the ELF header');
  if (ident.data === ELFDATA2MSB) {
    throw new ImageError('this is a big-endian ELF file; x86 kernels are little-endian');
  }
  if (ident.data !== ELFDATA2LSB)
    throw new ImageError(`the ELF file has the unknown byte order ${ident.data}`);
  if (ident.class !== ELFCLASS32 && ident.class !== ELFCLASS64) {
    throw new ImageError(`the ELF file has the unknown class ${ident.class}`);
  }
  if (ident.version !== 1) throw new ImageError(`the ELF file has the unknown version ${ident.version}`);

  const elfClass = ident.class === ELFCLASS64 ? 64 : 32;
  const layout = elfClass === 64 ? ELF64_HEADER : ELF32_HEADER;
  const raw = reader.read<RawElfHeader<bigint | number>>(layout, 0, 'the ELF header');
  if (raw.machine !== EM_X86_64 && (raw.machine !== EM_386 || elfClass === 64)) {
    throw new ImageError(
      `this is an ELF file for ${machineName(raw.machine)}; only x86 kernels can be booted`,
      {
        machine: raw.machine,
      },
    );
  }
  return { ...raw, entry: BigInt(raw.entry), class: elfClass, osAbi: ident.osAbi };
}

function readSegments(reader: ImageReader, header: ElfHeader): ElfSegment[] {
  const { class: elfClass, programHeaders, programHeaderCount: count, programHeaderSize: size } = header;
  if (count === 0) return [];
  if (count === PN_XNUM) throw new ImageError('the ELF file has more than 65534 program headers');
  const layout = elfClass === 64 ? ELF64_PROGRAM_HEADER : ELF32_PROGRAM_HEADER;
  checkEntrySize(size, layout.span, 'program');
  reader.slice(programHeaders, count * size, 'the program headers');
  return Array.from({ length: count }, (_, index) => {
    const at = programHeaders + index * size;
    const raw = reader.read<RawProgramHeader<bigint | number>>(layout, at, 'a program header');
    return { ...raw, vaddr: BigInt(raw.vaddr) };
  });
}

function checkEntrySize(size: number, least: number, kind: string): void {
  if (size < least) throw new ImageError(`the ELF file's ${kind} headers have ${size} bytes, not ${least}`);
}

function roundUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}
