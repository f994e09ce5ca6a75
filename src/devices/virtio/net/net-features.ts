/** Feature bits of network devices (virtio 1.3, 5.1.3). */
export const NetFeature = {
  CSUM: 1n << 0n,
  GUEST_CSUM: 1n << 1n,
  CTRL_GUEST_OFFLOADS: 1n << 2n,
  MTU: 1n << 3n,
  MAC: 1n << 5n,
  GUEST_TSO4: 1n << 7n,
  GUEST_TSO6: 1n << 8n,
  GUEST_ECN: 1n << 9n,
  HOST_TSO4: 1n << 11n,
  HOST_TSO6: 1n << 12n,
  HOST_ECN: 1n << 13n,
  MRG_RXBUF: 1n << 15n,
  STATUS: 1n << 16n,
  CTRL_VQ: 1n << 17n,
  CTRL_RX: 1n << 18n,
  CTRL_VLAN: 1n << 19n,
  CTRL_RX_EXTRA: 1n << 20n,
  GUEST_ANNOUNCE: 1n << 21n,
  MQ: 1n << 22n,
  CTRL_MAC_ADDR: 1n << 23n,
  GUEST_USO4: 1n << 54n,
  GUEST_USO6: 1n << 55n,
  HOST_USO: 1n << 56n,
  SPEED_DUPLEX: 1n << 63n,
} as const;

/** What every card offers; the others depend on its options. */
export const OFFERED =
  NetFeature.CSUM |
  NetFeature.GUEST_CSUM |
  NetFeature.CTRL_GUEST_OFFLOADS |
  NetFeature.MAC |
  NetFeature.GUEST_TSO4 |
  NetFeature.GUEST_TSO6 |
  NetFeature.GUEST_ECN |
  NetFeature.HOST_TSO4 |
  NetFeature.HOST_TSO6 |
  NetFeature.HOST_ECN |
  NetFeature.MRG_RXBUF |
  NetFeature.STATUS |
  NetFeature.CTRL_VQ |
  NetFeature.CTRL_RX |
  NetFeature.CTRL_VLAN |
  NetFeature.CTRL_RX_EXTRA |
  NetFeature.GUEST_ANNOUNCE |
  NetFeature.CTRL_MAC_ADDR |
  NetFeature.GUEST_USO4 |
  NetFeature.GUEST_USO6 |
  NetFeature.HOST_USO |
  NetFeature.SPEED_DUPLEX;

/** What a driver can turn on and off with VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET (5.1.6.5.7). */
export const GUEST_OFFLOADS =
  NetFeature.GUEST_CSUM |
  NetFeature.GUEST_TSO4 |
  NetFeature.GUEST_TSO6 |
  NetFeature.GUEST_ECN |
  NetFeature.GUEST_USO4 |
  NetFeature.GUEST_USO6;

/** Network device configuration layout, status (5.1.4). */
export const LinkStatus = { LINK_UP: 1, ANNOUNCE: 2 } as const;

/** Pairs of queues that a device offers at most; virtio allows 0x8000 (5.1.4). */
export const MAX_QUEUE_PAIRS = 64;
