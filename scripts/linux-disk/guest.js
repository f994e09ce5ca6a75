import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from '../kvm-in-qemu/cache.js';
import { Initramfs } from '../kvm-in-qemu/cpio.js';
import { debianKernel, kernelModules } from '../kvm-in-qemu/debian-kernel.js';
import { modulesDep } from '../kvm-in-qemu/linux-guest.js';
import { REPOSITORY } from '../kvm-in-qemu/repository.js';
import { staticBusybox } from '../kvm-in-qemu/tools.js';

/** What the guest runs: see the scripts there. */
const PROGRAMS = join(REPOSITORY, 'test/guests/linux-disk');
const INIT = join(REPOSITORY, 'scripts/kvm-in-qemu/linux-guest-init.sh');

/** Debian's cloud kernel has them as modules, and ext4 built in. */
const MODULES = ['virtio_pci', 'virtio_mmio', 'virtio_blk'];

/**
 * Makes a Linux guest for disks in the cache: Debian's cloud kernel, and an initial RAM disk with busybox, the modules
 * above and the scripts of test/guests/linux-disk, as /tests.
 *
 * @param {(line: string) => void} progress
 * @returns {Promise<{ bzImage: string, initrd: string }>} paths
 */
export async function diskGuest(progress) {
  const kernel = await debianKernel(progress);
  const modules = await kernelModules(kernel, MODULES);
  const init = await readFile(INIT);
  const names = ['write.sh', 'copy.sh', 'bench.sh'];
  const programs = await Promise.all(names.map(name => readFile(join(PROGRAMS, name))));
  const busybox = staticBusybox();

  const identity = createHash('sha256')
    .update(init)
    .update(await readFile(busybox));
  for (const program of programs) identity.update(program);
  for (const { data } of modules) identity.update(data);
  const folder = await cached(
    `linux-disk/${kernel.release}-${identity.digest('hex').slice(0, 16)}`,
    async unfinished => {
      const initramfs = new Initramfs();
      initramfs.characterDevice('/dev/console', 5, 1);
      initramfs.file('/init', init, 0o755);
      names.forEach((name, i) => initramfs.file(`/tests/${name}`, programs[i], 0o755));
      await initramfs.copy('/bin/busybox', busybox);
      const root = `/lib/modules/${kernel.release}`;
      for (const { name, data } of modules) initramfs.file(`${root}/${name}.ko`, data);
      initramfs.file(`${root}/modules.dep`, modulesDep(modules));
      await initramfs.write(join(unfinished, 'initrd'));
    },
  );
  return { bzImage: kernel.bzImage, initrd: join(folder, 'initrd') };
}

/** What the kernel's command line begins with: the modules that the scripts need. */
export const COMMAND_LINE = 'console=ttyS0 quiet tsvmm.modules=virtio_pci,virtio_blk';
