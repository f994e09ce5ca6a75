import type { DriverEvents } from '../driver-events.js';
import type { ExposedChain } from '../exposed-chain.js';
import type { WatchedDevice } from '../watched-device.js';
import type { WatchedQueue } from '../watched-queue.js';

/** Entropy devices (virtio 1.4, 5.4). */
export class RngRules implements DriverEvents {
  constructor(private readonly watched: WatchedDevice) {}

  exposed(queue: WatchedQueue, chain: ExposedChain): void {
    const { readableBytes } = chain;
    this.watched.check(
      '5.4.6.1/writable',
      readableBytes === 0,
      () => `a buffer with ${readableBytes} readable bytes`,
      queue.index,
      () => chain.show(),
    );
  }
}
