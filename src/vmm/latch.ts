/** A gate that opens once, for threads that wait without an event loop. */
export class Latch {
  private readonly word: Int32Array;

  /** @param buffer from `Latch.allocate()` */
  constructor(readonly buffer: SharedArrayBuffer) {
    this.word = new Int32Array(buffer);
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  }

  /** From any thread, and as often as one likes. */
  open(): void {
    Atomics.store(this.word, 0, 1);
    Atomics.notify(this.word, 0);
  }

  /** Sleeps until it is open, at most `timeoutMs`. */
  wait(timeoutMs: number): void {
    Atomics.wait(this.word, 0, 0, Math.max(0, timeoutMs));
  }
}
