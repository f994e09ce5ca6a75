import { expect, it } from 'vitest';
import { parseInstallations } from '../../../../scripts/kvm-in-qemu/debian-packages.js';

it('takes names and versions from what apt would install', () => {
  const plan = `
NOTE: This is only a simulation!
Inst gcc-12-base (12.2.0-14+deb12u1 Debian:12.15/oldstable [amd64])
Inst libc6 [2.36-9] (2.36-9+deb12u14 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [amd64]) []
Conf gcc-12-base (12.2.0-14+deb12u1 Debian:12.15/oldstable [amd64])
Inst busybox-static (1:1.35.0-4+deb12u1+b1 Debian:12.15/oldstable [amd64])
`;
  expect(parseInstallations(plan)).toEqual([
    'busybox-static=1:1.35.0-4+deb12u1+b1',
    'gcc-12-base=12.2.0-14+deb12u1',
    'libc6=2.36-9+deb12u14',
  ]);
});
