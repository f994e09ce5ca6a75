import type { QueueAreas } from './virtqueue.js';
import { splitQueueBytes } from './split-queue.js';

/** The legacy interface gives a queue's address in pages of this size, and by it aligns the used ring (2.7.2). */
export const LEGACY_PAGE = 4096;

/**
 * Where the parts of a legacy queue lie: one behind the other, the used ring on a boundary of `alignment`.
 * @param base guest physical address of the queue
 */
export function legacyAreas(base: number, size: number, alignment: number): QueueAreas {
  const bytes = splitQueueBytes(size);
  const driver = base + bytes.descriptors;
  // The legacy layout counts used_event in (2.7.2).
  const device = Math.ceil((driver + bytes.driver) / alignment) * alignment;
  return { descriptors: base, driver, device };
}
