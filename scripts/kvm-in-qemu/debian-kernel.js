import { readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { extractVmlinux } from './bzimage.js';
import { cached } from './cache.js';
import { decompress } from './decompress.js';
import { HarnessError } from './errors.js';
import { run } from './process.js';

/**
 * The meta-package that depends on the current kernel. Its "cloud" flavour is small (27 MB against 70 MB), boots fast
 * and has kvm-amd, so it serves both as the kernel that runs KVM and as the guest under test.
 */
export const CLOUD_KERNEL = 'linux-image-cloud-amd64';

/**
 * An unpacked kernel package.
 *
 * @typedef {object} DebianKernel
 * @property {string} release as `uname -r` gives it
 * @property {string} bzImage path
 * @property {string} vmlinux path of the ELF file extracted from the bzImage
 * @property {string} modules path of the folder with the modules, `/lib/modules/<release>/kernel`
 */

/**
 * Gets the current kernel of this Debian release, from the cache or its archive (apt checks signatures and hashes).
 *
 * @param {(line: string) => void} progress
 * @param {string} [metaPackage] the package that depends on the current one of its flavour
 * @returns {Promise<DebianKernel>}
 */
export async function debianKernel(progress, metaPackage = CLOUD_KERNEL) {
  const { name, version } = await currentPackage(metaPackage);
  const folder = await cached(`kernel/${name}_${version}`, async unfinished => {
    progress(`downloading ${name} ${version}`);
    await run('apt-get', ['download', '-q', `${name}=${version}`], { cwd: unfinished }).catch(error => {
      // The archive drops a version when the next one comes.
      throw new HarnessError(`${error.message}\nIf apt's package lists are old, run apt-get update.`);
    });
    const archive = (await readdir(unfinished)).find(file => file.endsWith('.deb'));
    if (!archive) throw new HarnessError(`apt-get download ${name} left no package file`);
    progress(`unpacking ${archive}`);
    await run('dpkg-deb', ['-x', archive, 'package'], { cwd: unfinished });
    const boot = join(unfinished, 'package/boot');
    const image = (await readdir(boot)).find(file => file.startsWith('vmlinuz-'));
    if (!image) throw new HarnessError(`${name} has no /boot/vmlinuz-*`);
    await rename(join(boot, image), join(unfinished, 'bzImage'));
    await writeFile(
      join(unfinished, 'vmlinux'),
      await extractVmlinux(await readFile(join(unfinished, 'bzImage'))),
    );
    await run('rm', ['-f', archive], { cwd: unfinished });
  });
  const release = name.replace('linux-image-', '');
  // With a merged /usr (Debian 13 on) the package has its modules in /usr/lib.
  const roots = ['lib', 'usr/lib'].map(lib => join(folder, 'package', lib, 'modules', release, 'kernel'));
  const found = await Promise.all(roots.map(root => readdir(root).then(Boolean, () => false)));
  const modules = roots[found.indexOf(true)];
  if (!modules) throw new HarnessError(`${name} has no modules in /lib/modules/${release}`);
  return { release, bzImage: join(folder, 'bzImage'), vmlinux: join(folder, 'vmlinux'), modules };
}

/**
 * @param {string} metaPackage
 * @returns {Promise<{ name: string, version: string }>} the versioned package that the meta-package stands for now
 */
async function currentPackage(metaPackage) {
  const depends = (await run('apt-cache', ['depends', metaPackage])).toString();
  const name = /^\s*\|?Depends:\s*(linux-image-\d\S*)$/m.exec(depends)?.[1];
  if (!name) {
    throw new HarnessError(
      `apt knows no kernel behind ${metaPackage}: this needs Debian 12 or later; run apt-get update`,
    );
  }
  const policy = (
    await run('apt-cache', ['policy', name], { env: { ...process.env, LC_ALL: 'C' } })
  ).toString();
  const version = /^\s*Candidate:\s*(\d\S*)$/m.exec(policy)?.[1];
  if (!version) throw new HarnessError(`apt has no candidate for ${name}: run apt-get update`);
  return { name, version };
}

/**
 * Loadable modules with everything they depend on, dependencies first.
 *
 * @param {DebianKernel} kernel
 * @param {string[]} names module names, as in `modprobe`
 * @returns {Promise<{ name: string, data: Buffer, dependencies: string[] }[]>} uncompressed
 * @throws {HarnessError} when the kernel lacks one
 */
export async function kernelModules(kernel, names) {
  /** @type {Map<string, string>} */
  const files = new Map();
  for (const file of await readdir(kernel.modules, { recursive: true })) {
    const name = /^(.*)\.ko(?:\.xz|\.zst)?$/.exec(basename(file))?.[1];
    if (name) files.set(canonicalName(name), join(kernel.modules, file));
  }
  /** @type {Map<string, { name: string, data: Buffer, dependencies: string[] }>} */
  const loaded = new Map();
  const load = async (/** @type {string} */ wanted) => {
    const name = canonicalName(wanted);
    if (loaded.has(name)) return;
    const file = files.get(name);
    if (!file) throw new HarnessError(`kernel ${kernel.release} has no module ${name}`);
    const content = await readFile(file);
    const data = file.endsWith('.ko') ? content : await decompress(content);
    const dependencies = moduleDependencies(data).map(canonicalName);
    for (const dependency of dependencies) await load(dependency);
    loaded.set(name, { name, data, dependencies });
  };
  for (const name of names) await load(name);
  return [...loaded.values()];
}

/**
 * File names use `-` and `_` as they please; the kernel takes both for `_`.
 *
 * @param {string} name
 */
function canonicalName(name) {
  return name.replaceAll('-', '_');
}

/**
 * @param {Buffer} module an ELF file whose `.modinfo` section holds `key=value` strings
 * @returns {string[]}
 */
function moduleDependencies(module) {
  const key = '\0depends=';
  const start = module.indexOf(key, 0, 'latin1');
  if (start < 0) return [];
  const from = start + key.length;
  const value = module.toString('latin1', from, module.indexOf(0, from));
  return value.split(',').filter(Boolean);
}
