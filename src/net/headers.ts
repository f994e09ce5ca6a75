/** Where the headers of an Ethernet frame lie, and what they are: as far as offloads and flows need it. */

export const ETHERNET_HEADER = 14;
const TYPE_AT = 12;
const VLAN_TAG = 4;
const MIN_IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const MIN_TCP_HEADER = 20;
export const UDP_HEADER = 8;

export const EtherType = { IPV4: 0x0800, VLAN: 0x8100, IPV6: 0x86dd, SERVICE_VLAN: 0x88a8 } as const;
export const IpProtocol = { TCP: 6, UDP: 17 } as const;

/** IPv6 extension headers that are stepped over, those of fixed form (RFC 8200, 4). */
const HOP_BY_HOP = 0;
const ROUTING = 43;
const DESTINATION = 60;
/** As many as are stepped over. */
const MAX_EXTENSIONS = 8;

/** IPv4: fragment offset, and the flag that more follow. */
const FRAGMENT_MASK = 0x3fff;

/** The headers of one frame; an object to be used again for the next. */
export class Headers {
  /** Offset of the IP header; −1 when there is none that makes sense. */
  ip = -1;
  version: 4 | 6 = 4;
  /** Protocol of what the IP header carries, and its offset; −1 for a fragment, or when it is cut off. */
  protocol = -1;
  transport = -1;
  /** Offset of what TCP or UDP carry; −1 when it is neither, or is cut off. */
  payload = -1;

  /** Looks at the frame at `offset` of `bytes`, which has `length` bytes. All offsets count from the frame's start. */
  parse(bytes: Uint8Array, offset: number, length: number): void {
    this.ip = this.protocol = this.transport = this.payload = -1;
    let at = TYPE_AT;
    let type = length >= ETHERNET_HEADER ? word(bytes, offset + at) : 0;
    while ((type === EtherType.VLAN || type === EtherType.SERVICE_VLAN) && at + VLAN_TAG + 2 <= length) {
      at += VLAN_TAG;
      type = word(bytes, offset + at);
    }
    at += 2;
    if (type === EtherType.IPV4) this.parseIpv4(bytes, offset, at, length);
    else if (type === EtherType.IPV6) this.parseIpv6(bytes, offset, at, length);
    if (this.transport >= 0) this.parseTransport(bytes, offset, length);
  }

  private parseIpv4(bytes: Uint8Array, offset: number, at: number, length: number): void {
    if (at + MIN_IPV4_HEADER > length || bytes[offset + at] >>> 4 !== 4) return;
    const size = (bytes[offset + at] & 15) * 4;
    if (size < MIN_IPV4_HEADER || at + size > length) return;
    this.ip = at;
    this.version = 4;
    if ((word(bytes, offset + at + 6) & FRAGMENT_MASK) !== 0) return;
    this.protocol = bytes[offset + at + 9];
    this.transport = at + size;
  }

  private parseIpv6(bytes: Uint8Array, offset: number, at: number, length: number): void {
    if (at + IPV6_HEADER > length || bytes[offset + at] >>> 4 !== 6) return;
    this.ip = at;
    this.version = 6;
    let next = bytes[offset + at + 6];
    let end = at + IPV6_HEADER;
    for (let i = 0; i < MAX_EXTENSIONS; i++) {
      if (next !== HOP_BY_HOP && next !== ROUTING && next !== DESTINATION) {
        this.protocol = next;
        this.transport = end;
        return;
      }
      if (end + 8 > length) return;
      next = bytes[offset + end];
      end += 8 * (1 + bytes[offset + end + 1]);
    }
  }

  private parseTransport(bytes: Uint8Array, offset: number, length: number): void {
    const { transport, protocol } = this;
    if (protocol === IpProtocol.UDP && transport + UDP_HEADER <= length) {
      this.payload = transport + UDP_HEADER;
    } else if (protocol === IpProtocol.TCP && transport + MIN_TCP_HEADER <= length) {
      const size = (bytes[offset + transport + 12] >>> 4) * 4;
      if (size >= MIN_TCP_HEADER && transport + size <= length) this.payload = transport + size;
    }
  }
}

/** A big-endian 16-bit word. */
export function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

export function setWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}
