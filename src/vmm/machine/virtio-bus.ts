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

/**
 * Puts a virtio device of any type on the bus that its interface names.
 * @param hidden feature bits that it goes without
 */
export function addVirtio(
  board: Board,
  name: string,
  type: DeviceType,
  kind: VirtioInterface,
  hidden = 0n,
): void {
  const { memory, clock } = board;
  if (isMmio(kind)) {
    const { base, gsi } = board.takeMmioSlot();
    const version = kind === 'mmio' ? 2 : 1;
    board.add(new VirtioMmio({ name, type, memory, clock, hidden, base, irq: board.irq(gsi), version }));
  } else {
    board.addPci(new VirtioPci({ name, type, memory, clock, hidden, host: board, interface: kind }));
  }
}
