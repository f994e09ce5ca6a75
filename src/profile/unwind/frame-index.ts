import { EntryReader, frameEntries, type FrameSection } from './frame-entries.js';
import type { UnwindRules } from './unwind-rules.js';
import { compileUnwindTable, findRow, type UnwindTable } from './unwind-table.js';

/** Where in a section of call frame information the entry of each function is. */
export interface FrameIndex {
  readonly kind: 'frames';
  readonly section: FrameSection;
  /** Address that `entries` are relative to. */
  readonly base: bigint;
  /** For each function, in the order of their addresses: start, size, and the entry's place in the section. */
  readonly entries: Uint32Array;
}

/** Words of an entry of the index. */
const Word = { START: 0, SIZE: 1, AT: 2, END: 3 } as const;
const WORDS = 4;

/** Code beyond this from the first is left out: the index has 32 bits for it. */
const MAX_SPAN = 0xffff_ffffn;
/** Words of all tables that are kept: a hostile file's instructions of a byte each could make a row each. */
const MAX_KEPT = 6 << 22;

/** @returns `undefined` for a section without entries */
export function indexFrames(section: FrameSection): FrameIndex | undefined {
  const sorted = [...frameEntries(section)]
    .filter(({ size }) => size > 0)
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  if (sorted.length === 0) return undefined;
  const base = sorted[0].start;
  const words: number[] = [];
  let end = 0;
  for (const { start: address, size, at, end: entryEnd } of sorted) {
    if (address - base > MAX_SPAN) break;
    const start = Number(address - base);
    // Two that overlap: the first counts, as far as it goes.
    if (start < end) continue;
    words.push(start, size, at, entryEnd);
    end = start + size;
  }
  return { kind: 'frames', section, base, entries: Uint32Array.from(words) };
}

/** The rules of call frame information. Those of a function are made when they are asked for the first time: most never are. */
export class FrameRules implements UnwindRules {
  rows: Int32Array = new Int32Array(0);
  private readonly reader: EntryReader;
  /** By number of its entry. */
  private readonly tables = new Map<number, UnwindTable>();
  private kept = 0;

  constructor(private readonly index: FrameIndex) {
    this.reader = new EntryReader(index.section);
  }

  find(address: bigint): number {
    const { base, entries } = this.index;
    const distance = address - base;
    if (distance < 0n || distance > MAX_SPAN) return -1;
    const offset = Number(distance);
    let [low, high] = [0, entries.length / WORDS];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (entries[middle * WORDS + Word.START] <= offset) low = middle + 1;
      else high = middle;
    }
    const number = low - 1;
    if (offset >= entries[number * WORDS + Word.START] + entries[number * WORDS + Word.SIZE]) return -1;
    const table = this.tables.get(number) ?? this.compile(number);
    if (!table) return -1;
    this.rows = table.rows;
    return findRow(table, address);
  }

  private compile(number: number): UnwindTable | undefined {
    const { section, entries } = this.index;
    const [at, end] = [entries[number * WORDS + Word.AT], entries[number * WORDS + Word.END]];
    const entry = this.reader.entry({ at, end });
    const table = entry && compileUnwindTable([entry], section.class);
    if (!table) return undefined;
    if (this.kept > MAX_KEPT) {
      this.tables.clear();
      this.kept = 0;
    }
    this.tables.set(number, table);
    this.kept += table.rows.length;
    return table;
  }
}
