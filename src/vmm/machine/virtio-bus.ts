import type { DeviceType } from '../../devices/virtio/device-type.js';
import type { VirtioDevice } from '../../devices/virtio/device.js';
import { VirtioMmio } from '../../devices/virtio/transport/mmio.js';
import { VirtioPci } from '../../devices/virtio/transport/pci.js';
import type { Device } from '../device.js';
import type { Board } from './board.js';
import { isMmio, type VirtioInterface } from './virtio-interface.js';

/** What is inside a virtio device's transport; `undefined` for other devices. */
export function virtioInside(device: Device): VirtioDevice | undefined {
  return device instanceof VirtioPci || device instanceof VirtioMmio ? device.device : undefined;
}

/** How the guest is to reach a virtio device. */
export interface VirtioPlace {
  readonly interface: VirtioInterface;
  /** Of MSI-X. */
  readonly vectors?: number | undefined;
  /** Feature bits that it goes without. */
  readonly hidden?: bigint;
}

/** Puts a virtio device of any type on the bus that its interface names. */
export function addVirtio(
  board: Board,
  name: string,
  type: DeviceType,
  { interface: kind, vectors, hidden = 0n }: VirtioPlace,
): void {
  const { memory, clock, watch } = board;
  const observer = watch?.observer(name);
  const options = { name, type, memory, clock, hidden, observer, ...observer?.shape(type, hidden) };
  if (isMmio(kind)) {
    const { base, gsi } = board.takeMmioSlot();
    const device = new VirtioMmio({
      ...options,
      base,
      irq: board.irq(gsi),
      version: kind === 'mmio' ? 2 : 1,
    });
    observer?.attach(device);
    board.add(device);
  } else {
    const device = new VirtioPci({ interface: kind, vectors, ...options, host: board });
    observer?.attach(device);
    board.addPci(device);
  }
}
