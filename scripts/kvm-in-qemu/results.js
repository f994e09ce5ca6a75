import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HarnessError } from './errors.js';
import { run } from './process.js';

/**
 * Unpacks what the machine has handed over.
 *
 * @param {string} archive a tar file
 * @param {string} folder where to unpack it; made if need be
 * @returns {Promise<number>} the exit status of the command
 * @throws {HarnessError} when the archive is not complete
 */
export async function unpackResults(archive, folder) {
  await mkdir(folder, { recursive: true });
  await run('tar', ['-xf', archive, '-C', folder, '--no-same-owner']);
  // Its last member: see init.sh.
  const file = join(folder, 'status');
  if (!existsSync(file))
    throw new HarnessError('the machine ended before it had handed all its results over');
  const status = Number.parseInt(await readFile(file, 'utf8'), 10);
  if (!Number.isInteger(status)) throw new HarnessError('the machine handed over no exit status');
  return status;
}
