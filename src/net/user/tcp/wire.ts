import type { Offload } from '../../backend.js';
import { write16, write32 } from '../bytes.js';
import { ETHERNET_HEADER } from '../ethernet.js';
import type { IpPath } from '../ip-path.js';
import type { Link } from '../link.js';
import type { ByteQueue } from './byte-queue.js';
import { FLAG, TCP_CHECKSUM, TCP_HEADER, TCP_OPTION } from './segment.js';

/** What a packet can say of its length. */
const MAX_PACKET = 0xffff;

interface SegmentOffload extends Offload {
  gsoSize: number;
}

function partialChecksum(start: number): Offload {
  return { csumStart: start, csumOffset: TCP_CHECKSUM };
}

function segmentation(gso: 'tcp4' | 'tcp6', start: number): SegmentOffload {
  return { csumStart: start, csumOffset: TCP_CHECKSUM, gso, gsoSize: 0, headerLength: start + TCP_HEADER };
}

/** What is left to the card, by family: the same objects for all segments. */
const PLAIN = { 4: partialChecksum(ETHERNET_HEADER + 20), 6: partialChecksum(ETHERNET_HEADER + 40) };
const LARGE = {
  4: segmentation('tcp4', ETHERNET_HEADER + 20),
  6: segmentation('tcp6', ETHERNET_HEADER + 40),
};

/** Puts the segments of one connection on the cable. */
export class Wire {
  /** Largest payload of one segment; what the two sides agree on. */
  mss: number;

  constructor(
    private readonly link: Link,
    readonly path: IpPath,
    private readonly localPort: number,
    private readonly guestPort: number,
    mtu: number,
  ) {
    this.mss = mtu - (path.headerLength - ETHERNET_HEADER) - TCP_HEADER;
  }

  /** Most bytes that one frame takes now: many segments at once, where the guest takes them. */
  get limit(): number {
    const accepts = this.link.card?.accepts;
    const large = this.path.family === 4 ? accepts?.tcp4 : accepts?.tcp6;
    if (!large) return this.mss;
    const header = this.path.family === 4 ? this.path.headerLength - ETHERNET_HEADER : 0;
    return Math.floor((MAX_PACKET - header - TCP_HEADER) / this.mss) * this.mss;
  }

  /**
   * Sends a segment with `length` bytes of `data`, from the one at `offset` on.
   * @returns false when there is no room for it
   */
  send(
    flags: number,
    sequence: number,
    acknowledgment: number,
    window: number,
    data: ByteQueue,
    offset: number,
    length: number,
  ): boolean {
    const { link, path } = this;
    const { frame } = link;
    const at = path.headerLength;
    this.writeHeader(flags, sequence, acknowledgment, window, TCP_HEADER);
    data.copyTo(offset, length, frame, at + TCP_HEADER);
    return this.offer(TCP_HEADER + length, length);
  }

  /** Sends a SYN, with its options. @returns false when there is no room for it */
  sendSyn(
    flags: number,
    sequence: number,
    acknowledgment: number,
    window: number,
    mss: number,
    windowScale: number | undefined,
  ): boolean {
    const { frame } = this.link;
    const options = this.path.headerLength + TCP_HEADER;
    const length = windowScale === undefined ? 4 : 8;
    this.writeHeader(flags | FLAG.syn, sequence, acknowledgment, window, TCP_HEADER + length);
    frame[options] = TCP_OPTION.mss;
    frame[options + 1] = 4;
    write16(frame, options + 2, mss);
    if (windowScale !== undefined) {
      frame[options + 4] = TCP_OPTION.nop;
      frame[options + 5] = TCP_OPTION.windowScale;
      frame[options + 6] = 3;
      frame[options + 7] = windowScale;
    }
    return this.offer(TCP_HEADER + length, 0);
  }

  private writeHeader(
    flags: number,
    sequence: number,
    acknowledgment: number,
    window: number,
    headerLength: number,
  ): void {
    const { frame } = this.link;
    const at = this.path.headerLength;
    write16(frame, at, this.localPort);
    write16(frame, at + 2, this.guestPort);
    write32(frame, at + 4, sequence);
    write32(frame, at + 8, acknowledgment);
    frame[at + 12] = headerLength << 2;
    frame[at + 13] = flags;
    write16(frame, at + 14, window);
    write16(frame, at + 18, 0);
  }

  private offer(length: number, dataLength: number): boolean {
    const { link, path } = this;
    path.write(link.frame, length);
    write16(link.frame, path.headerLength + TCP_CHECKSUM, path.pseudoSum(length));
    if (dataLength <= this.mss) return link.offer(path.headerLength + length, PLAIN[path.family]);
    const offload = LARGE[path.family];
    offload.gsoSize = this.mss;
    return link.offer(path.headerLength + length, offload);
  }
}
