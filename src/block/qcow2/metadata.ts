import type { BlockFile } from '../backend.js';
import { viewOf, writeNumber64 } from './big-endian.js';
import { CorruptImage } from './corrupt-image.js';
import { ENTRY_SIZE, entryOffset, isCopied, writeOwnEntry } from './entries.js';
import { HeaderField, MAX_L1_BYTES, type Header } from './header.js';
import { Refcounts, type ClusterRun } from './refcounts.js';
import { TableCache, type CachedTable } from './table-cache.js';

/** L2 tables that are kept, in bytes and at least. With clusters of 64 KiB they reach over 256 GiB of the disk. */
const CACHE_BYTES = 32 << 20;
const MIN_CACHED = 4;
/** Runs of clusters that wait to be given back before they are. */
const MAX_WAITING = 4096;

interface WaitingRun {
  readonly offset: number;
  readonly count: number;
}

/**
 * The tables of an image: L1 and L2, by which clusters are found, and refcounts.
 *
 * Changes are made in memory and reach the file by `commit`, in an order in which the file is consistent at any moment,
 * whether the process is killed or the host loses power:
 *
 *     refcounts that grew, and data   before   L2 tables that refer to them
 *     L2 tables                       before   L1 entries that refer to them
 *     L2 and L1 without a reference   before   refcounts that shrink, and reuse
 *
 * What is interrupted leaves clusters that are counted and not used, which cost space alone.
 */
export class Metadata {
  readonly clusterSize: number;
  /** Entries of an L2 table. */
  readonly perTable: number;
  private readonly refcounts: Refcounts;
  private readonly l2: TableCache;
  private l1: DataView;
  private l1Offset: number;
  private readonly dirtyL1 = new Set<number>();
  /** Clusters that lose a reference when everything that referred to them has been written. */
  private waiting: WaitingRun[] = [];

  /** @param giveBack clusters that are free gives their space back to the host */
  constructor(
    private readonly file: BlockFile,
    header: Header,
    private readonly giveBack: boolean,
  ) {
    this.clusterSize = 2 ** header.clusterBits;
    this.perTable = this.clusterSize / ENTRY_SIZE;
    this.refcounts = new Refcounts(file, header);
    const most = Math.max(MIN_CACHED, CACHE_BYTES / this.clusterSize);
    this.l2 = new TableCache(file, this.clusterSize, most, () => this.commit());
    const l1 = new Uint8Array(header.l1Entries * ENTRY_SIZE);
    if (file.read([l1], header.l1Offset) < l1.length) throw new CorruptImage('its L1 table is cut short');
    this.l1 = viewOf(l1);
    this.l1Offset = header.l1Offset;
  }

  /** The L2 table with the entry of guest cluster `index`, if there is one. */
  table(index: number): CachedTable | undefined {
    const at = Math.floor(index / this.perTable) * ENTRY_SIZE;
    const offset = entryOffset(this.l1, at, this.clusterSize);
    return offset === 0 ? undefined : this.load(offset);
  }

  /** The same to be changed: a new one where there is none, or a snapshot has it too. */
  ownTable(index: number): CachedTable {
    const l1Index = Math.floor(index / this.perTable);
    const at = l1Index * ENTRY_SIZE;
    const offset = entryOffset(this.l1, at, this.clusterSize);
    if (offset !== 0 && isCopied(this.l1, at)) return this.load(offset);
    const before = offset === 0 ? undefined : this.load(offset);
    const { offset: place } = this.allocate(1);
    const table = this.l2.create(place);
    if (before) {
      table.bytes.set(before.bytes);
      this.free(offset, 1);
    }
    writeOwnEntry(this.l1, at, place);
    this.dirtyL1.add(l1Index);
    return table;
  }

  /** `count` entries of `table` from `first` on have been changed. */
  changed(table: CachedTable, first: number, count: number): void {
    this.l2.touch(table, first * ENTRY_SIZE, count * ENTRY_SIZE);
  }

