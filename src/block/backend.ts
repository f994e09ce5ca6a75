/** How a request to a back end ended: well, or with the host's reason why not. */
export type BlockResult = Error | undefined;

/** What a disk's contents are kept in. */
export interface BlockBackend {
  /** Bytes; a multiple of 512. May change, see `onResize`. */
  readonly size: number;
  readonly readOnly: boolean;
  /**
   * Requests may end after the call that made them: by then the driver may have taken its buffers back, so that what is
   * read is kept aside until it is known that they are still there.
   */
  readonly deferred?: boolean;
  /** Bytes of the smallest piece that `discard` gives back. */
  readonly discardGranularity: number;
  /** Called when `size` has changed. */
  onResize?: () => void;
  /**
   * Fills `buffers`, one after the other, with what lies from `offset` on. All requests may call `done` at once or
   * later, in any order, and lie within the size.
   */
  read(offset: number, buffers: readonly Uint8Array[], done: (result: BlockResult) => void): void;
  write(offset: number, buffers: readonly Uint8Array[], done: (result: BlockResult) => void): void;
  /** When it is done, every write that was done before is on stable storage. */
  flush(done: (result: BlockResult) => void): void;
  /** The contents of the range do not matter any more. */
  discard(offset: number, length: number, done: (result: BlockResult) => void): void;
  /** @param unmap the space may be given back, as long as it reads as zeroes */
  writeZeroes(offset: number, length: number, unmap: boolean, done: (result: BlockResult) => void): void;
  /**
   * Makes the disk `size` bytes large, a multiple of 512; what is new reads as zeroes. `onResize` is called before it is
   * done.
   */
  resize(size: number, done: (result: BlockResult) => void): void;
  /** Gives back what it holds. Nothing is under way then. */
  close(): void;
}

/** A file of the host, as back ends use it: positions in bytes, all calls block. They throw what the host says. */
export interface BlockFile {
  readonly readOnly: boolean;
  /** Tells files of the host apart, whatever paths lead to them. */
  readonly identity: string;
  /** Bytes. */
  size(): number;
  /** Returns how many bytes there were. */
  read(buffers: readonly Uint8Array[], position: number): number;
  /** Writes all. */
  write(buffers: readonly Uint8Array[], position: number): void;
  /** Data and what is needed to find it again are on stable storage. */
  sync(): void;
  truncate(size: number): void;
  /** Makes the range read as zeroes and gives back its space; false where the host's file system cannot. */
  punchHole(position: number, length: number): boolean;
  close(): void;
}

export const SECTOR_SIZE = 512;

/** What was thrown, as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** Runs a blocking request and says how it ended. */
export function attempt(action: () => void, done: (result: BlockResult) => void): void {
  try {
    action();
  } catch (error) {
    done(asError(error));
    return;
  }
  done(undefined);
}
