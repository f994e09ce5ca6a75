import { write16, write32 } from './bytes.js';
import { ETHERNET_HEADER } from './ethernet.js';
import type { Link } from './link.js';
import { IPV4_HEADER, IPV6_HEADER } from './packet.js';
import { nextIdentification, type IpPath } from './ip-path.js';

const FRAGMENT_HEADER = 8;
const NEXT_FRAGMENT = 44;

/** Sends datagrams to the guest, in fragments where they are larger than its MTU. */
export class IpOutput {
  /** A datagram while it is cut. */
  private readonly whole = new Uint8Array(65536);

  constructor(
    readonly link: Link,
    private readonly mtu: number,
  ) {}

  /** Sends the `length` bytes that lie in the link's frame behind the path's headers. */
  send(path: IpPath, length: number): void {
    const { link } = this;
    const header = path.headerLength - ETHERNET_HEADER;
    if (header + length <= this.mtu) {
      path.write(link.frame, length);
      link.send(path.headerLength + length);
      return;
    }
    this.whole.set(link.frame.subarray(path.headerLength, path.headerLength + length));
    const id = nextIdentification();
    const room = path.family === 4 ? this.mtu - IPV4_HEADER : this.mtu - IPV6_HEADER - FRAGMENT_HEADER;
    const step = room & ~7;
    for (let offset = 0; offset < length; offset += step) {
      const size = Math.min(step, length - offset);
      const more = offset + size < length;
      if (path.family === 4) this.sendIpv4Fragment(path, id, offset, size, more);
      else this.sendIpv6Fragment(path, id, offset, size, more);
    }
  }

  private sendIpv4Fragment(path: IpPath, id: number, offset: number, size: number, more: boolean): void {
    const { frame } = this.link;
    path.writeIpv4Fragment(frame, id, offset, size, more);
    frame.set(this.whole.subarray(offset, offset + size), path.headerLength);
    this.link.send(path.headerLength + size);
  }

  private sendIpv6Fragment(path: IpPath, id: number, offset: number, size: number, more: boolean): void {
    const { frame } = this.link;
    const at = path.headerLength;
    path.write(frame, FRAGMENT_HEADER + size);
    frame[ETHERNET_HEADER + 6] = NEXT_FRAGMENT;
    frame[at] = path.protocol;
    frame[at + 1] = 0;
    write16(frame, at + 2, offset | (more ? 1 : 0));
    write32(frame, at + 4, id);
    frame.set(this.whole.subarray(offset, offset + size), at + FRAGMENT_HEADER);
    this.link.send(at + FRAGMENT_HEADER + size);
  }
}
