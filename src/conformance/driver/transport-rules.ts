import type { RegisterArea } from '../../devices/virtio/observer.js';
import type { AccessSize } from '../../vmm/device.js';

/** Registers that the driver's transport has: they become events of drivers, and rules of the transport look at each access. */
export interface TransportRules {
  /** The driver has read. */
  read(area: RegisterArea, offset: number, size: AccessSize, value: number): void;
  /** The driver writes; the device has not heard of it yet. */
  beforeWrite(area: RegisterArea, offset: number, size: AccessSize, value: number): void;
  written(area: RegisterArea, offset: number, size: AccessSize, value: number): void;
  configuration(direction: 'read' | 'write', offset: number, size: AccessSize, value: number): void;
}
