import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { inflateSync } from 'node:zlib';
import { TsvmmError } from '../errors.js';
import { debugFileCandidates } from '../profile/symbols/debug-files.js';
import { readSymbolFile, type SymbolFile } from '../profile/symbols/symbol-file.js';
import { readWholeFile } from './read-file.js';

/**
 * A file of symbols that the user names.
 * @throws ConfigError when it cannot be read, ImageError when it has none
 */
export async function openSymbolFile(path: string): Promise<SymbolFile> {
  return readSymbolFile(resolve(path), await readWholeFile(path, 'symbols'), inflateSync);
}

/**
 * The symbols of a kernel, from its own file or, when that is stripped, from its separate debug file. A kernel that is no ELF file has
 * none.
 */
export async function openKernelSymbols(path: string): Promise<SymbolFile | undefined> {
  let own: SymbolFile;
  try {
    own = readSymbolFile(resolve(path), await readWholeFile(path, 'kernel'), inflateSync);
  } catch (error) {
    if (error instanceof TsvmmError) return undefined;
    throw error;
  }
  for (const candidate of debugFileCandidates(own)) {
    const bytes = await readIfThere(candidate);
    if (!bytes) continue;
    const separate = readSymbolFile(candidate, bytes, inflateSync);
    if (own.buildId === undefined || separate.buildId === own.buildId) return separate;
  }
  return own;
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  const stats = await stat(path).catch(() => undefined);
  return stats?.isFile() ? readFile(path) : undefined;
}
