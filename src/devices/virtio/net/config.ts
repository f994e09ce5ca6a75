import { RegisterBlock, type Register } from '../../registers.js';
import { LinkStatus } from './net-features.js';
import type { VirtioNet } from './net.js';

/** Bytes of the device configuration layout (virtio 1.3, 5.1.4), up to what VIRTIO_NET_F_SPEED_DUPLEX adds. */
export const CONFIG_SIZE = 17;

const MAC_BYTES = 6;
/** Mbit/s: what drivers are told. There is no wire that would set one. */
const SPEED = 10_000;
const FULL_DUPLEX = 1;

const MAC_REGISTERS = Array.from({ length: MAC_BYTES }, (_, i): Register<VirtioNet> => ({
  name: `mac${i}`,
  offset: i,
  width: 1,
  read: net => net.mac[i],
  // Legacy drivers change their address here (5.1.4.4).
  write: (net, value) => net.writeLegacyMac(i, value),
}));

export const CONFIGURATION = new RegisterBlock<VirtioNet>(
  [
    ...MAC_REGISTERS,
    {
      name: 'status',
      offset: 6,
      width: 2,
      read: net => (net.linkUp ? LinkStatus.LINK_UP : 0) | (net.announcing ? LinkStatus.ANNOUNCE : 0),
    },
    { name: 'max_virtqueue_pairs', offset: 8, width: 2, read: net => net.maxPairs },
    { name: 'mtu', offset: 10, width: 2, read: net => net.mtu ?? 0 },
    { name: 'speed', offset: 12, width: 4, read: () => SPEED },
    { name: 'duplex', offset: 16, width: 1, read: () => FULL_DUPLEX },
  ],
  0,
);
