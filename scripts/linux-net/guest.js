import { join } from 'node:path';
import { packageGuest } from '../kvm-in-qemu/package-guest.js';
import { REPOSITORY } from '../kvm-in-qemu/repository.js';

/**
 * Makes a Linux guest with network programs in the cache: the scripts of test/guests/linux-net are its /tests.
 *
 * @param {(line: string) => void} progress
 * @returns {Promise<{ bzImage: string, initrd: string }>} paths
 */
export function netGuest(progress) {
  return packageGuest(
    {
      name: 'linux-net',
      packages: ['busybox-static', 'bind9-dnsutils', 'curl', 'iperf3', 'netcat-openbsd'],
      // What none of them reads.
      unread: /^usr\/(?:share|lib\/x86_64-linux-gnu\/(?:gconv|perl|perl-base|libperl.*|security|systemd))$/,
      // Debian's cloud kernel has them as modules, and IPv6 built in.
      modules: ['virtio_pci', 'virtio_net'],
      scripts: join(REPOSITORY, 'test/guests/linux-net'),
    },
    progress,
  );
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
