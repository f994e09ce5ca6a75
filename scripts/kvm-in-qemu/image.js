import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Initramfs } from './cpio.js';
import { debianKernel, kernelModules } from './debian-kernel.js';
import { HarnessError } from './errors.js';
import { linuxGuest } from './linux-guest.js';
import { packageClosure } from './node-modules.js';
import { osvFiles } from './osv-files.js';
import { run } from './process.js';
import { REPOSITORY } from './repository.js';
import { findTool, requireTool, staticBusybox } from './tools.js';

/** Where the project lies in the machine. */
const PROJECT = '/tsvmm';
/** Programs by which tests make disk images and check them; without one, they skip what needs it. */
const IMAGE_TOOLS = ['mkfs.ext4', 'e2fsck', 'debugfs', 'qemu-img'];
const OSV_FOLDER = '/guests/osv';
const KVM_MODULES = ['kvm_amd', 'tun'];
/** Parts of the project that are needed to run it and its tests. Those that do not exist are left out. */
const PROJECT_PARTS = [
  'package.json',
  'tsconfig.json',
  'dist',
  // Tests of guests look into some of it.
  'src',
  'guests/build',
  'test',
  // What boots OSv and Linux with disks, networks and servers.
  'scripts/cases',
  'scripts/fuzz-guest-machine.js',
  'scripts/kvm-in-qemu',
  'scripts/linux-disk',
  'scripts/linux-net',
  'scripts/osv',
  'scripts/test-disk-crash.js',
  'scripts/test-linux-net.js',
  'scripts/test-osv.js',
];
/** What packages carry that nothing reads while they run. */
const DEAD_WEIGHT = /\.(?:d\.[cm]?ts|map|md)$/;

/**
 * What to run, and with what.
 *
 * @typedef {object} Job
 * @property {string} command a shell script, run in the project's folder
 * @property {Record<string, string>} environment variables for it
 * @property {[path: string, source: string][]} extra further files, by their paths in the machine and here
 * @property {string[]} programs further programs of this host, with their libraries
 */

/**
 * Writes the first root file system of the machine that runs KVM.
 *
 * @param {string} path where to write it
 * @param {Job} job
 * @param {(line: string) => void} progress
 * @returns {Promise<{ kernel: string, size: number }>} the kernel to boot it with, and its size in bytes
 */
export async function buildImage(path, job, progress) {
  const kernel = await debianKernel(progress);
  const initramfs = new Initramfs();
  initramfs.characterDevice('/dev/console', 5, 1);
  initramfs.file('/init', await readFile(new URL('init.sh', import.meta.url)), 0o755);
  await initramfs.copy('/bin/busybox', staticBusybox());

  const modules = await kernelModules(kernel, KVM_MODULES);
  for (const { name, data } of modules) initramfs.file(`/lib/modules/${name}.ko`, data);
  initramfs.file('/etc/tsvmm/modules', modules.map(({ name }) => `${name}\n`).join(''));

  await initramfs.copy('/usr/local/bin/node', process.execPath);
  const addOns = await addProject(initramfs);
  const programs = job.programs.map(name => requireTool(name, `the package with ${name}`));
  const tools = [...IMAGE_TOOLS.map(findTool).filter(path => path !== undefined), ...programs];
  for (const path of tools) await initramfs.copy(`/usr/local/bin/${basename(path)}`, path);
  await addLibraries(initramfs, [process.execPath, ...addOns, ...tools]);
  const guests = await addGuests(initramfs, progress);
  for (const [to, from] of job.extra) await initramfs.copyTree(to, await realpath(from));

  const environment = Object.entries({ ...guests, ...job.environment });
  initramfs.file(
    '/etc/tsvmm/environment',
    environment.map(([name, value]) => `export ${name}=${shellQuote(value)}\n`).join(''),
  );
  initramfs.file('/etc/tsvmm/command', `${job.command}\n`);
  // memcaslap asks for its user's home, and dies where there is no such user.
  initramfs.file('/etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n');
  // netcat says where it listens by name, and something else where it finds none.
  initramfs.file('/etc/hosts', '127.0.0.1 localhost\n::1 localhost\n');
  return { kernel: kernel.bzImage, size: await initramfs.write(path) };
}

