import { statSync } from 'node:fs';
import type { BlockFile } from '../../../../src/block/backend.js';
import type { Qcow2Image } from '../../../../src/block/qcow2/image.js';
import { openQcow2, type ImageHost } from '../../../../src/block/qcow2/open.js';
import { HostBlockFile } from '../../../../src/host/block-file.js';
import { inflate } from '../../../../src/host/inflate.js';
import type { Operation } from '../operations.js';
import { pattern } from '../operations.js';

export const host: ImageHost = { openFile: (path, readOnly) => HostBlockFile.open(path, readOnly), inflate };

export function open(path: string, readOnly = false): Qcow2Image {
  return openQcow2(path, readOnly, true, host);
}

/** Opens an image whose own file is `file`, on the host's files. */
export function openOn(file: BlockFile, path: string, readOnly = false): Qcow2Image {
  return openQcow2(path, readOnly, true, {
    ...host,
    openFile: (name, only) => (name === path ? file : host.openFile(name, only)),
  });
}

export function readAll(image: Qcow2Image): Uint8Array {
  const bytes = new Uint8Array(image.size).fill(0xee);
  image.read(0, [bytes]);
  return bytes;
}

/** Does `operation` to an image and to plain bytes; true when both agree on what was read. */
export function apply(image: Qcow2Image, model: Uint8Array, operation: Operation): boolean {
  const { kind, seed } = operation;
  const offset = Math.min(operation.offset, model.length - 1);
  const length = Math.min(operation.length, model.length - offset);
  switch (kind) {
    case 'read': {
      const bytes = new Uint8Array(length).fill(0xee);
      const cut = Math.min(seed, length);
      image.read(offset, [bytes.subarray(0, cut), bytes.subarray(cut)]);
      return Buffer.compare(bytes, model.subarray(offset, offset + length)) === 0;
    }
    case 'write': {
      const data = pattern(length, seed);
      const cut = Math.min(seed, length);
      image.write(offset, [data.subarray(0, cut), data.subarray(cut)]);
      model.set(data, offset);
      return true;
    }
    case 'zero':
    case 'unmap':
      image.writeZeroes(offset, length, kind === 'unmap');
      model.fill(0, offset, offset + length);
      return true;
    case 'flush':
      image.flush();
      return true;
  }
}

export function sizeOf(path: string): number {
  return statSync(path).blocks * 512;
}
