import type { BlockFile } from '../../../src/block/backend.js';

/** A file in memory that notes what is done to it. */
export class MemoryFile implements BlockFile {
  readonly calls: string[] = [];
  readonly identity = 'memory';
  readOnly = false;
  canPunch = true;
  failure: Error | undefined;

  constructor(public bytes: Uint8Array) {}

  size(): number {
    return this.bytes.length;
  }

  read(buffers: readonly Uint8Array[], position: number): number {
    this.note('read');
    let at = position;
    for (const buffer of buffers) {
      const part = this.bytes.subarray(at, at + buffer.length);
      buffer.set(part);
      at += part.length;
    }
    return at - position;
  }

  write(buffers: readonly Uint8Array[], position: number): void {
    this.note('write');
    let at = position;
    for (const buffer of buffers) {
      this.bytes.set(buffer, at);
      at += buffer.length;
    }
  }

  sync(): void {
    this.note('sync');
  }

  truncate(size: number): void {
    this.note('truncate');
    const bytes = new Uint8Array(size);
    bytes.set(this.bytes.subarray(0, size));
    this.bytes = bytes;
  }

  punchHole(position: number, length: number): boolean {
    this.note('punch');
    if (this.canPunch) this.bytes.fill(0, position, position + length);
    return this.canPunch;
  }

  close(): void {
    this.note('close');
  }

  private note(call: string): void {
    if (this.failure) throw this.failure;
    this.calls.push(call);
  }
}
