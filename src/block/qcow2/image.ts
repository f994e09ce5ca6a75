import type { BlockFile } from '../backend.js';
import { clearFrom, fillBuffers, scatter, sliceBuffers, totalLength } from '../buffers.js';
import { viewOf, writeNumber64 } from './big-endian.js';
import { CorruptImage } from './corrupt-image.js';
import {
  clearEntry,
  clusterKind,
  compressedExtent,
  ENTRY_SIZE,
  entryOffset,
  isCopied,
  writeOwnEntry,
  writeZeroEntry,
  type ClusterKind,
} from './entries.js';
import { HeaderField, Incompatible, type Header } from './header.js';
import type { Inflate } from './inflate.js';
import { Metadata } from './metadata.js';
import type { ClusterRun } from './refcounts.js';
import type { CachedTable } from './table-cache.js';

/** What shows through where an image has nothing of its own. Reads at once; beyond its end there are zeroes. */
export interface BackingImage {
  readonly size: number;
  read(offset: number, buffers: readonly Uint8Array[]): void;
  close(): void;
}

export interface Qcow2Options {
  readonly file: BlockFile;
  readonly header: Header;
  readonly backing?: BackingImage | undefined;
  readonly inflate: Inflate;
  /** Space that is not used any more goes back to the host. */
  readonly giveBack: boolean;
}

/**
 * A qcow2 image (the specification is docs/interop/qcow2.txt of QEMU): reads and writes at once, and throws what the
 * host says, or {@link CorruptImage}.
 */
export class Qcow2Image implements BackingImage {
  readonly clusterSize: number;
  readonly readOnly: boolean;
  size: number;
  private readonly file: BlockFile;
  private readonly header: Header;
  private readonly backing: BackingImage | undefined;
  private readonly inflate: Inflate;
  private readonly metadata: Metadata;
  /** What is around a write in its first and in its last cluster. */
  private readonly head: Uint8Array;
  private readonly tail: Uint8Array;
  /** The compressed cluster that was read last, and where it is in the file. */
  private unpacked: Uint8Array | undefined;
  private unpackedFrom = -1;
  /** The image was found to be corrupt. */
  private broken: CorruptImage | undefined;
  /** What `locate` found. */
  private kind: ClusterKind = 'unallocated';
  private host = 0;
  private length = 0;

  constructor({ file, header, backing, inflate, giveBack }: Qcow2Options) {
    this.file = file;
    this.header = header;
    this.backing = backing;
    this.inflate = inflate;
    this.clusterSize = 2 ** header.clusterBits;
    this.readOnly = file.readOnly;
    this.size = header.size;
    this.metadata = new Metadata(file, header, giveBack);
    this.head = new Uint8Array(this.clusterSize);
    this.tail = new Uint8Array(this.clusterSize);
    // What this program knows nothing of (bitmaps) does not fit any more once something is written.
    if (!file.readOnly && header.version >= 3)
      file.write([new Uint8Array(8)], HeaderField.AUTOCLEAR_FEATURES);
  }

  read(offset: number, buffers: readonly Uint8Array[]): void {
    if (this.broken) throw this.broken;
    try {
      this.readRange(offset, buffers);
    } catch (error) {
      throw this.judged(error);
    }
  }

  write(offset: number, buffers: readonly Uint8Array[]): void {
    if (this.broken) throw this.broken;
    try {
      this.writeRange(offset, buffers);
      this.metadata.settle();
    } catch (error) {
      throw this.judged(error);
    }
  }

  flush(): void {
    this.guard(() => this.metadata.flush());
  }

  /** Whole clusters of the range are given back. */
  discard(offset: number, length: number): void {
    this.guard(() => {
      const first = Math.ceil(offset / this.clusterSize);
      const end = this.endCluster(offset + length);
      this.eachTable(first, end, (table, index, count) => {
        if (table) this.discardEntries(table, index, count);
      });
      this.metadata.settle();
    });
  }

