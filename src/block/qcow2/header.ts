import { ConfigError } from '../../errors.js';
import { SECTOR_SIZE, type BlockFile } from '../backend.js';
import { readNumber64, viewOf } from './big-endian.js';
import { readExtensions, type HeaderExtensions } from './header-extensions.js';

/** "QFI\xfb" (qcow2 specification, "Header"). */
export const MAGIC = 0x5146_49fb;

/** Offsets of header fields that are written while the image is in use. */
export const HeaderField = {
  SIZE: 24,
  L1_SIZE: 36,
  L1_TABLE_OFFSET: 40,
  REFCOUNT_TABLE_OFFSET: 48,
  REFCOUNT_TABLE_CLUSTERS: 56,
  INCOMPATIBLE_FEATURES: 72,
  AUTOCLEAR_FEATURES: 88,
} as const;

/** Incompatible feature bits: who does not know one must not open the image. */
export const Incompatible = {
  DIRTY: 1 << 0,
  CORRUPT: 1 << 1,
  EXTERNAL_DATA: 1 << 2,
  COMPRESSION_TYPE: 1 << 3,
  EXTENDED_L2: 1 << 4,
} as const;

const INCOMPATIBLE_NAMES: Readonly<Record<number, string>> = {
  0: 'dirty bit',
  1: 'corrupt bit',
  2: 'external data file',
  3: 'compression type',
  4: 'extended L2 entries',
};

const KNOWN_INCOMPATIBLE = Incompatible.DIRTY | Incompatible.CORRUPT | Incompatible.COMPRESSION_TYPE;

const V2_LENGTH = 72;
const V3_LENGTH = 104;

/** Limits, all of them QEMU's: an image that goes beyond one is broken or hostile. */
const MIN_CLUSTER_BITS = 9;
const MAX_CLUSTER_BITS = 21;
const MAX_REFCOUNT_ORDER = 6;
export const MAX_L1_BYTES = 32 << 20;
export const MAX_REFCOUNT_TABLE_BYTES = 8 << 20;
const MAX_SNAPSHOTS = 65_536;
const MAX_BACKING_NAME = 1023;
/** Offsets and sizes are doubles here. */
const MAX_OFFSET = 2 ** 53;

/** Compression types; Node unpacks the first one everywhere. */
const COMPRESSION_NAMES = ['deflate', 'zstd'];
const DEFLATE = 0;

/** What the header says, checked. Offsets are bytes from the start of the image file. */
export interface Header extends HeaderExtensions {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  /** Bytes that the guest sees. */
  readonly size: number;
  readonly l1Entries: number;
  readonly l1Offset: number;
  readonly refcountTableOffset: number;
  readonly refcountTableClusters: number;
  /** Refcounts have 2^order bits. */
  readonly refcountOrder: number;
  readonly snapshots: number;
  readonly incompatible: number;
  /** The backing file's name as it is written there. */
  readonly backingFile: string | undefined;
}

/**
 * Reads an image's header.
 * @param path for messages
 * @throws ConfigError when it is not qcow2, broken, or of a kind that is not supported
 */
