import { asError, attempt, type BlockBackend, type BlockResult } from '../backend.js';
import type { Qcow2Image } from './image.js';

/** A disk in a qcow2 image. */
export class Qcow2Backend implements BlockBackend {
  readonly readOnly: boolean;
  readonly discardGranularity: number;
  onResize?: () => void;

  constructor(private readonly image: Qcow2Image) {
    this.readOnly = image.readOnly;
    this.discardGranularity = image.clusterSize;
  }

  get size(): number {
    return this.image.size;
  }

  read(offset: number, buffers: readonly Uint8Array[], done: (result: BlockResult) => void): void {
    try {
      this.image.read(offset, buffers);
    } catch (error) {
      done(asError(error));
      return;
    }
    done(undefined);
  }

  write(offset: number, buffers: readonly Uint8Array[], done: (result: BlockResult) => void): void {
    try {
      this.image.write(offset, buffers);
    } catch (error) {
      done(asError(error));
      return;
    }
    done(undefined);
  }

  flush(done: (result: BlockResult) => void): void {
    attempt(() => this.image.flush(), done);
  }

  discard(offset: number, length: number, done: (result: BlockResult) => void): void {
    attempt(() => this.image.discard(offset, length), done);
  }

  writeZeroes(offset: number, length: number, unmap: boolean, done: (result: BlockResult) => void): void {
    attempt(() => this.image.writeZeroes(offset, length, unmap), done);
  }

  resize(size: number, done: (result: BlockResult) => void): void {
    attempt(() => {
      this.image.resize(size);
      this.onResize?.();
    }, done);
  }

  close(): void {
    this.image.close();
  }
}