  /** @param unmap the clusters may be given back */
  writeZeroes(offset: number, length: number, unmap: boolean): void {
    this.guard(() => {
      const first = Math.ceil(offset / this.clusterSize);
      const end = this.endCluster(offset + length);
      if (first >= end) {
        this.zeroPart(offset, length);
      } else {
        const from = first * this.clusterSize;
        const to = Math.min(end * this.clusterSize, this.size);
        if (offset < from) this.zeroPart(offset, from - offset);
        this.zeroClusters(first, end, unmap);
        if (offset + length > to) this.zeroPart(to, offset + length - to);
      }
      this.metadata.settle();
    });
  }

  /** @throws Error for a size below the present one, or too large for the format */
  resize(size: number): void {
    this.guard(() => {
      const before = this.size;
      if (size < before) throw new Error('a qcow2 image cannot be made smaller');
      if (size === before) return;
      if (this.header.snapshots > 0 && this.header.version < 3) {
        throw new Error('an image of version 2 with snapshots cannot be resized');
      }
      const { clusterSize, metadata } = this;
      metadata.growL1(Math.ceil(size / (clusterSize * metadata.perTable)));
      metadata.flush();
      const field = new Uint8Array(8);
      writeNumber64(viewOf(field), 0, size);
      // What the backing file has behind the old end must not show.
      const covered = Math.max(this.backing?.size ?? 0, Math.ceil(before / clusterSize) * clusterSize);
      this.size = size;
      try {
        if (covered > before) this.writeZeroes(before, Math.min(covered, size) - before, true);
        metadata.flush();
        this.file.write([field], HeaderField.SIZE);
        this.file.sync();
      } catch (error) {
        this.size = before;
        throw error;
      }
    });
  }

  close(): void {
    try {
      if (!this.readOnly && !this.broken) this.metadata.flush();
    } finally {
      this.file.close();
      this.backing?.close();
    }
  }

  private readRange(offset: number, buffers: readonly Uint8Array[]): void {
    const total = totalLength(buffers);
    for (let at = 0; at < total;) {
      this.locate(offset + at, total - at);
      const { kind, host, length } = this;
      const part = length === total ? buffers : sliceBuffers(buffers, at, length);
      switch (kind) {
        case 'normal':
          this.readHost(host, part, length);
          break;
        case 'zero':
          fillBuffers(part, 0);
          break;
        case 'unallocated':
          this.readBacking(offset + at, part);
          break;
        case 'compressed':
          this.readCompressed(offset + at, part, length);
          break;
      }
      at += length;
    }
  }

  private readHost(host: number, buffers: readonly Uint8Array[], length: number): void {
    const got = this.file.read(buffers, host);
    // The last cluster need not be in the file as a whole.
    if (got < length) clearFrom(buffers, got);
  }

  private readBacking(offset: number, buffers: readonly Uint8Array[]): void {
    if (this.backing) this.backing.read(offset, buffers);
    else fillBuffers(buffers, 0);
  }

  /** Finds what lies at `offset`: its kind, where in the file, and how many of `most` bytes lie together. */
  private locate(offset: number, most: number): void {
    const { clusterSize } = this;
    const { perTable } = this.metadata;
    // A backing image is read beyond its end by one that is larger.
    const limit = Math.min(most, this.size - offset);
    if (limit <= 0) {
      this.kind = 'zero';
      this.length = most;
      return;
    }
    const index = Math.floor(offset / clusterSize);
    const skip = offset - index * clusterSize;
    const within = index % perTable;
    const table = this.metadata.table(index);
    if (!table) {
      this.kind = 'unallocated';
      this.length = Math.min(limit, (perTable - within) * clusterSize - skip);
      return;
    }
    const { view } = table;
    const kind = clusterKind(view, within * ENTRY_SIZE);
    this.kind = kind;
    this.host = kind === 'normal' ? entryOffset(view, within * ENTRY_SIZE, clusterSize) + skip : 0;
    let length = clusterSize - skip;
    if (kind !== 'compressed') {
      for (let i = within + 1; i < perTable && length < limit; i++) {
        const at = i * ENTRY_SIZE;
        if (clusterKind(view, at) !== kind) break;
        if (kind === 'normal' && entryOffset(view, at, clusterSize) !== this.host + length) break;
        length += clusterSize;
      }
    }
    this.length = Math.min(limit, length);
  }

