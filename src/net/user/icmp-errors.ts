import { isGroup, isUnspecified, sameBytes, type IpAddress } from './addresses.js';
import { copyOf, write32 } from './bytes.js';
import type { MacAddress } from './ethernet.js';
import { IpPath } from './ip-path.js';
import type { Network } from './network.js';
import { IPV4_HEADER, IPV6_HEADER, PROTOCOL, type IpPacket } from './packet.js';

/** What became of a packet. */
export type IcmpError =
  'no-route' | 'host' | 'protocol' | 'port' | 'prohibited' | 'too-big' | 'time-exceeded';

interface Message {
  readonly type: number;
  readonly code: number;
}

/** RFC 792; RFC 1812, 5.2.7.1. */
const ICMPV4: Readonly<Record<IcmpError, Message>> = {
  'no-route': { type: 3, code: 0 },
  host: { type: 3, code: 1 },
  protocol: { type: 3, code: 2 },
  port: { type: 3, code: 3 },
  'too-big': { type: 3, code: 4 },
  prohibited: { type: 3, code: 13 },
  'time-exceeded': { type: 11, code: 0 },
};

/** RFC 4443, 3. */
const ICMPV6: Readonly<Record<IcmpError, Message>> = {
  'no-route': { type: 1, code: 0 },
  prohibited: { type: 1, code: 1 },
  host: { type: 1, code: 3 },
  port: { type: 1, code: 4 },
  'too-big': { type: 2, code: 0 },
  'time-exceeded': { type: 3, code: 0 },
  protocol: { type: 4, code: 1 },
};

const HEADER = 8;
/** Of the packet that it is about: all that fits (RFC 1812, 4.3.2.3; RFC 4443, 2.4). */
const MAX_QUOTE = { 4: 576 - IPV4_HEADER - HEADER, 6: 1280 - IPV6_HEADER - HEADER } as const;

/** The beginning of a packet of the guest's that something may still have to be said about. */
export interface Quote {
  readonly mac: MacAddress;
  /** From the IP header on. */
  readonly packet: Uint8Array;
}

/** Enough of a packet for whoever sent it to find out whose it was: the headers up to TCP's. */
export function quoteOf(packet: IpPacket, limit = IPV6_HEADER + 20): Quote {
  const end = Math.min(packet.end, packet.header + limit);
  return { mac: copyOf(packet.sourceMac), packet: copyOf(packet.bytes, packet.header, end) };
}

/** Tells the guest what became of its packets. */
export class IcmpErrors {
  constructor(private readonly network: Network) {}

  /** @param mtu of 'too-big': the largest packet that would have gone through */
  about(packet: IpPacket, error: IcmpError, mtu = 0): void {
    // A later fragment does not say whose it is.
    if (packet.fragmentOffset > 0 || isIcmpError(packet)) return;
    this.send(quoteOf(packet, MAX_QUOTE[packet.family]), error, mtu);
  }

  send({ mac, packet }: Quote, error: IcmpError, mtu = 0): void {
    const family = packet[0] >> 4 === 4 ? 4 : 6;
    const at = family === 4 ? 12 : 8;
    const length = family === 4 ? 4 : 16;
    const source = copyOf(packet, at, at + length);
    const destination = copyOf(packet, at + length, at + 2 * length);
    const from = this.sourceOf(error, destination);
    if (!from || isGroup(destination) || isGroup(source) || isUnspecified(source)) return;
    if (sameBytes(from, source)) return;
    const { output, link } = this.network;
    const protocol = family === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6;
    const path = new IpPath(this.network.mac, mac, from, source, protocol);
    const { frame } = link;
    const start = path.headerLength;
    const { type, code } = (family === 4 ? ICMPV4 : ICMPV6)[error];
    frame[start] = type;
    frame[start + 1] = code;
    // Where the field is that nobody understands: IPv6's next header.
    write32(frame, start + 4, family === 6 && error === 'protocol' ? 6 : mtu);
    const quoted = Math.min(packet.length, MAX_QUOTE[family]);
    frame.set(packet.subarray(0, quoted), start + HEADER);
    path.writeChecksum(frame, start + 2, HEADER + quoted);
    output.send(path, HEADER + quoted);
  }

  /** That nobody listens says the destination itself; everything else says the gateway. */
  private sourceOf(error: IcmpError, destination: IpAddress): IpAddress | undefined {
    const family = destination.length === 4 ? 4 : 6;
    return error === 'port' || error === 'protocol' ? destination : this.network.routes.gateway(family);
  }
}

/** Nothing is said about errors (RFC 1122, 3.2.2; RFC 4443, 2.4). */
function isIcmpError({ bytes, payload, end, protocol }: IpPacket): boolean {
  if (payload >= end) return protocol === PROTOCOL.icmp || protocol === PROTOCOL.icmpv6;
  const type = bytes[payload];
  if (protocol === PROTOCOL.icmpv6) return type < 128;
  return protocol === PROTOCOL.icmp && type !== 8 && type !== 13;
}
