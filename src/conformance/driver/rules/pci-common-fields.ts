import type { AccessSize } from '../../../vmm/device.js';

/** Fields of the common configuration structure (virtio 1.4, 4.1.4.3), 64-bit ones as the two halves they are accessed in. */
export const CommonField = {
  DEVICE_FEATURE_SELECT: 0x00,
  DEVICE_FEATURE: 0x04,
  DRIVER_FEATURE_SELECT: 0x08,
  DRIVER_FEATURE: 0x0c,
  CONFIG_MSIX_VECTOR: 0x10,
  NUM_QUEUES: 0x12,
  DEVICE_STATUS: 0x14,
  CONFIG_GENERATION: 0x15,
  QUEUE_SELECT: 0x16,
  QUEUE_SIZE: 0x18,
  QUEUE_MSIX_VECTOR: 0x1a,
  QUEUE_ENABLE: 0x1c,
  QUEUE_NOTIFY_OFF: 0x1e,
  QUEUE_DESC: 0x20,
  QUEUE_DRIVER: 0x28,
  QUEUE_DEVICE: 0x30,
  QUEUE_NOTIF_CONFIG_DATA: 0x38,
  QUEUE_RESET: 0x3a,
} as const;

/** Bytes of each field by its offset: how drivers access it (4.1.3.1). */
export const COMMON_FIELD_WIDTHS: ReadonlyMap<number, AccessSize> = new Map<number, AccessSize>([
  [0x00, 4],
  [0x04, 4],
  [0x08, 4],
  [0x0c, 4],
  [0x10, 2],
  [0x12, 2],
  [0x14, 1],
  [0x15, 1],
  [0x16, 2],
  [0x18, 2],
  [0x1a, 2],
  [0x1c, 2],
  [0x1e, 2],
  [0x20, 4],
  [0x24, 4],
  [0x28, 4],
  [0x2c, 4],
  [0x30, 4],
  [0x34, 4],
  [0x38, 2],
  [0x3a, 2],
]);

/** True for an access of a field's own width at its own offset. */
export function isWholeField(offset: number, size: number): boolean {
  return COMMON_FIELD_WIDTHS.get(offset) === size;
}

/** Fields that only the device writes (4.1.4.3.2). */
export const READ_ONLY: readonly number[] = [
  CommonField.DEVICE_FEATURE,
  CommonField.NUM_QUEUES,
  CommonField.CONFIG_GENERATION,
  CommonField.QUEUE_NOTIFY_OFF,
  CommonField.QUEUE_NOTIF_CONFIG_DATA,
];
