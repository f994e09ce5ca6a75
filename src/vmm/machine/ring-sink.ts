import { ByteRing } from '../byte-ring.js';
import type { ByteSink } from '../device.js';

/** How long the machine sleeps before it looks again whether its output was read; a read wakes it at once. */
export const LOOK_AGAIN_MS = 100;

/**
 * Output of a serial port into a ring that the control thread empties. When nobody reads, the guest waits in its
 * write: output is never lost, and a guest cannot fill the host's memory with it.
 */
export class RingSink implements ByteSink {
  private readonly ring: ByteRing;

  /** @param announce tells the consumer that the ring is no longer empty */
  constructor(
    buffer: SharedArrayBuffer,
    private readonly announce: () => void,
  ) {
    this.ring = new ByteRing(buffer);
  }

  write(byte: number): void {
    while (!this.ring.push(byte)) this.ring.waitForRead(LOOK_AGAIN_MS);
    // Looked at after the push: either this sees an empty ring before it, or the consumer sees the byte.
    if (this.ring.length === 1) this.announce();
  }
}
