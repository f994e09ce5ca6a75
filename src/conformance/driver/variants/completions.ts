import { Chain } from '../../../devices/virtio/queue/chain.js';
import type { Virtqueue } from '../../../devices/virtio/queue/virtqueue.js';
import { VirtioBlk } from '../../../devices/virtio/blk/blk.js';
import { RequestStatus } from '../../../devices/virtio/blk/requests.js';
import { Feature } from '../../../devices/virtio/features.js';
import { DeviceId } from '../../../devices/virtio/device-type.js';
import { VirtioRng } from '../../../devices/virtio/rng.js';
import type { Variant, VariantDevice } from './variant.js';

const MS = 1_000_000;
/** Buffers that are given back together at most, and how long one waits for the others. */
const BATCH = 4;
const BATCH_NS = MS;
const STALL_EVERY = 25;
const STALL_NS = 300 * MS;
const FAIL_EVERY = 5;
/** Buffers of a queue that a device serves well before it misbehaves: small guests have no more than a handful. */
const GOOD_BUFFERS = 4;
const NO_SUCH_ID = 0x7ff1;
/** Of a used ring, in bytes (2.7.8). */
const USED_INDEX = 2;
const TRICKLE_NS = 200_000;
const IMPOSSIBLE_LENGTH = 0xffff_fff0;

interface Held {
  readonly chain: Chain;
  readonly written: number;
}

/** Buffers that the driver must see at once, as those of a frame (5.1.6.4.1); mostly one. */
type Group = readonly Held[];

/**
 * Has `given` hear of what the device gives back, in place of the driver.
 * @returns what gives it to the driver
 */
function onGivenBack(queue: Virtqueue, given: (group: Group) => void): (group: Group) => void {
  const [push, startBatch, endBatch] = [
    queue.push.bind(queue),
    queue.startBatch.bind(queue),
    queue.endBatch.bind(queue),
  ];
  let batch: Held[] | undefined;
  queue.startBatch = () => {
    batch = [];
  };
  queue.push = (chain, written) => {
    if (batch) batch.push({ chain, written });
    else given([{ chain, written }]);
  };
  queue.endBatch = () => {
    const group = batch ?? [];
    batch = undefined;
    if (group.length > 0) given(group);
  };
  return group => {
    startBatch();
    for (const { chain, written } of group) push(chain, written);
    endBatch();
  };
}

/**
 * Keeps what the device gives back until a few have come or some time has passed.
 * @param order in which they are given back
 */
function holdBack(
  queue: Virtqueue,
  index: number,
  { transport, clock }: VariantDevice,
  order: (held: Group[]) => Group[],
): void {
  let held: Group[] = [];
  const timer = clock.timer(() => {
    const all = order(held);
    held = [];
    if (transport.device.queue(index) !== queue) return;
    all.forEach(give);
    transport.device.signal(index);
  });
  const give = onGivenBack(queue, group => {
    held.push(group);
    if (held.length >= BATCH) timer.arm(clock.now());
    else if (held.length === 1) timer.arm(clock.now() + BATCH_NS);
  });
}

/** What comes in by network cards and consoles: its order means something. */
function isReceived({ type }: VariantDevice, index: number): boolean {
  return (type.id === DeviceId.NET || type.id === DeviceId.CONSOLE) && index % 2 === 0;
}

/** Calls `change` with every `n`th buffer before it is given back. */
function everyNth(queue: Virtqueue, n: number, change: (chain: Chain, written: number) => number): void {
  const push = queue.push.bind(queue);
  let count = 0;
  queue.push = (chain, written) => push(chain, ++count % n === 0 ? change(chain, written) : written);
}

