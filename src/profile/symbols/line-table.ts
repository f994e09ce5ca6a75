import { ByteCursor } from './byte-cursor.js';

/** A place in a source file. */
export interface SourceLine {
  readonly file: string;
  readonly line: number;
}

/** The sections of an ELF file that line numbers need. */
export interface LineSections {
  readonly line: Uint8Array;
  readonly strings?: Uint8Array | undefined;
  readonly lineStrings?: Uint8Array | undefined;
}

/** DW_LNS_*: standard opcodes (DWARF 5, 6.2.5.2). */
const Standard = {
  COPY: 1,
  ADVANCE_PC: 2,
  ADVANCE_LINE: 3,
  SET_FILE: 4,
  SET_COLUMN: 5,
  NEGATE_STMT: 6,
  SET_BASIC_BLOCK: 7,
  CONST_ADD_PC: 8,
  FIXED_ADVANCE_PC: 9,
  SET_PROLOGUE_END: 10,
  SET_EPILOGUE_BEGIN: 11,
  SET_ISA: 12,
} as const;
/** DW_LNE_*: extended opcodes (6.2.5.3). */
const Extended = { END_SEQUENCE: 1, SET_ADDRESS: 2 } as const;
/** DW_LNCT_*: what an entry of a file table has (6.2.4.1). */
const Content = { PATH: 1, DIRECTORY_INDEX: 2 } as const;
/** DW_FORM_* that occur in file tables (7.5.6). */
const Form = {
  DATA2: 0x05,
  DATA4: 0x06,
  DATA8: 0x07,
  STRING: 0x08,
  BLOCK: 0x09,
  DATA1: 0x0b,
  STRP: 0x0e,
  UDATA: 0x0f,
  SEC_OFFSET: 0x17,
  DATA16: 0x1e,
  LINE_STRP: 0x1f,
} as const;

const DWARF_64 = 0xffff_ffff;
/** Tombstone of code that the linker has thrown away, and addresses that are none: below this no code lies. */
const NO_CODE = 1n;
const FAR = 2 ** 48;

/**
 * Source lines of addresses by .debug_line, versions 2 to 5. The line programs are executed once for all addresses that are wanted;
 * a unit that is damaged or uses a form that is not known here is left out.
 */
