import type { BlockFile } from '../../../../src/block/backend.js';

type Call =
  | { readonly what: 'write'; readonly position: number; readonly bytes: Uint8Array }
  | { readonly what: 'truncate'; readonly size: number }
  | { readonly what: 'sync' };

/** A file in memory of which it is known what it contained at any time, and what of that was on stable storage. */
export class RecordingFile implements BlockFile {
  readonly readOnly = false;
  readonly identity = 'recording';
  readonly log: Call[] = [];
  private bytes: Uint8Array;

  constructor(private readonly original: Uint8Array) {
    this.bytes = Uint8Array.from(original);
  }

  size(): number {
    return this.bytes.length;
  }

  read(buffers: readonly Uint8Array[], position: number): number {
    let at = position;
    for (const buffer of buffers) {
      const part = this.bytes.subarray(at, at + buffer.length);
      buffer.set(part);
      at += part.length;
    }
    return Math.max(0, at - position);
  }

  write(buffers: readonly Uint8Array[], position: number): void {
    this.do({ what: 'write', position, bytes: Uint8Array.from(Buffer.concat(buffers)) });
  }

  sync(): void {
    this.do({ what: 'sync' });
  }

  truncate(size: number): void {
    this.do({ what: 'truncate', size });
  }

  punchHole(position: number, length: number): boolean {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.bytes.length - position)));
    this.do({ what: 'write', position, bytes });
    return true;
  }

  close(): void {}

  /**
   * What the file has after the first `calls` calls.
   * @param lost the host loses power: of what was written since the last sync this says what is there all the same
   */
  after(calls: number, lost?: (index: number) => boolean): Uint8Array {
    const synced = this.log.slice(0, calls).findLastIndex(({ what }) => what === 'sync');
    return this.log
      .slice(0, calls)
      .filter((_, i) => i < synced || !lost?.(i))
      .reduce((bytes, call) => perform(bytes, call), this.original);
  }

  private do(call: Call): void {
    this.log.push(call);
    this.bytes = perform(this.bytes, call);
  }
}

function perform(before: Uint8Array, call: Call): Uint8Array {
  if (call.what === 'sync') return before;
  const size =
    call.what === 'truncate' ? call.size : Math.max(before.length, call.position + call.bytes.length);
  const bytes = new Uint8Array(size);
  bytes.set(before.subarray(0, size));
  if (call.what === 'write') bytes.set(call.bytes, call.position);
  return bytes;
}
