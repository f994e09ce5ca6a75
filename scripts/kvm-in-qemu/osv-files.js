import { Files, FILES } from '../osv/files.js';
import { HarnessError } from './errors.js';

/** @import { FileKey } from '../osv/files.js' */

/**
 * OSv's kernels and disks for the tests of its devices, as far as the folder that TSVMM_OSV_FILES names has them.
 *
 * @param {(line: string) => void} progress
 * @returns {string[]} paths
 * @throws {HarnessError} when there is no such folder
 */
export function osvFiles(progress) {
  const folder = process.env.TSVMM_OSV_FILES;
  if (!folder) {
    progress('tests with OSv on disks and networks are skipped: set TSVMM_OSV_FILES (docs/booting-osv.md)');
    return [];
  }
  try {
    const files = new Files(folder);
    const keys = /** @type {FileKey[]} */ (Object.keys(FILES));
    return keys.filter(key => files.missing([key]).length === 0).map(key => files.path(key));
  } catch (error) {
    if (error instanceof HarnessError) throw new HarnessError(`TSVMM_OSV_FILES: ${error.message}`);
    throw error;
  }
}
