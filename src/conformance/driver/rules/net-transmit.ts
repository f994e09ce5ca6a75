import { has } from '../../../devices/virtio/features.js';
import { NetFeature as F } from '../../../devices/virtio/net/net-features.js';
import { fold, addWords, pseudoHeaderSum } from '../../../net/checksum.js';
import { Field, FRAME_HEADER_SIZE, GsoType, HeaderFlag } from '../../../net/frame-header.js';
import { ETHERNET_HEADER, Headers, IpProtocol, word } from '../../../net/headers.js';
import type { ExposedChain } from '../exposed-chain.js';
import type { WatchedDevice } from '../watched-device.js';
import type { WatchedQueue } from '../watched-queue.js';

const LEGACY_HEADER_SIZE = 10;
const MAC_SIZE = 6;
const VLAN_TAG = 4;
/** Bit of an address's first byte. */
const LOCALLY_ADMINISTERED = 2;
/** Room for any frame that segmentation offload makes. */
const MAX_FRAME = 70_000;
const RSC_INFO = 4;
const GUEST_HDRLEN = 1n << 59n;
const UFO = 1n << 14n;
const TCP_CHECKSUM_AT = 16;
const UDP_CHECKSUM_AT = 6;
const TCP_FLAGS_AT = 13;
const TCP_CWR = 0x80;
/** Frames from other addresses, before it counts that none came from the card's own. */
const FOREIGN_FRAMES = 3;

const SECTION = '5.1.9.2.1';

/** Which feature each kind of segmentation needs (virtio 1.4, 5.1.9.2.1). */
const SEGMENTATION: Readonly<Record<number, readonly [id: string, feature: bigint, name: string]>> = {
  [GsoType.TCPV4]: ['tso4', F.HOST_TSO4, 'HOST_TSO4'],
  [GsoType.TCPV6]: ['tso6', F.HOST_TSO6, 'HOST_TSO6'],
  [GsoType.UDP]: ['ufo', UFO, 'HOST_UFO'],
  [GsoType.UDP_L4]: ['uso', F.HOST_USO, 'HOST_USO'],
};

/** What drivers send by network devices (virtio 1.4, 5.1.4.2 and 5.1.9.2). */
export class NetTransmitRules {
  private readonly headers = new Headers();
  private foreign = 0;
  private ownSeen = false;

  constructor(
    private readonly watched: WatchedDevice,
    private readonly macOfConfig: () => Uint8Array,
    private readonly addressWasSet: () => boolean,
    private readonly frameSent: (frame: Uint8Array, queue: number) => void,
  ) {}

  reset(): void {
    this.foreign = 0;
    this.ownSeen = false;
  }

  /** Looks at a frame with its header. @param mtu of the configuration, if there is one */
  sent(queue: WatchedQueue, chain: ExposedChain, mtu: number | undefined): void {
    const { watched } = this;
    const features = watched.device.features;
    const short = watched.via === 'legacy' && !has(features, F.MRG_RXBUF);
    const headerSize = short ? LEGACY_HEADER_SIZE : FRAME_HEADER_SIZE;
    const whole = chain.copy(0, MAX_FRAME);
    if (whole.length < headerSize + ETHERNET_HEADER) return;
    const view = new DataView(whole.buffer, whole.byteOffset, whole.length);
    const frame = whole.subarray(headerSize);
    const judge: Judging = (id, ok, what) => watched.check(id, ok, what, queue.index, () => chain.show());
    this.frameSent(frame, queue.index);
    this.judgeAddress(judge, whole, headerSize);
    this.headers.parse(frame, 0, frame.length);
    const flags = view.getUint8(Field.FLAGS);
    const type = view.getUint8(Field.GSO_TYPE);
    if (!short) {
      const buffers = view.getUint16(Field.NUM_BUFFERS, true);
      if (watched.via === 'modern')
        judge(`${SECTION}/num-buffers`, buffers === 0, () => `num_buffers is ${buffers}`);
    }
    judge(
      `${SECTION}/no-data-valid`,
      (flags & (HeaderFlag.DATA_VALID | RSC_INFO)) === 0,
      () => `flags are ${flags}`,
    );
    if (!has(features, F.CSUM)) {
      judge(`${SECTION}/no-csum-flags`, flags === 0, () => `flags are ${flags} without VIRTIO_NET_F_CSUM`);
      if (flags === 0) this.judgeComplete(judge, frame);
    }
    if (flags & HeaderFlag.NEEDS_CSUM) this.judgePartial(judge, view, frame, type);
    this.judgeSegmentation(judge, view, frame, features);
    if (mtu !== undefined && (type & ~GsoType.ECN) === GsoType.NONE) {
      const most = mtu + ETHERNET_HEADER + VLAN_TAG;
      judge(
        '5.1.4.2/mtu-send',
        frame.length <= most,
        () => `a frame of ${frame.length} bytes, with an MTU of ${mtu}`,
      );
    }
  }

