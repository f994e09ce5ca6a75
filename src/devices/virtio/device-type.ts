import type { BusTarget, DeviceState } from '../../vmm/device.js';
import type { GuestMemory } from '../../vmm/memory/guest-memory.js';
import type { Chain } from './queue/chain.js';
import type { Virtqueue } from './queue/virtqueue.js';

/** Device ids (virtio 1.3, section 5). */
export const DeviceId = { NET: 1, BLOCK: 2, CONSOLE: 3, ENTROPY: 4 } as const;

/** What a device type may use of the device that it is the inside of. */
export interface DeviceHost {
  readonly memory: GuestMemory;
  /** What driver and device agreed on; 0 before. */
  readonly features: bigint;
  /** The driver came by the legacy interface. */
  readonly legacy: boolean;
  /** Whether the device may use guest memory at this moment: PCI's command register can forbid it. */
  readonly mastering: boolean;
  /** Queue `index`, between the driver's DRIVER_OK and the next reset, if the driver has enabled it. */
  queue(index: number): Virtqueue | undefined;
  /**
   * Calls `handle` with each available buffer of queue `index`, and interrupts the driver for what has been pushed.
   * A driver that adds buffers as fast as they are served is served on in turns, so that the machine goes on. While the
   * device may not use memory nothing is served; the device is notified once more when it may.
   * @param handle returns false when it has given the buffer back unused (`unpop`): the device goes on by itself later
   */
  serve(index: number, handle: (chain: Chain, queue: Virtqueue) => void | false): void;
  /** Notifies the device of queue `index` once more, after the machine has looked around and when it may use memory. */
  serveLater(index: number): void;
  /** Interrupts the driver if it wants to hear of what was pushed into queue `index`. */
  signal(index: number): void;
  /** The configuration space has changed: the driver is told (2.5). */
  configChanged(): void;
}

/**
 * What a virtio device is, independent of how a driver reaches it: configuration space, feature bits, and the
 * meaning of what goes through its queues.
 */
export interface DeviceType {
  readonly id: number;
  /** PCI class, subclass and programming interface, as 24 bits. */
  readonly pciClass: number;
  /** Feature bits of this device type that it offers. */
  readonly features: bigint;
  /** Largest size of each queue, a power of two up to 32768. */
  readonly queueSizes: readonly number[];
  /** Device-specific configuration space and its bytes. */
  readonly config: BusTarget;
  readonly configSize: number;
  /** Called once, before anything else. */
  connect(host: DeviceHost): void;
  /** The driver has set DRIVER_OK: queues work from now on. */
  start(): void;
  /** What a buffer that was just taken from queue `index` asks for, in a word for people: `read`, `send`, … */
  requestName?(index: number, chain: Chain): string;
  /** The machine has looked around since the last call: what a device does at most at once begins anew. */
  newTurn?(): void;
  /** The driver says that there are buffers in queue `index`. */
  notify(index: number): void;
  /** The driver takes one queue back (2.6.1): what the device holds of it is dropped. */
  resetQueue(index: number): void;
  /** The driver resets the device: what it holds of queues is dropped. */
  reset(): void;
  /** Guest-visible state, with the buffers that it holds. */
  save(): DeviceState;
  load(state: DeviceState): void;
}
