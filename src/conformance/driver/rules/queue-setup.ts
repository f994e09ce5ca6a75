import type { QueueAreas } from '../../../devices/virtio/queue/virtqueue.js';
import type { DriverEvents, QueueStop } from '../driver-events.js';
import type { WatchedDevice } from '../watched-device.js';

const PARTS: readonly (keyof QueueAreas)[] = ['descriptors', 'driver', 'device'];

/** What a driver has done about one queue since the last reset. */
interface Progress {
  readonly written: Set<keyof QueueAreas>;
  /** It has reset the queue, and has not verified that yet. */
  unverified: boolean;
  /** It has reset the queue, and is to set it up anew. */
  again: boolean;
}

/** Queues that are set up, reset and set up again (virtio 1.4, 2.6.1 and 4.1.4.3.2). */
export class QueueSetupRules implements DriverEvents {
  private readonly queues = new Map<number, Progress>();

  constructor(private readonly watched: WatchedDevice) {}

  reset(): void {
    this.queues.clear();
  }

  queueAddressWritten(index: number, part: keyof QueueAreas): void {
    const queue = this.queue(index);
    queue.written.add(part);
    this.verify(index, queue, false);
  }

  queueEnabled(index: number): void {
    const { watched } = this;
    if (watched.via === 'legacy') return;
    const queue = this.queue(index);
    const missing = PARTS.filter(part => !queue.written.has(part));
    const what = (): string => `it enables queue ${index} without having set its ${missing.join(', ')}`;
    if (queue.again) watched.check('2.6.1.2.2/configure-again', missing.length === 0, what);
    else if (watched.isPci) watched.check('4.1.4.3.2/enable-last', missing.length === 0, what);
    this.verify(index, queue, false);
    queue.again = false;
  }

  queueStopped(index: number, how: QueueStop): void {
    if (how !== 'queue_reset') return;
    const queue = this.queue(index);
    queue.written.clear();
    queue.unverified = true;
    queue.again = true;
  }

  queueResetRead(index: number, complete: boolean): void {
    if (complete) this.verify(index, this.queue(index), true);
  }

  private verify(index: number, queue: Progress, ok: boolean): void {
    if (!queue.unverified) return;
    queue.unverified = false;
    const what = (): string =>
      `it goes on with queue ${index} without having read that its reset is complete`;
    this.watched.check('2.6.1.1.2/verify-reset', ok, what);
    const section = this.watched.isPci ? '4.1.4.3.2' : '4.2.2.2';
    this.watched.check(`${section}/waits-for-queue-reset`, ok, what);
  }

  private queue(index: number): Progress {
    let queue = this.queues.get(index);
    if (!queue) {
      queue = { written: new Set(), unverified: false, again: false };
      this.queues.set(index, queue);
    }
    return queue;
  }
}
