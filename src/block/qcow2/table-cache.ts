import type { BlockFile } from '../backend.js';
import { viewOf } from './big-endian.js';

/** What is written of a table: whole sectors. */
const WRITE_UNIT = 512;

/** A cluster of metadata in memory: an L2 table or a refcount block. */
export interface CachedTable {
  /** Where it is in the image file. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Bytes that differ from the file: from, to; none while `to` is 0. */
  dirtyFrom: number;
  dirtyTo: number;
  /** When it was last asked for. */
  used: number;
}

/** Tables of one kind, those that were used last. What is changed in them reaches the file by `writeBack`. */
export class TableCache {
  private readonly tables = new Map<number, CachedTable>();
  private readonly dirty = new Set<CachedTable>();
  private clock = 0;

  /**
   * @param most tables that are kept
   * @param makeClean writes back, in the order that keeps the image consistent: a table must go and all are dirty
   */
  constructor(
    private readonly file: BlockFile,
    private readonly tableSize: number,
    private readonly most: number,
    private readonly makeClean: () => void,
  ) {}

  get isDirty(): boolean {
    return this.dirty.size > 0;
  }

  /** The table at `offset`, `undefined` when the file ends before it does. */
  get(offset: number): CachedTable | undefined {
    const found = this.tables.get(offset);
    if (found) {
      found.used = ++this.clock;
      return found;
    }
    const table = this.newTable(offset);
    if (this.file.read([table.bytes], offset) < this.tableSize) return undefined;
    this.keep(table);
    return table;
  }

  /** A table of zeroes that is to be at `offset`; all of it is dirty. */
  create(offset: number): CachedTable {
    const table = this.newTable(offset);
    this.keep(table);
    this.touch(table, 0, this.tableSize);
    return table;
  }

  /** `length` bytes of `table` from `from` on have been changed. */
  touch(table: CachedTable, from: number, length: number): void {
    if (table.dirtyTo === 0) {
      table.dirtyFrom = from;
      this.dirty.add(table);
    }
    table.dirtyFrom = Math.min(table.dirtyFrom, from);
    table.dirtyTo = Math.max(table.dirtyTo, from + length);
  }

  /** The table at `offset` is none any more: what was changed in it does not matter. */
  forget(offset: number): void {
    const table = this.tables.get(offset);
    if (!table) return;
    this.tables.delete(offset);
    this.dirty.delete(table);
  }

  /** Writes what is dirty to the file; it is not on stable storage yet. */
  writeBack(): void {
    for (const table of this.dirty) {
      const from = table.dirtyFrom - (table.dirtyFrom % WRITE_UNIT);
      const to = Math.ceil(table.dirtyTo / WRITE_UNIT) * WRITE_UNIT;
      this.file.write([table.bytes.subarray(from, to)], table.offset + from);
      table.dirtyTo = 0;
      this.dirty.delete(table);
    }
  }

  private newTable(offset: number): CachedTable {
    const bytes = new Uint8Array(this.tableSize);
    return { offset, bytes, view: viewOf(bytes), dirtyFrom: 0, dirtyTo: 0, used: ++this.clock };
  }

  private keep(table: CachedTable): void {
    if (this.tables.size >= this.most) this.evict();
    this.tables.set(table.offset, table);
  }

  private evict(): void {
    let victim: CachedTable | undefined;
    for (const table of this.tables.values()) if (!victim || table.used < victim.used) victim = table;
    if (!victim) return;
    if (victim.dirtyTo > 0) this.makeClean();
    this.tables.delete(victim.offset);
  }
}
