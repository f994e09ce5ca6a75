import { ImageError } from '../../errors.js';
import {
  ELF32_SYMBOL,
  ELF64_SYMBOL,
  SHF_EXECINSTR,
  SHT_DYNSYM,
  SHT_SYMTAB,
  type RawSymbol,
} from './elf-layout.js';
import { Elf, type ElfSection } from './elf.js';
import { ImageReader } from './image-reader.js';

/** A named piece of code. */
export interface CodeSymbol {
  readonly name: string;
  readonly address: bigint;
  /** In bytes; 0 when the file does not say, as for labels in assembler files. */
  readonly size: bigint;
}

/** Where in a symbol an address lies. */
export interface SymbolMatch extends CodeSymbol {
  /** Distance of the address from the symbol's start. */
  readonly offset: bigint;
}

interface Entry {
  readonly address: bigint;
  readonly end: bigint;
  readonly size: bigint;
  readonly name: () => string;
  /** Which of two symbols at one address is shown: the higher. */
  readonly rank: number;
}

const STT_NOTYPE = 0;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const STB_LOCAL = 0;
/** C++ symbols have thousands of characters at times; a hostile file must not make more of them. */
const NAME_LIMIT = 8192;
/** How many inner symbols an address may be behind and still be found in the one that encloses them. */
const NESTING_LIMIT = 16;
const ADDRESS_END = 1n << 64n;

/** The functions of a kernel, sorted by address, to tell in which of them an instruction lies. */
export class Symbols {
  private readonly entries: readonly Entry[];

  /** @param find the address of a symbol by its name, code or data */
  private constructor(
    entries: Entry[],
    private readonly find: (name: string) => bigint | undefined,
  ) {
    entries.sort((a, b) => compare(a.address, b.address) || b.rank - a.rank);
    this.entries = entries.filter((entry, i) => i === 0 || entry.address !== entries[i - 1].address);
  }

  /** Symbols from any source, in any order. A symbol of size 0 reaches to the next one. */
  static of(symbols: readonly CodeSymbol[]): Symbols {
    return new Symbols(
      symbols.map(({ name, address, size }) => ({
        address,
        size,
        end: size > 0n ? address + size : ADDRESS_END,
        name: () => name,
        rank: size > 0n ? 1 : 0,
      })),
      wanted => symbols.find(({ name }) => name === wanted)?.address,
    );
  }

  /**
   * The functions and assembler labels in an ELF file's symbol tables (symtab, else dynsym); none for a stripped
   * file. Names are as in the file, C++ ones mangled.
   * @throws ImageError for a file that is not an x86 ELF or whose tables are damaged
   */
  static fromElf(image: Uint8Array): Symbols {
    const { elf, sections, table } = tablesOf(image);
    if (!table) return new Symbols([], () => undefined);
    return new Symbols(readTable(elf, sections, table), name => findByName(elf, sections, table, name));
  }

  /** The address of one symbol of an ELF file, without reading the others. @throws ImageError as `fromElf` */
  static addressIn(image: Uint8Array, name: string): bigint | undefined {
    const { elf, sections, table } = tablesOf(image);
    return table && findByName(elf, sections, table, name);
  }

  /** The address of a symbol, a function's or a variable's. */
  addressOf(name: string): bigint | undefined {
    return this.find(name);
  }

  /** How many symbols there are. */
  get size(): number {
    return this.entries.length;
  }

  /** The symbol in which `address` (linear, as in RIP) lies, or `undefined` when it lies in none. */
  lookup(address: bigint | number): SymbolMatch | undefined {
    const wanted = BigInt(address);
    const last = this.indexBefore(wanted);
    for (let i = last; i >= 0 && last - i < NESTING_LIMIT; i--) {
      const { address: start, end, size, name } = this.entries[i];
      if (wanted < end) return { name: name(), address: start, size, offset: wanted - start };
    }
    return undefined;
  }

