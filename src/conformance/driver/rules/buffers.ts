import type { DriverEvents } from '../driver-events.js';
import type { ExposedChain } from '../exposed-chain.js';
import type { WatchedDevice } from '../watched-device.js';
import type { WatchedQueue } from '../watched-queue.js';
import { Feature, has } from '../../../devices/virtio/features.js';
import { hex } from '../../../errors.js';

/** What is asked of buffers whatever the queue's layout (virtio 1.4, 6.1). */
export class BufferRules implements DriverEvents {
  constructor(private readonly watched: WatchedDevice) {}

  exposed(queue: WatchedQueue, chain: ExposedChain): void {
    if (has(this.watched.offered, Feature.ACCESS_PLATFORM)) return;
    const { memory } = queue;
    const outside = chain.elements.find(({ address, length }) => !memory.contains(address, length));
    this.watched.check(
      '6.1/physical-addresses',
      !outside,
      () => `a buffer of ${outside!.length} bytes at ${hex(outside!.address)}, where no RAM is`,
      queue.index,
      () => chain.show(),
    );
  }
}
