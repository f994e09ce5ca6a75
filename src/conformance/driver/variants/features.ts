import type { DeviceType } from '../../../devices/virtio/device-type.js';
import { DeviceId } from '../../../devices/virtio/device-type.js';
import { BlkFeature } from '../../../devices/virtio/blk/requests.js';
import { Feature, has, LEGACY_ONLY_FEATURES, RING_FEATURES } from '../../../devices/virtio/features.js';
import { NetFeature } from '../../../devices/virtio/net/net-features.js';
import { NET_DEPENDENCIES } from '../rules/net-dependencies.js';
import type { Variant } from './variant.js';

const NOTIF_CONFIG_DATA = 1n << 39n;
const SR_IOV = 1n << 37n;
const GUEST_HDRLEN = 1n << 59n;
/** Reserved for a time to come (virtio 1.4, 2.2), and never offered by devices of today. */
const RESERVED = 1n << 48n;

/** Rows of the pairwise table without the first, and of them those in which one feature is offered. */
const ROWS = 9;
const WEIGHT = 5;

/** What a device type cannot go without and be the same: what its interface is, and whether it can be written to. */
const FIXED = Feature.VERSION_1 | LEGACY_ONLY_FEATURES;

/**
 * In which of the rows 1 to 9 a feature is offered: each feature in five of them, no two features in the same five. Two
 * such sets always share a row, and neither contains the other: with row 0, in which nothing is offered, each pair of
 * features occurs in all four combinations (Kleitman and Spencer).
 */
const ROW_SETS: readonly number[] = Array.from({ length: 1 << ROWS }, (_, set) => set).filter(
  set => set.toString(2).replaceAll('0', '').length === WEIGHT,
);

/**
 * Features that a device hides in one row.
 * @param row 0 to 9
 */
export function hiddenInRow(type: DeviceType, row: number): bigint {
  const fixed = FIXED | (type.id === DeviceId.BLOCK ? BlkFeature.RO : 0n);
  const all = (type.features | RING_FEATURES) & ~fixed;
  const bits = Array.from({ length: 64 }, (_, bit) => 1n << BigInt(bit)).filter(bit => has(all, bit));
  const hidden = bits.filter((_, i) => row === 0 || (ROW_SETS[i] & (1 << (row - 1))) === 0);
  return withDependents(
    type,
    all,
    hidden.reduce((sum, bit) => sum | bit, 0n),
  );
}

/** A device must not offer what needs a feature that it does not offer (2.2.2). */
function withDependents({ id }: DeviceType, all: bigint, hidden: bigint): bigint {
  if (id !== DeviceId.NET) return hidden;
  const more = NET_DEPENDENCIES.filter(([, , needs]) => !has(all & ~hidden, needs)).reduce(
    (sum, [, feature]) => sum | feature,
    hidden,
  );
  return more === hidden ? hidden : withDependents({ id } as DeviceType, all, more);
}

/** Variants of what devices offer. */
export const FEATURES = {
  'split-ring': { what: 'split queues alone', hidden: () => Feature.RING_PACKED },
  'packed-ring-only': {
    what: 'packed queues alone: drivers without are refused',
    provokes: ['2.8.17/one-used-descriptor'],
    interface: 'modern',
    required: Feature.RING_PACKED,
  },
  'no-event-index': { what: 'without VIRTIO_F_EVENT_IDX', hidden: () => Feature.EVENT_IDX },
  'no-indirect': { what: 'without VIRTIO_F_INDIRECT_DESC', hidden: () => Feature.INDIRECT_DESC },
  'reserved-features': {
    what: 'features are offered that nobody knows, or that the device has not got',
    provokes: ['2.2.1/unknown-is-fine', '2.2.1/compatible'],
    interface: 'modern',
    extra: () => RESERVED | SR_IOV,
  },
  'access-platform': {
    what: 'VIRTIO_F_ACCESS_PLATFORM is offered; addresses are physical ones all the same',
    interface: 'modern',
    extra: () => Feature.ACCESS_PLATFORM,
  },
  'order-platform': {
    what: 'VIRTIO_F_ORDER_PLATFORM is offered',
    interface: 'modern',
    extra: () => Feature.ORDER_PLATFORM,
  },
  'notif-config-data': {
    what: 'VIRTIO_F_NOTIF_CONFIG_DATA is offered',
    interface: 'modern',
    extra: () => NOTIF_CONFIG_DATA,
  },
  'header-length': {
    what: 'network cards offer VIRTIO_NET_F_GUEST_HDRLEN',
    interface: 'modern',
    extra: ({ id }) => (id === DeviceId.NET ? GUEST_HDRLEN : 0n),
  },
  'no-mac': {
    what: 'a network card without an address of its own',
    provokes: ['5.1.4.2/local-mac'],
    hidden: ({ id }) => (id === DeviceId.NET ? NetFeature.MAC : 0n),
  },
} as const satisfies Readonly<Record<string, Variant>>;

/** One row of the pairwise table. */
export function pairwise(row: number): Variant {
  return {
    what: `row ${row} of 10 in which each pair of features is offered in all combinations`,
    hidden: type => hiddenInRow(type, row),
    ...(row === 0 && { provokes: ['2.2.1/compatible'] }),
  };
}
