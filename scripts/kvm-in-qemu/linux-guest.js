import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.js';
import { Initramfs } from './cpio.js';
import { debianKernel, kernelModules } from './debian-kernel.js';
import { staticBusybox } from './tools.js';

/** Drivers that the guest can load for the devices of tsvmm; Debian's kernel has them as modules only. */
const GUEST_MODULES = [
  'virtio_pci',
  'virtio_mmio',
  'virtio_blk',
  'virtio_net',
  'virtio_console',
  'virtio_rng',
  'virtio_balloon',
];

/**
 * The files of the Linux guest that tests boot.
 *
 * @typedef {object} LinuxGuest
 * @property {string} bzImage path
 * @property {string} vmlinux path of the same kernel as an ELF file
 * @property {string} initrd path of its initial RAM disk, whose /init is linux-guest-init.sh
 */

/**
 * Makes the Linux guest in the cache.
 *
 * @param {(line: string) => void} progress
 * @returns {Promise<LinuxGuest>}
 */
export async function linuxGuest(progress) {
  const kernel = await debianKernel(progress);
  const modules = await kernelModules(kernel, GUEST_MODULES);
  const init = await readFile(new URL('linux-guest-init.sh', import.meta.url));
  const busybox = staticBusybox();

  const dependencies = modulesDep(modules);
  const identity = createHash('sha256')
    .update(init)
    .update(dependencies)
    .update(await readFile(busybox));
  for (const { data } of modules) identity.update(data);
  const name = `linux-guest/${kernel.release}-${identity.digest('hex').slice(0, 16)}`;
  const folder = await cached(name, async unfinished => {
    const initramfs = new Initramfs();
    initramfs.characterDevice('/dev/console', 5, 1);
    initramfs.file('/init', init, 0o755);
    await initramfs.copy('/bin/busybox', busybox);
    const root = `/lib/modules/${kernel.release}`;
    for (const { name, data } of modules) initramfs.file(`${root}/${name}.ko`, data);
    initramfs.file(`${root}/modules.dep`, dependencies);
    await initramfs.write(join(unfinished, 'initrd'));
  });
  return { bzImage: kernel.bzImage, vmlinux: kernel.vmlinux, initrd: join(folder, 'initrd') };
}

/**
 * modprobe's list of dependencies: for each module all that it needs, directly or not, in the reverse of the order in
 * which to load them (modules.dep(5)).
 *
 * @param {{ name: string, dependencies: string[] }[]} modules dependencies first
 */
export function modulesDep(modules) {
  /** @type {Map<string, Set<string>>} */
  const needs = new Map();
  for (const { name, dependencies } of modules) {
    needs.set(name, new Set(dependencies.flatMap(other => [...(needs.get(other) ?? []), other])));
  }
  const fileNames = (/** @type {Set<string>} */ names) => [...names].reverse().map(name => `${name}.ko`);
  return [...needs].map(([name, all]) => `${name}.ko: ${fileNames(all).join(' ')}\n`).join('');
}
