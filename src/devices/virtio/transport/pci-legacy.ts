import type { AccessSize, BusTarget } from '../../../vmm/device.js';
import { RegisterBlock } from '../../registers.js';
import { LEGACY_PAGE } from '../queue/legacy-layout.js';
import type { VirtioPci } from './pci.js';

/** Legacy interface: the header in port space (virtio 1.3, 4.1.4.10), up to where the MSI-X registers may follow. */
const HEADER = new RegisterBlock<VirtioPci>([
  { name: 'device_features', offset: 0x00, width: 4, read: pci => pci.device.readDeviceFeatures(0, true) },
  {
    name: 'driver_features',
    offset: 0x04,
    width: 4,
    read: pci => pci.device.readDriverFeatures(0),
    write: (pci, value) => pci.device.writeDriverFeatures(0, value),
  },
  {
    name: 'queue_address',
    offset: 0x08,
    width: 4,
    read: pci => Math.floor((pci.queue?.enabled ? pci.queue.descriptors : 0) / LEGACY_PAGE),
    write: (pci, value) => pci.device.setLegacyQueue(pci.queueSelect, value * LEGACY_PAGE, LEGACY_PAGE),
  },
  { name: 'queue_size', offset: 0x0c, width: 2, read: pci => pci.queue?.size ?? 0 },
  {
    name: 'queue_select',
    offset: 0x0e,
    width: 2,
    read: pci => pci.queueSelect,
    write: (pci, value) => (pci.queueSelect = value),
  },
  { name: 'queue_notify', offset: 0x10, width: 2, write: (pci, value) => pci.device.notify(value) },
  {
    name: 'device_status',
    offset: 0x12,
    width: 1,
    read: pci => pci.device.status,
    write: (pci, value) => pci.writeStatus(value, true),
  },
  { name: 'isr_status', offset: 0x13, width: 1, read: pci => pci.readIsr() },
]);

/** What follows while MSI-X is enabled, and moves the device-specific configuration behind it. */
const MSIX = new RegisterBlock<VirtioPci>([
  {
    name: 'config_msix_vector',
    offset: 0,
    width: 2,
    read: pci => pci.configVector,
    write: (pci, value) => (pci.configVector = pci.existingVector(value)),
  },
  {
    name: 'queue_msix_vector',
    offset: 2,
    width: 2,
    read: pci => pci.queueVector,
    write: (pci, value) => (pci.queueVector = value),
  },
]);

const HEADER_SIZE = 0x14;
const MSIX_SIZE = 4;

/** Bytes that the legacy interface takes for a device with `configSize` bytes of configuration: a power of two. */
export function legacySize(configSize: number): number {
  return 2 ** Math.ceil(Math.log2(HEADER_SIZE + MSIX_SIZE + configSize));
}

/** The legacy interface of a transitional device, for its first base address register. */
export function legacyTarget(pci: VirtioPci): BusTarget {
  const header = HEADER.bind(pci);
  const msix = MSIX.bind(pci);
  const find = (offset: number): [BusTarget, number] => {
    if (offset < HEADER_SIZE) return [header, offset];
    const extra = pci.msix?.enabled ? MSIX_SIZE : 0;
    if (offset < HEADER_SIZE + extra) return [msix, offset - HEADER_SIZE];
    return [pci.device.type.config, offset - HEADER_SIZE - extra];
  };
  return {
    read: (offset: number, size: AccessSize) => {
      const [target, at] = find(offset);
      return target.read(at, size);
    },
    write: (offset: number, size: AccessSize, value: number) => {
      const [target, at] = find(offset);
      target.write(at, size, value);
    },
    registerName: (offset, direction) => {
      const [target, at] = find(offset);
      return target.registerName?.(at, direction) ?? `config+0x${at.toString(16)}`;
    },
  };
}
