import { FRAME_HEADER_SIZE } from './frame-header.js';

const HEAD = 0;
const TAIL = 1;
/** Set by a producer that found no room and wants to hear when there is. */
const WAITING = 2;
const WORDS = 4;
const CONTROL = WORDS * Int32Array.BYTES_PER_ELEMENT;

/** Bytes in front of each frame: its length, then its header. */
const LENGTH_SIZE = 4;
const PREFIX = LENGTH_SIZE + FRAME_HEADER_SIZE;
const ALIGNMENT = 16;
/** In place of a length: the next record is at the ring's start. */
const SKIP = 0xffff_ffff;

/**
 * A ring of Ethernet frames from one producing thread to one consuming thread, each in one piece, so that both work on
 * the frames where they are.
 *
 * ```
 *   +------+------+---------+----------------------------------------------------------------+
 *   | head | tail | waiting | length | header, 12 bytes | frame, padded to 16 | length | …    |
 *   +------+------+---------+----------------------------------------------------------------+
 *     next   next                                         ^ what reserve() and peek() return
 *    to read to write         both run freely modulo 2^32
 * ```
 *
 * Headers are those of `frame-header.ts`: right before the frame, as the guest's buffers and tap devices have it.
 */
export class FrameRing {
  static readonly HEADER_SIZE = FRAME_HEADER_SIZE;
  /** All records; offsets of frames are into this. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  private readonly words: Int32Array;
  private readonly mask: number;
  private readonly capacity: number;
  /** Producer: where the reserved record starts, and bytes that are skipped before it. */
  private reserved = 0;
  private skipped = 0;

  /** @param buffer from `FrameRing.allocate()` */
  constructor(readonly buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer, 0, WORDS);
    this.bytes = new Uint8Array(buffer, CONTROL);
    this.view = new DataView(buffer, CONTROL);
    this.capacity = this.bytes.length;
    this.mask = this.capacity - 1;
  }

  /** @param capacity in bytes, a power of two; frames of up to a quarter of it find room */
  static allocate(capacity: number): SharedArrayBuffer {
    return new SharedArrayBuffer(CONTROL + capacity);
  }

  /** Bytes that a frame of `length` takes in a ring. */
  static recordSize(length: number): number {
    return (PREFIX + length + ALIGNMENT - 1) & -ALIGNMENT;
  }

  /** Bytes that are in use. */
  get used(): number {
    return (Atomics.load(this.words, TAIL) - Atomics.load(this.words, HEAD)) >>> 0;
  }

  /**
   * Producer: room for a frame of up to `length` bytes, and its header before it, to be written there and then
   * committed.
   * @returns the frame's offset, or −1 when there is no room
   */
  reserve(length: number): number {
    const size = FrameRing.recordSize(length);
    const at = this.words[TAIL] & this.mask;
    const toEnd = this.capacity - at;
    this.skipped = size > toEnd ? toEnd : 0;
    if (this.used + this.skipped + size > this.capacity) return -1;
    this.reserved = this.skipped > 0 ? 0 : at;
    return this.reserved + PREFIX;
  }

  /** Producer: true when `count` frames of up to `length` bytes find room, wherever the ring's end falls among them. */
  hasRoom(count: number, length: number): boolean {
    return this.used + (count + 1) * FrameRing.recordSize(length) <= this.capacity;
  }

  /** Producer: the reserved frame is written and has `length` bytes, no more than were reserved. */
  commit(length: number): void {
    const tail = this.words[TAIL];
    if (this.skipped > 0) this.view.setUint32(tail & this.mask, SKIP, true);
    this.view.setUint32(this.reserved, length, true);
    Atomics.store(this.words, TAIL, (tail + this.skipped + FrameRing.recordSize(length)) | 0);
  }

  /** True when half of the ring is free: room for any frame. */
  get halfFree(): boolean {
    return this.used <= this.capacity / 2;
  }

  /** Producer: wants to hear when half of the ring is free. Returns false when it is already. */
  awaitRoom(): boolean {
    Atomics.store(this.words, WAITING, 1);
    if (!this.halfFree) return true;
    Atomics.store(this.words, WAITING, 0);
    return false;
  }

  /** Consumer: the offset of the oldest frame, or −1 when there is none. */
  peek(): number {
    const head = this.words[HEAD];
    const tail = Atomics.load(this.words, TAIL);
    if (head === tail) return -1;
    const at = head & this.mask;
    if (this.view.getUint32(at, true) !== SKIP) return at + PREFIX;
    Atomics.store(this.words, HEAD, (head + this.capacity - at) | 0);
    return PREFIX;
  }

  /** Consumer: bytes of the frame that `peek()` has found at `offset`. */
  lengthAt(offset: number): number {
    return this.view.getUint32(offset - PREFIX, true);
  }

  /** Consumer: is through with the frame that `peek()` has found. */
  shift(offset: number): void {
    const head = this.words[HEAD];
    Atomics.store(this.words, HEAD, (head + FrameRing.recordSize(this.lengthAt(offset))) | 0);
  }

  /**
   * Consumer, after each batch: takes the producer's wish to be told of room. It is granted when half of the ring is
   * free, so that they do not take turns with each frame.
   */
  takeWaiting(): boolean {
    if (Atomics.load(this.words, WAITING) === 0 || !this.halfFree) return false;
    return Atomics.exchange(this.words, WAITING, 0) === 1;
  }
}
