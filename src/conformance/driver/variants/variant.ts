import type { DeviceType } from '../../../devices/virtio/device-type.js';
import type { RegisterArea } from '../../../devices/virtio/observer.js';
import type { VirtioMmio } from '../../../devices/virtio/transport/mmio.js';
import type { PciInterface, VirtioPci } from '../../../devices/virtio/transport/pci.js';
import type { Virtqueue } from '../../../devices/virtio/queue/virtqueue.js';
import type { Clock } from '../../../vmm/clock.js';
import type { AccessSize } from '../../../vmm/device.js';

/** A device that is already built, and what its variant may use. */
export interface VariantDevice {
  readonly transport: VirtioPci | VirtioMmio;
  readonly type: DeviceType;
  readonly clock: Clock;
  /** Takes the device away from under its driver: reads give all ones from then on, and nothing else happens. */
  readonly unplug: () => void;
  /** The device has behaved in the variant's way, which takes an occasion. */
  readonly acted: () => void;
}

/** Stands between a driver and a device's registers, for as long as the device is there. */
export interface RegisterFilter {
  /** What the driver reads where the device says `value`. */
  read?(area: RegisterArea, offset: number, size: AccessSize, value: number): number;
  /** The driver has written, and the device has heard of it. */
  written?(area: RegisterArea, offset: number, size: AccessSize, value: number): void;
}

/** A structure of virtio's PCI capabilities that is offered a second time: `size` bytes at `from` of BAR 4 are those at `to`. */
export interface StructureAlias {
  readonly from: number;
  readonly to: number;
  readonly size: number;
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
  /** Nobody is to drive such a device: the guest may end as it will, unless by a triple fault. */
  readonly absent?: boolean;
  /** It takes an occasion: of what it provokes a run says something only when a device has acted so. */
  readonly late?: boolean;
  /** Feature bits that the device goes without, and bits that it offers besides. */
  readonly hidden?: (type: DeviceType) => bigint;
  readonly extra?: (type: DeviceType) => bigint;
  /** Features without which it refuses to work. */
  readonly required?: bigint;
  /** Of a device on the PCI bus. */
  readonly interface?: PciInterface;
  /** MSI-X vectors at most. */
  readonly vectors?: number;
  /** The size of a queue that would have `size` entries. */
  readonly queueSize?: (size: number) => number;
  /** Before a driver has seen the device. */
  readonly prepare?: (device: VariantDevice) => void;
  /** Stands between the driver and the registers. */
  readonly registers?: (device: VariantDevice) => RegisterFilter;
  /** Of the modern interface of PCI. */
  readonly alias?: StructureAlias;
  /** A queue begins to work, and nobody watches it yet: what it does is the device's own doing. */
  readonly ring?: (queue: Virtqueue, index: number, device: VariantDevice) => void;
  /** A queue begins to work: may stand in its methods, between the device and those who watch the queue. */
  readonly queue?: (queue: Virtqueue, index: number, device: VariantDevice) => void;
}
