import type { Clause } from '../clause.js';
import { BASIC_DEVICE } from './basic-device.js';
import { BASIC_DRIVER } from './basic-driver.js';
import { BLK_DEVICE, CONSOLE_DEVICE, ENTROPY_DEVICE, LEGACY_DEVICE, NET_DEVICE } from './devices-device.js';
import { BLK_DRIVER, CONSOLE_DRIVER, ENTROPY_DRIVER, NET_DRIVER } from './devices-driver.js';
import { PACKED_RING_DEVICE, SPLIT_RING_DEVICE } from './rings-device.js';
import { PACKED_RING_DRIVER, SPLIT_RING_DRIVER } from './rings-driver.js';
import { MMIO_DEVICE, PCI_DEVICE } from './transports-device.js';
import { MMIO_DRIVER, PCI_DRIVER } from './transports-driver.js';

/** What the virtio specification asks of drivers and devices. */
export const VIRTIO_CLAUSES: readonly Clause[] = [
  BASIC_DRIVER,
  SPLIT_RING_DRIVER,
  PACKED_RING_DRIVER,
  PCI_DRIVER,
  MMIO_DRIVER,
  NET_DRIVER,
  BLK_DRIVER,
  CONSOLE_DRIVER,
  ENTROPY_DRIVER,
  BASIC_DEVICE,
  SPLIT_RING_DEVICE,
  PACKED_RING_DEVICE,
  PCI_DEVICE,
  MMIO_DEVICE,
  NET_DEVICE,
  BLK_DEVICE,
  CONSOLE_DEVICE,
  ENTROPY_DEVICE,
  LEGACY_DEVICE,
].flat();
