/** Words of the shared block. */
const RUNG = 0;
const THREAD = 1;
/** The address of the byte that makes the next entry into the guest return at once, low and high half. */
const EXIT_ADDRESS_LOW = 2;
const EXIT_ADDRESS_HIGH = 3;
/** Threads that are about to interrupt the owner: the address is theirs to use until they are through. */
const INTERRUPTING = 4;
const WORDS = 5;

/** Makes a thread that is inside the guest, or about to enter it, come out. Depends on the accelerator and the host. */
export type Interrupter = (thread: number, exitByteAddress: number) => void;

/**
 * Wakes one thread that runs a vCPU, from any other thread: the word is set, a thread asleep on it is notified, and
 * one inside the guest is interrupted. The owner looks at the word before each entry into the guest.
 */
export class Doorbell {
  private readonly words: Int32Array;

  /** @param buffer from `Doorbell.allocate()`, shared by all threads that ring it */
  constructor(
    readonly buffer: SharedArrayBuffer,
    private readonly interrupt?: Interrupter | undefined,
  ) {
    this.words = new Int32Array(buffer);
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT);
  }

  /** The owner says how it can be interrupted inside the guest. */
  own(thread: number, exitByteAddress: number): void {
    this.words[EXIT_ADDRESS_LOW] = exitByteAddress | 0;
    this.words[EXIT_ADDRESS_HIGH] = Math.floor(exitByteAddress / 2 ** 32);
    Atomics.store(this.words, THREAD, thread);
  }

  /** The owner takes that back, and waits until nobody uses the byte any longer: it may be unmapped from then on. */
  disown(): void {
    const { words } = this;
    Atomics.store(words, THREAD, 0);
    for (let count = Atomics.load(words, INTERRUPTING); count !== 0;) {
      Atomics.wait(words, INTERRUPTING, count);
      count = Atomics.load(words, INTERRUPTING);
    }
  }

  /** From any thread: what the owner does next is to look at its work. */
  ring(): void {
    // Already rung and not yet taken: the owner is on its way out.
    if (Atomics.exchange(this.words, RUNG, 1) === 1) return;
    Atomics.notify(this.words, RUNG);
    // Count before thread, as disown() writes the thread before it reads the count: one of the two sees the other.
    Atomics.add(this.words, INTERRUPTING, 1);
    try {
      this.interruptOwner();
    } finally {
      if (Atomics.sub(this.words, INTERRUPTING, 1) === 1) Atomics.notify(this.words, INTERRUPTING);
    }
  }

  /** The owner rings for itself, from inside an exit handler. */
  raise(): void {
    Atomics.store(this.words, RUNG, 1);
  }

  /** True when somebody rang. A plain load: the owner asks before each entry. */
  get rung(): boolean {
    return this.words[RUNG] !== 0;
  }

  /** Takes the ring back. The owner calls it before it looks at its work, so that a later ring is not lost. */
  answer(): void {
    Atomics.store(this.words, RUNG, 0);
  }

  /**
   * The owner sleeps until somebody rings or `timeoutMs` have passed. It may wake without a ring: of one that it has
   * answered already the notification can come late.
   *
   * @returns false when the time is up
   */
  wait(timeoutMs: number): boolean {
    return Atomics.wait(this.words, RUNG, 0, timeoutMs) !== 'timed-out';
  }

  private interruptOwner(): void {
    const thread = Atomics.load(this.words, THREAD);
    if (thread === 0) return;
    const low = this.words[EXIT_ADDRESS_LOW] >>> 0;
    this.interrupt?.(thread, this.words[EXIT_ADDRESS_HIGH] * 2 ** 32 + low);
  }
}
