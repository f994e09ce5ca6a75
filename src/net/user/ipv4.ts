import { read16 } from './bytes.js';
import { addWords, fold } from '../checksum.js';
import { IPV4_HEADER, type IpPacket } from './packet.js';

const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;

/**
 * Reads the IPv4 header at `at` (RFC 791, 3.1).
 * @param end the end of the frame, which may be longer than the packet
 * @returns false when it is not one
 */
export function readIpv4(bytes: Uint8Array, at: number, end: number, packet: IpPacket): boolean {
  if (end - at < IPV4_HEADER || bytes[at] >> 4 !== 4) return false;
  const headerLength = (bytes[at] & 0xf) * 4;
  const totalLength = read16(bytes, at + 2);
  if (headerLength < IPV4_HEADER || totalLength < headerLength || totalLength > end - at) return false;
  if (fold(addWords(bytes, at, at + headerLength)) !== 0xffff) return false;
  const fragment = read16(bytes, at + 6);
  packet.family = 4;
  packet.bytes = bytes;
  packet.header = at;
  packet.source = at + 12;
  packet.addressLength = 4;
  packet.protocol = bytes[at + 9];
  packet.hopLimit = bytes[at + 8];
  packet.payload = at + headerLength;
  packet.end = at + totalLength;
  packet.identification = read16(bytes, at + 4);
  packet.fragmentOffset = (fragment & 0x1fff) * 8;
  packet.moreFragments = (fragment & MORE_FRAGMENTS) !== 0;
  packet.dontFragment = (fragment & DONT_FRAGMENT) !== 0;
  return true;
}
