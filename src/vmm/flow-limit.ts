/**
 * How many messages may be under way from one thread to another before the sender waits for the receiver: what a guest
 * causes faster than anybody looks at it must not pile up on the host.
 */
export class FlowLimit {
  private readonly underWay: Int32Array;

  /** @param buffer from `FlowLimit.allocate()`; @param most as many messages as may be under way */
  constructor(
    readonly buffer: SharedArrayBuffer,
    private readonly most: number,
  ) {
    this.underWay = new Int32Array(buffer);
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  }

  /** Sender, before each message: sleeps while too many are under way. */
  enter(): void {
    for (let count = Atomics.load(this.underWay, 0); count >= this.most;) {
      Atomics.wait(this.underWay, 0, count);
      count = Atomics.load(this.underWay, 0);
    }
    Atomics.add(this.underWay, 0, 1);
  }

  /** Receiver, when it is through with a message. */
  leave(): void {
    Atomics.sub(this.underWay, 0, 1);
    Atomics.notify(this.underWay, 0);
  }

  /** Receiver: it will look at no more messages, and nobody is to wait for that. */
  release(): void {
    Atomics.store(this.underWay, 0, -(2 ** 30));
    Atomics.notify(this.underWay, 0);
  }
}
