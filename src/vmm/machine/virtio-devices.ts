import type { BlockBackend } from '../../block/backend.js';
import { openImage } from '../../block/open-image.js';
import type { ImageHost } from '../../block/qcow2/open.js';
import { Throttle } from '../../block/throttle.js';
import { VirtioBlk } from '../../devices/virtio/blk/blk.js';
import { VirtioNet } from '../../devices/virtio/net/net.js';
import { VirtioRng, type EntropySource } from '../../devices/virtio/rng.js';
import { Bell } from '../../net/bell.js';
import { Cable } from '../../net/cable.js';
import type { Board } from './board.js';
import type { CheckedDisk } from './disk-options.js';
import type { CardSetup } from './networks.js';
import { addVirtio } from './virtio-bus.js';
import type { VirtioInterface } from './virtio-interface.js';

/** Puts a disk on its bus. */
export function addDisk(board: Board, index: number, disk: CheckedDisk, host: ImageHost): BlockBackend {
  const { serial, queues, queueSize, readOnly, throttling } = disk;
  const backend = openImage({ ...disk, giveBack: disk.discard === 'unmap' }, host);
  const blk = new VirtioBlk({
    backend,
    serial,
    queues,
    queueSize,
    readOnly,
    blockSize: disk.logicalBlockSize,
    physicalBlockSize: disk.physicalBlockSize,
    writethrough: disk.cache === 'writethrough',
    ...(Object.keys(throttling).length > 0 && { gate: new Throttle(throttling, board.clock) }),
  });
  addVirtio(board, `virtio-blk${index}`, blk, disk);
  return backend;
}

/** Puts an entropy device on its bus. */
export function addRng(board: Board, source: EntropySource, kind: VirtioInterface): void {
  addVirtio(board, 'virtio-rng0', new VirtioRng(source), { interface: kind });
}

/** Puts a network card on its bus. @param again has its `poll` called soon */
export function addCard(board: Board, index: number, setup: CardSetup, again: () => void): VirtioNet {
  const bell = new Bell(setup.bell);
  const card = new VirtioNet({
    cable: new Cable(setup.cable),
    kick: () => bell.ring(),
    again,
    mac: setup.mac,
    mtu: setup.mtu,
    queuePairs: setup.queues,
  });
  addVirtio(board, `virtio-net${index}`, card, setup);
  return card;
}
