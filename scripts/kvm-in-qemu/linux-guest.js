import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.js';
import { Initramfs } from './cpio.js';
import { debianKernel, kernelModules } from './debian-kernel.js';
import { packageTree } from './debian-packages.js';
import { REPOSITORY } from './repository.js';
import { staticBusybox } from './tools.js';

/** What the guests run: see the scripts there. */
const PROGRAMS = join(REPOSITORY, 'test/guests/linux-programs');

/** Drivers for the virtio devices of tsvmm; Debian's kernel has them as modules only. */
export const VIRTIO_MODULES = [
  'virtio_pci',
  'virtio_mmio',
  'virtio_blk',
  'virtio_net',
  'virtio_console',
  'virtio_rng',
];

/** What the guest can load. */
const GUEST_MODULES = [
  ...VIRTIO_MODULES,
  'virtio_balloon',
  // The power button, and what programs read it from.
  'button',
  'evdev',
];

/** Those that the guest finds in /tests. */
const GUEST_PROGRAMS = ['shell.sh', 'power-button.sh', 'consoles.sh'];

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
  const init = await readInit();
  const programs = await Promise.all(GUEST_PROGRAMS.map(name => readFile(join(PROGRAMS, name))));
  const busybox = staticBusybox();

  const dependencies = modulesDep(modules);
  const identity = createHash('sha256')
    .update(init)
    .update(dependencies)
    .update(await readFile(busybox));
  for (const program of programs) identity.update(program);
  for (const { data } of modules) identity.update(data);
  const name = `linux-guest/${kernel.release}-${identity.digest('hex').slice(0, 16)}`;
  const folder = await cached(name, async unfinished => {
    const initramfs = new Initramfs();
    initramfs.characterDevice('/dev/console', 5, 1);
    initramfs.file('/init', init, 0o755);
    GUEST_PROGRAMS.forEach((name, i) => initramfs.file(`/tests/${name}`, programs[i], 0o755));
    await initramfs.copy('/bin/busybox', busybox);
    const root = `/lib/modules/${kernel.release}`;
    for (const { name, data } of modules) initramfs.file(`${root}/${name}.ko`, data);
    initramfs.file(`${root}/modules.dep`, dependencies);
    await initramfs.write(join(unfinished, 'initrd'));
  });
  return { bzImage: kernel.bzImage, vmlinux: kernel.vmlinux, initrd: join(folder, 'initrd') };
}

/**
 * A second initial RAM disk for Linux guests, with programs out of Debian's packages and the scripts that run them.
 *
 * @typedef {object} LinuxPrograms
 * @property {string} initrd path; its /init is the same
 * @property {string} tree path of a folder with the same packages, to run the same programs on the host
 */

/** A C compiler, OpenSSL and CPython with its tests. */
const PACKAGES = [
  'busybox-static',
  'gcc',
  'libc6-dev',
  'libpython3.11-testsuite',
  'openssl',
  'python3.11',
  'tcc',
];
/** What none of them reads: documentation, and what GCC has for other kinds of programs. */
const UNREAD =
  /^usr\/(?:share\/(?:doc|info|lintian|locale|man)$|lib\/.*\/(?:lib(?:[alt]|ub)san|libgprofng|lto1$|.*\.a$(?<!libc\.a|libgcc\.a|libgcc_eh\.a|libm\.a|libtcc1\.a|_nonshared\.a)))/;

/**
 * Makes it in the cache.
 *
 * @param {(line: string) => void} progress
 * @returns {Promise<LinuxPrograms>}
 */
export async function linuxPrograms(progress) {
  const { folder: tree, identity } = await packageTree(PACKAGES, progress);
  const init = await readInit();
  const scripts = await readdir(PROGRAMS);
  const hash = createHash('sha256').update(init).update(String(UNREAD));
  for (const name of scripts) hash.update(await readFile(join(PROGRAMS, name)));
  const name = `linux-programs/${identity}-${hash.digest('hex').slice(0, 16)}`;
  const folder = await cached(name, async unfinished => {
    const initramfs = new Initramfs();
    initramfs.characterDevice('/dev/console', 5, 1);
    await initramfs.copyTree('/', tree, path => !UNREAD.test(path));
    initramfs.file('/init', init, 0o755);
    await initramfs.copyTree('/tests', PROGRAMS);
    progress('writing the initial RAM disk with programs');
    await initramfs.write(join(unfinished, 'initrd'));
  });
  return { initrd: join(folder, 'initrd'), tree };
}

/** @returns {Promise<Buffer>} the script that is /init */
function readInit() {
  return readFile(new URL('linux-guest-init.sh', import.meta.url));
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
