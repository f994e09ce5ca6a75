import { hidden, observed, provoked, type Clause } from '../clause.js';
import { virtio } from './specification.js';

const LOGIC = 'it is about what the driver makes of it, which does not leave the guest';

/** Network device (section 5.1), for drivers: of what tsvmm's card has. */
export const NET_DRIVER: readonly Clause[] = [
  ...virtio('5.1.4.2', 'driver', [
    ['config-read-only', 'MUST NOT', 'writes no configuration field', observed],
    ['mac', 'SHOULD', 'accepts VIRTIO_NET_F_MAC where it is offered', observed],
    ['uses-mac', 'MUST', 'sends from the address in mac', observed],
    ['local-mac', 'SHOULD', 'without MAC, takes a locally administered address', provoked('no-mac')],
    [
      'link-status',
      'SHOULD',
      'reads the link from status with STATUS, and takes it for up without',
      observed,
    ],
    ['mtu', 'SHOULD', 'accepts VIRTIO_NET_F_MTU where it is offered', observed],
    ['mtu-buffers', 'MUST', 'supplies receive buffers for packets of the MTU', observed],
    ['mtu-send', 'MUST NOT', 'sends no packet beyond the MTU', observed],
    ['speed', 'MUST', 'takes odd values of speed and duplex as unknown', provoked('odd-speed')],
    ['speed-again', 'SHOULD', 'reads speed and duplex again after a change', provoked('config-changes')],
    ['rx-extra', 'SHOULD NOT', 'accepts CTRL_RX_EXTRA only with CTRL_VQ', observed],
  ]),
  ...virtio('5.1.9.2.1', 'driver', [
    ['header-size', 'MUST', 'uses headers of one size for both directions', observed],
    ['num-buffers', 'MUST', 'sets num_buffers to 0', observed],
    ['no-csum-flags', 'MUST', 'without CSUM, sets flags to 0', observed],
    ['no-csum-complete', 'SHOULD', 'without CSUM, sends complete checksums', observed],
    ['tso4', 'MUST NOT', 'sends TCPv4 segments only with HOST_TSO4', observed],
    ['tso6', 'MUST NOT', 'sends TCPv6 segments only with HOST_TSO6', observed],
    ['ufo', 'MUST NOT', 'sends UDP fragments only with HOST_UFO', observed],
    ['uso', 'MUST NOT', 'sends UDP segments only with HOST_USO', observed],
    ['ecn', 'SHOULD NOT', 'sends segments with ECN only with HOST_ECN, and says so', observed],
    ['pseudo-header', 'MUST', 'with NEEDS_CSUM, stores the pseudo header’s sum in the packet', observed],
    [
      'csum-place',
      'MUST',
      'with NEEDS_CSUM, sets csum_start and csum_offset so that the sum comes right',
      observed,
    ],
    ['no-gso', 'MUST', 'without any of HOST_TSO, UFO and USO sets gso_type to NONE', observed],
    ['gso-csum', 'MUST', 'with a gso_type, sets NEEDS_CSUM and gso_size', observed],
    ['hdr-len-exact', 'MUST', 'with GUEST_HDRLEN, sets hdr_len to the length of the headers', observed],
    ['hdr-len', 'SHOULD', 'sets hdr_len to no less than the length of the headers', observed],
    ['accepts-hdrlen', 'SHOULD', 'accepts GUEST_HDRLEN if it knows the length', observed],
    ['no-data-valid', 'MUST NOT', 'does not set DATA_VALID or RSC_INFO', observed],
  ]),
  ...virtio('5.1.9.3.1', 'driver', [
    [
      'large-buffers',
      'SHOULD',
      'with GUEST_TSO, UFO or USO, has receive buffers of 65562 bytes or more',
      observed,
    ],
    ['buffers', 'SHOULD', 'has receive buffers of 1526 bytes or more', observed],
    ['merged-buffers', 'MUST', 'with MRG_RXBUF, has receive buffers of 12 bytes or more', observed],
    ['mq-buffers', 'SHOULD', 'with MQ, has buffers in each receive queue that it uses', observed],
  ]),
  ...virtio('5.1.9.4.1', 'driver', [
    ['unknown-flags', 'MUST', 'ignores header flags that it does not know', provoked('odd-receive-headers')],
    [
      'csum-fields',
      'MUST NOT',
      'without NEEDS_CSUM, does not use csum_start and csum_offset',
      provoked('odd-receive-headers'),
    ],
    ['hdr-len-untrusted', 'MUST NOT', 'does not rely on hdr_len', provoked('odd-receive-headers')],
    [
      'csum-untrusted',
      'MUST NOT',
      'without NEEDS_CSUM or DATA_VALID, does not rely on the checksum',
      provoked('bad-checksums'),
    ],
  ]),
  ...virtio('5.1.9.5.1.2', 'driver', [
    ['rx', 'MUST NOT', 'sends PROMISC and ALLMULTI only with CTRL_RX', observed],
    ['rx-extra', 'MUST NOT', 'sends the other receive modes only with CTRL_RX_EXTRA', observed],
  ]),
  ...virtio('5.1.9.5.2.2', 'driver', [
    ['mac-class', 'MUST NOT', 'sends commands of the MAC class only with CTRL_RX', observed],
    ['mac-set', 'SHOULD', 'tells its address by MAC_ADDR_SET if it is not mac', observed],
    ['mac-table', 'MUST', 'sends both tables of addresses, each behind its number', observed],
  ]),
  ...virtio('5.1.9.5.4.1', 'driver', [
    ['announces', 'SHOULD', 'announces itself when status has ANNOUNCE', provoked('announce')],
    ['announce-ack', 'MUST', 'acknowledges ANNOUNCE by a command', provoked('announce')],
  ]),
  ...virtio('5.1.9.5.6.1', 'driver', [
    ['configured-first', 'MUST', 'sets up queues before it enables them by VQ_PAIRS_SET', observed],
    ['pairs-range', 'MUST NOT', 'asks for 1 to max_virtqueue_pairs pairs', observed],
    ['first-queue', 'MUST', 'sends by the first queue alone before VQ_PAIRS_SET', observed],
    ['enabled-queues', 'MUST NOT', 'sends by no queue beyond the pairs it asked for', observed],
  ]),
  ...virtio('5.1.9.5.9.2', 'driver', [
    ['offloads', 'MUST NOT', 'enables no offload that was not negotiated', observed],
  ]),
];

