import type { BlockBackend, BlockFile } from '../../block/backend.js';
import { OverlayBackend } from '../../block/overlay.js';
import { RawBackend } from '../../block/raw.js';
import { VirtioBlk } from '../../devices/virtio/blk/blk.js';
import { VirtioRng, type EntropySource } from '../../devices/virtio/rng.js';
import { VirtioPci } from '../../devices/virtio/transport/pci.js';
import type { Board } from './board.js';
import type { CheckedDisk } from './disk-options.js';

/** Puts a disk on the PCI bus. */
export function addDisk(board: Board, index: number, disk: CheckedDisk, file: BlockFile): BlockBackend {
  const raw = new RawBackend(file);
  const backend = disk.snapshot ? new OverlayBackend(raw) : raw;
  const { serial, queues, readOnly } = disk;
  board.addPci(
    new VirtioPci({
      name: `virtio-blk${index}`,
      type: new VirtioBlk({ backend, serial, queues, readOnly }),
      memory: board.memory,
      clock: board.clock,
      host: board,
      interface: disk.interface,
    }),
  );
  return backend;
}

/** Puts an entropy device on the PCI bus. */
export function addRng(board: Board, source: EntropySource): void {
  board.addPci(
    new VirtioPci({
      name: 'virtio-rng0',
      type: new VirtioRng(source),
      memory: board.memory,
      clock: board.clock,
      host: board,
    }),
  );
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
