import { ImageError } from '../../errors.js';
import { Elf, isElf, type ElfSection } from '../../vmm/boot/elf.js';
import { Symbols, type CodeSymbol } from '../../vmm/boot/symbols.js';
import { ByteCursor } from './byte-cursor.js';
import { findLines, type SourceLine } from './line-table.js';

/** Functions by address, as a file has them, and source lines where it has those. */
export interface SymbolFile {
  readonly path: string;
  /**
   * Read when they are asked for the first time: large files take seconds.
   * @throws ImageError for tables that are damaged
   */
  readonly symbols: Symbols;
  readonly buildId?: string | undefined;
  /** The name of the file with the symbols of a stripped one (.gnu_debuglink). */
  readonly debugLink?: string | undefined;
  /** The address of one symbol, a function's or a variable's, without reading the others. */
  addressOf(name: string): bigint | undefined;
  lines(addresses: Iterable<bigint>): Map<bigint, SourceLine>;
}

/** Symbols that are there already. */
export function symbolFile(path: string, symbols: Symbols): SymbolFile {
  return { path, symbols, addressOf: name => symbols.addressOf(name), lines: () => new Map(NO_LINES) };
}

/** Expands a compressed section (zlib), where the host can. */
export type Inflate = (bytes: Uint8Array) => Uint8Array;

const SHF_COMPRESSED = 0x800n;
const ELFCOMPRESS_ZLIB = 1;
const COMPRESSION_HEADER = 24;
const NT_GNU_BUILD_ID = 3;
/** Bytes in which the first function of a System.map is. */
const LOOKED_AT = 1 << 20;
const NO_LINES: ReadonlyMap<bigint, SourceLine> = new Map();

/**
 * Symbols of an ELF file or a System.map.
 * @throws ImageError for a file that is neither
 */
export function readSymbolFile(path: string, bytes: Uint8Array, inflate?: Inflate): SymbolFile {
  if (isElf(bytes)) return new ElfSymbolFile(path, bytes, inflate);
  // Kernels have some thousand symbols of data before their first of code.
  if (SYSTEM_MAP_LINE.exec(decode(bytes.subarray(0, LOOKED_AT))) === null)
    throw new ImageError(`${path} has no symbols: it is neither ELF nor a System.map`);
  return new SystemMap(path, bytes);
}

/** Lines `ffffffff81000000 T _text`; data is left out. */
class SystemMap implements SymbolFile {
  private read: Symbols | undefined;

  constructor(
    readonly path: string,
    private readonly bytes: Uint8Array,
  ) {}

  get symbols(): Symbols {
    this.read ??= Symbols.of(parseSystemMap(this.bytes));
    return this.read;
  }

  addressOf(name: string): bigint | undefined {
    const text = decode(this.bytes);
    const end = new RegExp(`^([0-9a-f]{8,16}) [A-Za-z] ${name}$`, 'm').exec(text);
    return end ? BigInt(`0x${end[1]}`) : undefined;
  }

  lines(): Map<bigint, SourceLine> {
    return new Map(NO_LINES);
  }
}

class ElfSymbolFile implements SymbolFile {
  readonly buildId: string | undefined;
  readonly debugLink: string | undefined;
  private readonly elf: Elf;
  private readonly sections: readonly ElfSection[];
  private read: Symbols | undefined;

  constructor(
    readonly path: string,
    private readonly bytes: Uint8Array,
    private readonly inflate: Inflate | undefined,
  ) {
    this.elf = new Elf(bytes);
    this.sections = this.elf.sections();
    this.buildId = this.readBuildId();
    this.debugLink = this.readDebugLink();
  }

  get symbols(): Symbols {
    this.read ??= Symbols.fromElf(this.bytes);
    return this.read;
  }

  addressOf(name: string): bigint | undefined {
    return Symbols.addressIn(this.bytes, name);
  }

  lines(addresses: Iterable<bigint>): Map<bigint, SourceLine> {
    const line = this.contents('.debug_line');
    if (!line) return new Map();
    return findLines(
      { line, strings: this.contents('.debug_str'), lineStrings: this.contents('.debug_line_str') },
      addresses,
    );
  }

  private readBuildId(): string | undefined {
    const section = this.contents('.note.gnu.build-id');
    const descriptor = section ? noteDescriptor(section) : this.elf.note('GNU', NT_GNU_BUILD_ID)?.descriptor;
    return descriptor && toHex(descriptor);
  }

  private readDebugLink(): string | undefined {
    const section = this.contents('.gnu_debuglink');
    return section?.includes(0) ? new ByteCursor(section).cString() : undefined;
  }

  /** A section's bytes, expanded; `undefined` when it is not there, or cannot be expanded. */
  private contents(name: string): Uint8Array | undefined {
    const section = this.sections.find(candidate => candidate.name === name);
    // SHT_NOBITS: a stripped file has the section's place and not its bytes.
    if (!section || section.type === 8) return undefined;
    const bytes = this.elf.sectionContents(section);
    if ((section.flags & SHF_COMPRESSED) === 0n) return bytes;
    const zlib = bytes.length > COMPRESSION_HEADER && bytes[0] === ELFCOMPRESS_ZLIB;
    return zlib ? this.inflate?.(bytes.subarray(COMPRESSION_HEADER)) : undefined;
  }
}

/** The descriptor of a section's only note. */
function noteDescriptor(section: Uint8Array): Uint8Array {
  const cursor = new ByteCursor(section);
  const nameSize = cursor.u32();
  const size = cursor.u32();
  cursor.u32();
  cursor.raw(Math.ceil(nameSize / 4) * 4);
  return cursor.raw(size);
}

const SYSTEM_MAP_LINE = /^([0-9a-f]{8,16}) ([tTwW]) (\S+)(?:\t.*)?$/m;

function parseSystemMap(bytes: Uint8Array): CodeSymbol[] {
  const symbols: CodeSymbol[] = [];
  for (const [, address, , name] of decode(bytes).matchAll(new RegExp(SYSTEM_MAP_LINE, 'gm'))) {
    symbols.push({ name, address: BigInt(`0x${address}`), size: 0n });
  }
  return symbols;
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');
}
