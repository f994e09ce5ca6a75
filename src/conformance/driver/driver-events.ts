import type { AccessSize } from '../../vmm/device.js';
import type { QueueAreas } from '../../devices/virtio/queue/virtqueue.js';
import type { ExposedChain } from './exposed-chain.js';
import type { WatchedQueue } from './watched-queue.js';

/** How a driver takes a queue back. */
export type QueueStop = 'queue_reset' | 'disabled';

/**
 * What a driver does with a device, by whatever transport. Each is called when the device has done what it does; where
 * it matters how things were before, they are arguments.
 */
export interface DriverEvents {
  /** Status 0 was written. Called before the device forgets everything. */
  reset?(): void;
  statusRead?(value: number): void;
  /** @param before the status until now */
  statusWritten?(value: number, before: number): void;
  featuresRead?(word: number): void;
  /** @param before whether FEATURES_OK was set */
  featuresWritten?(word: number, value: number, agreed: boolean): void;
  generationRead?(): void;
  /** The device tells a working driver that the configuration has changed. */
  configChanged?(): void;
  configRead?(offset: number, size: AccessSize): void;
  configWritten?(offset: number, size: AccessSize, value: number): void;
  queueSizeWritten?(index: number, size: number): void;
  queueAddressWritten?(index: number, part: keyof QueueAreas): void;
  queueEnabled?(index: number): void;
  /** @param live buffers were under way while the device was working */
  queueStopped?(index: number, how: QueueStop, live: boolean): void;
  /** @param complete it reads that the queue is not in a reset any more */
  queueResetRead?(index: number, complete: boolean): void;
  notified?(index: number): void;
  /** A queue works from now on. */
  queueOpened?(queue: WatchedQueue): void;
  /** The driver has made a buffer available. */
  exposed?(queue: WatchedQueue, chain: ExposedChain): void;
  /** The device gives a buffer back. @param written the used length */
  used?(queue: WatchedQueue, chain: ExposedChain, written: number): void;
  /** A descriptor is not as the driver exposed it. @param held the device has taken the buffer */
  altered?(queue: WatchedQueue, chain: ExposedChain, held: boolean): void;
  /** The index of available buffers went from `before` to `now`, which is not forward. */
  wentBack?(queue: WatchedQueue, before: number, now: number): void;
  /** A packed list began that the ring had no room for. */
  overfull?(queue: WatchedQueue, chain: ExposedChain): void;
  /** Time has passed in which nothing else need have happened. */
  sampled?(): void;
}
