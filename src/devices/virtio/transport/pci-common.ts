import { RegisterBlock } from '../../registers.js';
import type { QueueAreas } from '../queue/virtqueue.js';
import type { VirtioPci } from './pci.js';

/** Common configuration structure (virtio 1.3, 4.1.4.3). 64-bit fields are two registers, as drivers access them. */
export const COMMON_CONFIGURATION = new RegisterBlock<VirtioPci>(
  [
    {
      name: 'device_feature_select',
      offset: 0x00,
      width: 4,
      read: pci => pci.deviceFeatureSelect,
      write: (pci, value) => (pci.deviceFeatureSelect = value),
    },
    {
      name: 'device_feature',
      offset: 0x04,
      width: 4,
      read: pci => pci.device.readDeviceFeatures(pci.deviceFeatureSelect),
    },
    {
      name: 'driver_feature_select',
      offset: 0x08,
      width: 4,
      read: pci => pci.driverFeatureSelect,
      write: (pci, value) => (pci.driverFeatureSelect = value),
    },
    {
      name: 'driver_feature',
      offset: 0x0c,
      width: 4,
      read: pci => pci.device.readDriverFeatures(pci.driverFeatureSelect),
      write: (pci, value) => pci.device.writeDriverFeatures(pci.driverFeatureSelect, value),
    },
    {
      name: 'config_msix_vector',
      offset: 0x10,
      width: 2,
      read: pci => pci.configVector,
      write: (pci, value) => (pci.configVector = pci.existingVector(value)),
    },
    { name: 'num_queues', offset: 0x12, width: 2, read: pci => pci.device.queues.length },
    {
      name: 'device_status',
      offset: 0x14,
      width: 1,
      read: pci => pci.device.status,
      write: (pci, value) => pci.writeStatus(value),
    },
    { name: 'config_generation', offset: 0x15, width: 1, read: pci => pci.device.generation & 0xff },
    {
      name: 'queue_select',
      offset: 0x16,
      width: 2,
      read: pci => pci.queueSelect,
      write: (pci, value) => (pci.queueSelect = value),
    },
    {
      name: 'queue_size',
      offset: 0x18,
      width: 2,
      // 0: the queue does not exist.
      read: pci => pci.queue?.size ?? 0,
      write: (pci, value) => pci.device.setUpQueue(pci.queueSelect, queue => (queue.size = value)),
    },
    {
      name: 'queue_msix_vector',
      offset: 0x1a,
      width: 2,
      read: pci => pci.queueVector,
      write: (pci, value) => (pci.queueVector = value),
    },
    {
      name: 'queue_enable',
      offset: 0x1c,
      width: 2,
      read: pci => (pci.queue?.enabled ? 1 : 0),
      write: (pci, value) => {
        // A driver must not write 0 (4.1.4.3.2): it has no meaning.
        if (value === 1) pci.device.enableQueue(pci.queueSelect);
      },
    },
    { name: 'queue_notify_off', offset: 0x1e, width: 2, read: pci => pci.queueSelect },
    ...area('queue_desc', 0x20, 'descriptors'),
    ...area('queue_driver', 0x28, 'driver'),
    ...area('queue_device', 0x30, 'device'),
    { name: 'queue_notif_config_data', offset: 0x38, width: 2, read: pci => pci.queueSelect },
    {
      name: 'queue_reset',
      offset: 0x3a,
      width: 2,
      // A reset is complete when the write returns.
      read: () => 0,
      write: (pci, value) => {
        if (value === 1) pci.device.resetQueue(pci.queueSelect);
      },
    },
  ],
  0,
);

function area(name: string, offset: number, part: keyof QueueAreas) {
  return [
    {
      name: `${name}_lo`,
      offset,
      width: 4 as const,
      read: (pci: VirtioPci) => (pci.queue?.[part] ?? 0) % 2 ** 32,
      write: (pci: VirtioPci, value: number) =>
        pci.device.writeQueueAddress(pci.queueSelect, part, 'low', value),
    },
    {
      name: `${name}_hi`,
      offset: offset + 4,
      width: 4 as const,
      read: (pci: VirtioPci) => Math.floor((pci.queue?.[part] ?? 0) / 2 ** 32),
      write: (pci: VirtioPci, value: number) =>
        pci.device.writeQueueAddress(pci.queueSelect, part, 'high', value),
    },
  ];
}
