/** Feature bits that do not depend on the device type (virtio 1.3, section 6; legacy ones in 6.3). */
export const Feature = {
  /** Legacy: an interrupt whenever the queue has run empty, even if the driver has suppressed them. */
  NOTIFY_ON_EMPTY: 1n << 24n,
  /** Legacy: the driver makes no assumption about how a message is split into descriptors (2.7.4.3). */
  ANY_LAYOUT: 1n << 27n,
  INDIRECT_DESC: 1n << 28n,
  EVENT_IDX: 1n << 29n,
  VERSION_1: 1n << 32n,
  ACCESS_PLATFORM: 1n << 33n,
  RING_PACKED: 1n << 34n,
  IN_ORDER: 1n << 35n,
  ORDER_PLATFORM: 1n << 36n,
  NOTIFICATION_DATA: 1n << 38n,
  RING_RESET: 1n << 40n,
} as const;

/** What a legacy driver can see and acknowledge: its feature registers have 32 bits (4.1.4.8). */
export const LEGACY_FEATURES = 0xffff_ffffn;

/** What every device of tsvmm offers by itself, whatever its type. */
export const RING_FEATURES =
  Feature.NOTIFY_ON_EMPTY |
  Feature.ANY_LAYOUT |
  Feature.INDIRECT_DESC |
  Feature.EVENT_IDX |
  Feature.VERSION_1 |
  Feature.RING_PACKED |
  Feature.IN_ORDER |
  Feature.NOTIFICATION_DATA |
  Feature.RING_RESET;

/** Bits of RING_FEATURES that exist only in the legacy interface, and are not offered to modern drivers. */
export const LEGACY_ONLY_FEATURES = Feature.NOTIFY_ON_EMPTY | Feature.ANY_LAYOUT;

export function has(features: bigint, feature: bigint): boolean {
  return (features & feature) !== 0n;
}
