import type { BusTarget } from '../../vmm/device.js';

/** The configuration space of device types that have none: reads as zero. */
export const NO_CONFIG: BusTarget = { read: () => 0, write: () => undefined };
