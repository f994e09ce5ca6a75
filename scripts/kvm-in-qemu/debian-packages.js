import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.js';
import { HarnessError } from './errors.js';
import { run } from './process.js';

/** Where file systems are mounted. */
const MOUNT_POINTS = ['dev', 'proc', 'sys', 'tmp'];
/** Folders of the root that are links to those of /usr, so that a file has one path whatever its package says. */
const MERGED = ['bin', 'sbin', 'lib', 'lib64'];

/**
 * A file tree with Debian packages and everything that they depend on, as on a machine with nothing else: in the cache,
 * or unpacked from packages of the archive (apt checks signatures and hashes). No maintainer script runs.
 *
 * @param {string[]} names
 * @param {(line: string) => void} progress
 * @returns {Promise<{ folder: string, identity: string }>} the tree, and a name for just these versions of the packages
 * @throws {HarnessError} when apt does not know or does not get one of them
 */
export async function packageTree(names, progress) {
  const packages = await packagesWithDependencies(names);
  const identity = createHash('sha256').update(packages.join('\n')).digest('hex').slice(0, 16);
  const folder = await cached(`packages/${identity}`, async unfinished => {
    progress(`downloading ${names.join(', ')}: ${packages.length} packages with what they depend on`);
    const archives = join(unfinished, 'archives');
    await mkdir(archives);
    await run('apt-get', ['download', '-q', ...packages], { cwd: archives }).catch(error => {
      // The archive drops a version when the next one comes.
      throw new HarnessError(`${error.message}\nIf apt's package lists are old, run apt-get update.`);
    });
    progress('unpacking them');
    const tree = join(unfinished, 'tree');
    for (const name of MERGED) {
      await mkdir(join(tree, 'usr', name), { recursive: true });
      await symlink(`usr/${name}`, join(tree, name));
    }
    for (const name of MOUNT_POINTS) await mkdir(join(tree, name));
    for (const archive of await readdir(archives)) {
      const files = await run('dpkg-deb', ['--fsys-tarfile', join(archives, archive)]);
      await run('tar', ['-x', '--keep-directory-symlink', '--no-same-owner', '-C', tree], { input: files });
    }
    await rm(archives, { recursive: true });
  });
  return { folder: join(folder, 'tree'), identity };
}

/**
 * @param {string[]} names
 * @returns {Promise<string[]>} `name=version` of each package that apt would install where there is none yet, sorted
 */
async function packagesWithDependencies(names) {
  const options = ['-o', 'APT::Install-Recommends=false', '-o', 'Dir::State::status=/dev/null'];
  const plan = await run('apt-get', ['install', '--simulate', ...options, ...names], {
    env: { ...process.env, LC_ALL: 'C' },
  });
  return parseInstallations(plan.toString());
}

/**
 * @param {string} plan what `apt-get install --simulate` prints: `Inst name (version archive [architecture])` a package
 * @returns {string[]} `name=version`, sorted
 */
export function parseInstallations(plan) {
  return [...plan.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+) /gm)]
    .map(([, name, version]) => `${name}=${version}`)
    .sort();
}
