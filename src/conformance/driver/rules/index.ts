import { VirtioBlk } from '../../../devices/virtio/blk/blk.js';
import { VirtioConsole } from '../../../devices/virtio/console/console.js';
import { VirtioNet } from '../../../devices/virtio/net/net.js';
import { VirtioRng } from '../../../devices/virtio/rng.js';
import type { VirtioMmio } from '../../../devices/virtio/transport/mmio.js';
import { VirtioPci } from '../../../devices/virtio/transport/pci.js';
import type { DriverEvents } from '../driver-events.js';
import type { TransportRules } from '../transport-rules.js';
import type { WatchedDevice } from '../watched-device.js';
import { BlkRules } from './blk.js';
import { BufferRules } from './buffers.js';
import { ConfigSpaceRules } from './config-space.js';
import { ConsoleRules } from './console.js';
import { FeatureRules } from './features.js';
import { MmioRules } from './mmio.js';
import { NetRules } from './net.js';
import { NotificationRules } from './notifications.js';
import { PackedRingRules } from './packed-ring.js';
import { PciRules } from './pci.js';
import { QueueSetupRules } from './queue-setup.js';
import { RngRules } from './rng.js';
import { SplitRingRules } from './split-ring.js';
import { StatusRules } from './status.js';

/** The rules of the transport by which a device is reached. */
export function transportRules(
  watched: WatchedDevice,
  transport: VirtioPci | VirtioMmio,
): TransportRules & DriverEvents {
  return transport instanceof VirtioPci
    ? new PciRules(watched, transport)
    : new MmioRules(watched, transport);
}

/** The rules for what a driver does with a device, whatever the transport. */
export function deviceRules(watched: WatchedDevice): readonly DriverEvents[] {
  return [
    new StatusRules(watched),
    new FeatureRules(watched),
    new ConfigSpaceRules(watched),
    new QueueSetupRules(watched),
    new BufferRules(watched),
    new SplitRingRules(watched),
    new PackedRingRules(watched),
    new NotificationRules(watched),
    ...typeRules(watched),
  ];
}

function typeRules(watched: WatchedDevice): DriverEvents[] {
  const { type } = watched.device;
  if (type instanceof VirtioBlk) return [new BlkRules(watched, type)];
  if (type instanceof VirtioNet) return [new NetRules(watched, type)];
  if (type instanceof VirtioConsole) return [new ConsoleRules(watched)];
  return type instanceof VirtioRng ? [new RngRules(watched)] : [];
}