/**
 * Copies the shared libraries that programs and Node.js add-ons load, at the paths where the loader expects them.
 *
 * @param {Initramfs} initramfs
 * @param {string[]} binaries dynamically linked files
 */
async function addLibraries(initramfs, binaries) {
  const listing = (await run('ldd', binaries)).toString();
  for (const [, library] of listing.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)) {
    if (library) await initramfs.copy(library, library);
  }
}

/**
 * Adds the built project with the packages that it and the test runner need.
 *
 * @param {Initramfs} initramfs
 * @returns {Promise<string[]>} the Node.js add-ons among them, by their paths here
 */
async function addProject(initramfs) {
  if (!existsSync(join(REPOSITORY, 'dist')))
    throw new HarnessError('the project is not built: run npm run build');
  for (const part of PROJECT_PARTS) {
    const source = join(REPOSITORY, part);
    if (existsSync(source)) await initramfs.copyTree(join(PROJECT, part), source);
  }
  const { dependencies } = JSON.parse(await readFile(join(REPOSITORY, 'package.json'), 'utf8'));
  const packages = await packageClosure(REPOSITORY, [...Object.keys(dependencies), 'vitest']);
  /** @type {string[]} */
  const addOns = [];
  for (const folder of packages) {
    const copied = await initramfs.copyTree(
      join(PROJECT, folder),
      join(REPOSITORY, folder),
      // Nested packages are members of the closure themselves.
      file => !file.startsWith('node_modules') && !DEAD_WEIGHT.test(file),
    );
    addOns.push(...copied.filter(file => file.endsWith('.node') && !file.includes('musl')));
  }
  return addOns;
}

/**
 * Adds the kernels that tests boot under tsvmm.
 *
 * @param {Initramfs} initramfs
 * @param {(line: string) => void} progress
 * @returns {Promise<Record<string, string>>} environment variables that tell where they are
 */
async function addGuests(initramfs, progress) {
  /** @type {Record<string, string>} */
  const environment = {};
  for (const [variable, source] of Object.entries(await guestFiles(progress))) {
    const path = `/guests/${variable}/${basename(source)}`;
    await initramfs.copy(path, source);
    environment[variable] = path;
  }
  const osv = osvFiles(progress);
  if (osv.length > 0) environment.TSVMM_OSV_FILES = OSV_FOLDER;
  for (const source of osv) await initramfs.copy(join(OSV_FOLDER, basename(source)), source);
  return environment;
}

/**
 * The kernels that tests boot besides the project's own guests, by the environment variables that tell tests where
 * they are.
 *
 * @param {(line: string) => void} progress
 * @returns {Promise<Record<string, string>>}
 */
export async function guestFiles(progress) {
  const { bzImage, vmlinux, initrd } = await linuxGuest(progress);
  /** @type {Record<string, string>} */
  const files = { TSVMM_LINUX_BZIMAGE: bzImage, TSVMM_LINUX_VMLINUX: vmlinux, TSVMM_LINUX_INITRD: initrd };
  const osv = process.env.TSVMM_OSV_KERNEL;
  if (osv) {
    if (!existsSync(osv)) throw new HarnessError(`TSVMM_OSV_KERNEL: there is no file ${osv}`);
    files.TSVMM_OSV_KERNEL = osv;
  } else {
    progress(
      'tests with OSv are skipped: build OSv (github.com/cloudius-systems/osv: scripts/build fs=ramfs image=native-example)' +
        ' and set TSVMM_OSV_KERNEL to its build/release/kernel.elf',
    );
  }
  return files;
}

/** @param {string} text */
export function shellQuote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
