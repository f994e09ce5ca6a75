import { familyOf, type Family, type IpAddress } from './addresses.js';
import { write16 } from './bytes.js';
import { addWords, complement, fold } from '../checksum.js';
import { ETHERNET_HEADER, ETHERTYPE, type MacAddress } from './ethernet.js';
import { IPV4_HEADER, IPV6_HEADER, PROTOCOL } from './packet.js';

const HOP_LIMIT = 64;
const DONT_FRAGMENT = 0x40;

/** IPv4's identification tells fragments of one datagram from another's; one count does for all. */
let identification = 0;

/** The Ethernet and IP headers of packets to one address of the guest's, from one address. */
export class IpPath {
  readonly family: Family;
  /** Bytes of both headers: what is carried begins there. */
  readonly headerLength: number;
  private readonly template: Uint8Array;
  /** Of both addresses, for the pseudo-header. */
  private readonly addressSum: number;
  /** Of the IPv4 header, without length and identification. */
  private readonly headerSum: number;

  constructor(
    from: MacAddress,
    to: MacAddress,
    readonly source: IpAddress,
    readonly destination: IpAddress,
    readonly protocol: number,
    hopLimit = HOP_LIMIT,
  ) {
    this.family = familyOf(source);
    this.headerLength = ETHERNET_HEADER + (this.family === 4 ? IPV4_HEADER : IPV6_HEADER);
    const template = new Uint8Array(this.headerLength);
    this.template = template;
    template.set(to);
    template.set(from, 6);
    write16(template, 12, this.family === 4 ? ETHERTYPE.ipv4 : ETHERTYPE.ipv6);
    template.set(source, this.headerLength - 2 * source.length);
    template.set(destination, this.headerLength - source.length);
    this.addressSum = addWords(source, 0, source.length, addWords(destination, 0, source.length));
    if (this.family === 4) {
      template.set([0x45, 0, 0, 0, 0, 0, DONT_FRAGMENT, 0, hopLimit, protocol], ETHERNET_HEADER);
      this.headerSum = addWords(template, ETHERNET_HEADER, template.length);
    } else {
      template.set([0x60, 0, 0, 0, 0, 0, protocol, hopLimit], ETHERNET_HEADER);
      this.headerSum = 0;
    }
  }

  /** Writes the headers of a packet that carries `length` bytes. */
  write(frame: Uint8Array, length: number): void {
    frame.set(this.template);
    if (this.family === 4) {
      const total = IPV4_HEADER + length;
      write16(frame, ETHERNET_HEADER + 2, total);
      write16(frame, ETHERNET_HEADER + 10, complement(this.headerSum + total));
    } else {
      write16(frame, ETHERNET_HEADER + 4, length);
    }
  }

  /** Writes the headers of a fragment of a datagram: IPv4 alone, IPv6 has a header of its own for that. */
  writeIpv4Fragment(frame: Uint8Array, id: number, offset: number, length: number, more: boolean): void {
    this.write(frame, length);
    write16(frame, ETHERNET_HEADER + 4, id);
    write16(frame, ETHERNET_HEADER + 6, (offset >> 3) | (more ? 0x2000 : 0));
    write16(frame, ETHERNET_HEADER + 10, 0);
    write16(
      frame,
      ETHERNET_HEADER + 10,
      complement(addWords(frame, ETHERNET_HEADER, ETHERNET_HEADER + IPV4_HEADER)),
    );
  }

  /** The sum of the pseudo-header of `length` bytes, in 16 bits. */
  pseudoSum(length: number): number {
    return fold(this.addressSum + this.protocol + length);
  }

  /**
   * Completes the checksum at `field` over the `length` bytes that are carried: with the pseudo-header, except for ICMP
   * of IPv4.
   */
  writeChecksum(frame: Uint8Array, field: number, length: number): void {
    const start = this.headerLength;
    write16(frame, field, 0);
    const pseudo = this.protocol === PROTOCOL.icmp ? 0 : this.pseudoSum(length);
    const checksum = complement(addWords(frame, start, start + length, pseudo));
    // UDP keeps zero for "none" (RFC 768).
    write16(frame, field, checksum === 0 && this.protocol === PROTOCOL.udp ? 0xffff : checksum);
  }
}

/** Another one than the last 65,535 had. */
export function nextIdentification(): number {
  identification = (identification + 1) & 0xffff;
  return identification;
}
