import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from '../kvm-in-qemu/cache.js';
import { Initramfs } from '../kvm-in-qemu/cpio.js';
import { debianKernel, kernelModules } from '../kvm-in-qemu/debian-kernel.js';
import { packageTree } from '../kvm-in-qemu/debian-packages.js';
import { modulesDep } from '../kvm-in-qemu/linux-guest.js';
import { REPOSITORY } from '../kvm-in-qemu/repository.js';

/** What the guest runs: see the scripts there. */
const PROGRAMS = join(REPOSITORY, 'test/guests/linux-net');
const INIT = join(REPOSITORY, 'scripts/kvm-in-qemu/linux-guest-init.sh');

/** Debian's cloud kernel has them as modules, and IPv6 built in. */
const MODULES = ['virtio_pci', 'virtio_net'];
const PACKAGES = ['busybox-static', 'bind9-dnsutils', 'curl', 'iperf3', 'netcat-openbsd'];
/** What none of them reads. */
const UNREAD = /^usr\/(?:share|lib\/x86_64-linux-gnu\/(?:gconv|perl|perl-base|libperl.*|security|systemd))$/;

/**
 * Makes a Linux guest with network programs in the cache: Debian's cloud kernel, and an initial RAM disk with the packages
 * above and the scripts of test/guests/linux-net, as /tests.
 *
 * @param {(line: string) => void} progress
 * @returns {Promise<{ bzImage: string, initrd: string }>} paths
 */
export async function netGuest(progress) {
  const kernel = await debianKernel(progress);
  const modules = await kernelModules(kernel, MODULES);
  const { folder: tree, identity } = await packageTree(PACKAGES, progress);
  const init = await readFile(INIT);
  const hash = createHash('sha256').update(init).update(String(UNREAD));
  const names = (await readdir(PROGRAMS)).sort();
  const programs = await Promise.all(names.map(name => readFile(join(PROGRAMS, name))));
  for (const program of programs) hash.update(program);
  for (const { data } of modules) hash.update(data);
  const folder = await cached(
    `linux-net/${kernel.release}-${identity}-${hash.digest('hex').slice(0, 16)}`,
    async unfinished => {
      const initramfs = new Initramfs();
      initramfs.characterDevice('/dev/console', 5, 1);
      await initramfs.copyTree('/', tree, path => !UNREAD.test(path));
      initramfs.file('/init', init, 0o755);
      names.forEach((name, i) => initramfs.file(`/tests/${name}`, programs[i], 0o755));
      const root = `/usr/lib/modules/${kernel.release}`;
      for (const { name, data } of modules) initramfs.file(`${root}/${name}.ko`, data);
      initramfs.file(`${root}/modules.dep`, modulesDep(modules));
      progress('writing the initial RAM disk with network programs');
      await initramfs.write(join(unfinished, 'initrd'));
    },
  );
  return { bzImage: kernel.bzImage, initrd: join(folder, 'initrd') };
}

/**
 * The kernel's command line for a guest that runs one of the scripts.
 *
 * @param {string} script its name
 * @param {readonly (string | number)[]} args
 */
export function commandLine(script, args) {
  return ['console=ttyS0 quiet tsvmm.modules=virtio_pci,virtio_net -- /tests/run.sh', script, ...args].join(
    ' ',
  );
}