/** Block device (section 5.2), for drivers: of what tsvmm's disk has. */
export const BLK_DRIVER: readonly Clause[] = [
  ...virtio('5.2.5.1', 'driver', [
    ['flush-means-it', 'SHOULD NOT', 'accepts FLUSH only if it sends FLUSH requests', observed],
    ['writeback-assumed', 'SHOULD', 'with FLUSH alone, assumes a write-back cache', observed],
    ['writeback-late', 'MUST NOT', 'does not read writeback before FEATURES_OK', observed],
  ]),
  ...virtio('5.2.6.1', 'driver', [
    ['capacity-again', 'SHOULD', 'looks at capacity again after a change', provoked('config-changes')],
    ['within-capacity', 'MUST NOT', 'asks for nothing beyond capacity', observed],
    [
      'read-only',
      'SHOULD',
      'accepts VIRTIO_BLK_F_RO where it is offered',
      provoked('a disk that is read-only'),
    ],
    ['flush-sector', 'MUST', 'sets sector to 0 of a FLUSH', observed],
    ['flush-data', 'SHOULD NOT', 'has no data in a FLUSH', observed],
    ['whole-sectors', 'MUST', 'reads and writes multiples of 512 bytes', observed],
    ['whole-ranges', 'MUST', 'has whole ranges in DISCARD, SECURE_ERASE and WRITE_ZEROES', observed],
    ['id-length', 'MUST', 'has a buffer of 20 bytes for GET_ID', observed],
    ['discard-ranges', 'MUST NOT', 'has at most max_discard_seg ranges in a DISCARD', observed],
    ['zeroes-ranges', 'MUST NOT', 'has at most max_write_zeroes_seg ranges in a WRITE_ZEROES', observed],
    ['volatile', 'MUST NOT', 'does not take writes for stable after it wrote 0 to writeback', hidden(LOGIC)],
    ['discard-unmap', 'MUST', 'leaves unmap 0 in a DISCARD', observed],
    ['discarded', 'MUST NOT', 'assumes nothing about discarded sectors', provoked('discard-scribbles')],
    [
      'partial-failure',
      'MUST NOT',
      'assumes nothing about the ranges of a request that failed',
      hidden(LOGIC),
    ],
  ]),
];

/** Console device (section 5.3), for drivers. */
export const CONSOLE_DRIVER: readonly Clause[] = [
  ...virtio('5.3.6.1', 'driver', [
    ['receive-writable', 'MUST NOT', 'puts no device-readable buffer into a receive queue', observed],
    ['transmit-readable', 'MUST NOT', 'puts no device-writable buffer into a transmit queue', observed],
  ]),
  ...virtio('5.3.6.2.2', 'driver', [
    ['ready', 'MUST', 'with MULTIPORT, sends DEVICE_READY', observed],
    ['console-port', 'SHOULD', 'answers CONSOLE_PORT by PORT_OPEN 1', provoked('a console port')],
  ]),
];

/** Entropy device (section 5.4), for drivers. */
export const ENTROPY_DRIVER: readonly Clause[] = [
  ...virtio('5.4.6.1', 'driver', [
    ['writable', 'MUST NOT', 'puts no device-readable buffer into the queue', observed],
    ['length', 'MUST', 'takes the used length as what it got', provoked('short-writes')],
  ]),
];
