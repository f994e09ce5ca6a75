import { onesComplementSum, internetChecksum, pseudoHeaderSum } from './checksum.js';
import { Headers, IpProtocol, setWord, word } from './headers.js';
import type { Offload } from './backend.js';

/** Offsets into the IPv4, IPv6, TCP and UDP headers. */
const IPV4_LENGTH = 2;
const IPV4_ID = 4;
const IPV4_CHECKSUM = 10;
const IPV4_ADDRESSES = 12;
const IPV4_ADDRESSES_END = 20;
const IPV6_LENGTH = 4;
const IPV6_HEADER = 40;
const IPV6_ADDRESSES = 8;
const TCP_SEQUENCE = 4;
const TCP_FLAGS = 13;
const TCP_CHECKSUM = 16;
const UDP_LENGTH = 4;
const UDP_CHECKSUM = 6;

/**
 * Segments of one frame, and bytes of its headers, so that the work that a frame makes has a bound: the smallest segment
 * that TCP implementations send has 48 bytes. All segments together stay below half a ring.
 */
const MAX_SEGMENTS = 1400;
const MAX_HEADERS = 256;

const FIN = 0x01;
const PSH = 0x08;
const CWR = 0x80;

/**
 * Finishes a checksum that the sender has only begun: its field holds the sum of the pseudo header (virtio 1.3, 5.1.6.2).
 * @param frame the frame alone; `start` and `start + offset + 2` lie inside it
 */
export function completeChecksum(frame: Uint8Array, start: number, offset: number): void {
  const checksum = internetChecksum(frame, start, frame.length);
  // In UDP 0 says that there is none; for TCP both mean the same.
  setWord(frame, start + offset, checksum === 0 ? 0xffff : checksum);
}

/**
 * Cuts a large TCP segment, or UDP datagram, into those that the wire takes, with all headers and checksums right.
 *
 * ```
 *   frame:     | headers |        payload         |
 *   segments:  | headers'| part | , | headers'| part | , …
 * ```
 */
export class Segmenter {
  private readonly headers = new Headers();
  private frame!: Uint8Array;
  private size = 0;
  private clearCwr = false;
  /** Of the frame that was given last. */
  private headerLength = 0;
  private payloadLength = 0;

  /**
   * Begins with a frame.
   * @returns how many segments there are; 0 when the frame is not what `offload` says, or would be too many
   */
  begin(frame: Uint8Array, { gso, gsoSize = 0, ecn = false }: Offload): number {
    const { headers } = this;
    headers.parse(frame, 0, frame.length);
    const protocol = gso === 'udp' ? IpProtocol.UDP : IpProtocol.TCP;
    const version = gso === 'tcp4' ? 4 : gso === 'tcp6' ? 6 : headers.version;
    if (
      headers.payload < 0 ||
      headers.protocol !== protocol ||
      headers.version !== version ||
      gsoSize === 0
    ) {
      return 0;
    }
    this.frame = frame;
    this.size = gsoSize;
    this.clearCwr = ecn;
    this.headerLength = headers.payload;
    this.payloadLength = frame.length - headers.payload;
    const count = Math.max(1, Math.ceil(this.payloadLength / gsoSize));
    return count > MAX_SEGMENTS || headers.payload > MAX_HEADERS ? 0 : count;
  }

  /** Bytes of the largest segment. */
  get largest(): number {
    return this.headerLength + Math.min(this.size, this.payloadLength);
  }

  /** Bytes of segment `index`. */
  lengthOf(index: number): number {
    return this.headerLength + Math.min(this.size, this.payloadLength - index * this.size);
  }

  /** Writes segment `index` to `target`, which has exactly its length. */
  write(index: number, target: Uint8Array): void {
    const { frame, headers, headerLength, size } = this;
    const from = headerLength + index * size;
    const length = target.length;
    const last = from + length - headerLength >= frame.length;
    target.set(frame.subarray(0, headerLength));
    target.set(frame.subarray(from, from + length - headerLength), headerLength);
    const { ip, transport } = headers;
    if (headers.version === 4) {
      setWord(target, ip + IPV4_LENGTH, length - ip);
      setWord(target, ip + IPV4_ID, (word(frame, ip + IPV4_ID) + index) & 0xffff);
      setWord(target, ip + IPV4_CHECKSUM, 0);
      setWord(target, ip + IPV4_CHECKSUM, internetChecksum(target, ip, transport));
    } else {
      setWord(target, ip + IPV6_LENGTH, length - ip - IPV6_HEADER);
    }
    if (headers.protocol === IpProtocol.TCP) this.finishTcp(target, index, last);
    else this.finishUdp(target);
  }

  private finishTcp(target: Uint8Array, index: number, last: boolean): void {
    const { transport } = this.headers;
    const at = transport + TCP_SEQUENCE;
    const sequence = (word(target, at) * 0x1_0000 + word(target, at + 2) + index * this.size) >>> 0;
    setWord(target, at, sequence >>> 16);
    setWord(target, at + 2, sequence & 0xffff);
    // What ends the stream or pushes it is for the last byte (RFC 9293, 3.4), what answers congestion for the first.
    if (!last) target[transport + TCP_FLAGS] &= ~(FIN | PSH);
    if (index > 0 && this.clearCwr) target[transport + TCP_FLAGS] &= ~CWR;
    this.sumUp(target, transport + TCP_CHECKSUM);
  }

  private finishUdp(target: Uint8Array): void {
    const { transport } = this.headers;
    setWord(target, transport + UDP_LENGTH, target.length - transport);
    this.sumUp(target, transport + UDP_CHECKSUM);
  }

  private sumUp(target: Uint8Array, field: number): void {
    const { ip, version, transport, protocol } = this.headers;
    const addresses = ip + (version === 4 ? IPV4_ADDRESSES : IPV6_ADDRESSES);
    const end = ip + (version === 4 ? IPV4_ADDRESSES_END : IPV6_HEADER);
    setWord(target, field, 0);
    const pseudo = pseudoHeaderSum(target, addresses, end, protocol, target.length - transport);
    const checksum = ~onesComplementSum(target, transport, target.length, pseudo) & 0xffff;
    setWord(target, field, checksum === 0 ? 0xffff : checksum);
  }
}
