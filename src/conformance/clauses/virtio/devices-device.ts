import { hidden, observed, provoked, type Clause } from '../clause.js';
import { virtio } from './specification.js';

const LOGIC = 'it is about what the device makes of it, which the guest cannot see';
const FAR_END = 'the guest does not see what comes out at the other end';

/** Network device (section 5.1), for devices: of what tsvmm's card has. */
export const NET_DEVICE: readonly Clause[] = [
  ...virtio('5.1.4.1', 'device', [
    ['pairs', 'MUST', 'with MQ, has 1 to 0x8000 as max_virtqueue_pairs', observed],
    ['mtu', 'MUST', 'with MTU, has 68 to 65535 as mtu', observed],
    ['mtu-1280', 'SHOULD', 'with MTU, has 1280 or more as mtu', observed],
    ['mtu-constant', 'MUST NOT', 'does not change mtu', observed],
    ['mtu-received', 'MUST NOT', 'with MTU, passes no unsegmented packet beyond it', hidden(FAR_END)],
    ['mtu-sent', 'MUST', 'with MTU, forwards packets of up to mtu in one piece', observed],
    ['speed', 'MUST', 'with SPEED_DUPLEX, has a speed, or 0xFFFFFFFF for unknown', observed],
    ['duplex', 'MUST', 'with SPEED_DUPLEX, has 0, 1 or 0xFF as duplex', observed],
    ['speed-constant', 'SHOULD NOT', 'does not change speed and duplex while the link is up', observed],
    ['rx-extra', 'SHOULD NOT', 'offers CTRL_RX_EXTRA only with CTRL_VQ', observed],
  ]),
  ...virtio('5.1.9.2.2', 'device', [
    ['unknown-flags', 'MUST', 'ignores header flags that it does not know', provoked('odd header flags')],
    [
      'csum-fields',
      'MUST NOT',
      'without NEEDS_CSUM, does not use csum_start and csum_offset',
      provoked('odd header fields'),
    ],
    ['hdr-len', 'MUST NOT', 'does not rely on hdr_len', provoked('odd header fields')],
    ['csum-untrusted', 'MUST NOT', 'without NEEDS_CSUM, does not rely on the checksum', hidden(LOGIC)],
  ]),
  ...virtio('5.1.9.3.2', 'device', [
    ['num-buffers', 'MUST', 'sets num_buffers to the buffers that hold the packet', observed],
    ['one-buffer', 'MUST', 'without MRG_RXBUF, uses one buffer a packet', observed],
  ]),
  ...virtio('5.1.9.4.1', 'device', [
    ['num-buffers-1', 'MUST', 'without MRG_RXBUF, sets num_buffers to 1', observed],
    ['num-buffers', 'MUST', 'with MRG_RXBUF, sets num_buffers to what the packet is spread over', observed],
    ['fills-buffers', 'MUST', 'fills all buffers of a packet but the last to their end', observed],
    ['together', 'MUST', 'uses all buffers of a packet together', observed],
    ['no-guest-csum', 'MUST', 'without GUEST_CSUM, sets flags to 0', observed],
    ['full-csum', 'SHOULD', 'without GUEST_CSUM, supplies complete checksums', observed],
    ['tso4', 'MUST NOT', 'hands out TCPv4 segments only with GUEST_TSO4', observed],
    ['ufo', 'MUST NOT', 'hands out UDP fragments only with GUEST_UFO', observed],
    ['tso6', 'MUST NOT', 'hands out TCPv6 segments only with GUEST_TSO6', observed],
    ['uso', 'MUST NOT', 'hands out UDP segments only with GUEST_USO4 or GUEST_USO6', observed],
    ['tunnel', 'MUST NOT', 'hands out tunnelled segments only with GUEST_UDP_TUNNEL_GSO', observed],
    ['ecn', 'SHOULD NOT', 'hands out segments with ECN only with GUEST_ECN, and says so', hidden(FAR_END)],
    ['gso-none', 'MUST', 'without any of GUEST_TSO, UFO and USO sets gso_type to NONE', observed],
    ['gso-csum', 'MUST', 'with a gso_type, sets NEEDS_CSUM and gso_size', hidden(FAR_END)],
    ['no-rsc', 'MUST NOT', 'without RSC_EXT, does not set RSC_INFO', observed],
    ['data-valid', 'MUST', 'has validated the checksum where it sets DATA_VALID', hidden(LOGIC)],
  ]),
  ...virtio('5.1.9.5.1.1', 'device', [
    ['rx', 'MUST', 'with CTRL_RX, supports PROMISC and ALLMULTI', observed],
    ['promisc', 'SHOULD', 'receives everything in promiscuous mode', observed],
    ['promisc-first', 'SHOULD', 'does so whatever the other modes are', observed],
    ['allmulti', 'SHOULD', 'receives all multicast packets with ALLMULTI', observed],
    ['rx-extra', 'MUST', 'with CTRL_RX_EXTRA, supports ALLUNI, NOMULTI, NOUNI and NOBCAST', observed],
    ['alluni', 'SHOULD', 'receives all unicast packets with ALLUNI', observed],
    ['nomulti', 'SHOULD NOT', 'receives no multicast packet with NOMULTI', observed],
    ['nomulti-first', 'SHOULD', 'does so with ALLMULTI too', observed],
    ['nomulti-broadcast', 'SHOULD NOT', 'receives broadcasts with NOMULTI all the same', observed],
    ['nouni', 'SHOULD NOT', 'receives no unicast packet with NOUNI', observed],
    ['nouni-first', 'SHOULD', 'does so with ALLUNI too', observed],
    ['nobcast', 'SHOULD NOT', 'receives no broadcast with NOBCAST', observed],
    ['nobcast-first', 'SHOULD', 'does so with ALLMULTI too', observed],
  ]),
  ...virtio('5.1.9.5.2.1', 'device', [
    ['empty-table', 'MUST', 'has an empty table of addresses after a reset', observed],
    ['table-first', 'MUST', 'updates the table before it uses the command', observed],
    ['mac-first', 'MUST', 'updates mac before it uses the command MAC_ADDR_SET', observed],
    ['drops-others', 'SHOULD', 'drops what is for no address of its own or the table', observed],
  ]),
  ...virtio('5.1.9.5.3.1', 'device', [
    ['accepts-all', 'MUST', 'without CTRL_VLAN, accepts all VLANs', observed],
    ['accepts-known', 'MUST', 'with CTRL_VLAN, accepts the VLANs of its table', observed],
    ['drops-unknown', 'SHOULD', 'with CTRL_VLAN, drops other VLANs', observed],
  ]),
  ...virtio('5.1.9.5.4.2', 'device', [
    ['announce', 'MUST', 'clears ANNOUNCE before it uses the command ANNOUNCE_ACK', observed],
  ]),
  ...virtio('5.1.9.5.6', 'device', [
    ['steers', 'MUST', 'steers what it receives by the flow it belongs to', observed],
    ['steers-back', 'SHOULD', 'receives a flow by the queue pair that it was sent on', observed],
  ]),
  ...virtio('5.1.9.5.6.2', 'device', [
    ['first-queue', 'MUST', 'receives by the first queue alone after a reset', observed],
    ['pairs', 'MUST NOT', 'receives by no queue beyond the pairs that the driver asked for', observed],
  ]),
];

