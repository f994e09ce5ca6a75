import { read16, read32 } from './bytes.js';
import { IPV6_HEADER, type IpPacket } from './packet.js';

/** Extension headers (RFC 8200, 4). */
const EXTENSION = { hopByHop: 0, routing: 43, fragment: 44, destinationOptions: 60 } as const;
/** More of them than any sender has a use for. */
const MAX_EXTENSIONS = 8;

/**
 * Reads the IPv6 header at `at` and the extension headers behind it (RFC 8200, 3 and 4).
 * @param end the end of the frame, which may be longer than the packet
 * @returns false when it is not one
 */
export function readIpv6(bytes: Uint8Array, at: number, end: number, packet: IpPacket): boolean {
  if (end - at < IPV6_HEADER || bytes[at] >> 4 !== 6) return false;
  const payloadLength = read16(bytes, at + 4);
  if (payloadLength > end - at - IPV6_HEADER) return false;
  packet.family = 6;
  packet.bytes = bytes;
  packet.header = at;
  packet.source = at + 8;
  packet.addressLength = 16;
  packet.protocol = bytes[at + 6];
  packet.hopLimit = bytes[at + 7];
  packet.payload = at + IPV6_HEADER;
  packet.end = at + IPV6_HEADER + payloadLength;
  packet.fragmentOffset = 0;
  packet.moreFragments = false;
  packet.dontFragment = true;
  return skipExtensions(packet);
}

/** Moves on to what is behind the extension headers, or behind the fragment header of a fragment. */
export function skipExtensions(packet: IpPacket): boolean {
  const { bytes, end } = packet;
  for (let count = 0; count <= MAX_EXTENSIONS; count++) {
    const at = packet.payload;
    switch (packet.protocol) {
      case EXTENSION.hopByHop:
      case EXTENSION.destinationOptions:
      case EXTENSION.routing: {
        if (end - at < 8) return false;
        const length = (bytes[at + 1] + 1) * 8;
        // A route that is not finished is somebody else's.
        if (length > end - at || (packet.protocol === EXTENSION.routing && bytes[at + 3] !== 0)) return false;
        packet.protocol = bytes[at];
        packet.payload = at + length;
        break;
      }
      case EXTENSION.fragment: {
        if (end - at < 8 || packet.isFragment) return false;
        const fragment = read16(bytes, at + 2);
        packet.protocol = bytes[at];
        packet.payload = at + 8;
        packet.fragmentOffset = fragment & 0xfff8;
        packet.moreFragments = (fragment & 1) !== 0;
        packet.identification = read32(bytes, at + 4);
        if (packet.isFragment) return true;
        break;
      }
      default:
        return true;
    }
  }
  return false;
}
