import { copyOf } from './bytes.js';
import { matches, type Family, type IpAddress } from './addresses.js';
import { addWords, fold } from '../checksum.js';
import type { MacAddress } from './ethernet.js';

export const IPV4_HEADER = 20;
export const IPV6_HEADER = 40;

/** Protocol numbers, of IPv4's protocol field and IPv6's next header alike. */
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;

const NOTHING = new Uint8Array(0);

/**
 * A packet from the guest, as offsets into the bytes that it arrived in. There is one of these, filled anew for each
 * packet.
 */
export class IpPacket {
  family: Family = 4;
  bytes: Uint8Array = NOTHING;
  /** Where the IP header begins. */
  header = 0;
  /** The source address; the destination follows it at once, in both families. */
  source = 0;
  addressLength = 4;
  protocol = 0;
  /** What the IP header carries, and where it ends. */
  payload = 0;
  end = 0;
  hopLimit = 0;
  /** Whether the checksum of what it carries need not be looked at. */
  checksumValid = false;
  /** Payload bytes of each of the segments or datagrams that the sender wants it to be cut into. 0: none. */
  segmentSize = 0;

  /** Of fragments: what they belong to, where, and whether they are not the last. */
  identification = 0;
  fragmentOffset = 0;
  moreFragments = false;
  dontFragment = false;

  /** Who sent the frame. */
  readonly sourceMac: MacAddress = new Uint8Array(6);

  get destination(): number {
    return this.source + this.addressLength;
  }

  get isFragment(): boolean {
    return this.moreFragments || this.fragmentOffset > 0;
  }

  isFrom(address: IpAddress): boolean {
    return address.length === this.addressLength && matches(address, this.bytes, this.source);
  }

  isTo(address: IpAddress): boolean {
    return address.length === this.addressLength && matches(address, this.bytes, this.destination);
  }

  copySource(): IpAddress {
    return copyOf(this.bytes, this.source, this.source + this.addressLength);
  }

  copyDestination(): IpAddress {
    return copyOf(this.bytes, this.destination, this.destination + this.addressLength);
  }

  /** Whether the checksum over the payload and the pseudo-header is right (RFC 9293, 3.1; RFC 8200, 8.1). */
  hasValidChecksum(): boolean {
    if (this.checksumValid) return true;
    const pseudo = addWords(
      this.bytes,
      this.source,
      this.source + 2 * this.addressLength,
      this.protocol + this.end - this.payload,
    );
    return fold(addWords(this.bytes, this.payload, this.end, pseudo)) === 0xffff;
  }
}