/** Variants of when and how buffers are given back. */
export const COMPLETIONS = {
  'out-of-order': {
    what: 'buffers are given back in batches, the last one first',
    queue: (queue, index, device) =>
      holdBack(queue, index, device, held => (isReceived(device, index) ? held : held.reverse())),
  },
  'delayed-used': {
    what: 'buffers are given back in batches, a millisecond late',
    queue: (queue, index, device) => holdBack(queue, index, device, held => held),
  },
  'trickled-used': {
    what: 'buffers are given back one at a time, those of a frame together, 200 µs apart, each time with an interrupt',
    queue: (queue, index, { transport, clock }) => {
      const held: Group[] = [];
      const timer = clock.timer(() => {
        const first = held.shift();
        if (!first || transport.device.queue(index) !== queue) return;
        give(first);
        transport.device.signal(index);
        if (held.length > 0) timer.arm(clock.now() + TRICKLE_NS);
      });
      const give = onGivenBack(queue, group => {
        held.push(group);
        if (held.length === 1) timer.arm(clock.now() + TRICKLE_NS);
      });
    },
  },
  stalls: {
    what: 'every 25th buffer takes 300 ms',
    late: true,
    queue: (queue, index, { transport, clock, acted }) => {
      let count = 0;
      const give = onGivenBack(queue, group => {
        if (++count % STALL_EVERY !== 0) {
          give(group);
          return;
        }
        acted();
        const timer = clock.timer(() => {
          if (transport.device.queue(index) !== queue) return;
          give(group);
          transport.device.signal(index);
        });
        timer.arm(clock.now() + STALL_NS);
      });
    },
  },
  'device-errors': {
    what: 'every 5th request of a disk fails',
    hopeless: true,
    late: true,
    queue: (queue, _index, { type, acted }) => {
      if (!(type instanceof VirtioBlk)) return;
      everyNth(queue, FAIL_EVERY, (chain, written) => {
        acted();
        if (chain.writableBytes > 0) chain.write8(chain.writableBytes - 1, RequestStatus.IOERR);
        return written;
      });
    },
  },
  'short-writes': {
    what: 'entropy comes in single bytes, whatever the buffer',
    late: true,
    provokes: ['5.4.6.1/length', '2.7.8.2/beyond-len'],
    queue: (queue, _index, { type, acted }) => {
      if (!(type instanceof VirtioRng)) return;
      everyNth(queue, 1, (_chain, written) => {
        acted();
        return Math.min(1, written);
      });
    },
  },
  'bad-used-id': {
    what: 'a used element names a buffer that the driver never exposed',
    hopeless: true,
    late: true,
    queue: (queue, _index, { acted }) => {
      const push = queue.push.bind(queue);
      let count = 0;
      queue.push = (chain, written) => {
        if (++count === GOOD_BUFFERS) {
          acted();
          chain.id = NO_SUCH_ID;
        }
        push(chain, written);
      };
    },
  },
  'used-twice': {
    what: 'a buffer of a split queue is given back a second time',
    hopeless: true,
    late: true,
    hidden: () => Feature.RING_PACKED | Feature.IN_ORDER,
    queue: (queue, _index, { transport, acted }) => {
      const push = queue.push.bind(queue);
      let count = 0;
      queue.push = (chain, written) => {
        const { id } = chain;
        push(chain, written);
        if (++count !== GOOD_BUFFERS) return;
        acted();
        const again = new Chain(transport.device.memory);
        again.id = id;
        push(again, written);
      };
    },
  },
  'impossible-index': {
    what: 'the index of a split queue’s used ring jumps beyond what was ever exposed',
    hopeless: true,
    late: true,
    hidden: () => Feature.RING_PACKED,
    queue: (queue, index, { transport, acted }) => {
      let good = GOOD_BUFFERS;
      const give = onGivenBack(queue, group => {
        give(group);
        if (good <= 0) return;
        good -= group.length;
        if (good > 0) return;
        acted();
        const { memory, queues } = transport.device;
        const { device, size } = queues[index];
        memory.write16(device + USED_INDEX, (memory.read16(device + USED_INDEX) + size + 1) & 0xffff);
      });
    },
  },
  'impossible-length': {
    what: 'used lengths exceed their buffers',
    hopeless: true,
    late: true,
    queue: (queue, _index, { acted }) => {
      const push = queue.push.bind(queue);
      let count = 0;
      queue.push = (chain, written) => {
        if (++count > GOOD_BUFFERS) acted();
        push(chain, count > GOOD_BUFFERS ? IMPOSSIBLE_LENGTH : written);
      };
    },
  },
} as const satisfies Readonly<Record<string, Variant>>;
