import type { Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { ConfigError } from '../errors.js';

/** Files that a guest gets are read whole; Node reads no larger ones into one buffer. */
const MAX_FILE = 2 ** 31 - 1;

/**
 * The bytes of a regular file. FIFOs and devices are refused: they may have no end, and opening one may wait for ever.
 * @param what what the file is to the user: `kernel`, `initrd`, …
 * @throws ConfigError that says why it cannot be read
 */
export async function readWholeFile(path: string, what: string): Promise<Uint8Array> {
  const refuse = (why: string, cause?: unknown): ConfigError =>
    new ConfigError(`cannot read ${what} ${path}: ${why}`, { path, what }, { cause });
  try {
    const stats = await stat(path);
    if (!stats.isFile()) throw refuse(`it is ${kindOf(stats)}, not a regular file`);
    if (stats.size > MAX_FILE) {
      throw refuse(`it has ${(stats.size / 2 ** 30).toFixed(1)} GiB, and files above 2 GiB are not loaded`);
    }
    return await readFile(path);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw refuse(whyUnreadable(error), error);
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}

function whyUnreadable(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
      return 'there is no such file';
    case 'ENOTDIR':
      return 'a part of its path is not a directory';
    case 'EACCES':
      return 'no permission';
    case 'ENAMETOOLONG':
      return 'its name is too long';
    case 'ELOOP':
      return 'too many symbolic links, or one that leads to itself';
    default:
      return code ?? String(error);
  }
}
