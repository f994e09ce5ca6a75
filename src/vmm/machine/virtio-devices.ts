import type { BlockBackend, BlockFile } from '../../block/backend.js';
import { OverlayBackend } from '../../block/overlay.js';
import { RawBackend } from '../../block/raw.js';
import { VirtioBlk } from '../../devices/virtio/blk/blk.js';
import { VirtioRng, type EntropySource } from '../../devices/virtio/rng.js';
import type { DeviceType } from '../../devices/virtio/device-type.js';
import { VirtioPci, type PciInterface } from '../../devices/virtio/transport/pci.js';
import type { Board } from './board.js';
import type { CheckedDisk } from './disk-options.js';

/** Puts a disk on the PCI bus. */
export function addDisk(board: Board, index: number, disk: CheckedDisk, file: BlockFile): BlockBackend {
  const raw = new RawBackend(file);
  const backend = disk.snapshot ? new OverlayBackend(raw) : raw;
  const { serial, queues, readOnly } = disk;
  addToBus(board, `virtio-blk${index}`, new VirtioBlk({ backend, serial, queues, readOnly }), disk.interface);
  return backend;
}

/** Puts an entropy device on the PCI bus. */
export function addRng(board: Board, source: EntropySource): void {
  addToBus(board, 'virtio-rng0', new VirtioRng(source), 'transitional');
}

function addToBus(board: Board, name: string, type: DeviceType, kind: PciInterface): void {
  const { memory, clock } = board;
  board.addPci(new VirtioPci({ name, type, memory, clock, host: board, interface: kind }));
}

/** Entropy of the host. */
export const hostEntropy: EntropySource = target => {
  crypto.getRandomValues(target);
};

/** Bytes that follow from a seed. @param next the next 32 bits */
export function seededEntropy(next: () => number): EntropySource {
  return target => {
    for (let i = 0; i < target.length; i++) target[i] = next();
  };
}
