import { Feature, has } from '../../../devices/virtio/features.js';
import type { Virtqueue } from '../../../devices/virtio/queue/virtqueue.js';
import { Status } from '../../../devices/virtio/status.js';
import type { Timer } from '../../../vmm/clock.js';
import type { Variant, VariantDevice } from './variant.js';

const MS = 1_000_000;
const SPURIOUS_NS = 2 * MS;
/** Interrupts that nobody needs, of one device. */
const MAX_SPURIOUS = 500;
const NO_NOTIFY = 1;
const ODD_EVENT = 0x7abc;
/** Of avail_event against the next buffer that the device expects. */
const SHIFTS = [0, -1, 1, -2, 3, 0x7fff, -0x8000, 255] as const;
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

/** Queues of one device whose interrupts are still to come. */
interface Coalescer {
  readonly queues: Set<number>;
  readonly timer: Timer;
}

const coalescers = new WeakMap<VariantDevice['transport'], Coalescer>();

function coalescerOf({ transport, clock }: VariantDevice): Coalescer {
  const known = coalescers.get(transport);
  if (known) return known;
  const queues = new Set<number>();
  const timer = clock.timer(() => {
    for (const index of queues) if (transport.device.queue(index)) transport.queueInterrupt(index);
    queues.clear();
  });
  const coalescer = { queues, timer };
  coalescers.set(transport, coalescer);
  return coalescer;
}

/** Variants of when the driver is interrupted, and of when it is to notify. */
export const INTERRUPTS = {
  'spurious-interrupts': {
    what: 'interrupts for queues in which nothing was used, every two milliseconds',
    provokes: ['2.7.7.1/spurious'],
    late: true,
    prepare: ({ transport, clock, acted }) => {
      let left = MAX_SPURIOUS;
      const timer = clock.timer(() => {
        if (transport.device.status & Status.DRIVER_OK) {
          transport.device.queues.forEach(({ enabled }, index) => {
            if (!enabled) return;
            acted();
            transport.queueInterrupt(index);
          });
          left--;
        }
        if (left > 0) timer.arm(clock.now() + SPURIOUS_NS);
      });
      timer.arm(SPURIOUS_NS);
    },
  },
  'coalesced-interrupts': {
    what: 'one interrupt for all that was used in two milliseconds, in whichever queues',
    provokes: ['4.2.3.4.1/all-queues'],
    queue: (queue, index, device) => {
      const later = coalescerOf(device);
      const signal = queue.signal.bind(queue);
      queue.signal = () => {
        if (signal()) {
          later.queues.add(index);
          if (later.queues.size === 1) later.timer.arm(device.clock.now() + COALESCED_NS);
        }
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
  'shifting-event-index': {
    what: 'with VIRTIO_F_EVENT_IDX, avail_event is behind the driver, ahead of it or far away, and the device looks by itself',
    hidden: () => Feature.RING_PACKED,
    ring: (queue, index, { transport, clock }) => {
      const { device } = transport;
      if (!has(device.features, Feature.EVENT_IDX)) return;
      const { device: used, size } = device.queues[index];
      let turn = 0;
      afterEnabling(queue, () => {
        const { next } = queue.progress();
        device.memory.write16(used + 4 + 8 * size, (next + SHIFTS[turn++ % SHIFTS.length]) & 0xffff);
      });
      const timer = clock.timer(() => {
        if (device.queue(index) !== queue) return;
        if (queue.available()) device.type.notify(index);
        timer.arm(clock.now() + MS);
      });
      timer.arm(clock.now() + MS);
    },
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
