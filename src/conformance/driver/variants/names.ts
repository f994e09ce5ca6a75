/** The run without any variant. */
export const PLAIN = 'plain';

const PAIRWISE = Array.from({ length: 10 }, (_, row) => `features-${row}` as const);

/** Every variant's name, as `--variant` takes it. */
export const VARIANT_NAMES = [
  'split-ring',
  'packed-ring-only',
  'modern-only',
  'legacy-only',
  'transitional',
  'no-msix',
  'few-vectors',
  'no-event-index',
  'no-indirect',
  'out-of-order',
  'delayed-used',
  'trickled-used',
  'stalls',
  'spurious-interrupts',
  'coalesced-interrupts',
  'tiny-queues',
  'huge-queues',
  'needs-reset',
  'hot-unplug',
  'slow-resets',
  'config-changes',
  'device-errors',
  'short-writes',
  'discard-scribbles',
  'polling-device',
  'odd-event-index',
  'shifting-event-index',
  'odd-used-flags',
  'reserved-features',
  'access-platform',
  'order-platform',
  'notif-config-data',
  'odd-capabilities',
  'long-capabilities',
  'reserved-bars',
  'odd-revision',
  'header-length',
  'no-mac',
  'announce',
  'odd-speed',
  'odd-receive-headers',
  'bad-checksums',
  'odd-interrupt-status',
  'wrong-magic',
  'wrong-version',
  'placeholders',
  'bad-used-id',
  'used-twice',
  'impossible-index',
  'impossible-length',
  ...PAIRWISE,
] as const;

export type VariantName = (typeof VARIANT_NAMES)[number];

export function isVariant(name: string): name is VariantName {
  return (VARIANT_NAMES as readonly string[]).includes(name);
}
