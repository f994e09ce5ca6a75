import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** @type {Set<string>} */
const folders = new Set();

// Also when a signal ends the process: these folders are large.
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/**
 * Makes a folder that is gone when this process is.
 *
 * @param {string} prefix its path, to which some letters are added
 * @returns {Promise<string>} its path
 */
export async function temporaryFolder(prefix) {
  await mkdir(dirname(prefix), { recursive: true });
  const folder = await mkdtemp(prefix);
  folders.add(folder);
  return folder;
}

/**
 * Removes a temporary folder now.
 *
 * @param {string} folder
 */
export async function removeTemporary(folder) {
  await rm(folder, { recursive: true, force: true });
  folders.delete(folder);
}

/**
 * Leaves a temporary folder in place for good.
 *
 * @param {string} folder
 */
export function keepTemporary(folder) {
  folders.delete(folder);
}
