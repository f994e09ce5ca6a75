import {
  asError,
  attempt,
  SECTOR_SIZE,
  type BlockBackend,
  type BlockFile,
  type BlockResult,
} from './backend.js';
import { clearFrom, totalLength } from './buffers.js';

const DISCARD_GRANULARITY = 4096;
/** What zeroes are written from where the file system cannot punch holes. */
const ZEROES = new Uint8Array(64 * 1024);

/** A disk image without a format: byte by byte what the guest sees. Also a block device of the host. */
export class RawBackend implements BlockBackend {
  readonly readOnly: boolean;
  readonly discardGranularity = DISCARD_GRANULARITY;
  size: number;
  onResize?: () => void;

  /** @param giveBack whether what is discarded goes back to the host, which is the default */
  constructor(
    private readonly file: BlockFile,
    private readonly giveBack = true,
  ) {
    this.readOnly = file.readOnly;
    this.size = wholeSectors(file.size());
  }

  read(offset: number, buffers: readonly Uint8Array[], done: (result: BlockResult) => void): void {
    try {
      const wanted = totalLength(buffers);
      const got = this.file.read(buffers, offset);
      // Somebody has cut the file: what is missing reads as zeroes.
      if (got < wanted) clearFrom(buffers, got);
    } catch (error) {
      done(asError(error));
      return;
    }
    done(undefined);
  }

  write(offset: number, buffers: readonly Uint8Array[], done: (result: BlockResult) => void): void {
    try {
      this.file.write(buffers, offset);
    } catch (error) {
      done(asError(error));
      return;
    }
    done(undefined);
  }

  flush(done: (result: BlockResult) => void): void {
    attempt(() => this.file.sync(), done);
  }

  discard(offset: number, length: number, done: (result: BlockResult) => void): void {
    // A hint: where no hole can be made nothing needs to be done.
    attempt(() => this.giveBack && this.file.punchHole(offset, length), done);
  }

  writeZeroes(offset: number, length: number, unmap: boolean, done: (result: BlockResult) => void): void {
    attempt(() => {
      if (unmap && this.giveBack && this.file.punchHole(offset, length)) return;
      for (let at = 0; at < length; at += ZEROES.length) {
        this.file.write([ZEROES.subarray(0, Math.min(ZEROES.length, length - at))], offset + at);
      }
    }, done);
  }

  resize(size: number, done: (result: BlockResult) => void): void {
    attempt(() => {
      this.file.truncate(size);
      this.refresh();
    }, done);
  }

  /** Looks at the file's size again: somebody may have made it larger or smaller. */
  refresh(): void {
    const size = wholeSectors(this.file.size());
    if (size === this.size) return;
    this.size = size;
    this.onResize?.();
  }

  close(): void {
    this.file.close();
  }
}

function wholeSectors(bytes: number): number {
  return Math.floor(bytes / SECTOR_SIZE) * SECTOR_SIZE;
}