  /** Takes 1 to `most` clusters that lie together. Nothing refers to them yet. */
  allocate(most: number): ClusterRun {
    return this.checked(this.refcounts.take(most));
  }

  /** Gives clusters back to which nothing has ever referred. */
  abandon({ offset, count }: ClusterRun): void {
    this.refcounts.release(offset, count);
  }

  /** `count` clusters from `offset` on are no longer referred to by what is in memory. */
  free(offset: number, count: number): void {
    this.waiting.push({ offset, count });
  }

  /** Lets `free` wait for the next flush, unless too much of it waits. Not in the middle of a change. */
  settle(): void {
    if (this.waiting.length > MAX_WAITING) this.commit();
  }

  /** Writes everything back. What was data before is on stable storage when tables refer to it, and tables are too. */
  flush(): void {
    this.commit(true);
  }

  /**
   * Makes the L1 table large enough for `entries`.
   * @throws Error when it cannot be that large
   */
  growL1(entries: number): void {
    if (entries * ENTRY_SIZE <= this.l1.byteLength) return;
    if (entries * ENTRY_SIZE > MAX_L1_BYTES) throw new Error('the image cannot become that large');
    this.flush();
    const clusters = Math.ceil((entries * ENTRY_SIZE) / this.clusterSize);
    const run = this.checked(this.refcounts.takeTogether(clusters));
    const table = new Uint8Array(clusters * this.clusterSize);
    table.set(new Uint8Array(this.l1.buffer));
    this.refcounts.writeBack();
    this.file.write([table], run.offset);
    this.file.sync();
    const field = new Uint8Array(12);
    viewOf(field).setUint32(0, entries);
    writeNumber64(viewOf(field), 4, run.offset);
    this.file.write([field], HeaderField.L1_SIZE);
    this.file.sync();
    const before = { offset: this.l1Offset, clusters: Math.ceil(this.l1.byteLength / this.clusterSize) };
    this.l1 = viewOf(table.subarray(0, entries * ENTRY_SIZE));
    this.l1Offset = run.offset;
    if (before.clusters > 0) this.refcounts.release(before.offset, before.clusters);
    this.refcounts.writeBack();
  }

  private commit(stable = false): void {
    this.refcounts.writeBack();
    const { file, l2, dirtyL1, refcounts } = this;
    if (l2.isDirty || dirtyL1.size > 0) {
      if (file.size() < refcounts.fileEnd) file.truncate(refcounts.fileEnd);
      file.sync();
      l2.writeBack();
      if (dirtyL1.size > 0) {
        file.sync();
        this.writeL1();
      }
    }
    if (stable || this.waiting.length > 0) file.sync();
    if (this.waiting.length > 0) this.releaseWaiting();
  }

  private writeL1(): void {
    const { l1, dirtyL1 } = this;
    for (const index of dirtyL1) {
      const at = index * ENTRY_SIZE;
      this.file.write([new Uint8Array(l1.buffer, at, ENTRY_SIZE)], this.l1Offset + at);
      dirtyL1.delete(index);
    }
  }

  private releaseWaiting(): void {
    const runs = this.waiting;
    this.waiting = [];
    for (const { offset, count } of runs) {
      this.refcounts.release(offset, count, cluster => {
        this.l2.forget(cluster);
        if (this.giveBack) this.file.punchHole(cluster, this.clusterSize);
      });
    }
    this.refcounts.writeBack();
  }

  private load(offset: number): CachedTable {
    const table = this.l2.get(offset);
    if (!table) throw new CorruptImage('an L2 table lies behind the end of the file');
    return table;
  }

  /** Refcounts that are wrong must not lead to the image's own structures being overwritten. */
  private checked(run: ClusterRun): ClusterRun {
    const { refcounts, l1, l1Offset, clusterSize } = this;
    const ranges = [[0, clusterSize], [l1Offset, l1.byteLength], refcounts.tableRange] as const;
    for (const [offset, length] of ranges) {
      if (run.offset < offset + length && offset < run.offset + run.count * clusterSize) {
        throw new CorruptImage('its own tables are not counted as used');
      }
    }
    return run;
  }
}
