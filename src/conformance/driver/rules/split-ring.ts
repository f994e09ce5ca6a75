import { Feature, has } from '../../../devices/virtio/features.js';
import { DESCRIPTOR_SIZE, DescriptorFlag } from '../../../devices/virtio/queue/virtqueue.js';
import { hex } from '../../../errors.js';
import type { DriverEvents } from '../driver-events.js';
import type { ExposedChain, ExposedDescriptor } from '../exposed-chain.js';
import type { WatchedDevice } from '../watched-device.js';
import type { WatchedQueue } from '../watched-queue.js';

/** Longer chains have an excessive number of descriptors when these describe less than they take themselves. */
const MANY_DESCRIPTORS = 16;
const MAX_CHAIN_BYTES = 2 ** 32;
const NO_INTERRUPT = 1;
/** What the driver selected and does not exist. */
export const NO_QUEUE = { descriptors: 0, driver: 0, device: 0 };

/** Split virtqueues (virtio 1.4, 2.7). */
export class SplitRingRules implements DriverEvents {
  constructor(private readonly watched: WatchedDevice) {}

  queueEnabled(index: number): void {
    const { device } = this.watched;
    if (device.packed) return;
    const { descriptors, driver, device: used } = device.queues[index] ?? NO_QUEUE;
    this.watched.check(
      '2.7.1/alignment',
      descriptors % 16 === 0 && driver % 2 === 0 && used % 4 === 0,
      () => `the parts of queue ${index} are at ${hex(descriptors)}, ${hex(driver)} and ${hex(used)}`,
    );
  }

  queueOpened(queue: WatchedQueue): void {
    if (queue.packed) return;
    const flags = queue.usedFlags;
    this.check('2.7.10.1/used-flags-init', flags === 0, () => `flags of the used ring are ${flags}`, queue);
    this.checkFlags(queue);
  }

  wentBack(queue: WatchedQueue, before: number, now: number): void {
    if (queue.packed) return;
    this.check(
      '2.7.6.1/idx-forward',
      false,
      () => `the available index goes from ${before} to ${now}`,
      queue,
    );
  }

  notified(index: number): void {
    const queue = this.watched.queues[index];
    if (queue && !queue.packed) this.checkFlags(queue);
  }

  exposed(queue: WatchedQueue, chain: ExposedChain): void {
    if (queue.packed) return;
    const { faults, descriptors } = chain;
    const bytes = (): ReturnType<ExposedChain['show']> => chain.show();
    const judge = (id: string, ok: boolean, what: () => string): void =>
      this.check(id, ok, what, queue, bytes);
    judge('2.7.6.1/idx-forward', true, () => '');
    judge(
      '2.7.4.2/readable-first',
      readableFirst(chain),
      () => 'a readable descriptor follows a writable one',
    );
    const total = chain.readableBytes + chain.writableBytes;
    judge(
      '2.7.4.2/few-descriptors',
      descriptors.length < MANY_DESCRIPTORS || total >= descriptors.length * DESCRIPTOR_SIZE,
      () => `${descriptors.length} descriptors for ${total} bytes`,
    );
    judge('2.7.5.2/no-loops', !faults.has('loop') && total <= MAX_CHAIN_BYTES, () =>
      faults.has('loop') ? 'a chain is a loop' : `a chain of ${total} bytes`,
    );
    this.judgeIndirect(queue, chain, judge);
    if (!faults.has('loop')) {
      const { length } = chain.elements;
      judge(
        '2.7.5.3.1/chain-length',
        length <= queue.size,
        () => `${length} descriptors, in a queue of ${queue.size}`,
      );
    }
    if (has(queue.features, Feature.IN_ORDER)) this.judgeOrder(queue, chain, judge);
  }

  altered(queue: WatchedQueue, chain: ExposedChain): void {
    this.watched.check(
      '3.3.1/exposed-unaltered',
      false,
      () => `it changes descriptor ${chain.altered()?.index ?? chain.head}, which the device holds`,
      queue.index,
      () => chain.show(),
    );
  }

  used(queue: WatchedQueue): void {
    this.watched.check('3.3.1/exposed-unaltered', true, () => '', queue.index);
  }

  private judgeIndirect(queue: WatchedQueue, { descriptors, faults }: ExposedChain, judge: Judging): void {
    const indirect = descriptors.some(({ flags, inTable }) => !inTable && flags & DescriptorFlag.INDIRECT);
    if (!indirect) return;
    const agreed = has(queue.features, Feature.INDIRECT_DESC);
    judge('2.7.5.3.1/indirect-negotiated', agreed, () => 'an indirect descriptor without the feature');
    judge('2.7.5.3.1/no-nesting', !faults.has('nested'), () => 'an indirect descriptor in an indirect table');
    judge(
      '2.7.5.3.1/indirect-or-next',
      !faults.has('indirect-and-next'),
      () => 'a descriptor with both INDIRECT and NEXT',
    );
  }

  private judgeOrder(queue: WatchedQueue, { descriptors }: ExposedChain, judge: Judging): void {
    const wrong = (descriptor: ExposedDescriptor): boolean => {
      const { flags, index, next, inTable } = descriptor;
      if (!(flags & DescriptorFlag.NEXT)) return false;
      return next !== (inTable ? index + 1 : (index + 1) % queue.size);
    };
    const direct = descriptors.filter(({ inTable }) => !inTable);
    const listed = descriptors.filter(({ inTable }) => inTable);
    judge(
      '2.7.5.2/in-order-next',
      !direct.some(wrong),
      () => 'a descriptor does not lead to the one behind it',
    );
    if (listed.length === 0) return;
    judge('2.7.5.3.1/in-order-indirect', !listed.some(wrong), () => 'an indirect table is not in sequence');
  }

  private checkFlags(queue: WatchedQueue): void {
    const flags = queue.availableFlags;
    const what = (): string => `flags of the available ring are ${hex(flags)}`;
    if (queue.eventIndex) this.check('2.7.7.1/flags-0', flags === 0, what, queue);
    else this.check('2.7.7.1/flags-0-or-1', (flags & ~NO_INTERRUPT) === 0, what, queue);
  }

  private check(
    id: string,
    ok: boolean,
    what: () => string,
    queue: WatchedQueue,
    bytes?: () => ReturnType<ExposedChain['show']>,
  ): void {
    this.watched.check(id, ok, what, queue.index, bytes);
  }
}

type Judging = (id: string, ok: boolean, what: () => string) => void;

/** No device-readable element follows a device-writable one. */
export function readableFirst(chain: ExposedChain): boolean {
  const { elements } = chain;
  return !elements.some(
    ({ flags }, i) =>
      i > 0 && !(flags & DescriptorFlag.WRITE) && elements[i - 1].flags & DescriptorFlag.WRITE,
  );
}
