import type { Clause } from './clause.js';
import { PC_CLAUSES } from './pc/index.js';
import { VIRTIO_CLAUSES } from './virtio/index.js';

/** Everything that is asked of drivers. */
export const DRIVER_CLAUSES: readonly Clause[] = [...VIRTIO_CLAUSES, ...PC_CLAUSES].filter(
  ({ party }) => party === 'driver',
);
