import { Status } from '../../../devices/virtio/status.js';
import type { Variant } from './variant.js';

const MS = 1_000_000;
const SPURIOUS_NS = 2 * MS;
/** Interrupts that nobody needs, of one device. */
const MAX_SPURIOUS = 500;
const COALESCED_NS = 2 * MS;

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
  'polling-device': {
    what: 'the device looks at its queues by itself, and asks for no notifications',
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
