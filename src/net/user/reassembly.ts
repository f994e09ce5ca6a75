import { copyOf, write16 } from './bytes.js';
import { skipExtensions } from './ipv6.js';
import { IPV4_HEADER, IPV6_HEADER, type IpPacket } from './packet.js';
import type { NetTimer, Timers } from './timers.js';

/** Datagrams that wait for their rest, at most; the oldest makes room. */
const MAX_DATAGRAMS = 64;
/** Of one datagram: 64 KiB in the smallest packets of IPv6 are 52. */
const MAX_PIECES = 128;
/** RFC 1122, 3.3.2 and RFC 8200, 4.5 want about a minute; RFC 791 half of that is plenty on one cable. */
const TIMEOUT_MS = 30_000;

interface Piece {
  readonly start: number;
  readonly bytes: Uint8Array;
}

interface Datagram {
  readonly key: string;
  readonly deadline: number;
  /** By their place, without overlaps. */
  readonly pieces: Piece[];
  /** Of the first fragment: its IP header, without what is variable about it, and what the header says comes next. */
  header?: Uint8Array;
  protocol: number;
  received: number;
  /** Bytes of the whole; known when the last piece is there. */
  total?: number;
}

/** Puts fragments together (RFC 791, 3.2; RFC 8200, 4.5). */
export class Reassembler {
  private readonly datagrams = new Map<string, Datagram>();
  private readonly timer: NetTimer;

  constructor(private readonly timers: Timers) {
    this.timer = timers.timer(() => this.expire());
  }

  /** Datagrams that are not whole yet. */
  get pending(): number {
    return this.datagrams.size;
  }

  /** @returns whether `packet` is a whole datagram now */
  add(packet: IpPacket): boolean {
    const { bytes, payload, end, fragmentOffset, moreFragments } = packet;
    const length = end - payload;
    if (fragmentOffset + length > 0xffff || (moreFragments && (length === 0 || length % 8 !== 0)))
      return false;
    const datagram = this.datagramOf(packet);
    if (
      !this.insert(datagram, { start: fragmentOffset, bytes: copyOf(bytes, payload, end) }, moreFragments)
    ) {
      // RFC 5722: fragments that overlap are an attack, and the whole datagram is dropped.
      this.datagrams.delete(datagram.key);
      return false;
    }
    if (fragmentOffset === 0) {
      datagram.header = headerOf(packet);
      datagram.protocol = packet.protocol;
    }
    if (datagram.received !== datagram.total || !datagram.header) return false;
    this.datagrams.delete(datagram.key);
    return complete(datagram, datagram.header, packet);
  }

  private datagramOf(packet: IpPacket): Datagram {
    const { bytes, source, addressLength, identification } = packet;
    const addresses = bytes.subarray(source, source + 2 * addressLength).join('.');
    // IPv4's identification is the protocol's own; IPv6 knows the protocol from the first fragment alone.
    const protocol = packet.family === 4 ? packet.protocol : 'v6';
    const key = `${addresses} ${protocol} ${identification}`;
    let datagram = this.datagrams.get(key);
    if (!datagram) {
      if (this.datagrams.size >= MAX_DATAGRAMS) this.datagrams.delete(this.datagrams.keys().next().value!);
      const deadline = this.timers.now() + TIMEOUT_MS;
      datagram = { key, deadline, pieces: [], protocol: 0, received: 0 };
      this.datagrams.set(key, datagram);
      if (!this.timer.armed) this.timer.arm(TIMEOUT_MS);
    }
    return datagram;
  }

  /** @returns false when the piece does not fit with the others */
  private insert(datagram: Datagram, piece: Piece, moreFragments: boolean): boolean {
    const { pieces } = datagram;
    const end = piece.start + piece.bytes.length;
    const next = pieces.findIndex(({ start }) => start >= piece.start);
    const at = next < 0 ? pieces.length : next;
    const after = pieces[at];
    // The same fragment twice is the network's doing.
    if (after?.start === piece.start && after.bytes.length === piece.bytes.length) return true;
    const before = pieces[at - 1];
    if (after && end > after.start) return false;
    if (before && before.start + before.bytes.length > piece.start) return false;
    if (datagram.total !== undefined && (!moreFragments || end > datagram.total)) return false;
    if (!moreFragments && after) return false;
    if (pieces.length >= MAX_PIECES) return false;
    pieces.splice(at, 0, piece);
    datagram.received += piece.bytes.length;
    if (!moreFragments) datagram.total = end;
    return true;
  }

  /** Nobody is told: the guest's own fragments were lost on the guest's own cable. */
  private expire(): void {
    const now = this.timers.now();
    for (const [key, { deadline }] of this.datagrams) {
      if (deadline > now) {
        this.timer.arm(deadline - now);
        return;
      }
      this.datagrams.delete(key);
    }
  }
}

function headerOf({ family, bytes, header }: IpPacket): Uint8Array {
  return copyOf(bytes, header, header + (family === 4 ? IPV4_HEADER : IPV6_HEADER));
}

/** Makes `packet` the whole datagram. */
function complete(datagram: Datagram, header: Uint8Array, packet: IpPacket): boolean {
  const total = datagram.total!;
  const bytes = new Uint8Array(header.length + total);
  bytes.set(header);
  for (const piece of datagram.pieces) bytes.set(piece.bytes, header.length + piece.start);
  if (packet.family === 4) {
    // What an error message would quote of it has no options and is not a fragment.
    bytes[0] = 0x45;
    write16(bytes, 2, Math.min(bytes.length, 0xffff));
    write16(bytes, 6, 0);
  } else {
    bytes[6] = datagram.protocol;
    write16(bytes, 4, total);
  }
  packet.bytes = bytes;
  packet.header = 0;
  packet.source = packet.family === 4 ? 12 : 8;
  packet.payload = header.length;
  packet.end = bytes.length;
  packet.protocol = datagram.protocol;
  packet.fragmentOffset = 0;
  packet.moreFragments = false;
  packet.checksumValid = false;
  packet.segmentSize = 0;
  return packet.family === 4 || skipExtensions(packet);
}