  private readCompressed(offset: number, buffers: readonly Uint8Array[], length: number): void {
    const { clusterSize } = this;
    const index = Math.floor(offset / clusterSize);
    const at = (index % this.metadata.perTable) * ENTRY_SIZE;
    const extent = compressedExtent(this.metadata.table(index)!.view, at, this.header.clusterBits);
    if (extent.offset !== this.unpackedFrom) {
      const data = new Uint8Array(extent.length);
      const got = this.file.read([data], extent.offset);
      this.unpackedFrom = -1;
      this.unpacked = this.unpack(data.subarray(0, got));
      this.unpackedFrom = extent.offset;
    }
    const skip = offset - index * clusterSize;
    scatter(this.unpacked!.subarray(skip, skip + length), buffers);
  }

  private unpack(data: Uint8Array): Uint8Array {
    let bytes: Uint8Array;
    try {
      bytes = this.inflate(data, this.clusterSize);
    } catch (error) {
      throw new CorruptImage(`a compressed cluster: ${(error as Error).message}`);
    }
    if (bytes.length < this.clusterSize) throw new CorruptImage('a compressed cluster is too short');
    return bytes;
  }

  private writeRange(offset: number, buffers: readonly Uint8Array[]): void {
    const total = totalLength(buffers);
    for (let at = 0; at < total;) {
      const table = this.metadata.ownTable(Math.floor((offset + at) / this.clusterSize));
      const length = this.inPlace(table, offset + at, total - at);
      if (length === 0) {
        at += this.writeAnew(table, offset, at, total, buffers);
        continue;
      }
      this.file.write(length === total ? buffers : sliceBuffers(buffers, at, length), this.host);
      at += length;
    }
  }

  /** How many of `most` bytes from `offset` on may be written where they are, to `host`, in one piece. */
  private inPlace({ view }: CachedTable, offset: number, most: number): number {
    const { clusterSize } = this;
    const { perTable } = this.metadata;
    const index = Math.floor(offset / clusterSize);
    const skip = offset - index * clusterSize;
    let i = index % perTable;
    if (!isOwn(view, i)) return 0;
    this.host = entryOffset(view, i * ENTRY_SIZE, clusterSize) + skip;
    let length = clusterSize - skip;
    for (i++; i < perTable && length < most && isOwn(view, i); i++) {
      if (entryOffset(view, i * ENTRY_SIZE, clusterSize) !== this.host + length) break;
      length += clusterSize;
    }
    return Math.min(length, most);
  }

