import { closeSync, openSync, writeSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import { ConfigError } from '../errors.js';

/**
 * Writes a file anew, piece by piece.
 * @throws ConfigError that says why it cannot be written
 */
export function writeFileInPieces(path: string, pieces: Iterable<string | Uint8Array>): void {
  try {
    const fd = openSync(path, 'w');
    try {
      for (const piece of pieces) writeAll(fd, piece);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    const [, why] = (errno !== undefined && getSystemErrorMap().get(errno)) || [];
    if (why === undefined) throw error;
    throw new ConfigError(`cannot write ${path}: ${why}`, { path }, { cause: error });
  }
}

function writeAll(fd: number, piece: string | Uint8Array): void {
  const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
  for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written);
}
