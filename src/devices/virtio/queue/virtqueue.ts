import { hex } from '../../../errors.js';
import type { GuestMemory } from '../../../vmm/memory/guest-memory.js';
import { Feature, has } from '../features.js';
import { Chain, MAX_SEGMENTS, type ChainState } from './chain.js';

/** Where the three parts of a queue lie in guest memory (virtio 1.3, 2.6 and 4.1.4.3). */
export interface QueueAreas {
  /** Descriptor area: the descriptor table, or the packed ring. */
  readonly descriptors: number;
  /** Driver area: the available ring, or the driver's event suppression structure. */
  readonly driver: number;
  /** Device area: the used ring, or the device's event suppression structure. */
  readonly device: number;
}

export interface QueueOptions {
  readonly memory: GuestMemory;
  /** Entries. */
  readonly size: number;
  readonly areas: QueueAreas;
  /** What driver and device agreed on. */
  readonly features: bigint;
  /** The driver broke a rule that leaves the device nothing to go on with: `section` of virtio 1.3 and what it says. */
  readonly onViolation: (section: string, rule: string) => void;
}

/** A queue between two buffers: its indices and what the device holds of it. */
export interface QueueState {
  readonly next: number;
  readonly used: number;
  readonly unsignalled: number;
  readonly broken: boolean;
}

/** Where device and driver are in a queue, for people. */
export interface QueueProgress {
  /** The driver's index of available buffers; a packed queue has none. */
  readonly available?: number;
  /** The device's own: of the next buffer to take, and to give back. */
  readonly next: number;
  readonly used: number;
  /** Buffers, in a packed queue ring descriptors, that the device has taken and not given back. */
  readonly inFlight: number;
}

/** Flags of a descriptor (2.7.5, 2.8.2). */
export const DescriptorFlag = { NEXT: 1, WRITE: 2, INDIRECT: 4 } as const;
export const DESCRIPTOR_SIZE = 16;
/** Of all its segments together (2.7.5.2): the same memory may be in many of them. */
const MAX_CHAIN_BYTES = 2 ** 32;

/**
 * The device's side of a virtqueue. The device takes available buffers with `pop`, gives each back with `push` in any
 * order, and calls `signal` after a batch.
 *
 * A queue trusts nothing that the driver writes: a rule that is broken is reported, and the queue gives out nothing any
 * more until it is reset. A device never holds more buffers of it than it has entries.
 */
export abstract class Virtqueue {
  readonly size: number;
  protected readonly memory: GuestMemory;
  protected readonly eventIndex: boolean;
  protected readonly indirect: boolean;
  private readonly onViolation: QueueOptions['onViolation'];
  private readonly free: Chain[] = [];
  /** With VIRTIO_F_IN_ORDER, buffers in the order in which they were made available, each with what was written. */
  private readonly order: { chain: Chain; written: number }[] | undefined;
  private failed = false;
  private batch = false;

  protected constructor({ memory, size, features, onViolation }: QueueOptions) {
    this.memory = memory;
    this.size = size;
    this.eventIndex = has(features, Feature.EVENT_IDX);
    this.indirect = has(features, Feature.INDIRECT_DESC);
    this.onViolation = onViolation;
    if (has(features, Feature.IN_ORDER)) this.order = [];
  }

  /** True after the driver broke a rule: nothing comes out of the queue any more. */
  get broken(): boolean {
    return this.failed;
  }

  /** The next available buffer, if there is one. */
  pop(): Chain | undefined {
    if (!this.available()) return undefined;
    const chain = this.free.pop() ?? new Chain(this.memory);
    chain.clear();
    if (!this.take(chain)) {
      this.free.push(chain);
      return undefined;
    }
    this.order?.push({ chain, written: -1 });
    return chain;
  }

  /**
   * Gives a buffer back to the driver.
   * @param written bytes written into its writable part, from its start (2.7.8.2: the used length)
   */
  push(chain: Chain, written: number): void {
    this.finishInOrder(chain, written);
    if (!this.batch) this.publish();
  }

  /** The driver sees what is pushed from now on when `endBatch` is called, and then all of it at once. */
  startBatch(): void {
    this.batch = true;
  }

  endBatch(): void {
    this.batch = false;
    this.publish();
  }

  /** Takes a buffer back as if it had not been popped; only the one popped last, and nothing pushed since. */
  abstract unpop(chain: Chain): void;