/** Block device (section 5.2), for devices: of what tsvmm's disk has. */
export const BLK_DEVICE: readonly Clause[] = [
  ...virtio('5.2.5.2', 'device', [
    ['flush', 'SHOULD', 'offers FLUSH, and must with CONFIG_WCE', observed],
    ['writeback-0', 'MUST', 'with CONFIG_WCE and without FLUSH, begins with writeback 0', observed],
    ['padding', 'MUST', 'has 0 in the unused bytes of its configuration', observed],
    ['not-zoned', 'SHOULD NOT', 'does not offer ZONED unless it is zoned', observed],
    ['legacy-not-zoned', 'MUST NOT', 'does not offer ZONED to legacy drivers', observed],
  ]),
  ...virtio('5.2.6.2', 'device', [
    ['read-only', 'MUST', 'fails writes with IOERR and writes nothing where it offers RO', observed],
    ['unknown-flags', 'MUST', 'answers UNSUPP to ranges with unknown flags', observed],
    ['discard-unmap', 'MUST', 'answers UNSUPP to a discard with the unmap flag', observed],
    ['zeroes', 'MUST', 'reads zeroes of what write zeroes was asked for', observed],
    [
      'may-unmap',
      'SHOULD',
      'has write_zeroes_may_unmap 0 only where nothing is ever unmapped',
      hidden(LOGIC),
    ],
    [
      'stable',
      'MUST',
      'has committed stable writes before it says so',
      hidden('it takes a crash of the host'),
    ],
    ['no-lifetime', 'MUST NOT', 'does not offer LIFETIME where there is no such thing', observed],
    ['zone-requests', 'MUST', 'without ZONED, answers UNSUPP to requests for zones', observed],
  ]),
];

