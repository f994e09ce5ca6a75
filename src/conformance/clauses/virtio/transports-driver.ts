import { hidden, observed, provoked, type Clause } from '../clause.js';
import { virtio } from './specification.js';

/** Virtio over PCI (section 4.1), for drivers. */
export const PCI_DRIVER: readonly Clause[] = [
  ...virtio('4.1.2.1', 'driver', [
    [
      'match-modern',
      'MUST',
      'matches vendor 0x1AF4 with device ids 0x1040 plus the device type',
      provoked('modern-only'),
    ],
    ['match-transitional', 'MUST', 'matches the transitional device ids', provoked('transitional')],
    ['any-revision', 'MUST', 'matches any revision id', provoked('odd-revision')],
  ]),
  ...virtio('4.1.3.1', 'driver', [
    [
      'field-width',
      'MUST',
      'accesses fields by their own width, aligned, 64-bit ones in two halves',
      observed,
    ],
  ]),
  ...virtio('4.1.4.1', 'driver', [
    ['reserved-type', 'MUST', 'ignores capabilities with a reserved cfg_type', provoked('odd-capabilities')],
    [
      'first-instance',
      'SHOULD',
      'uses the first structure of each type it can use',
      provoked('odd-capabilities'),
    ],
    ['long-capability', 'MUST', 'accepts a cap_len larger than it knows', provoked('long-capabilities')],
    ['reserved-bar', 'MUST', 'ignores capabilities with a reserved BAR', provoked('reserved-bars')],
    [
      'map-enough',
      'SHOULD',
      'maps no more of a structure than it needs',
      hidden('a mapping that is not accessed is not seen'),
    ],
    ['long-structure', 'MUST', 'handles a structure that is longer than it knows', provoked('modern-only')],
    ['capability-read-only', 'MUST NOT', 'writes no field of a capability but of PCI_CFG', observed],
  ]),
  ...virtio('4.1.4.3.2', 'driver', [
    [
      'read-only-fields',
      'MUST NOT',
      'does not write device_feature, num_queues, config_generation or queue_notify_off',
      observed,
    ],
    ['packed-size', 'MUST NOT', 'with a packed ring, does not write queue_size 0', observed],
    ['split-size', 'MUST NOT', 'with a split ring, writes powers of two alone as queue_size', observed],
    ['enable-last', 'MUST', 'sets up a queue before it enables it', observed],
    ['waits-for-reset', 'MUST', 'after status 0, waits until status reads 0 before it goes on', observed],
    ['no-disable', 'MUST NOT', 'does not write 0 to queue_enable', observed],
    [
      'waits-for-queue-reset',
      'MUST NOT',
      'takes a queue reset for done only when queue_reset reads 0',
      provoked('slow-resets'),
    ],
  ]),
  ...virtio('4.1.4.5.2', 'driver', [
    ['no-isr-with-msix', 'SHOULD NOT', 'does not read the ISR status for queues with MSI-X on', observed],
  ]),
  ...virtio('4.1.4.8.2', 'driver', [
    [
      'vendor-data',
      'SHOULD NOT',
      'uses vendor data for debugging alone',
      hidden('what it has read them for does not leave the guest'),
    ],
    ['vendor-id', 'MUST', 'checks vendor_id before it uses vendor data', provoked('odd-capabilities')],
  ]),
  ...virtio('4.1.4.9.2', 'driver', [
    ['window-aligned', 'MUST NOT', 'writes to PCI_CFG only aligned offsets', observed],
    ['window-in-structure', 'MUST NOT', 'reaches by PCI_CFG nothing outside the structures', observed],
  ]),
  ...virtio('4.1.5.1.2.2', 'driver', [
    ['any-table-size', 'MUST', 'works with any MSI-X table size', provoked('few-vectors')],
    ['vector-in-table', 'MUST NOT', 'maps no event to a vector outside the MSI-X table', observed],
    ['verifies-vector', 'MUST', 'reads a vector back after it wrote it', observed],
  ]),
  ...virtio('4.1.5.2.1', 'driver', [
    ['notify-16', 'MUST', 'without NOTIFICATION_DATA, notifies by 16 bits', observed],
    ['notify-32', 'MUST', 'with NOTIFICATION_DATA, notifies by 32 bits', observed],
    ['notify-index', 'MUST', 'without NOTIFICATION_DATA, notifies with the queue’s index', observed],
    ['notify-data-index', 'MUST', 'with NOTIFICATION_DATA, has the queue’s index in the low half', observed],
  ]),
  ...virtio('4.1.5.4.2', 'driver', [
    [
      'shared-interrupt',
      'MUST',
      'handles one interrupt for configuration changes and used buffers',
      provoked('no-msix'),
    ],
  ]),
];

/** Virtio over MMIO (section 4.2), for drivers. */
export const MMIO_DRIVER: readonly Clause[] = [
  ...virtio('4.2.2.2', 'driver', [
    ['known-offsets', 'MUST NOT', 'accesses no offset that the register table does not have', observed],
    ['read-only', 'MUST NOT', 'writes no read-only register', observed],
    ['write-only', 'MUST NOT', 'reads no write-only register', observed],
    ['control-width', 'MUST', 'accesses control registers by 32 bits, aligned', observed],
    ['config-width', 'MUST', 'accesses configuration fields by their own width, aligned', observed],
    ['magic', 'MUST', 'leaves a device with another MagicValue alone', provoked('wrong-magic')],
    ['version', 'MUST', 'leaves a device with another Version than 2 alone', provoked('wrong-version')],
    ['device-0', 'MUST', 'leaves a device with DeviceID 0 alone, without an error', provoked('placeholders')],
    ['select-device', 'MUST', 'writes DeviceFeaturesSel before it reads DeviceFeatures', observed],
    ['select-driver', 'MUST', 'writes DriverFeaturesSel before it writes DriverFeatures', observed],
    ['queue-size', 'MUST', 'writes a QueueSize of QueueSizeMax at most', observed],
    ['ready-untouched', 'MUST NOT', 'changes size and addresses of no queue that is ready', observed],
    ['not-ready-read-back', 'MUST', 'reads QueueReady back after it wrote 0', observed],
    ['undefined-bits', 'MUST', 'ignores undefined bits of InterruptStatus', provoked('odd-interrupt-status')],
    ['acknowledges', 'MUST', 'acknowledges what it handled, and no undefined bit', observed],
    [
      'waits-for-queue-reset',
      'MUST NOT',
      'takes a queue reset for done only when QueueReset reads 0',
      provoked('slow-resets'),
    ],
  ]),
  ...virtio('4.2.3.1.1', 'driver', [
    ['magic-first', 'MUST', 'begins by reading and checking MagicValue and Version', observed],
    ['device-id-next', 'MUST', 'reads DeviceID next, and nothing more if it is 0', observed],
    ['no-shared-memory', 'MUST NOT', 'does not use the shared memory registers without need', observed],
  ]),
  ...virtio('4.2.3.4.1', 'driver', [
    ['reads-status', 'MUST', 'reads InterruptStatus after an interrupt', observed],
    [
      'all-queues',
      'SHOULD',
      'takes the used-buffer bit as meant for each queue',
      provoked('coalesced-interrupts'),
    ],
    ['acknowledges-after', 'MUST', 'acknowledges an interrupt after it was handled', observed],
  ]),
];
