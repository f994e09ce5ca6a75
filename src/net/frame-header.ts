import type { Offload } from './backend.js';

/**
 * What stands in front of a frame on its way between machine and back end: `struct virtio_net_hdr` in the layout of
 * version 1 (virtio 1.3, 5.1.6), which is what Linux's tap devices take and give, too.
 */
export const FRAME_HEADER_SIZE = 12;

/** Its fields, by their offsets. */
export const Field = {
  FLAGS: 0,
  GSO_TYPE: 1,
  HDR_LEN: 2,
  GSO_SIZE: 4,
  CSUM_START: 6,
  CSUM_OFFSET: 8,
  NUM_BUFFERS: 10,
} as const;

export const HeaderFlag = { NEEDS_CSUM: 1, DATA_VALID: 2 } as const;

export const GsoType = { NONE: 0, TCPV4: 1, UDP: 3, TCPV6: 4, UDP_L4: 5, ECN: 0x80 } as const;

type MutableOffload = { -readonly [Key in keyof Offload]: Offload[Key] };

const GSO_NAMES: Readonly<Record<number, Offload['gso']>> = {
  [GsoType.TCPV4]: 'tcp4',
  [GsoType.TCPV6]: 'tcp6',
  [GsoType.UDP_L4]: 'udp',
};
const GSO_TYPES = { tcp4: GsoType.TCPV4, tcp6: GsoType.TCPV6, udp: GsoType.UDP_L4 } as const;

/** The header at `at` has nothing to say. */
export function isPlain(view: DataView, at: number): boolean {
  return view.getUint16(at + Field.FLAGS, true) === 0;
}

/** Puts what the header at `at` says into `offload`, over what was there. */
export function readOffload(view: DataView, at: number, offload: MutableOffload): void {
  const flags = view.getUint8(at + Field.FLAGS);
  const type = view.getUint8(at + Field.GSO_TYPE);
  const partial = (flags & HeaderFlag.NEEDS_CSUM) !== 0;
  offload.csumStart = partial ? view.getUint16(at + Field.CSUM_START, true) : undefined;
  offload.csumOffset = partial ? view.getUint16(at + Field.CSUM_OFFSET, true) : undefined;
  offload.gso = GSO_NAMES[type & ~GsoType.ECN];
  offload.gsoSize = offload.gso && view.getUint16(at + Field.GSO_SIZE, true);
  offload.headerLength = offload.gso && view.getUint16(at + Field.HDR_LEN, true);
  offload.ecn = (type & GsoType.ECN) !== 0;
  offload.checksumsValid = (flags & HeaderFlag.DATA_VALID) !== 0;
}

/** Writes `offload` as the header at `at`, for one buffer. */
export function writeOffload(view: DataView, at: number, offload: Offload | undefined): void {
  view.setUint32(at, 0, true);
  view.setUint32(at + 4, 0, true);
  view.setUint16(at + Field.CSUM_OFFSET, 0, true);
  view.setUint16(at + Field.NUM_BUFFERS, 1, true);
  if (offload === undefined) return;
  const { csumStart, csumOffset, gso } = offload;
  if (csumStart !== undefined && csumOffset !== undefined) {
    view.setUint8(at + Field.FLAGS, HeaderFlag.NEEDS_CSUM);
    view.setUint16(at + Field.CSUM_START, csumStart, true);
    view.setUint16(at + Field.CSUM_OFFSET, csumOffset, true);
  } else if (offload.checksumsValid) {
    view.setUint8(at + Field.FLAGS, HeaderFlag.DATA_VALID);
  }
  if (gso === undefined) return;
  view.setUint8(at + Field.GSO_TYPE, GSO_TYPES[gso] | (offload.ecn ? GsoType.ECN : 0));
  view.setUint16(at + Field.GSO_SIZE, offload.gsoSize ?? 0, true);
  view.setUint16(at + Field.HDR_LEN, offload.headerLength ?? 0, true);
}

/** A new offload for {@link readOffload} to write over, so that none is made for each frame. */
export function blankOffload(): MutableOffload {
  return {
    csumStart: undefined,
    csumOffset: undefined,
    gso: undefined,
    gsoSize: undefined,
    headerLength: undefined,
    ecn: false,
    checksumsValid: false,
  };
}
