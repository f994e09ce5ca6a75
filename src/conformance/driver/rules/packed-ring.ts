import { Feature, has } from '../../../devices/virtio/features.js';
import { DescriptorFlag } from '../../../devices/virtio/queue/virtqueue.js';
import { hex } from '../../../errors.js';
import type { DriverEvents } from '../driver-events.js';
import type { ExposedChain } from '../exposed-chain.js';
import type { WatchedDevice } from '../watched-device.js';
import type { WatchedQueue } from '../watched-queue.js';
import { NO_QUEUE, readableFirst } from './split-ring.js';

/** Packed virtqueues (virtio 1.4, 2.8). */
export class PackedRingRules implements DriverEvents {
  constructor(private readonly watched: WatchedDevice) {}

  queueEnabled(index: number): void {
    const { device } = this.watched;
    if (!device.packed) return;
    const { descriptors, driver, device: events } = device.queues[index] ?? NO_QUEUE;
    this.watched.check(
      '2.8.11/alignment',
      descriptors % 16 === 0 && driver % 4 === 0 && events % 4 === 0,
      () => `the parts of queue ${index} are at ${hex(descriptors)}, ${hex(driver)} and ${hex(events)}`,
    );
  }

  exposed(queue: WatchedQueue, chain: ExposedChain): void {
    if (!queue.packed) return;
    const judge = (id: string, ok: boolean, what: () => string): void =>
      this.watched.check(id, ok, what, queue.index, () => chain.show());
    const { descriptors, faults, slots } = chain;
    const limit = this.watched.listLimit;
    judge('2.8.17/list-queue-size', !faults.has('loop'), () => 'a list goes round the whole ring');
    const endless = faults.has('loop') && limit <= queue.size;
    judge('2.8.17/list-allowed', slots <= limit && !endless, () => `a list of ${slots} descriptors or more`);
    judge('2.8.17/readable-first', readableFirst(chain), () => 'a readable element follows a writable one');
    judge('2.8.17/space-first', true, () => '');
    const tables = descriptors.filter(({ inTable, flags }) => !inTable && flags & DescriptorFlag.INDIRECT);
    if (tables.length === 0) return;
    const entries = descriptors.filter(({ inTable }) => inTable);
    const agreed = has(queue.features, Feature.INDIRECT_DESC);
    judge('2.8.19/indirect-negotiated', agreed, () => 'an indirect descriptor without the feature');
    judge(
      '2.8.19/no-indirect-in-list',
      !faults.has('indirect-and-next'),
      () => 'an indirect descriptor in a list',
    );
    judge(
      '2.8.19/indirect-flags',
      entries.every(({ flags }) => (flags & ~DescriptorFlag.WRITE) === 0),
      () => `flags in an indirect table beyond WRITE`,
    );
    judge(
      '2.8.19/indirect-length',
      entries.length <= Math.max(limit, queue.size),
      () => `an indirect table of ${entries.length} entries, in a queue of ${queue.size}`,
    );
  }

  overfull(queue: WatchedQueue, chain: ExposedChain): void {
    this.watched.check(
      '2.8.17/space-first',
      false,
      () => `a list of ${chain.slots} descriptors begins where there is no room for it`,
      queue.index,
      () => chain.show(),
    );
  }

  altered(queue: WatchedQueue, chain: ExposedChain, held: boolean): void {
    if (!queue.packed) return;
    const what = (): string =>
      `it changes descriptor ${chain.altered()?.index ?? chain.head}, which is not its own`;
    const id = held ? '2.8.16/waits-for-used' : '2.8.16/no-change-after-avail';
    this.watched.check(id, false, what, queue.index, () => chain.show());
  }

  used(queue: WatchedQueue): void {
    if (!queue.packed) return;
    this.watched.check('2.8.16/waits-for-used', true, () => '', queue.index);
    this.watched.check('2.8.16/no-change-after-avail', true, () => '', queue.index);
  }
}