  /** The index of the last symbol that starts at or before `address`, −1 for none. */
  private indexBefore(address: bigint): number {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.entries[middle].address <= address) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

interface Tables {
  readonly elf: Elf;
  readonly sections: readonly ElfSection[];
  /** The table of all symbols, or that of the dynamic ones. */
  readonly table: ElfSection | undefined;
}

function tablesOf(image: Uint8Array): Tables {
  const elf = new Elf(image);
  const sections = elf.sections();
  const table =
    sections.find(section => section.type === SHT_SYMTAB) ??
    sections.find(section => section.type === SHT_DYNSYM);
  return { elf, sections, table };
}

function readTable(elf: Elf, sections: readonly ElfSection[], table: ElfSection): Entry[] {
  const layout = elf.header.class === 64 ? ELF64_SYMBOL : ELF32_SYMBOL;
  const strings = sections[table.link] as ElfSection | undefined;
  if (!strings) throw new ImageError('the symbol table names no string table');
  const names = new ImageReader(elf.sectionContents(strings));
  const symbols = new ImageReader(elf.sectionContents(table));
  const entries: Entry[] = [];
  for (let at = 0; at + layout.span <= symbols.size; at += layout.span) {
    const symbol = symbols.read<RawSymbol<bigint | number>>(layout, at, 'a symbol');
    const entry = codeEntry(symbol, sections[symbol.section], names);
    if (entry) entries.push(entry);
  }
  return entries;
}

/** By where the name is in the string table: names are many and long. */
function findByName(
  elf: Elf,
  sections: readonly ElfSection[],
  table: ElfSection,
  name: string,
): bigint | undefined {
  const layout = elf.header.class === 64 ? ELF64_SYMBOL : ELF32_SYMBOL;
  const section = sections[table.link] as ElfSection | undefined;
  if (!section) throw new ImageError('the symbol table names no string table');
  const strings = elf.sectionContents(section);
  const wanted = new TextEncoder().encode(`${name}\0`);
  const places = new Set<number>();
  for (let at = indexOf(strings, wanted, 0); at >= 0; at = indexOf(strings, wanted, at + 1)) places.add(at);
  if (places.size === 0) return undefined;
  const contents = elf.sectionContents(table);
  const view = new DataView(contents.buffer, contents.byteOffset, contents.byteLength);
  const symbols = new ImageReader(contents);
  for (let at = 0; at + layout.span <= symbols.size; at += layout.span) {
    // The name is the first field of both layouts.
    if (!places.has(view.getUint32(at, true))) continue;
    const { value, section: defined } = symbols.read<RawSymbol<bigint | number>>(layout, at, 'a symbol');
    if (defined !== 0) return BigInt(value);
  }
  return undefined;
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(wanted[0], from); at >= 0; at = bytes.indexOf(wanted[0], at + 1)) {
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return -1;
}

/** Only what is code: functions, and labels without a type in a section that is executed. */
function codeEntry(
  { name, value, size, info, section: sectionIndex }: RawSymbol<bigint | number>,
  section: ElfSection | undefined,
  names: ImageReader,
): Entry | undefined {
  const type = info & 0xf;
  const isFunction = type === STT_FUNC || type === STT_GNU_IFUNC;
  const isLabel = type === STT_NOTYPE && section !== undefined && (section.flags & SHF_EXECINSTR) !== 0n;
  if (sectionIndex === 0 || !(isFunction || isLabel) || names.text(name, 1) === '') return undefined;
  const address = BigInt(value);
  const bytes = BigInt(size);
  const sectionEnd = section ? section.address + BigInt(section.size) : ADDRESS_END;
  return {
    address,
    size: bytes,
    end: bytes > 0n ? address + bytes : sectionEnd,
    name: () => names.text(name, NAME_LIMIT),
    rank: (isFunction ? 4 : 0) + (bytes > 0n ? 2 : 0) + (info >> 4 === STB_LOCAL ? 0 : 1),
  };
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
