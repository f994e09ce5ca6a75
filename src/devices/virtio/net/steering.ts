import { Headers, word } from '../../../net/headers.js';

/** Flows that are told apart, a power of two: others share an entry. */
const FLOWS = 1024;

const IPV4_ADDRESSES = 12;
const IPV6_ADDRESSES = 8;

/**
 * Automatic receive steering (virtio 1.3, 5.1.6.5.6): what arrives of a flow goes to the queue pair on which the driver
 * sent last of it.
 */
export class ReceiveSteering {
  private readonly pairs = new Uint8Array(FLOWS);
  private readonly headers = new Headers();

  /** The driver has sent the frame at `at` on queue pair `pair`. */
  sent(bytes: Uint8Array, at: number, length: number, pair: number): void {
    this.pairs[this.flowOf(bytes, at, length)] = pair;
  }

  /** The queue pair for the frame at `at`. */
  pairFor(bytes: Uint8Array, at: number, length: number): number {
    return this.pairs[this.flowOf(bytes, at, length)];
  }

  reset(): void {
    this.pairs.fill(0);
  }

  /** The same for both directions: addresses and ports are added, which has no order. */
  private flowOf(bytes: Uint8Array, at: number, length: number): number {
    const { headers } = this;
    headers.parse(bytes, at, length);
    if (headers.ip < 0) return 0;
    const addresses = at + headers.ip + (headers.version === 4 ? IPV4_ADDRESSES : IPV6_ADDRESSES);
    const size = headers.version === 4 ? 8 : 32;
    let sum = headers.protocol;
    for (let i = 0; i < size; i += 2) sum += word(bytes, addresses + i);
    if (headers.payload >= 0) {
      const ports = at + headers.transport;
      sum += word(bytes, ports) + word(bytes, ports + 2);
    }
    // Fibonacci hashing: the upper bits of the product depend on all of the sum's.
    return Math.imul(sum, 0x9e37_79b1) >>> (32 - Math.log2(FLOWS));
  }
}