  private judgeAddress(judge: Judging, whole: Uint8Array, headerSize: number): void {
    if (!this.hasMac) {
      const local = (whole[headerSize + MAC_SIZE] & LOCALLY_ADMINISTERED) !== 0;
      judge('5.1.4.2/local-mac', local, () => 'it sends from an address that is not locally administered');
    }
    const mac = this.macOfConfig();
    const isOwn = (size: number): boolean => mac.every((byte, i) => whole[size + MAC_SIZE + i] === byte);
    if (isOwn(headerSize)) {
      judge(`${SECTION}/header-size`, true, () => '');
      if (!this.ownSeen && this.hasMac) judge('5.1.4.2/uses-mac', true, () => '');
      this.ownSeen = true;
      return;
    }
    const other = headerSize === FRAME_HEADER_SIZE ? LEGACY_HEADER_SIZE : FRAME_HEADER_SIZE;
    if (isOwn(other)) {
      judge(`${SECTION}/header-size`, false, () => `its header has ${other} bytes, not ${headerSize}`);
      return;
    }
    if (this.ownSeen || !this.hasMac || ++this.foreign !== FOREIGN_FRAMES) return;
    judge('5.1.4.2/uses-mac', false, () => 'it sends from other addresses than mac');
    const settable =
      has(this.watched.device.features, F.CTRL_RX) && has(this.watched.device.features, F.CTRL_MAC_ADDR);
    if (!settable || this.addressWasSet()) return;
    judge(
      '5.1.9.5.2.2/mac-set',
      false,
      () => 'it sends from another address than mac, and has not told of it',
    );
  }

  private get hasMac(): boolean {
    return has(this.watched.device.features, F.MAC);
  }

  private judgePartial(judge: Judging, view: DataView, frame: Uint8Array, type: number): void {
    const { headers } = this;
    const start = view.getUint16(Field.CSUM_START, true);
    const offset = view.getUint16(Field.CSUM_OFFSET, true);
    const at = checksumAt(headers);
    const fits = start >= ETHERNET_HEADER && start + offset + 2 <= frame.length;
    const right = headers.transport < 0 || at === undefined || (start === headers.transport && offset === at);
    judge(
      `${SECTION}/csum-place`,
      fits && right,
      () => `csum_start ${start}, csum_offset ${offset}, in a frame of ${frame.length} bytes`,
    );
    if (!fits || !right || at === undefined || headers.transport < 0) return;
    const stored = word(frame, start + offset);
    const lengths = [frame.length - headers.transport];
    // The segments' lengths differ from the frame's: drivers leave it out too.
    if (type !== GsoType.NONE) lengths.push(0);
    judge(
      `${SECTION}/pseudo-header`,
      lengths.some(length => stored === this.pseudoHeader(frame, length)),
      () => `it stores the checksum 0x${stored.toString(16)}`,
    );
  }

