import { join } from 'node:path';
import { VIRTIO_MODULES } from '../kvm-in-qemu/linux-guest.js';
import { packageGuest } from '../kvm-in-qemu/package-guest.js';
import { REPOSITORY } from '../kvm-in-qemu/repository.js';

/**
 * Makes a Linux guest in the cache that uses its devices: fio, iperf3, and the script of test/guests/linux-drivers.
 *
 * @param {(line: string) => void} progress
 * @returns {Promise<{ bzImage: string, initrd: string }>} paths
 */
export function driversGuest(progress) {
  return packageGuest(
    {
      name: 'linux-drivers',
      packages: ['busybox-static', 'fio', 'iperf3'],
      // What neither of them reads: fio's packages bring two languages along.
      unread:
        /^usr\/(?:share|sbin|lib\/(?:python3.*|systemd|udev)|lib\/x86_64-linux-gnu\/(?:gconv|perl.*|libperl.*|security|systemd|glusterfs|bfd-plugins))$/,
      modules: VIRTIO_MODULES,
      scripts: join(REPOSITORY, 'test/guests/linux-drivers'),
    },
    progress,
  );
}
