import { Field, FRAME_HEADER_SIZE, GsoType, HeaderFlag } from '../../../net/frame-header.js';
import type { FrameRing } from '../../../net/frame-ring.js';
import { ETHERNET_HEADER, Headers, IpProtocol } from '../../../net/headers.js';
import { has } from '../features.js';
import { NetFeature } from './net-features.js';

/** A checksum field. */
const CHECKSUM_SIZE = 2;

/** Checks what drivers say of the frames that they send (virtio 1.3, 5.1.6.2.2). */
export class TransmitHeaderCheck {
  private readonly headers = new Headers();

  /**
   * Looks at the frame of `length` bytes at `at` with the header before it, both as the driver wrote them. Afterwards the
   * header says nothing but what is so.
   * @returns false when it makes no sense: the frame cannot be sent
   */
  check(ring: FrameRing, at: number, length: number, features: bigint): boolean {
    const { view } = ring;
    const header = at - FRAME_HEADER_SIZE;
    const partial = (view.getUint8(header + Field.FLAGS) & HeaderFlag.NEEDS_CSUM) !== 0;
    const type = view.getUint8(header + Field.GSO_TYPE);
    view.setUint8(header + Field.FLAGS, partial ? HeaderFlag.NEEDS_CSUM : 0);
    view.setUint16(header + Field.NUM_BUFFERS, 1, true);
    if (partial) {
      const start = view.getUint16(header + Field.CSUM_START, true);
      const offset = view.getUint16(header + Field.CSUM_OFFSET, true);
      const fits = start >= ETHERNET_HEADER && start + offset + CHECKSUM_SIZE <= length;
      if (!has(features, NetFeature.CSUM) || !fits) return false;
    }
    if (type === GsoType.NONE) return true;
    // A segment's checksums are finished by whoever cuts it: they must have been begun.
    return partial && this.checkSegment(ring, at, length, features, type);
  }

  private checkSegment(ring: FrameRing, at: number, length: number, features: bigint, type: number): boolean {
    const { view } = ring;
    const { headers } = this;
    const header = at - FRAME_HEADER_SIZE;
    const ecn = (type & GsoType.ECN) !== 0;
    if (ecn && !has(features, NetFeature.HOST_ECN)) return false;
    if (view.getUint16(header + Field.GSO_SIZE, true) === 0) return false;
    headers.parse(ring.bytes, at, length);
    if (headers.payload < 0) return false;
    // The driver's hdr_len is but a hint (5.1.6.2.2): who cuts the segment gets what it is.
    view.setUint16(header + Field.HDR_LEN, headers.payload, true);
    const tcp = headers.protocol === IpProtocol.TCP;
    switch (type & ~GsoType.ECN) {
      case GsoType.TCPV4:
        return tcp && headers.version === 4 && has(features, NetFeature.HOST_TSO4);
      case GsoType.TCPV6:
        return tcp && headers.version === 6 && has(features, NetFeature.HOST_TSO6);
      case GsoType.UDP_L4:
        return headers.protocol === IpProtocol.UDP && !ecn && has(features, NetFeature.HOST_USO);
      default:
        return false;
    }
  }
}
