import { expect, it } from 'vitest';
import { modulesDep } from '../../../../scripts/kvm-in-qemu/linux-guest.js';

it('lists all that a module needs, last to be loaded first', () => {
  expect(
    modulesDep([
      { name: 'virtio_ring', dependencies: [] },
      { name: 'virtio', dependencies: ['virtio_ring'] },
      { name: 'failover', dependencies: [] },
      { name: 'virtio_net', dependencies: ['virtio', 'virtio_ring', 'failover'] },
    ]),
  ).toBe(
    [
      'virtio_ring.ko: ',
      'virtio.ko: virtio_ring.ko',
      'failover.ko: ',
      'virtio_net.ko: failover.ko virtio.ko virtio_ring.ko',
      '',
    ].join('\n'),
  );
});
