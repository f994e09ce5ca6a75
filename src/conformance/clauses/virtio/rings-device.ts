import { hidden, observed, provoked, type Clause } from '../clause.js';
import { virtio } from './specification.js';

/** Split virtqueues (section 2.7), for devices. */
export const SPLIT_RING_DEVICE: readonly Clause[] = [
  ...virtio('2.7.4.1', 'device', [
    ['any-framing', 'MUST NOT', 'assumes nothing about how a buffer is cut into descriptors', observed],
  ]),
  ...virtio('2.7.5.1', 'device', [
    ['readable-unwritten', 'MUST NOT', 'writes to no device-readable buffer', observed],
    [
      'writable-unread',
      'SHOULD NOT',
      'reads no device-writable buffer',
      hidden('reading leaves no trace in memory'),
    ],
    ['table-unwritten', 'MUST NOT', 'writes to no descriptor', observed],
  ]),
  ...virtio('2.7.5.3.2', 'device', [
    [
      'indirect-write-flag',
      'MUST',
      'ignores WRITE of a descriptor that refers to an indirect table',
      observed,
    ],
    ['chain-then-indirect', 'MUST', 'handles chained descriptors followed by an indirect one', observed],
  ]),
  ...virtio('2.7.7.2', 'device', [
    ['ignores-used-event', 'MUST', 'without EVENT_IDX, ignores used_event', observed],
    ['no-interrupt-flag', 'SHOULD NOT', 'without EVENT_IDX, does not interrupt while flags is 1', observed],
    ['interrupt-flag', 'MUST', 'without EVENT_IDX, interrupts while flags is 0', observed],
    ['ignores-flags', 'MUST', 'with EVENT_IDX, ignores the available ring’s flags', observed],
    ['interrupt-event', 'MUST', 'with EVENT_IDX, interrupts when the used index passes used_event', observed],
    ['no-interrupt-event', 'SHOULD NOT', 'with EVENT_IDX, does not interrupt otherwise', observed],
  ]),
  ...virtio('2.7.8.1', 'device', [
    [
      'len-first',
      'MUST',
      'sets len before it moves the used index',
      hidden('a guest that looks between the two would have to be lucky'),
    ],
    ['len-written', 'MUST', 'has written at least len bytes from the start of the writable part', observed],
  ]),
  ...virtio('2.7.10.2', 'device', [
    ['flags-0-or-1', 'MUST', 'without EVENT_IDX, sets the used ring’s flags to 0 or 1', observed],
    ['flags-0', 'MUST', 'with EVENT_IDX, sets the used ring’s flags to 0', observed],
    ['spurious', 'MUST', 'handles spurious notifications', provoked('notifications of empty queues')],
  ]),
];

/** Packed virtqueues (section 2.8), for devices. */
export const PACKED_RING_DEVICE: readonly Clause[] = [
  ...virtio('2.8.12', 'device', [
    ['starts-in-order', 'MUST', 'begins with descriptors in the order of the ring', observed],
    ['writes-in-order', 'MUST', 'writes used descriptors in the order of completion', observed],
  ]),
  ...virtio('2.8.15', 'device', [
    ['readable-unwritten', 'MUST NOT', 'writes to no device-readable buffer', observed],
    [
      'writable-unread',
      'SHOULD NOT',
      'reads no device-writable buffer',
      hidden('reading leaves no trace in memory'),
    ],
    ['waits-for-avail', 'MUST NOT', 'uses no descriptor before its AVAIL bit has changed', observed],
    ['no-change-after-used', 'MUST NOT', 'changes no descriptor that it has marked used', observed],
  ]),
  ...virtio('2.8.18', 'device', [
    ['list-order', 'MUST', 'uses the descriptors of a list in their order', observed],
  ]),
];
