import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.js';
import { Initramfs } from './cpio.js';
import { debianKernel, kernelModules } from './debian-kernel.js';
import { packageTree } from './debian-packages.js';
import { modulesDep } from './linux-guest.js';
import { REPOSITORY } from './repository.js';

const INIT = join(REPOSITORY, 'scripts/kvm-in-qemu/linux-guest-init.sh');

/**
 * What a Linux guest has.
 *
 * @typedef {object} PackageGuest
 * @property {string} name of its folder in the cache
 * @property {string[]} packages of Debian, with busybox-static among them
 * @property {RegExp} unread what of them is left out, by its path
 * @property {string[]} modules of the kernel
 * @property {string} scripts folder of what is to be in /tests
 */

/**
 * Makes a Linux guest in the cache: Debian's cloud kernel, and an initial RAM disk with packages and scripts.
 *
 * @param {PackageGuest} guest
 * @param {(line: string) => void} progress
 * @returns {Promise<{ bzImage: string, initrd: string }>} paths
 */
export async function packageGuest({ name, packages, unread, modules: names, scripts }, progress) {
  const kernel = await debianKernel(progress);
  const modules = await kernelModules(kernel, names);
  const { folder: tree, identity } = await packageTree(packages, progress);
  const init = await readFile(INIT);
  const hash = createHash('sha256').update(init).update(String(unread));
  const files = (await readdir(scripts)).sort();
  const programs = await Promise.all(files.map(file => readFile(join(scripts, file))));
  for (const program of programs) hash.update(program);
  for (const { data } of modules) hash.update(data);
  const folder = await cached(
    `${name}/${kernel.release}-${identity}-${hash.digest('hex').slice(0, 16)}`,
    async unfinished => {
      const initramfs = new Initramfs();
      initramfs.characterDevice('/dev/console', 5, 1);
      await initramfs.copyTree('/', tree, path => !unread.test(path));
      initramfs.file('/init', init, 0o755);
      files.forEach((file, i) => initramfs.file(`/tests/${file}`, programs[i], 0o755));
      const root = `/usr/lib/modules/${kernel.release}`;
      for (const { name: module, data } of modules) initramfs.file(`${root}/${module}.ko`, data);
      initramfs.file(`${root}/modules.dep`, modulesDep(modules));
      progress(`writing the initial RAM disk of ${name}`);
      await initramfs.write(join(unfinished, 'initrd'));
    },
  );
  return { bzImage: kernel.bzImage, initrd: join(folder, 'initrd') };
}
