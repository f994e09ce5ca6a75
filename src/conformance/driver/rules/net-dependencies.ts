import { NetFeature } from '../../../devices/virtio/net/net-features.js';

const N = NetFeature;

/** Of the network device, which feature needs one of which others (virtio 1.4, 5.1.3.1). */
export const NET_DEPENDENCIES: readonly (readonly [name: string, feature: bigint, needs: bigint])[] = [
  ['GUEST_TSO4', N.GUEST_TSO4, N.GUEST_CSUM],
  ['GUEST_TSO6', N.GUEST_TSO6, N.GUEST_CSUM],
  ['GUEST_ECN', N.GUEST_ECN, N.GUEST_TSO4 | N.GUEST_TSO6],
  ['GUEST_USO4', N.GUEST_USO4, N.GUEST_CSUM],
  ['GUEST_USO6', N.GUEST_USO6, N.GUEST_CSUM],
  ['HOST_TSO4', N.HOST_TSO4, N.CSUM],
  ['HOST_TSO6', N.HOST_TSO6, N.CSUM],
  ['HOST_ECN', N.HOST_ECN, N.HOST_TSO4 | N.HOST_TSO6],
  ['HOST_USO', N.HOST_USO, N.CSUM],
  ['CTRL_RX', N.CTRL_RX, N.CTRL_VQ],
  ['CTRL_VLAN', N.CTRL_VLAN, N.CTRL_VQ],
  ['GUEST_ANNOUNCE', N.GUEST_ANNOUNCE, N.CTRL_VQ],
  ['MQ', N.MQ, N.CTRL_VQ],
  ['CTRL_MAC_ADDR', N.CTRL_MAC_ADDR, N.CTRL_VQ],
];
