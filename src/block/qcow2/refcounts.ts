import type { BlockFile } from '../backend.js';
import { readNumber64, viewOf, writeNumber64 } from './big-endian.js';
import { CorruptImage } from './corrupt-image.js';
import { HeaderField, MAX_REFCOUNT_TABLE_BYTES, type Header } from './header.js';
import { REFCOUNT_WIDTHS, type RefcountWidth } from './refcount-width.js';
import { TableCache, type CachedTable } from './table-cache.js';

/** Refcount blocks that are kept, in bytes and at least. */
const CACHE_BYTES = 4 << 20;
const MIN_CACHED = 4;
/** How much larger a refcount table becomes that is full. */
const GROWTH = 1.5;

/** Host clusters, one behind the other. */
export interface ClusterRun {
  /** Of the first one, in bytes. */
  readonly offset: number;
  readonly count: number;
  /** The image file ended before: they read as zeroes. */
  readonly fresh: boolean;
}

/**
 * Which clusters of the image file are in use, and how often (qcow2 specification, "Host cluster management").
 *
 * Counts that grow are in memory until `writeBack`, which has to be on stable storage before anything refers to the
 * clusters. Clusters that are not referred to any more are given back by `release`, which must not be called before that
 * is on stable storage: a crash at any time leaves at most clusters that are counted and not used.
 */
export class Refcounts {
  private readonly width: RefcountWidth;
  private readonly clusterSize: number;
  private readonly perBlock: number;
  private readonly blocks: TableCache;
  private table: DataView;
  private tableOffset: number;
  /** No cluster before this one is free. */
  private firstFree = 0;
  /** Clusters from here on have never been in the file. */
  private end: number;

  constructor(
    private readonly file: BlockFile,
    header: Header,
  ) {
    this.width = REFCOUNT_WIDTHS[header.refcountOrder];
    this.clusterSize = 2 ** header.clusterBits;
    this.perBlock = (this.clusterSize * 8) / 2 ** header.refcountOrder;
    const most = Math.max(MIN_CACHED, CACHE_BYTES / this.clusterSize);
    // What a count says more than is referred to does no harm: blocks may be written at any time.
    this.blocks = new TableCache(file, this.clusterSize, most, () => this.writeBack());
    const table = new Uint8Array(header.refcountTableClusters * this.clusterSize);
    if (file.read([table], header.refcountTableOffset) < table.length) {
      throw new CorruptImage('its refcount table is cut short');
    }
    this.table = viewOf(table);
    this.tableOffset = header.refcountTableOffset;
    this.end = Math.ceil(file.size() / this.clusterSize);
  }

  get isDirty(): boolean {
    return this.blocks.isDirty;
  }

  /** Bytes of the image file with every cluster that was given out. */
  get fileEnd(): number {
    return this.end * this.clusterSize;
  }

  /** Where the refcount table is: first byte, bytes. */
  get tableRange(): readonly [offset: number, length: number] {
    return [this.tableOffset, this.table.byteLength];
  }

  /** How often the cluster at `offset` is referred to. */
  count(offset: number): number {
    const index = offset / this.clusterSize;
    const block = this.block(Math.floor(index / this.perBlock));
    return block ? this.width.read(block.view, index % this.perBlock) : 0;
  }

  /** Takes 1 to `most` free clusters that lie together. */
  take(most: number): ClusterRun {
    return this.takeRun(1, most);
  }

  /** Takes exactly `count` free clusters that lie together. */
  takeTogether(count: number): ClusterRun {
    return this.takeRun(count, count);
  }

  /**
   * `count` clusters from `offset` on are referred to once less.
   * @param freed called for each that is free now
   */
  release(offset: number, count: number, freed?: (offset: number) => void): void {
    const first = offset / this.clusterSize;
    for (let i = 0; i < count; i++) {
      const index = first + i;
      const block = this.block(Math.floor(index / this.perBlock));
      const before = block ? this.width.read(block.view, index % this.perBlock) : 0;
      if (!block || before === 0) throw new CorruptImage('a cluster that is used was not counted');
      this.set(block, index, before - 1);
      if (before > 1) continue;
      this.firstFree = Math.min(this.firstFree, index);
      freed?.(index * this.clusterSize);
    }
  }

  writeBack(): void {
    this.blocks.writeBack();
  }

