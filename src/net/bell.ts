const RUNG = 0;
/** The owner sleeps, or is about to. */
const ASLEEP = 1;
const WORDS = 2;

/** Wakes a thread that has an event loop, from threads that have none: a count in shared memory, waited for asynchronously. */
export class Bell {
  private readonly words: Int32Array;
  private waiting = false;

  /** @param buffer from `Bell.allocate()` */
  constructor(readonly buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT);
  }

  /** From any thread: the owner looks at its work. Next to nothing while it is awake. */
  ring(): void {
    Atomics.add(this.words, RUNG, 1);
    if (Atomics.load(this.words, ASLEEP) !== 0) Atomics.notify(this.words, RUNG);
  }

  /** Owner: is awake, and about to look at its work. @returns what to give to `sleep` afterwards */
  wake(): number {
    Atomics.store(this.words, ASLEEP, 0);
    return Atomics.load(this.words, RUNG);
  }

  /**
   * Owner: calls `onRing` when somebody rings, once.
   * @param seen from `wake()`
   * @returns false when somebody has since then: there may be work already
   */
  sleep(seen: number, onRing: () => void): boolean {
    Atomics.store(this.words, ASLEEP, 1);
    if (Atomics.load(this.words, RUNG) !== seen) return false;
    // A wait that is still under way ends with the next ring, whatever it began with.
    if (this.waiting) return true;
    const wait = Atomics.waitAsync(this.words, RUNG, seen);
    if (!wait.async) return false;
    this.waiting = true;
    void wait.value.then(() => {
      this.waiting = false;
      onRing();
    });
    return true;
  }
}
