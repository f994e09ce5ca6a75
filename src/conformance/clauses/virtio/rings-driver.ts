import { hidden, observed, provoked, type Clause } from '../clause.js';
import { virtio } from './specification.js';

const BARRIER = 'barriers leave no trace on a coherent machine';

/** Split virtqueues (section 2.7), for drivers. */
export const SPLIT_RING_DRIVER: readonly Clause[] = [
  ...virtio('2.7.1', 'driver', [
    ['alignment', 'MUST', 'aligns descriptor table, available and used ring to 16, 2 and 4 bytes', observed],
  ]),
  ...virtio('2.7.4.2', 'driver', [
    [
      'readable-first',
      'MUST',
      'places device-writable descriptors behind all device-readable ones of a chain',
      observed,
    ],
    [
      'few-descriptors',
      'SHOULD NOT',
      'does not describe a buffer by an excessive number of descriptors',
      observed,
    ],
  ]),
  ...virtio('2.7.5.2', 'driver', [
    [
      'no-loops',
      'MUST NOT',
      'adds no chain that is longer than 2^32 bytes, hence none with a loop',
      observed,
    ],
    [
      'in-order-next',
      'MUST',
      'with VIRTIO_F_IN_ORDER, chains each descriptor to the one behind it in the table',
      observed,
    ],
  ]),
  ...virtio('2.7.5.3.1', 'driver', [
    ['indirect-negotiated', 'MUST NOT', 'sets INDIRECT only with VIRTIO_F_INDIRECT_DESC', observed],
    ['no-nesting', 'MUST NOT', 'sets no INDIRECT within an indirect table', observed],
    ['chain-length', 'MUST NOT', 'makes no chain longer than the queue size', observed],
    ['indirect-or-next', 'MUST NOT', 'does not set INDIRECT and NEXT of one descriptor', observed],
    ['in-order-indirect', 'MUST', 'with VIRTIO_F_IN_ORDER, lists indirect descriptors in sequence', observed],
  ]),
  ...virtio('2.7.6.1', 'driver', [
    ['idx-forward', 'MUST NOT', 'never takes the available index back', observed],
  ]),
  ...virtio('2.7.7.1', 'driver', [
    ['flags-0-or-1', 'MUST', 'without EVENT_IDX, sets the available ring’s flags to 0 or 1', observed],
    ['flags-0', 'MUST', 'with EVENT_IDX, sets the available ring’s flags to 0', observed],
    ['spurious', 'MUST', 'handles spurious notifications of the device', provoked('spurious-interrupts')],
  ]),
  ...virtio('2.7.8.2', 'driver', [
    [
      'beyond-len',
      'MUST NOT',
      'assumes nothing about device-writable bytes beyond the used length',
      provoked('short-writes'),
    ],
  ]),
  ...virtio('2.7.10.1', 'driver', [
    ['used-flags-init', 'MUST', 'initializes the used ring’s flags to 0', observed],
    ['ignores-avail-event', 'MUST', 'without EVENT_IDX, ignores avail_event', provoked('odd-event-index')],
    ['no-notify-flag', 'SHOULD NOT', 'without EVENT_IDX, sends no notification while flags is 1', observed],
    ['notify-flag', 'MUST', 'without EVENT_IDX, sends a notification while flags is 0', observed],
    ['ignores-flags', 'MUST', 'with EVENT_IDX, ignores the used ring’s flags', provoked('odd-used-flags')],
    ['notify-event', 'MUST', 'with EVENT_IDX, notifies when the index passes avail_event', observed],
    ['no-notify-event', 'SHOULD NOT', 'with EVENT_IDX, does not notify otherwise', observed],
  ]),
  ...virtio('2.7.13.3.1', 'driver', [
    ['barrier-idx', 'MUST', 'has a barrier before it updates the available index', hidden(BARRIER)],
  ]),
  ...virtio('2.7.13.4.1', 'driver', [
    ['barrier-notify', 'MUST', 'has a barrier before it reads flags or avail_event', hidden(BARRIER)],
  ]),
];

/** Packed virtqueues (section 2.8), for drivers. */
export const PACKED_RING_DRIVER: readonly Clause[] = [
  ...virtio('2.8.11', 'driver', [
    ['alignment', 'MUST', 'aligns the ring to 16 bytes and both event structures to 4', observed],
  ]),
  ...virtio('2.8.16', 'driver', [
    ['waits-for-used', 'MUST NOT', 'changes a descriptor only after the device has marked it used', observed],
    ['no-change-after-avail', 'MUST NOT', 'changes no descriptor that it has made available', observed],
    [
      'next-offset',
      'MUST',
      'notifies with the offset and wrap counter of the next descriptor to be made available',
      observed,
    ],
  ]),
  ...virtio('2.8.17', 'driver', [
    ['list-allowed', 'MUST NOT', 'makes no list longer than the device allows', observed],
    ['list-queue-size', 'MUST NOT', 'makes no list longer than the queue size', observed],
    [
      'readable-first',
      'MUST',
      'places device-writable elements behind all device-readable ones of a list',
      observed,
    ],
    [
      'one-used-descriptor',
      'MUST NOT',
      'does not depend on more used descriptors than the one that a list gets',
      provoked('packed-ring-only'),
    ],
    [
      'space-first',
      'MUST',
      'has space for a whole list before it makes its first descriptor available',
      observed,
    ],
    [
      'first-last',
      'MUST NOT',
      'makes the first descriptor of a list available after all others',
      hidden('the device sees the ring only when it looks: a short wrong order may pass unseen'),
    ],
  ]),
  ...virtio('2.8.19', 'driver', [
    ['indirect-negotiated', 'MUST NOT', 'sets INDIRECT only with VIRTIO_F_INDIRECT_DESC', observed],
    ['indirect-flags', 'MUST NOT', 'sets no flag but WRITE within an indirect table', observed],
    ['indirect-length', 'MUST NOT', 'makes no indirect table longer than the device allows', observed],
    ['no-indirect-in-list', 'MUST NOT', 'has no INDIRECT descriptor in a list chained by NEXT', observed],
  ]),
  ...virtio('2.8.21.1.1', 'driver', [
    ['barrier-flags', 'MUST', 'has a barrier before it updates flags', hidden(BARRIER)],
  ]),
  ...virtio('2.8.21.3.1', 'driver', [
    [
      'barrier-event',
      'MUST',
      'has a barrier before it reads the device’s event suppression',
      hidden(BARRIER),
    ],
  ]),
];
