import type { BlockBackend, BlockFile } from '../../block/backend.js';
import { OverlayBackend } from '../../block/overlay.js';
import { RawBackend } from '../../block/raw.js';
import { VirtioBlk } from '../../devices/virtio/blk/blk.js';
import { VirtioRng, type EntropySource } from '../../devices/virtio/rng.js';
import type { Board } from './board.js';
import type { CheckedDisk } from './disk-options.js';
import { addVirtio } from './virtio-bus.js';
import type { VirtioInterface } from './virtio-interface.js';

/** Puts a disk on its bus. */
export function addDisk(board: Board, index: number, disk: CheckedDisk, file: BlockFile): BlockBackend {
  const raw = new RawBackend(file);
  const backend = disk.snapshot ? new OverlayBackend(raw) : raw;
  const { serial, queues, readOnly } = disk;
  addVirtio(
    board,
    `virtio-blk${index}`,
    new VirtioBlk({ backend, serial, queues, readOnly }),
    disk.interface,
  );
  return backend;
}

/** Puts an entropy device on its bus. */
export function addRng(board: Board, source: EntropySource, kind: VirtioInterface): void {
  addVirtio(board, 'virtio-rng0', new VirtioRng(source), kind);
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
