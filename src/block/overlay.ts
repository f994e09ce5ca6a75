import { attempt, type BlockBackend, type BlockResult } from './backend.js';
import { clearFrom, sliceBuffers, totalLength } from './buffers.js';

const CLUSTER = 64 * 1024;

/**
 * Keeps what is written in memory and leaves the disk below as it is (`snapshot=on`). Everything is gone when it is
 * closed.
 */
export class OverlayBackend implements BlockBackend {
  readonly readOnly = false;
  readonly discardGranularity = CLUSTER;
  onResize?: () => void;
  /** Clusters that differ from what is below, by their number. */
  private readonly clusters = new Map<number, Uint8Array>();

  size: number;
  /** What of the disk below still shows: less than all after the overlay was made smaller. */
  private shown: number;

  constructor(private readonly below: BlockBackend) {
    this.size = below.size;
    this.shown = below.size;
  }

  read(offset: number, buffers: readonly Uint8Array[], done: (result: BlockResult) => void): void {
    this.readBelow(offset, buffers, result => {
      if (!result) {
        eachPiece(offset, buffers, (cluster, skip, piece) => {
          const own = this.clusters.get(cluster);
          if (own) piece.set(own.subarray(skip, skip + piece.length));
        });
      }
      done(result);
    });
  }

  write(offset: number, buffers: readonly Uint8Array[], done: (result: BlockResult) => void): void {
    this.bringUp(offset, totalLength(buffers), result => {
      if (result) done(result);
      else attempt(() => this.store(offset, buffers), done);
    });
  }

  flush(done: (result: BlockResult) => void): void {
    done(undefined);
  }

  /** What is below shows again only where nobody asks for zeroes: discarded contents may be anything. */
  discard(_offset: number, _length: number, done: (result: BlockResult) => void): void {
    done(undefined);
  }

  writeZeroes(offset: number, length: number, _unmap: boolean, done: (result: BlockResult) => void): void {
    this.bringUp(offset, length, result => {
      if (result) {
        done(result);
        return;
      }
      eachRange(offset, length, (cluster, skip, size) => {
        this.clusters.get(cluster)!.fill(0, skip, skip + size);
      });
      done(undefined);
    });
  }

  resize(size: number, done: (result: BlockResult) => void): void {
    this.shown = Math.min(this.shown, size);
    const first = Math.ceil(size / CLUSTER);
    for (const cluster of this.clusters.keys()) if (cluster >= first) this.clusters.delete(cluster);
    this.clusters.get(first - 1)?.fill(0, size - (first - 1) * CLUSTER);
    this.size = size;
    this.onResize?.();
    done(undefined);
  }

  close(): void {
    this.clusters.clear();
    this.below.close();
  }

  /** Reads the disk below, and zeroes where nothing of it shows. */
  private readBelow(
    offset: number,
    buffers: readonly Uint8Array[],
    done: (result: BlockResult) => void,
  ): void {
    const there = Math.max(0, Math.min(totalLength(buffers), this.shown - offset));
    clearFrom(buffers, there);
    if (there === 0) done(undefined);
    else this.below.read(offset, sliceBuffers(buffers, 0, there), done);
  }

  private store(offset: number, buffers: readonly Uint8Array[]): void {
    eachPiece(offset, buffers, (cluster, skip, piece) => this.clusters.get(cluster)!.set(piece, skip));
  }

  /** Copies the clusters of the range from below, those that are not here yet. */
  private bringUp(offset: number, length: number, done: (result: BlockResult) => void): void {
    const missing: number[] = [];
    eachRange(offset, length, cluster => {
      if (!this.clusters.has(cluster)) missing.push(cluster);
    });
    let left = missing.length + 1;
    let failure: BlockResult;
    const finish = (result: BlockResult): void => {
      failure ??= result;
      if (--left === 0) done(failure);
    };
    for (const cluster of missing) {
      const copy = new Uint8Array(CLUSTER);
      this.readBelow(cluster * CLUSTER, [copy], result => {
        // A write that was under way at the same time may have brought it up meanwhile.
        if (!result && !this.clusters.has(cluster)) this.clusters.set(cluster, copy);
        finish(result);
      });
    }
    finish(undefined);
  }
}

/** The clusters of a range: which, from where in it, and how many bytes. */
function eachRange(
  offset: number,
  length: number,
  visit: (cluster: number, skip: number, size: number) => void,
): void {
  for (let at = offset; at < offset + length;) {
    const cluster = Math.floor(at / CLUSTER);
    const skip = at - cluster * CLUSTER;
    const size = Math.min(CLUSTER - skip, offset + length - at);
    visit(cluster, skip, size);
    at += size;
  }
}

/** The pieces of `buffers`, which lie from `offset` on, by the clusters that they belong to. */
function eachPiece(
  offset: number,
  buffers: readonly Uint8Array[],
  visit: (cluster: number, skip: number, piece: Uint8Array) => void,
): void {
  let at = offset;
  for (const buffer of buffers) {
    const start = at;
    eachRange(at, buffer.length, (cluster, skip, size) => {
      const from = cluster * CLUSTER + skip - start;
      visit(cluster, skip, buffer.subarray(from, from + size));
    });
    at += buffer.length;
  }
}