/** Console device (section 5.3), for devices. */
export const CONSOLE_DEVICE: readonly Clause[] = [
  ...virtio('5.3.5.1', 'device', [
    ['emergency-always', 'MUST', 'takes emergency writes even when nothing is set up', observed],
    ['emergency-shown', 'SHOULD', 'shows the lower byte of an emergency write', hidden(FAR_END)],
  ]),
  ...virtio('5.3.6.2.1', 'device', [
    ['adds-once', 'MUST NOT', 'adds no port that there is, nor one beyond max_nr_ports', observed],
    ['removes-known', 'MUST NOT', 'removes no port that it has not added', provoked('hot unplug')],
  ]),
];

/** Entropy device (section 5.4), for devices. */
export const ENTROPY_DEVICE: readonly Clause[] = [
  ...virtio('5.4.6.2', 'device', [
    ['one-byte', 'MUST', 'places one or more random bytes into a buffer', observed],
  ]),
];

/** The legacy interfaces of transitional devices, from the sections that are about them alone. */
export const LEGACY_DEVICE: readonly Clause[] = [
  ...virtio('2.7.2', 'device', [
    ['legacy-layout', 'MUST', 'finds the parts of a legacy queue one behind the other', observed],
  ]),
  ...virtio('2.7.3', 'device', [
    ['legacy-endian', 'MUST', 'has legacy queues in the byte order of the guest', observed],
  ]),
  ...virtio('4.1.2.3', 'device', [
    ['revision-0', 'MUST', 'transitional: has PCI revision 0', observed],
    ['subsystem-type', 'MUST', 'transitional: has its device type as subsystem device id', observed],
    ['transitional-id', 'MUST', 'transitional: has a device id of 0x1000 to 0x103F', observed],
  ]),
  ...virtio('4.1.4.6', 'device', [
    [
      'device-capability',
      'MUST',
      'has a device configuration capability if it has a configuration',
      observed,
    ],
  ]),
  ...virtio('4.1.4.10', 'device', [
    ['legacy-bar-0', 'MUST', 'transitional: has the legacy registers in BAR 0, which is of ports', observed],
    ['any-width', 'MUST', 'transitional: answers legacy configuration accesses of any width alike', observed],
    ['config-behind', 'MUST', 'transitional: has its configuration right behind the header', observed],
    ['low-features', 'MUST', 'transitional: takes features 32 to 63 for not accepted', observed],
  ]),
  ...virtio('4.1.5.1.1.1', 'device', [
    ['legacy-ports', 'MUST', 'transitional: shows the legacy interface in port space', observed],
  ]),
  ...virtio('5.1.4.3', 'device', [
    ['legacy-endian', 'MUST', 'has the legacy configuration of a card in the guest’s byte order', observed],
  ]),
  ...virtio('5.2.4.1', 'device', [
    ['legacy-endian', 'MUST', 'has the legacy configuration of a disk in the guest’s byte order', observed],
  ]),
  ...virtio('5.2.5.3', 'device', [
    ['status-keeps-cache', 'MUST NOT', 'changes the cache mode by no status but DRIVER_OK', observed],
    ['features-keep-cache', 'MUST NOT', 'does not change the cache mode by feature bits', observed],
  ]),
  ...virtio('5.2.6.3', 'device', [
    ['legacy-endian', 'MUST', 'has legacy requests in the byte order of the guest', observed],
  ]),
  ...virtio('5.3.4.1', 'device', [
    [
      'legacy-endian',
      'MUST',
      'has the legacy configuration of a console in the guest’s byte order',
      observed,
    ],
  ]),
];
