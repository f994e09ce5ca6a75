import type { DeviceType } from '../../../src/devices/virtio/device-type.js';
import type { Clock } from '../../../src/vmm/clock.js';
import type { Operation } from '../operations.js';
import type { Piece } from './rings.js';

/** A device type under test: what its driver asks of it, and what its far end does. */
export interface Subject {
  readonly type: DeviceType;
  /** A request for queue `queue`, of random shape. */
  request(queue: number, a: number, b: number): readonly Piece[];
  /** What happens at the device's other side. */
  readonly world: readonly Operation[];
  /** What it holds that a guest might pile up; checked after each case. @throws DeviceFailure */
  check?(): void;
}

export type MakeSubject = (clock: Clock) => Subject;
