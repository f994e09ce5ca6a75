import { ConfigError } from '../errors.js';
import type { BlockBackend, BlockFile } from './backend.js';
import { OverlayBackend } from './overlay.js';
import { Qcow2Backend } from './qcow2/backend.js';
import { MAGIC } from './qcow2/header.js';
import { openQcow2, type ImageHost } from './qcow2/open.js';
import { RawBackend } from './raw.js';

export const IMAGE_FORMATS = ['raw', 'qcow2'] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

export interface ImageOptions {
  readonly file: string;
  /** Raw when it is not said, and does not look like something else. */
  readonly format: ImageFormat | undefined;
  readonly readOnly: boolean;
  /** What is written stays in memory. */
  readonly snapshot: boolean;
  /** What is discarded goes back to the host. */
  readonly giveBack: boolean;
}

/** @throws ConfigError that says why it cannot be used */
export function openImage(options: ImageOptions, host: ImageHost): BlockBackend {
  const { file: path, format, readOnly, snapshot, giveBack } = options;
  const protect = readOnly || snapshot;
  let backend: BlockBackend;
  if (format === 'qcow2') {
    backend = new Qcow2Backend(openQcow2(path, protect, giveBack, host));
  } else {
    const file = host.openFile(path, protect);
    if (format === undefined && looksLikeQcow2(file)) {
      file.close();
      throw new ConfigError(
        `disk ${path}: it looks like a qcow2 image: say format=qcow2, or format=raw for a guest that is to see its bytes`,
        { path },
      );
    }
    backend = new RawBackend(file, giveBack);
  }
  return snapshot ? new OverlayBackend(backend) : backend;
}

/** Only ever a reason to ask: a guest could have written this to a raw disk. */
function looksLikeQcow2(file: BlockFile): boolean {
  const start = new Uint8Array(4);
  return file.read([start], 0) === 4 && new DataView(start.buffer).getUint32(0) === MAGIC;
}