  /**
   * Writes what lies from `at` on in `buffers` to new clusters, together with what is around it in its first and last
   * one, and then has the table refer to them. Returns how many bytes.
   */
  private writeAnew(
    table: CachedTable,
    offset: number,
    at: number,
    total: number,
    buffers: readonly Uint8Array[],
  ): number {
    const { clusterSize, metadata } = this;
    const start = offset + at;
    const index = Math.floor(start / clusterSize);
    const skip = start - index * clusterSize;
    const first = index % metadata.perTable;
    const wanted = this.countForeign(table.view, first, Math.ceil((skip + total - at) / clusterSize));
    const kept = keptZeroCluster(table.view, first, clusterSize);
    const run: ClusterRun = kept > 0 ? { offset: kept, count: 1, fresh: false } : metadata.allocate(wanted);
    const length = Math.min(run.count * clusterSize - skip, total - at);
    const rest = run.count * clusterSize - skip - length;
    try {
      const parts = [...sliceBuffers(buffers, at, length)];
      let position = run.offset + skip;
      if (skip > 0 && this.fill(this.head.subarray(0, skip), index * clusterSize, run)) {
        parts.unshift(this.head.subarray(0, skip));
        position = run.offset;
      }
      if (rest > 0 && this.fill(this.tail.subarray(0, rest), start + length, run)) {
        parts.push(this.tail.subarray(0, rest));
      }
      this.file.write(parts, position);
    } catch (error) {
      if (kept === 0) metadata.abandon(run);
      throw error;
    }
    for (let i = 0; i < run.count; i++) {
      if (kept === 0) this.freeOld(table.view, first + i);
      writeOwnEntry(table.view, (first + i) * ENTRY_SIZE, run.offset + i * clusterSize);
    }
    metadata.changed(table, first, run.count);
    return length;
  }

  /** Clusters from entry `first` on, `most` at most, that cannot be written in place. */
  private countForeign(view: DataView, first: number, most: number): number {
    const end = Math.min(first + most, this.metadata.perTable);
    let i = first + 1;
    while (i < end && !isOwn(view, i) && keptZeroCluster(view, i, this.clusterSize) === 0) i++;
    return i - first;
  }

  /** Reads what was at `offset` before into `target`; false when that is zeroes, which the new cluster already has. */
  private fill(target: Uint8Array, offset: number, run: ClusterRun): boolean {
    if (run.fresh) {
      this.locate(offset, target.length);
      if (this.length === target.length && this.locatedZeroes(offset)) return false;
    }
    this.readRange(offset, [target]);
    return true;
  }

  /** What `locate` found at `offset` reads as zeroes. */
  private locatedZeroes(offset: number): boolean {
    return this.kind === 'zero' || (this.kind === 'unallocated' && offset >= (this.backing?.size ?? 0));
  }

  /** What entry `i` refers to loses that reference. */
  private freeOld(view: DataView, i: number): void {
    const { clusterSize, metadata } = this;
    const at = i * ENTRY_SIZE;
    switch (clusterKind(view, at)) {
      case 'unallocated':
        return;
      case 'zero':
      case 'normal': {
        const offset = entryOffset(view, at, clusterSize);
        if (offset > 0) metadata.free(offset, 1);
        return;
      }
      case 'compressed': {
        const { offset, length } = compressedExtent(view, at, this.header.clusterBits);
        const from = Math.floor(offset / clusterSize);
        const to = Math.floor((offset + length - 1) / clusterSize);
        metadata.free(from * clusterSize, to - from + 1);
      }
    }
  }

  /** The first cluster of which `end` has nothing; the disk's last one need not be whole. */
  private endCluster(end: number): number {
    return end >= this.size ? Math.ceil(this.size / this.clusterSize) : Math.floor(end / this.clusterSize);
  }

  /** Visits the clusters from `first` to before `end`, by the L2 table that they have or lack. */
  private eachTable(
    first: number,
    end: number,
    visit: (table: CachedTable | undefined, index: number, count: number) => void,
  ): void {
    const { perTable } = this.metadata;
    for (let index = first; index < end;) {
      const count = Math.min(perTable - (index % perTable), end - index);
      visit(this.metadata.table(index), index, count);
      index += count;
    }
  }

  private discardEntries(before: CachedTable, index: number, count: number): void {
    const { metadata, header } = this;
    // Version 2 has no way to say that the backing file must not show.
    if (this.backing && header.version < 3) return;
    const first = index % metadata.perTable;
    let table: CachedTable | undefined;
    for (let i = first; i < first + count; i++) {
      const at = i * ENTRY_SIZE;
      const kind = clusterKind(before.view, at);
      if (kind === 'unallocated') continue;
      if (kind === 'zero' && entryOffset(before.view, at, this.clusterSize) === 0) continue;
      table ??= metadata.ownTable(index);
      this.freeOld(table.view, i);
      if (this.backing || kind === 'zero') writeZeroEntry(table.view, at);
      else clearEntry(table.view, at);
      metadata.changed(table, i, 1);
    }
  }

