import type { Stats } from 'node:fs';
import { lstat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { ConfigError } from '../errors.js';
import { systemErrorText } from './system-error.js';

/**
 * Listens on a unix socket at `path`. One on which nobody listens any longer, which a killed process leaves behind, is
 * replaced. Closing the server removes it.
 * @throws ConfigError when the path is taken or cannot be used
 */
export async function listenOnUnixSocket(server: Server, path: string): Promise<void> {
  await removeStaleSocket(path);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('listening', resolve);
      server.once('error', reject);
      server.listen(path);
    });
  } catch (cause) {
    throw new ConfigError(`cannot listen on ${path}: ${systemErrorText(cause)}`, { path }, { cause });
  }
}

/**
 * Removes a socket on which nobody listens any longer: a process that was killed leaves one behind.
 * @throws ConfigError when the path belongs to somebody or to something else
 */
async function removeStaleSocket(path: string): Promise<void> {
  const stats = await statsOf(path);
  if (!stats) return;
  if (!stats.isSocket()) {
    throw new ConfigError(`cannot listen on ${path}: it exists and is not a socket; choose another path`, {
      path,
    });
  }
  if (await isServed(path)) {
    throw new ConfigError(`cannot listen on ${path}: another process listens there; choose another path`, {
      path,
    });
  }
  await unlink(path);
}

async function statsOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ConfigError(`cannot listen on ${path}: ${systemErrorText(cause)}`, { path }, { cause });
  }
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ECONNREFUSED') resolve(false);
      else
        reject(new ConfigError(`cannot listen on ${path}: ${systemErrorText(cause)}`, { path }, { cause }));
    });
  });
}