export function readHeader(file: BlockFile, path: string): Header {
  const refuse = (why: string): never => {
    throw new ConfigError(`disk ${path}: ${why}`, { path });
  };
  const start = new Uint8Array(Math.min(file.size(), 1 << MAX_CLUSTER_BITS));
  const got = file.read([start], 0);
  const view = viewOf(start.subarray(0, got));
  if (got < V2_LENGTH || view.getUint32(0) !== MAGIC) refuse('it is not a qcow2 image');
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3) return refuse(`qcow2 version ${version} is not supported`);
  if (version === 3 && got < V3_LENGTH) refuse('its header is cut short');

  const clusterBits = view.getUint32(20);
  if (clusterBits < MIN_CLUSTER_BITS || clusterBits > MAX_CLUSTER_BITS) {
    refuse(`clusters of 2^${clusterBits} bytes are not possible`);
  }
  const cluster = 2 ** clusterBits;
  const incompatible = version === 3 ? readIncompatible(view, start.subarray(0, cluster), refuse) : 0;
  if (view.getUint32(32) !== 0) refuse('it is encrypted, which is not supported');

  const headerLength = version === 3 ? view.getUint32(100) : V2_LENGTH;
  if (headerLength < (version === 3 ? V3_LENGTH : V2_LENGTH) || headerLength > Math.min(cluster, got)) {
    refuse(`a header of ${headerLength} bytes is not possible`);
  }
  const refcountOrder = version === 3 ? view.getUint32(96) : 4;
  if (refcountOrder > MAX_REFCOUNT_ORDER) refuse(`refcounts of 2^${refcountOrder} bits are not possible`);

  const size = readNumber64(view, HeaderField.SIZE);
  if (size >= MAX_OFFSET || size % SECTOR_SIZE !== 0) refuse(`a disk of ${size} bytes is not possible`);
  const aligned = (what: string, at: number): number => {
    const offset = readNumber64(view, at);
    if (offset >= MAX_OFFSET || offset % cluster !== 0 || offset === 0) refuse(`its ${what} cannot be there`);
    return offset;
  };
  const l1Entries = view.getUint32(HeaderField.L1_SIZE);
  if (l1Entries * 8 > MAX_L1_BYTES) refuse('its L1 table is too large');
  if (l1Entries < Math.ceil(size / (cluster * (cluster / 8)))) refuse('its L1 table is too small');
  const refcountTableClusters = view.getUint32(HeaderField.REFCOUNT_TABLE_CLUSTERS);
  if (refcountTableClusters * cluster > MAX_REFCOUNT_TABLE_BYTES) refuse('its refcount table is too large');
  if (refcountTableClusters === 0) refuse('it has no refcount table');
  const snapshots = view.getUint32(60);
  if (snapshots > MAX_SNAPSHOTS) refuse('it has too many snapshots');
  if (snapshots > 0) aligned('snapshot table', 64);

  // An old header may be followed by a cluster that the compression type's field would lie in.
  const compression = incompatible & Incompatible.COMPRESSION_TYPE && headerLength > 104 ? start[104] : 0;
  if (compression !== DEFLATE) {
    const name = COMPRESSION_NAMES[compression] ?? `type ${compression}`;
    refuse(`its ${name} compression is not supported: qemu-img convert makes an image without`);
  }

  return {
    version,
    clusterBits,
    size,
    l1Entries,
    l1Offset: l1Entries > 0 ? aligned('L1 table', HeaderField.L1_TABLE_OFFSET) : 0,
    refcountTableOffset: aligned('refcount table', HeaderField.REFCOUNT_TABLE_OFFSET),
    refcountTableClusters,
    refcountOrder,
    snapshots,
    incompatible,
    backingFile: readBackingName(view, start.subarray(0, cluster), refuse),
    ...readExtensions(start.subarray(0, Math.min(cluster, got)), headerLength, refuse),
  };
}

function readIncompatible(view: DataView, cluster: Uint8Array, refuse: (why: string) => never): number {
  const [high, low] = [
    view.getUint32(HeaderField.INCOMPATIBLE_FEATURES),
    view.getUint32(HeaderField.INCOMPATIBLE_FEATURES + 4),
  ];
  const unknown: number[] = [];
  for (let bit = 0; bit < 64; bit++) {
    const set = bit < 32 ? (low >>> bit) & 1 : (high >>> (bit - 32)) & 1;
    if (set && !(bit < 32 && (KNOWN_INCOMPATIBLE >>> bit) & 1)) unknown.push(bit);
  }
  if (unknown.length > 0) {
    const { featureNames } = readExtensions(cluster, view.getUint32(100), refuse);
    const name = (bit: number): string =>
      INCOMPATIBLE_NAMES[bit] ?? featureNames.get(bit) ?? `incompatible feature ${bit}`;
    refuse(`it uses what is not supported: ${unknown.map(name).join(', ')}`);
  }
  return low;
}

function readBackingName(
  view: DataView,
  cluster: Uint8Array,
  refuse: (why: string) => never,
): string | undefined {
  const offset = readNumber64(view, 8);
  const length = view.getUint32(16);
  if (offset === 0) return undefined;
  if (length > MAX_BACKING_NAME || offset + length > cluster.length) {
    refuse('the name of its backing file is not where it can be');
  }
  return length === 0 ? undefined : new TextDecoder().decode(cluster.subarray(offset, offset + length));
}
