import { expect, test } from 'vitest';
import { Chain } from '../../../../../src/devices/virtio/queue/chain.js';
import { observeQueue } from '../../../../../src/devices/virtio/queue/observe-queue.js';
import { Virtqueue, type QueueProgress } from '../../../../../src/devices/virtio/queue/virtqueue.js';
import { GuestMemory } from '../../../../../src/vmm/memory/guest-memory.js';

/** A queue that always has a buffer. */
class Endless extends Virtqueue {
  readonly used: number[] = [];

  constructor() {
    super({
      memory: GuestMemory.allocate(2 << 20),
      size: 8,
      areas: { descriptors: 0, driver: 0, device: 0 },
      features: 0n,
      onViolation: () => undefined,
    });
  }

  unpop(chain: Chain): void {
    this.forget(chain);
  }

  signal = (): boolean => false;
  disableNotifications = (): void => undefined;
  enableNotifications = (): boolean => false;
  progress = (): QueueProgress => ({ next: 0, used: 0, inFlight: 0 });
  save = () => ({ next: 0, used: 0, unsignalled: 0, broken: false });
  load = (): void => undefined;
  protected isNextAvailable = (): boolean => true;
  protected take = (): boolean => true;
  protected hold = (): void => undefined;
  protected put = (_: Chain, written: number): void => void this.used.push(written);
  protected publish = (): void => undefined;
}

test('an observer hears of each buffer that is taken, given back and put back, and of nothing in other queues', () => {
  const [queue, other] = [new Endless(), new Endless()];
  const heard: unknown[] = [];
  observeQueue(queue, {
    taken: chain => heard.push(['taken', chain]),
    given: (chain, written) => heard.push(['given', chain, written]),
    returned: chain => heard.push(['returned', chain]),
  });
  const first = queue.pop()!;
  queue.push(first, 7);
  const second = queue.pop()!;
  queue.unpop(second);
  other.push(other.pop()!, 1);
  expect(heard).toEqual([
    ['taken', first],
    ['given', first, 7],
    ['taken', second],
    ['returned', second],
  ]);
  expect([queue.used, other.used]).toEqual([[7], [1]]);
});
