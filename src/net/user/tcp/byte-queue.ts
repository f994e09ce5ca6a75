const LEAST_SIZE = 4096;
/** Blocks of one size that are kept for later. */
const MAX_SPARE = 32;
/** Largest blocks that are kept. */
const MAX_SPARE_SIZE = 1 << 20;

/** Blocks that nobody uses, by the exponent of their size. */
const spare: Uint8Array[][] = [];

function takeBlock(size: number): Uint8Array {
  return spare[Math.log2(size)]?.pop() ?? new Uint8Array(size);
}

function giveBack(block: Uint8Array): void {
  if (block.length === 0 || block.length > MAX_SPARE_SIZE) return;
  const blocks = (spare[Math.log2(block.length)] ??= []);
  if (blocks.length < MAX_SPARE) blocks.push(block);
}

const NOTHING: Uint8Array = new Uint8Array(0);

/** Bytes on their way, first in, first out: a ring that grows as it has to, and has no memory while it is empty. */
export class ByteQueue {
  private block: Uint8Array = NOTHING;
  private head = 0;
  private used = 0;

  get length(): number {
    return this.used;
  }

  /** Bytes of memory that it has. */
  get capacity(): number {
    return this.block.length;
  }

  append(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.used + bytes.length > this.block.length) this.grow(this.used + bytes.length);
    const at = (this.head + this.used) & (this.block.length - 1);
    const first = Math.min(bytes.length, this.block.length - at);
    if (first === bytes.length) {
      this.block.set(bytes, at);
    } else {
      this.block.set(bytes.subarray(0, first), at);
      this.block.set(bytes.subarray(first), 0);
    }
    this.used += bytes.length;
  }

  /** Copies `length` bytes, from the one at `offset` on, to `target`. They must be there. */
  copyTo(offset: number, length: number, target: Uint8Array, at: number): void {
    if (length === 0) return;
    const from = (this.head + offset) & (this.block.length - 1);
    const first = Math.min(length, this.block.length - from);
    target.set(this.block.subarray(from, from + first), at);
    if (first < length) target.set(this.block.subarray(0, length - first), at + first);
  }

  /** Drops the first `count` bytes. */
  drop(count: number): void {
    this.used -= count;
    if (this.used === 0) this.clear();
    else this.head = (this.head + count) & (this.block.length - 1);
  }

  clear(): void {
    giveBack(this.block);
    this.block = NOTHING;
    this.head = 0;
    this.used = 0;
  }

  private grow(needed: number): void {
    let size = LEAST_SIZE;
    while (size < needed) size *= 2;
    const larger = takeBlock(size);
    this.copyTo(0, this.used, larger, 0);
    giveBack(this.block);
    this.block = larger;
    this.head = 0;
  }
}
