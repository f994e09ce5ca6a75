import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { REPOSITORY } from './repository.js';
import { removeTemporary, temporaryFolder } from './temporary.js';

/** @returns {string} the cache folder: `TSVMM_CACHE`, or `.cache` in the repository */
export function cacheFolder() {
  return resolve(process.env.TSVMM_CACHE || join(REPOSITORY, '.cache'));
}

/**
 * A folder in the cache that exists either completely or not at all: it is built beside its place and renamed, so an
 * interrupted download or extraction leaves nothing that a later run could take for good.
 *
 * @param {string} name its path in the cache; must change whenever its contents should
 * @param {(folder: string) => Promise<void>} build fills the folder when the cache does not have it
 * @returns {Promise<string>} its path
 */
export async function cached(name, build) {
  const path = join(cacheFolder(), name);
  if (existsSync(path)) return path;
  const unfinished = await temporaryFolder(`${path}.unfinished-`);
  try {
    await build(unfinished);
    await rename(unfinished, path).catch(error => {
      // Another run built the same entry meanwhile; rename(2) does not replace a folder that has files.
      if (!existsSync(path)) throw error;
    });
  } finally {
    await removeTemporary(unfinished);
  }
  return path;
}
