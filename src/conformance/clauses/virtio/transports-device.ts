import { hidden, observed, provoked, type Clause } from '../clause.js';
import { virtio } from './specification.js';

/** Virtio over PCI (section 4.1), for devices. */
export const PCI_DEVICE: readonly Clause[] = [
  ...virtio('4.1.2.1', 'device', [
    ['vendor', 'MUST', 'has vendor id 0x1AF4', observed],
    ['device-id', 'MUST', 'has device id 0x1040 plus its type, or the transitional one', observed],
    ['modern-id', 'SHOULD', 'non-transitional: has a device id of 0x1040 to 0x107F', observed],
    ['revision', 'SHOULD', 'non-transitional: has revision 1 or higher', observed],
    ['subsystem', 'SHOULD', 'non-transitional: has a subsystem device id of 0x40 or higher', observed],
  ]),
  ...virtio('4.1.3.2', 'device', [
    ['halves', 'MUST', 'lets both halves of a 64-bit field be accessed alone', observed],
  ]),
  ...virtio('4.1.4.2', 'device', [
    ['cap-len', 'MUST', 'counts everything of a capability in cap_len', observed],
    ['best-first', 'SHOULD', 'has the best structure of a type first', observed],
  ]),
  ...virtio('4.1.4.3.1', 'device', [
    ['common-aligned', 'MUST', 'aligns the common structure to 4 bytes', observed],
    ['common', 'MUST', 'has a common configuration capability', observed],
    ['device-feature', 'MUST', 'shows the features at 32 times device_feature_select', observed],
    [
      'driver-feature',
      'MUST',
      'shows what was written of the features at 32 times driver_feature_select',
      observed,
    ],
    [
      'generation',
      'MUST',
      'changes config_generation when a field changed that was read',
      provoked('resize'),
    ],
    ['reset', 'MUST', 'is reset by status 0, and reads 0 when that is done', observed],
    ['disabled-by-reset', 'MUST', 'has queue_enable 0 after a reset', observed],
    ['queue-reset-0', 'MUST', 'with RING_RESET, has queue_reset 0 after a reset', observed],
    ['queue-reset-enabled', 'MUST', 'with RING_RESET, has queue_reset 0 after queue_enable', observed],
    ['queue-reset', 'MUST', 'with RING_RESET, resets a queue by queue_reset 1', observed],
    [
      'queue-reset-ongoing',
      'MUST',
      'with RING_RESET, reads queue_reset 1 while that goes on',
      hidden('a reset is done before the write returns'),
    ],
    [
      'queue-reset-done',
      'MUST',
      'with RING_RESET, reads 0 of queue_reset and queue_enable when done',
      observed,
    ],
    ['no-queue', 'MUST', 'has queue_size 0 for a queue that is not there', observed],
    ['split-size', 'MUST', 'without RING_PACKED, has 0 or a power of two as queue_size', observed],
  ]),
  ...virtio('4.1.4.4.1', 'device', [
    ['notification', 'MUST', 'has a notification capability', observed],
    [
      'notification-aligned',
      'MUST',
      'aligns the notification structure to 2 bytes, 4 with NOTIFICATION_DATA',
      observed,
    ],
    ['multiplier', 'MUST', 'has a power of two, or 0, as notify_off_multiplier', observed],
    ['length', 'MUST', 'has room for the notifications of all queues', observed],
    ['each-queue', 'MUST', 'has each queue’s notification within the structure', observed],
  ]),
  ...virtio('4.1.4.5.1', 'device', [
    ['isr', 'MUST', 'has an ISR status capability', observed],
    [
      'isr-config',
      'MUST',
      'sets the configuration bit before it interrupts for a change',
      provoked('resize'),
    ],
    ['isr-queue', 'MUST', 'without MSI-X, sets the queue bit before it interrupts', observed],
    [
      'interrupt-status',
      'MUST',
      'without MSI-X, has Interrupt Status of PCI follow the ISR status',
      observed,
    ],
    ['isr-read', 'MUST', 'clears the ISR status when it is read', observed],
  ]),
  ...virtio('4.1.4.6.1', 'device', [
    ['config-aligned', 'MUST', 'aligns the configuration structure to 4 bytes', observed],
  ]),
  ...virtio('4.1.4.9.1', 'device', [
    ['window', 'MUST', 'has a PCI configuration access capability', observed],
    ['window-write', 'MUST', 'executes what is written to pci_cfg_data', observed],
    ['window-read', 'MUST', 'reads what is asked for by pci_cfg_data', observed],
  ]),
  ...virtio('4.1.5.1.2.1', 'device', [
    ['vectors', 'SHOULD', 'supports 2 to 0x800 vectors', observed],
    ['table-size', 'MUST', 'tells the number of vectors as Table Size', observed],
    ['map-any', 'MUST', 'maps any event to any vector', observed],
    ['unmap', 'MUST', 'unmaps any event', observed],
    ['map-read', 'MUST', 'reads back the vector of an event, NO_VECTOR if there is none', observed],
    ['unmapped-by-reset', 'MUST', 'has no event mapped after a reset', observed],
    ['map-works', 'SHOULD NOT', 'does not fail to map without need', observed],
    ['map-fails', 'MUST', 'reads NO_VECTOR where mapping failed', provoked('vectors beyond the table')],
  ]),
  ...virtio('4.1.5.3.1', 'device', [
    ['queue-no-vector', 'MUST NOT', 'with MSI-X, interrupts for no queue without a vector', observed],
  ]),
  ...virtio('4.1.5.4.1', 'device', [
    [
      'config-no-vector',
      'MUST NOT',
      'with MSI-X, interrupts for no change without a vector',
      provoked('resize'),
    ],
  ]),
];

/** Virtio over MMIO (section 4.2), for devices. */
export const MMIO_DEVICE: readonly Clause[] = [
  ...virtio('4.2.2.1', 'device', [
    ['magic', 'MUST', 'has 0x74726976 as MagicValue', observed],
    ['version', 'MUST', 'has 2 as Version', observed],
    ['events', 'MUST', 'shows each event in InterruptStatus until it is acknowledged', observed],
    ['no-other-events', 'MUST', 'shows nothing else there', observed],
    ['reset', 'MUST', 'clears InterruptStatus and each QueueReady by a reset', observed],
    ['generation', 'MUST', 'changes ConfigGeneration with the configuration space', provoked('resize')],
    ['not-ready', 'MUST NOT', 'touches no queue that is not ready', observed],
    ['queue-reset-0', 'MUST', 'with RING_RESET, has QueueReset 0 after a reset', observed],
    ['queue-reset-ready', 'MUST', 'with RING_RESET, has QueueReset 0 after QueueReady', observed],
    ['queue-reset', 'MUST', 'with RING_RESET, resets a queue by QueueReset 1', observed],
    [
      'queue-reset-ongoing',
      'MUST',
      'with RING_RESET, reads QueueReset 1 while that goes on',
      hidden('a reset is done before the write returns'),
    ],
    ['queue-reset-done', 'MUST', 'with RING_RESET, reads 0 of QueueReset and QueueReady when done', observed],
  ]),
];
