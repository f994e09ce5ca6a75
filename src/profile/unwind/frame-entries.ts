import { ByteCursor } from '../symbols/byte-cursor.js';

/** Where call frame information comes from: the two sections differ in how entries refer to each other. */
export interface FrameSection {
  readonly kind: '.eh_frame' | '.debug_frame';
  /** Where the section lies in the guest, for addresses that are relative to themselves. */
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly class: 32 | 64;
}

/** A common information entry (DWARF 5, 6.4.1; Linux Standard Base 5, 10.6.1.1.1). */
export interface CommonEntry {
  readonly codeAlign: number;
  readonly dataAlign: number;
  readonly returnRegister: number;
  /** How addresses in its frame description entries are written (LSB 5, 10.5.1). */
  readonly encoding: number;
  readonly hasAugmentation: boolean;
  /** Its functions are entered by an interrupt: what is above them on the stack is no return address. */
  readonly signal: boolean;
  readonly instructions: Uint8Array;
}

/** Where an entry lies in its section: its fields after its length, and behind its last byte. */
export interface EntryPlace {
  readonly at: number;
  readonly end: number;
}

/** A frame description entry: how to leave the functions in a range of code. */
export interface FrameEntry extends EntryPlace {
  readonly common: CommonEntry;
  readonly start: bigint;
  /** Bytes of code. */
  readonly size: number;
  readonly instructions: Uint8Array;
}

/** Formats of DW_EH_PE, and what is added. */
const ABSOLUTE = 0;
const ULEB = 1;
const U16 = 2;
const U32 = 3;
const U64 = 4;
const SLEB = 9;
const S16 = 10;
const S32 = 11;
const S64 = 12;
const FORMAT = 0x0f;
const RELATIVE = 0x70;
const TO_ITSELF = 0x10;
const OMITTED = 0xff;

const LONG_LENGTH = 0xffff_ffff;
const DEBUG_FRAME_COMMON = 0xffff_ffff;

/** All frame description entries of a section, in their order. Those that cannot be understood are left out. */
export function* frameEntries(section: FrameSection): Generator<FrameEntry> {
  const reader = new EntryReader(section);
  const cursor = new ByteCursor(section.bytes);
  while (cursor.rest >= 4) {
    const length = cursor.u32();
    // An end mark; a linker may have put sections with more behind it together.
    if (length === 0) continue;
    const size = length === LONG_LENGTH ? Number(cursor.u64()) : length;
    if (size > cursor.rest) return;
    const end = cursor.at + size;
    const entry = reader.entry({ at: cursor.at, end });
    if (entry) yield entry;
    cursor.at = end;
  }
}

export class EntryReader {
  private readonly cursor: ByteCursor;
  private readonly common = new Map<number, CommonEntry | undefined>();

  constructor(private readonly section: FrameSection) {
    this.cursor = new ByteCursor(section.bytes);
  }

  /** The frame description entry that is there; `undefined` for one of another kind, or one that cannot be understood. */
  entry(place: EntryPlace): FrameEntry | undefined {
    try {
      return this.describe(place);
    } catch (error) {
      // It says that it goes on beyond its section.
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }

  private describe({ at, end }: EntryPlace): FrameEntry | undefined {
    const { cursor, section } = this;
    cursor.at = at;
    const id = cursor.u32();
    const ofDebugFrame = section.kind === '.debug_frame';
    if (id === (ofDebugFrame ? DEBUG_FRAME_COMMON : 0)) return undefined;
    const common = this.commonAt(ofDebugFrame ? id : at - id);
    if (!common) return undefined;
    cursor.at = at + 4;
    const start = this.pointer(common.encoding);
    const size = this.pointer(common.encoding & FORMAT);
    if (start === undefined || size === undefined || size > 0xffff_ffffn) return undefined;
    if (common.hasAugmentation) cursor.raw(cursor.uleb());
    return { common, start, size: Number(size), instructions: cursor.raw(end - cursor.at), at, end };
  }

  /** @param at where its length is */
  private commonAt(at: number): CommonEntry | undefined {
    if (!this.common.has(at)) this.common.set(at, this.readCommon(at));
    return this.common.get(at);
  }

  private readCommon(at: number): CommonEntry | undefined {
    const { cursor, section } = this;
    cursor.at = at;
    const length = cursor.u32();
    if (length === LONG_LENGTH) return undefined;
    const end = cursor.at + length;
    cursor.u32();
    const version = cursor.u8();
    const augmentation = cursor.cString();
    // What follows is a compiler's own where it does not say how long it is.
    if (augmentation !== '' && !augmentation.startsWith('z')) return undefined;
    // Size of an address and of a segment selector.
    if (version >= 4) cursor.raw(2);
    const codeAlign = cursor.uleb();
    const dataAlign = cursor.sleb();
    const returnRegister = version === 1 ? cursor.u8() : cursor.uleb();
    let encoding = ABSOLUTE;
    if (augmentation !== '') {
      const dataEnd = cursor.uleb() + cursor.at;
      for (const letter of augmentation.slice(1)) {
        if (letter === 'R') encoding = cursor.u8();
        else if (letter === 'L') cursor.u8();
        else if (letter === 'P') this.pointer(cursor.u8());
        else if (letter !== 'S' && letter !== 'B') break;
      }
      cursor.at = dataEnd;
    }
    return {
      codeAlign,
      dataAlign,
      returnRegister,
      encoding: section.kind === '.debug_frame' ? ABSOLUTE : encoding,
      hasAugmentation: augmentation !== '',
      signal: augmentation.includes('S'),
      instructions: cursor.raw(end - cursor.at),
    };
  }

  /** `undefined` for what is relative to something else than itself. */
  private pointer(encoding: number): bigint | undefined {
    if (encoding === OMITTED) return undefined;
    const { cursor, section } = this;
    const place = section.address + BigInt(cursor.at);
    const value = readPointer(cursor, encoding & FORMAT, section.class);
    const relative = encoding & RELATIVE;
    if (value === undefined || (relative !== 0 && relative !== TO_ITSELF)) return undefined;
    return BigInt.asUintN(section.class, relative === TO_ITSELF ? place + value : value);
  }
}

function readPointer(cursor: ByteCursor, format: number, width: 32 | 64): bigint | undefined {
  switch (format) {
    case ABSOLUTE:
      return width === 64 ? cursor.u64() : BigInt(cursor.u32());
    case ULEB:
      return BigInt(cursor.uleb());
    case U16:
      return BigInt(cursor.u16());
    case U32:
      return BigInt(cursor.u32());
    case U64:
      return cursor.u64();
    case SLEB:
      return BigInt(cursor.sleb());
    case S16:
      return BigInt((cursor.u16() << 16) >> 16);
    case S32:
      return BigInt(cursor.u32() | 0);
    case S64:
      return BigInt.asIntN(64, cursor.u64());
    default:
      return undefined;
  }
}