  private takeRun(least: number, most: number): ClusterRun {
    let first = this.firstFree;
    let count = 0;
    let skipped = false;
    for (let index = first; count < most; index++) {
      const block = this.blockToUse(Math.floor(index / this.perBlock));
      if (this.width.read(block.view, index % this.perBlock) === 0) {
        if (count++ === 0) first = index;
        continue;
      }
      if (count >= least) break;
      skipped ||= count > 0;
      count = 0;
    }
    for (let i = 0; i < count; i++) {
      this.set(this.blockToUse(Math.floor((first + i) / this.perBlock)), first + i, 1);
    }
    if (!skipped) this.firstFree = first + count;
    const fresh = first >= this.end;
    this.end = Math.max(this.end, first + count);
    return { offset: first * this.clusterSize, count, fresh };
  }

  private set(block: CachedTable, index: number, count: number): void {
    const within = index % this.perBlock;
    this.width.write(block.view, within, count);
    const bits = (this.clusterSize * 8) / this.perBlock;
    const from = Math.floor((within * bits) / 8);
    this.blocks.touch(block, from, Math.max(1, bits / 8));
  }

  private block(number: number): CachedTable | undefined {
    if (number * 8 >= this.table.byteLength) return undefined;
    const offset = readNumber64(this.table, number * 8);
    if (offset === 0) return undefined;
    if (offset % this.clusterSize !== 0) throw new CorruptImage('a refcount block cannot be there');
    const block = this.blocks.get(offset);
    if (!block) throw new CorruptImage('a refcount block lies behind the end of the file');
    return block;
  }

  /** The block; where there is none yet, one that takes the first of the clusters that it counts. */
  private blockToUse(number: number): CachedTable {
    const found = this.block(number);
    if (found) return found;
    if (number * 8 >= this.table.byteLength) this.growTable(number);
    else this.placeBlock(number);
    return this.block(number)!;
  }

  private placeBlock(number: number): void {
    const index = number * this.perBlock;
    const bytes = new Uint8Array(this.clusterSize);
    this.width.write(viewOf(bytes), 0, 1);
    this.file.write([bytes], index * this.clusterSize);
    this.end = Math.max(this.end, index + 1);
    this.file.sync();
    const entry = new Uint8Array(8);
    writeNumber64(viewOf(entry), 0, index * this.clusterSize);
    writeNumber64(this.table, number * 8, index * this.clusterSize);
    this.file.write([entry], this.tableOffset + number * 8);
  }

  /**
   * Moves the table to where there is room for a larger one: behind everything that it can count now. The clusters
   * there are first the blocks that count them, then the table.
   */
  private growTable(number: number): void {
    const { clusterSize, perBlock, table: old, tableOffset: oldOffset } = this;
    const entriesBefore = old.byteLength / 8;
    const first = entriesBefore * perBlock;
    const perTableCluster = clusterSize / 8;
    let blocks = 1;
    let clusters = 0;
    for (;;) {
      const entries = Math.max((number + 1) * GROWTH, entriesBefore + blocks);
      clusters = Math.ceil(entries / perTableCluster);
      const needed = Math.ceil((blocks + clusters) / perBlock);
      if (needed <= blocks) break;
      blocks = needed;
    }
    if (clusters * clusterSize > MAX_REFCOUNT_TABLE_BYTES) throw new Error('the image cannot become larger');

    const table = new Uint8Array(clusters * clusterSize);
    table.set(new Uint8Array(old.buffer, old.byteOffset, old.byteLength));
    const counted = new Uint8Array(blocks * clusterSize);
    for (let i = 0; i < blocks + clusters; i++) {
      const block = Math.floor(i / perBlock) * clusterSize;
      this.width.write(viewOf(counted.subarray(block, block + clusterSize)), i % perBlock, 1);
    }
    const view = viewOf(table);
    for (let i = 0; i < blocks; i++) writeNumber64(view, (entriesBefore + i) * 8, (first + i) * clusterSize);
    this.file.write([counted, table], first * clusterSize);
    this.file.sync();

    const offset = (first + blocks) * clusterSize;
    const field = new Uint8Array(12);
    writeNumber64(viewOf(field), 0, offset);
    viewOf(field).setUint32(8, clusters);
    this.file.write([field], HeaderField.REFCOUNT_TABLE_OFFSET);
    this.file.sync();
    this.table = view;
    this.tableOffset = offset;
    this.end = Math.max(this.end, first + blocks + clusters);
    this.release(oldOffset, old.byteLength / clusterSize);
  }
}
