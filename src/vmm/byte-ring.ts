const HEAD = 0;
const TAIL = 1;
/** Set by a producer that found the ring full and wants to hear when there is room. */
const WAITING = 2;
const WORDS = 4;
const HEADER = WORDS * Int32Array.BYTES_PER_ELEMENT;

/**
 * A ring of bytes from one producing thread to one consuming thread.
 *
 * ```
 *   +------+------+---------+--------------------------------+
 *   | head | tail | waiting |  bytes, a power of two of them |
 *   +------+------+---------+--------------------------------+
 *     next   next
 *    to read to write          both run freely modulo 2^32
 * ```
 */
export class ByteRing {
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly mask: number;

  /** @param buffer from `ByteRing.allocate()` */
  constructor(readonly buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer, 0, WORDS);
    this.bytes = new Uint8Array(buffer, HEADER);
    this.mask = this.bytes.length - 1;
  }

  /** @param capacity in bytes, a power of two */
  static allocate(capacity: number): SharedArrayBuffer {
    return new SharedArrayBuffer(HEADER + capacity);
  }

  /** Bytes that wait to be read. */
  get length(): number {
    return (Atomics.load(this.words, TAIL) - Atomics.load(this.words, HEAD)) >>> 0;
  }

  /** Bytes that can be written. */
  get space(): number {
    return this.bytes.length - this.length;
  }

  /** Producer: appends one byte. False when the ring is full. */
  push(byte: number): boolean {
    const tail = this.words[TAIL];
    if (this.space === 0) return false;
    this.bytes[tail & this.mask] = byte;
    Atomics.store(this.words, TAIL, (tail + 1) | 0);
    return true;
  }

  /** Producer: appends as much of `data` as there is room for, and says how much that was. */
  write(data: Uint8Array): number {
    const count = Math.min(data.length, this.space);
    const tail = this.words[TAIL];
    const start = tail & this.mask;
    const first = Math.min(count, this.bytes.length - start);
    this.bytes.set(data.subarray(0, first), start);
    this.bytes.set(data.subarray(first, count), 0);
    Atomics.store(this.words, TAIL, (tail + count) | 0);
    return count;
  }

  /** Consumer: the oldest byte, or −1 when there is none. */
  shift(): number {
    if (this.length === 0) return -1;
    const head = this.words[HEAD];
    const byte = this.bytes[head & this.mask];
    this.advance(head, 1);
    return byte;
  }

  /** Consumer: takes everything that waits. */
  read(): Uint8Array<ArrayBuffer> {
    const data = new Uint8Array(this.length);
    this.readInto(data);
    return data;
  }

  /** Consumer: fills `target` from its start on with what waits, and says how many bytes that were. */
  readInto(target: Uint8Array): number {
    const head = this.words[HEAD];
    const count = Math.min(target.length, this.length);
    const start = head & this.mask;
    const first = Math.min(count, this.bytes.length - start);
    target.set(this.bytes.subarray(start, start + first), 0);
    target.set(this.bytes.subarray(0, count - first), first);
    this.advance(head, count);
    return count;
  }

  /** Producer: asks to be told of room. Returns false when there is room already. */
  awaitSpace(): boolean {
    Atomics.store(this.words, WAITING, 1);
    if (this.space === 0) return true;
    Atomics.store(this.words, WAITING, 0);
    return false;
  }

  /** Consumer: takes the producer's wish to be told of room. */
  takeWaiting(): boolean {
    return Atomics.exchange(this.words, WAITING, 0) === 1;
  }

  /** Producer, on a thread that may block: sleeps until the consumer read something, at most `timeoutMs`. */
  waitForRead(timeoutMs: number): void {
    const head = this.words[HEAD];
    if (this.space === 0) Atomics.wait(this.words, HEAD, head, timeoutMs);
  }

  private advance(head: number, count: number): void {
    Atomics.store(this.words, HEAD, (head + count) | 0);
    Atomics.notify(this.words, HEAD);
  }
}
