import { read16, read32 } from '../bytes.js';
import type { IpPacket } from '../packet.js';

/** Bytes of a header without options (RFC 9293, 3.1). */
export const TCP_HEADER = 20;
/** Where the checksum is in it. */
export const TCP_CHECKSUM = 16;

export const FLAG = { fin: 0x01, syn: 0x02, rst: 0x04, psh: 0x08, ack: 0x10 } as const;

/** Option kinds (RFC 9293, 3.2; RFC 7323, 2). */
export const TCP_OPTION = { end: 0, nop: 1, mss: 2, windowScale: 3 } as const;

/** Larger shifts mean this one (RFC 7323, 2.3). */
export const MAX_WINDOW_SCALE = 14;

/** A segment from the guest, as offsets into the bytes of its packet. There is one of these, filled anew each time. */
export class TcpSegment {
  bytes: Uint8Array = new Uint8Array(0);
  sourcePort = 0;
  destinationPort = 0;
  sequence = 0;
  acknowledgment = 0;
  flags = 0;
  /** As it is in the header: not scaled. */
  window = 0;
  /** The data. */
  start = 0;
  end = 0;
  /** Of a SYN: the options that it has. */
  mss: number | undefined;
  windowScale: number | undefined;

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  /** What it takes of the sequence numbers: its data, a SYN, a FIN. */
  get length(): number {
    return this.end - this.start + (this.flags & FLAG.fin) + ((this.flags & FLAG.syn) >> 1);
  }

  /** @returns false when the packet carries none */
  read(packet: IpPacket): boolean {
    const { bytes, payload: at, end } = packet;
    if (end - at < TCP_HEADER) return false;
    const headerLength = (bytes[at + 12] >> 4) * 4;
    if (headerLength < TCP_HEADER || headerLength > end - at) return false;
    this.bytes = bytes;
    this.sourcePort = read16(bytes, at);
    this.destinationPort = read16(bytes, at + 2);
    this.sequence = read32(bytes, at + 4);
    this.acknowledgment = read32(bytes, at + 8);
    this.flags = bytes[at + 13];
    this.window = read16(bytes, at + 14);
    this.start = at + headerLength;
    this.end = end;
    if (this.has(FLAG.syn)) this.readOptions(at + TCP_HEADER);
    return true;
  }

  private readOptions(at: number): void {
    const { bytes, start: end } = this;
    this.mss = undefined;
    this.windowScale = undefined;
    for (let next = at; next < end;) {
      const kind = bytes[next];
      if (kind === TCP_OPTION.end) return;
      if (kind === TCP_OPTION.nop) {
        next++;
        continue;
      }
      const length = bytes[next + 1];
      if (next + 1 >= end || length < 2 || next + length > end) return;
      if (kind === TCP_OPTION.mss && length === 4) this.mss = read16(bytes, next + 2);
      if (kind === TCP_OPTION.windowScale && length === 3) {
        this.windowScale = Math.min(bytes[next + 2], MAX_WINDOW_SCALE);
      }
      next += length;
    }
  }
}