  /** True when there is something to pop. A broken queue has nothing, whatever its ring says. */
  available(): boolean {
    return !this.failed && this.isNextAvailable();
  }

  /** True when the driver wants an interrupt for what was pushed since the last call. */
  abstract signal(): boolean;

  /** Asks the driver not to notify of new buffers: the device looks by itself. */
  abstract disableNotifications(): void;

  /** Asks for notifications again; true when buffers have come in the meantime, of which there will be none. */
  abstract enableNotifications(): boolean;

  abstract progress(): QueueProgress;

  /** Indices as they are; buffers that a device holds are its own to save. */
  abstract save(): QueueState;
  abstract load(state: QueueState): void;

  /** A buffer that the device held when its state was saved. */
  adopt(state: ChainState): Chain {
    const chain = this.free.pop() ?? new Chain(this.memory);
    chain.load(state);
    this.hold(chain);
    this.order?.push({ chain, written: -1 });
    return chain;
  }

  /** True when the driver has made buffers available that were not taken yet. */
  protected abstract isNextAvailable(): boolean;

  /** Walks the next available buffer into `chain`; false after a violation. */
  protected abstract take(chain: Chain): boolean;

  /** Writes the used element, which the driver does not see yet. */
  protected abstract put(chain: Chain, written: number): void;

  /** Lets the driver see what was put since the last call; nothing happens without any. */
  protected abstract publish(): void;

  /** The device has `chain` from now on. */
  protected abstract hold(chain: Chain): void;

  /** Forgets `chain`, which goes back to where it came from. */
  protected forget(chain: Chain): void {
    if (this.order)
      this.order.splice(
        this.order.findIndex(entry => entry.chain === chain),
        1,
      );
    this.free.push(chain);
  }

  /** Ends the queue's life: the driver did what `section` forbids. */
  protected violate(section: string, rule: string): false {
    if (!this.failed) {
      this.failed = true;
      this.onViolation(section, rule);
    }
    return false;
  }

  protected restoreBroken(broken: boolean): void {
    this.failed = broken;
  }

  /** Adds one descriptor's buffer to `chain`; false after a violation. */
  protected addSegment(chain: Chain, gpa: number, length: number, writable: boolean): boolean {
    if (chain.count === MAX_SEGMENTS) return this.violate('2.7.5.3.1', 'a chain has too many descriptors');
    if (!writable && chain.count > chain.readable) {
      return this.violate('2.7.4.2', 'a device-readable descriptor follows a device-writable one');
    }
    if (chain.readableBytes + chain.writableBytes + length > MAX_CHAIN_BYTES) {
      return this.violate('2.7.5.2', 'a chain has more than 4 GiB');
    }
    if (!this.memory.contains(gpa, length)) {
      return this.violate('2.6', `a buffer of ${length} bytes at ${hex(gpa)} is not RAM`);
    }
    chain.add(gpa, length, writable);
    return true;
  }

  /** True for an indirect table of `length` bytes at `gpa` that can be read (2.7.5.3, 2.8.5). */
  protected mayBeIndirect(gpa: number, length: number): boolean {
    if (!this.indirect) return this.violate('2.7.5.3.1', 'indirect without VIRTIO_F_INDIRECT_DESC');
    if (length === 0 || length % DESCRIPTOR_SIZE !== 0) {
      return this.violate('2.7.5.3.1', `an indirect table has ${length} bytes`);
    }
    if (this.memory.contains(gpa, length)) return true;
    return this.violate('2.7.5.3.1', `an indirect table is at ${hex(gpa)}, which is not RAM`);
  }

  private finishInOrder(chain: Chain, written: number): void {
    if (!this.order) {
      this.finish(chain, written);
      return;
    }
    const entry = this.order.find(other => other.chain === chain);
    if (!entry) throw new Error('the buffer is not from this queue');
    entry.written = written;
    while (this.order.length > 0 && this.order[0].written >= 0) {
      const done = this.order.shift()!;
      this.finish(done.chain, done.written);
    }
  }

  private finish(chain: Chain, written: number): void {
    if (!this.failed) {
      chain.written(written);
      this.put(chain, written);
    }
    this.free.push(chain);
  }
}

/** True when an event index lies in the range of indices (old, new] that has just been passed (2.7.7.2). */
export function needsEvent(event: number, now: number, old: number): boolean {
  return ((now - event - 1) & 0xffff) < ((now - old) & 0xffff);
}