export function findLines(sections: LineSections, addresses: Iterable<bigint>): Map<bigint, SourceLine> {
  const wanted = [...new Set(addresses)].sort((a, b) => (a < b ? -1 : 1));
  const found = new Map<bigint, SourceLine>();
  const all = new ByteCursor(sections.line);
  while (wanted.length > 0 && all.rest >= 4) {
    let size = all.u32();
    const wide = size === DWARF_64;
    if (wide) size = Number(all.u64());
    if (size > all.rest) break;
    const unit = new ByteCursor(all.raw(size));
    try {
      new LineProgram(unit, wide, sections).run(wanted, found);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  return found;
}

class LineProgram {
  private readonly version: number;
  private readonly minimumLength: number;
  private readonly lineBase: number;
  private readonly lineRange: number;
  private readonly opcodeBase: number;
  /** Operands of each standard opcode. */
  private readonly operands: readonly number[];
  private readonly directories: readonly string[];
  private readonly files: readonly { readonly name: string; readonly directory: number }[];

  constructor(
    private readonly code: ByteCursor,
    private readonly wide: boolean,
    private readonly sections: LineSections,
  ) {
    this.version = code.u16();
    if (this.version < 2 || this.version > 5) throw new RangeError(`line table version ${this.version}`);
    if (this.version >= 5) {
      // Address size, segment selector size.
      code.u8();
      code.u8();
    }
    const headerLength = this.offset();
    const programAt = code.at + headerLength;
    this.minimumLength = code.u8();
    // Maximum operations of an instruction, for VLIW machines.
    if (this.version >= 4) code.u8();
    // Whether rows begin statements at first: nobody asks here.
    code.u8();
    this.lineBase = code.i8();
    this.lineRange = code.u8();
    if (this.lineRange === 0) throw new RangeError('a line range of 0');
    this.opcodeBase = code.u8();
    this.operands = Array.from({ length: Math.max(0, this.opcodeBase - 1) }, () => code.u8());
    if (this.version >= 5) {
      this.directories = this.entries().map(({ name }) => name);
      this.files = this.entries();
    } else {
      [this.directories, this.files] = this.oldTables();
    }
    code.at = programAt;
  }

  run(wanted: readonly bigint[], found: Map<bigint, SourceLine>): void {
    const { code } = this;
    while (code.rest > 0) this.sequence(wanted, found);
  }

  /** Executes to the end of a sequence of rows with rising addresses. */
  private sequence(wanted: readonly bigint[], found: Map<bigint, SourceLine>): void {
    const { code, lineBase, lineRange, opcodeBase, minimumLength } = this;
    let base = 0n;
    let address = 0;
    let file = 1;
    let line = 1;
    let next = 0;
    /** Distance of the next wanted address from `base`. */
    let target = Infinity;
    let row: { readonly address: number; readonly file: number; readonly line: number } | undefined;
    const look = (): void => {
      target = next < wanted.length ? Number(wanted[next] - base) : Infinity;
      if (target > FAR) target = Infinity;
    };
    const emit = (): void => {
      while (row && target < address) {
        if (target >= row.address && base > NO_CODE) {
          const place = this.place(row.file, row.line);
          if (place) found.set(wanted[next], place);
        }
        next++;
        look();
      }
      row = { address, file, line };
    };
    while (code.rest > 0) {
      const opcode = code.u8();
      if (opcode >= opcodeBase) {
        const adjusted = opcode - opcodeBase;
        address += Math.floor(adjusted / lineRange) * minimumLength;
        line += lineBase + (adjusted % lineRange);
        emit();
        continue;
      }
      switch (opcode) {
        case 0: {
          const length = code.uleb();
          const end = code.at + length;
          const extended = length > 0 ? code.u8() : 0;
          if (extended === Extended.END_SEQUENCE) {
            emit();
            code.at = end;
            return;
          }
          if (extended === Extended.SET_ADDRESS) {
            base = length === 9 ? code.u64() : BigInt(code.u32());
            address = 0;
            row = undefined;
            next = firstAtLeast(wanted, base);
            look();
          }
          code.at = end;
          break;
        }
        case Standard.COPY:
          emit();
          break;
        case Standard.ADVANCE_PC:
          address += code.uleb() * minimumLength;
          break;
        case Standard.ADVANCE_LINE:
          line += code.sleb();
          break;
        case Standard.SET_FILE:
          file = code.uleb();
          break;
        case Standard.CONST_ADD_PC:
          address += Math.floor((255 - opcodeBase) / lineRange) * minimumLength;
          break;
        case Standard.FIXED_ADVANCE_PC:
          address += code.u16();
          break;
        default:
          // What does not concern address, file and line.
          for (let i = this.operands[opcode - 1]; i > 0; i--) code.uleb();
      }
    }
  }

  private place(file: number, line: number): SourceLine | undefined {
    // Files count from 1 before version 5.
    const entry = this.files[this.version >= 5 ? file : file - 1] as (typeof this.files)[number] | undefined;
    if (!entry || line === 0) return undefined;
    if (entry.name.startsWith('/')) return { file: entry.name, line };
    const directory = this.directories[entry.directory] as string | undefined;
    return { file: directory ? `${directory}/${entry.name}` : entry.name, line };
  }

  /** Directories and files of versions 2 to 4. The compilation's own directory, 0, is not told here. */
  private oldTables(): [directories: string[], files: { name: string; directory: number }[]] {
    const { code } = this;
    const directories = [''];
    for (let name = code.cString(); name !== ''; name = code.cString()) directories.push(name);
    const files: { name: string; directory: number }[] = [];
    for (let name = code.cString(); name !== ''; name = code.cString()) {
      files.push({ name, directory: code.uleb() });
      // Time and length.
      code.uleb();
      code.uleb();
    }
    return [directories, files];
  }

  /** Directories or files of version 5. */
  private entries(): { name: string; directory: number }[] {
    const { code } = this;
    const formats = Array.from({ length: code.u8() }, () => ({ content: code.uleb(), form: code.uleb() }));
    const count = code.uleb();
    if (count > code.rest) throw new RangeError('a file table that is too long');
    return Array.from({ length: count }, () => {
      let name = '';
      let directory = 0;
      for (const { content, form } of formats) {
        const value = this.form(form);
        if (content === Content.PATH && typeof value === 'string') name = value;
        else if (content === Content.DIRECTORY_INDEX && typeof value === 'number') directory = value;
      }
      return { name, directory };
    });
  }

  private form(form: number): string | number {
    const { code, sections } = this;
    switch (form) {
      case Form.STRING:
        return code.cString();
      case Form.LINE_STRP:
        return textAt(sections.lineStrings, this.offset());
      case Form.STRP:
        return textAt(sections.strings, this.offset());
      case Form.SEC_OFFSET:
        return this.offset();
      case Form.UDATA:
        return code.uleb();
      case Form.DATA1:
        return code.u8();
      case Form.DATA2:
        return code.u16();
      case Form.DATA4:
        return code.u32();
      case Form.DATA8:
        return Number(code.u64());
      case Form.DATA16:
        code.raw(16);
        return 0;
      case Form.BLOCK:
        code.raw(code.uleb());
        return 0;
      default:
        throw new RangeError(`form 0x${form.toString(16)}`);
    }
  }

  private offset(): number {
    return this.wide ? Number(this.code.u64()) : this.code.u32();
  }
}

function textAt(section: Uint8Array | undefined, offset: number): string {
  if (!section) return '';
  const cursor = new ByteCursor(section);
  cursor.at = offset;
  return cursor.cString();
}

/** The index of the first of sorted addresses that is not below `least`. */
function firstAtLeast(addresses: readonly bigint[], least: bigint): number {
  let low = 0;
  let high = addresses.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (addresses[middle] < least) low = middle + 1;
    else high = middle;
  }
  return low;
}
