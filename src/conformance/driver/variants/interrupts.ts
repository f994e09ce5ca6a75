import { Feature, has } from '../../../devices/virtio/features.js';
import type { Virtqueue } from '../../../devices/virtio/queue/virtqueue.js';
import { Status } from '../../../devices/virtio/status.js';
import type { Variant } from './variant.js';

const MS = 1_000_000;
const SPURIOUS_NS = 2 * MS;
/** Interrupts that nobody needs, of one device. */
const MAX_SPURIOUS = 500;
const NO_NOTIFY = 1;
const ODD_EVENT = 0x7abc;
const COALESCED_NS = 2 * MS;

/** Calls `action` whenever the device has asked for notifications. */
function afterEnabling(queue: Virtqueue, action: () => void): void {
  const enable = queue.enableNotifications.bind(queue);
  queue.enableNotifications = () => {
    const more = enable();
    action();
    return more;
  };
}

/** Variants of when the driver is interrupted, and of when it is to notify. */
export const INTERRUPTS = {
  'spurious-interrupts': {
    what: 'interrupts for queues in which nothing was used, every two milliseconds',
    provokes: ['2.7.7.1/spurious'],
    prepare: ({ transport, clock }) => {
      let left = MAX_SPURIOUS;
      const timer = clock.timer(() => {
        if (transport.device.status & Status.DRIVER_OK) {
          transport.device.queues.forEach(({ enabled }, index) => {
            if (enabled) transport.queueInterrupt(index);
          });
          left--;
        }
        if (left > 0) timer.arm(clock.now() + SPURIOUS_NS);
      });
      timer.arm(SPURIOUS_NS);
    },
  },
  'coalesced-interrupts': {
    what: 'one interrupt for all that was used in two milliseconds',
    queue: (queue, index, { transport, clock }) => {
      const signal = queue.signal.bind(queue);
      const timer = clock.timer(() => {
        if (transport.device.queue(index) === queue) transport.queueInterrupt(index);
      });
      queue.signal = () => {
        if (signal()) timer.arm(clock.now() + COALESCED_NS);
        return false;
      };
    },
  },
  'odd-event-index': {
    what: 'without VIRTIO_F_EVENT_IDX, avail_event has numbers that mean nothing',
    provokes: ['2.7.10.1/ignores-avail-event'],
    hidden: () => Feature.EVENT_IDX | Feature.RING_PACKED,
    queue: (queue, index, { transport }) =>
      afterEnabling(queue, () => {
        const { memory, queues } = transport.device;
        const { device, size } = queues[index];
        memory.write16(device + 4 + 8 * size, ODD_EVENT);
      }),
  },
  'odd-used-flags': {
    what: 'with VIRTIO_F_EVENT_IDX, flags of the used ring say that no notification is wanted',
    provokes: ['2.7.10.1/ignores-flags'],
    hidden: () => Feature.RING_PACKED,
    queue: (queue, index, { transport }) => {
      if (!has(transport.device.features, Feature.EVENT_IDX)) return;
      afterEnabling(queue, () =>
        transport.device.memory.write16(transport.device.queues[index].device, NO_NOTIFY),
      );
    },
  },
  'polling-device': {
    what: 'the device looks at its queues by itself, split ones, and asks for no notifications',
    hidden: () => Feature.RING_PACKED,
    queue: (queue, index, { transport, clock }) => {
      queue.enableNotifications = () => queue.available();
      queue.disableNotifications();
      const timer = clock.timer(() => {
        if (transport.device.queue(index) !== queue) return;
        if (queue.available()) transport.device.type.notify(index);
        timer.arm(clock.now() + MS);
      });
      timer.arm(clock.now() + MS);
    },
  },
} as const satisfies Readonly<Record<string, Variant>>;