  private zeroClusters(first: number, end: number, unmap: boolean): void {
    this.eachTable(first, end, (before, index, count) => {
      if (!before && index * this.clusterSize >= (this.backing?.size ?? 0)) return;
      if (this.header.version >= 3) this.zeroEntries(index, count, unmap);
      else this.zeroOldEntries(index, count, unmap);
    });
  }

  private zeroEntries(index: number, count: number, unmap: boolean): void {
    const { metadata, clusterSize } = this;
    const table = metadata.ownTable(index);
    const { view } = table;
    const first = index % metadata.perTable;
    for (let i = first; i < first + count; i++) {
      const at = i * ENTRY_SIZE;
      if (clusterKind(view, at) === 'zero') {
        if (!unmap || entryOffset(view, at, clusterSize) === 0) continue;
      } else if (!unmap && isOwn(view, i)) {
        view.setUint32(at + 4, view.getUint32(at + 4) | 1);
        metadata.changed(table, i, 1);
        continue;
      }
      this.freeOld(view, i);
      writeZeroEntry(view, at);
      metadata.changed(table, i, 1);
    }
  }

  /** Version 2 knows zeroes by their absence alone. */
  private zeroOldEntries(index: number, count: number, unmap: boolean): void {
    const { clusterSize, metadata } = this;
    for (let i = index; i < index + count; i++) {
      const offset = i * clusterSize;
      this.locate(offset, clusterSize);
      if (this.locatedZeroes(offset)) continue;
      if (this.backing || !unmap) {
        this.zeroPart(offset, Math.min(clusterSize, this.size - offset));
        continue;
      }
      const table = metadata.ownTable(i);
      this.freeOld(table.view, i % metadata.perTable);
      clearEntry(table.view, (i % metadata.perTable) * ENTRY_SIZE);
      metadata.changed(table, i % metadata.perTable, 1);
    }
  }

  /** Zeroes a part of one or of two clusters by writing, where it is not zero already. */
  private zeroPart(offset: number, length: number): void {
    for (let at = offset; at < offset + length;) {
      this.locate(at, offset + length - at);
      const part = Math.min(this.length, this.clusterSize);
      if (!this.locatedZeroes(at)) this.writeRange(at, [new Uint8Array(part)]);
      at += part;
    }
  }

  /** Once the image contradicts itself it is left alone, and says so to whoever opens it next. */
  private guard(action: () => void): void {
    if (this.broken) throw this.broken;
    try {
      action();
    } catch (error) {
      throw this.judged(error);
    }
  }

  private judged(error: unknown): unknown {
    if (error instanceof CorruptImage) this.markCorrupt(error);
    return error;
  }

  private markCorrupt(error: CorruptImage): void {
    this.broken = error;
    if (this.readOnly || this.header.version < 3) return;
    const field = new Uint8Array(8);
    viewOf(field).setUint32(4, this.header.incompatible | Incompatible.CORRUPT);
    this.file.write([field], HeaderField.INCOMPATIBLE_FEATURES);
  }
}

/** Entry `i` refers to a cluster of its own, which may be written in place. */
function isOwn(view: DataView, i: number): boolean {
  return clusterKind(view, i * ENTRY_SIZE) === 'normal' && isCopied(view, i * ENTRY_SIZE);
}

/** Where the cluster is that an entry of zeroes has kept for itself; 0 without. */
function keptZeroCluster(view: DataView, i: number, clusterSize: number): number {
  const at = i * ENTRY_SIZE;
  if (clusterKind(view, at) !== 'zero' || !isCopied(view, at)) return 0;
  return entryOffset(view, at, clusterSize);
}
