import { Feature } from '../../devices/virtio/features.js';
import { ConfigError } from '../../errors.js';

/** What a driver may choose of how queues work, by the words that QEMU has for it (virtio 1.3, section 6). */
const FEATURES = {
  packed: Feature.RING_PACKED,
  in_order: Feature.IN_ORDER,
  event_idx: Feature.EVENT_IDX,
  indirect_desc: Feature.INDIRECT_DESC,
  queue_reset: Feature.RING_RESET,
  notification_data: Feature.NOTIFICATION_DATA,
} as const;

export type RingFeature = keyof typeof FEATURES;
export const RING_FEATURES = Object.keys(FEATURES) as readonly RingFeature[];

/** Features of queues that a device offers: all of them, but for those that are `false`. */
export type RingOptions = { readonly [Name in RingFeature]?: boolean };

/** @returns the feature bits that a device is to go without @throws ConfigError for a name that is none */
export function hiddenFeatures(options: RingOptions): bigint {
  const unknown = Object.keys(options).find(name => !Object.hasOwn(FEATURES, name));
  if (unknown !== undefined) {
    throw new ConfigError(`there is no '${unknown}' of queues: ${RING_FEATURES.join(', ')}`, { unknown });
  }
  return RING_FEATURES.filter(name => options[name] === false).reduce(
    (bits, name) => bits | FEATURES[name],
    0n,
  );
}
