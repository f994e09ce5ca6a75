import type { AccessSize, BusTarget } from '../../vmm/device.js';
import type { Violation } from './device.js';
import type { QueueOptions, Virtqueue } from './queue/virtqueue.js';

/** The blocks of registers by which drivers reach a device. */
export type RegisterArea = 'pci-modern' | 'pci-legacy' | 'msix' | 'mmio';

/** Hears all that a driver does with one virtio device. A device without one pays nothing for it. */
export interface VirtioObserver {
  /** What is to stand between the bus and a block of registers. */
  registers(area: RegisterArea, target: BusTarget): BusTarget;
  /** The driver has accessed the function's configuration space. */
  configuration(direction: 'read' | 'write', offset: number, size: AccessSize, value: number): void;
  /** A queue begins to work. */
  queue(index: number, queue: Virtqueue, options: QueueOptions): void;
  /** The configuration space has changed: the driver is told, if it has got so far. */
  configChanged(): void;
  /** The driver broke a rule without which the device cannot go on. */
  violated(violation: Violation): void;
}