  private judgeSegmentation(judge: Judging, view: DataView, frame: Uint8Array, features: bigint): void {
    const { headers } = this;
    const type = view.getUint8(Field.GSO_TYPE);
    const kind = type & ~GsoType.ECN;
    const any = F.HOST_TSO4 | F.HOST_TSO6 | F.HOST_USO | UFO;
    if (!has(features, any)) {
      judge(
        `${SECTION}/no-gso`,
        type === GsoType.NONE,
        () => `gso_type is ${type} without any feature for it`,
      );
    }
    if (type & GsoType.ECN && !has(features, F.HOST_ECN)) {
      judge(`${SECTION}/ecn`, false, () => 'gso_type has ECN without VIRTIO_NET_F_HOST_ECN');
    }
    if (kind === GsoType.NONE) return;
    const needed = SEGMENTATION[kind];
    if (needed) {
      const [id, feature, name] = needed;
      judge(
        `${SECTION}/${id}`,
        has(features, feature),
        () => `gso_type is ${type} without VIRTIO_NET_F_${name}`,
      );
    }
    const partial = (view.getUint8(Field.FLAGS) & HeaderFlag.NEEDS_CSUM) !== 0;
    const size = view.getUint16(Field.GSO_SIZE, true);
    judge(
      `${SECTION}/gso-csum`,
      partial && size > 0,
      () => `NEEDS_CSUM ${partial ? 'on' : 'off'}, gso_size ${size}`,
    );
    if (headers.protocol === IpProtocol.TCP && headers.transport >= 0 && has(features, F.HOST_ECN)) {
      const congested = (frame[headers.transport + TCP_FLAGS_AT] & TCP_CWR) !== 0;
      const told = (type & GsoType.ECN) !== 0;
      if (congested || told)
        judge(`${SECTION}/ecn`, congested === told, () => 'CWR and gso_type do not agree');
    }
    if (headers.payload < 0) return;
    const length = view.getUint16(Field.HDR_LEN, true);
    const what = (): string => `hdr_len is ${length}, and the headers have ${headers.payload} bytes`;
    if (has(features, GUEST_HDRLEN)) judge(`${SECTION}/hdr-len-exact`, length === headers.payload, what);
    else judge(`${SECTION}/hdr-len`, length >= headers.payload, what);
  }

  /** TCP's and UDP's checksum are to be right as they are. */
  private judgeComplete(judge: Judging, frame: Uint8Array): void {
    const { headers } = this;
    const at = checksumAt(headers);
    if (at === undefined || headers.transport < 0) return;
    const stored = word(frame, headers.transport + at);
    // 0 means none, in UDP over IPv4.
    if (stored === 0 && headers.protocol === IpProtocol.UDP) return;
    const end = this.ipEnd(frame);
    if (end > frame.length) return;
    const sum = addWords(frame, headers.transport, end, this.pseudoHeader(frame, end - headers.transport));
    judge(
      `${SECTION}/no-csum-complete`,
      fold(sum) === 0xffff,
      () => `the checksum 0x${stored.toString(16)} is wrong`,
    );
  }

  /** Where the IP packet ends: what follows is padding. */
  private ipEnd(frame: Uint8Array): number {
    const { headers } = this;
    const length = headers.version === 4 ? word(frame, headers.ip + 2) : word(frame, headers.ip + 4) + 40;
    return headers.ip + length;
  }

  private pseudoHeader(frame: Uint8Array, length: number): number {
    const { ip, version, protocol } = this.headers;
    const [from, to] = version === 4 ? [ip + 12, ip + 20] : [ip + 8, ip + 40];
    return pseudoHeaderSum(frame, from, to, protocol, length);
  }
}

/** Where in its header TCP or UDP has its checksum. */
function checksumAt({ protocol }: Headers): number | undefined {
  if (protocol === IpProtocol.TCP) return TCP_CHECKSUM_AT;
  return protocol === IpProtocol.UDP ? UDP_CHECKSUM_AT : undefined;
}

type Judging = (id: string, ok: boolean, what: () => string) => void;
