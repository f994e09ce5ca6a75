import type { DeviceType } from '../../../devices/virtio/device-type.js';
import type { VirtioMmio } from '../../../devices/virtio/transport/mmio.js';
import type { VirtioPci } from '../../../devices/virtio/transport/pci.js';
import type { Virtqueue } from '../../../devices/virtio/queue/virtqueue.js';
import type { Clock } from '../../../vmm/clock.js';

/** A device that is already built, and what its variant may use. */
export interface VariantDevice {
  readonly transport: VirtioPci | VirtioMmio;
  readonly type: DeviceType;
  readonly clock: Clock;
}

/**
 * A way in which devices behave that the specification allows, or in which a broken or malicious one may: what drivers are
 * provoked by.
 */
export interface Variant {
  /** In one line. */
  readonly what: string;
  /** Clauses that are kept when the run ends well, by their ids without `virtio/`. */
  readonly provokes?: readonly string[];
  /** The device does not do its work: the guest has but to live on, not to reach its aim. */
  readonly hopeless?: boolean;
  /** Feature bits that the device goes without, and bits that it offers besides. */
  readonly hidden?: (type: DeviceType) => bigint;
  readonly extra?: (type: DeviceType) => bigint;
  /** Features without which it refuses to work. */
  readonly required?: bigint;
  /** Of a device on the PCI bus. */
  readonly interface?: 'modern' | 'legacy';
  /** MSI-X vectors at most. */
  readonly vectors?: number;
  /** The size of a queue that would have `size` entries. */
  readonly queueSize?: (size: number) => number;
  /** Before a driver has seen the device. */
  readonly prepare?: (device: VariantDevice) => void;
  /** A queue begins to work: may stand in its methods. */
  readonly queue?: (queue: Virtqueue, index: number, device: VariantDevice) => void;
}
