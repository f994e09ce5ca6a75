import type { Chain } from '../../devices/virtio/queue/chain.js';
import type { QueueAreas, QueueOptions, Virtqueue } from '../../devices/virtio/queue/virtqueue.js';
import { DESCRIPTOR_SIZE } from '../../devices/virtio/queue/virtqueue.js';
import { Feature, has } from '../../devices/virtio/features.js';
import type { GuestMemory } from '../../vmm/memory/guest-memory.js';
import type { MemoryBytes } from '../report/report.js';
import { type ExposedChain, readPackedList, readSplitChain } from './exposed-chain.js';
import { History } from './history.js';
import { memoryBytes } from './memory-bytes.js';

/** Flags of a packed descriptor that say whose turn it is (virtio 1.3, 2.8.1). */
const AVAIL = 1 << 7;
const USED = 1 << 15;

/** What a watched queue tells of. */
export interface QueueListener {
  exposed(queue: WatchedQueue, chain: ExposedChain): void;
  used(queue: WatchedQueue, chain: ExposedChain, written: number): void;
  /** A descriptor of `chain` is not as the driver exposed it. @param held the device has taken the buffer */
  altered(queue: WatchedQueue, chain: ExposedChain, held: boolean): void;
  /** The driver's index of available buffers has gone from `before` to `now`, which is not forward. */
  wentBack(queue: WatchedQueue, before: number, now: number): void;
  /** A list begins that the ring has no room for. */
  overfull(queue: WatchedQueue, chain: ExposedChain): void;
}

/**
 * One working queue as both sides use it: each buffer is looked at once when the driver exposes it, and compared with
 * that when the device takes it, when the device gives it back, and now and then in between.
 */
export class WatchedQueue {
  readonly size: number;
  readonly areas: QueueAreas;
  readonly features: bigint;
  readonly packed: boolean;
  readonly eventIndex: boolean;
  readonly history: History;
  /** Buffers that the driver has exposed so far, and notifications that it has sent. */
  exposures = 0;
  notifications = 0;
  /** Exposed by the driver and not taken by the device yet, in their order. */
  readonly waiting: ExposedChain[] = [];
  readonly memory: GuestMemory;
  private readonly held = new Map<Chain, ExposedChain>();
  /** Split: the driver's index as last seen. Packed: ring position and wrap counter behind what was seen. */
  private seen = 0;
  private wrap = 1;
  /** Ring descriptors of a packed queue that are not the driver's. */
  private slots = 0;
  private usedPosition = 0;

  constructor(
    readonly index: number,
    readonly ring: Virtqueue,
    { memory, size, areas, features }: QueueOptions,
    private readonly listener: QueueListener,
    now: () => number,
  ) {
    this.memory = memory;
    this.size = size;
    this.areas = areas;
    this.features = features;
    this.packed = has(features, Feature.RING_PACKED);
    this.eventIndex = has(features, Feature.EVENT_IDX);
    this.history = new History(now);
    this.watch();
  }

  /** Buffers that are not the driver's at the moment. */
  get outstanding(): number {
    return this.waiting.length + this.held.size;
  }

  /** The driver's index of available buffers, of a split queue. */
  get availableIndex(): number {
    return this.memory.read16(this.areas.driver + 2);
  }

  get availableFlags(): number {
    return this.memory.read16(this.areas.driver);
  }

  /** Flags of the used ring, of a split queue. */
  get usedFlags(): number {
    return this.memory.read16(this.areas.device);
  }

  /** avail_event of a split queue. */
  get availEvent(): number {
    return this.memory.read16(this.areas.device + 4 + 8 * this.size);
  }

  /** Where the driver is in a packed ring: offset, and its wrap counter in the highest bit, as notifications have it. */
  get nextOffset(): number {
    return this.packed ? this.seen | (this.wrap << 15) : this.availableIndex;
  }

  /** Looks for buffers that the driver has exposed since the last time. */
  look(): void {
    if (this.packed) this.lookPacked();
    else this.lookSplit();
  }

  /** Compares everything that is not the driver's with what it was. */
  compare(): void {
    for (const chain of this.waiting) this.compareOne(chain, false);
    for (const chain of this.held.values()) this.compareOne(chain, true);
  }

  /** The indices and flags of both rings, or both event suppression structures. */
  show(): readonly MemoryBytes[] {
    const { memory, areas } = this;
    const [driver, device] = this.packed
      ? ['driver event suppression', 'device event suppression']
      : ['available ring', 'used ring'];
    return [memoryBytes(memory, driver, areas.driver, 4), memoryBytes(memory, device, areas.device, 4)];
  }

  private lookSplit(): void {
    const { size, seen, memory, areas } = this;
    const now = this.availableIndex;
    const ahead = (now - seen) & 0xffff;
    if (ahead === 0) return;
    if (ahead > size) {
      this.listener.wentBack(this, seen, now);
      this.seen = now;
      return;
    }
    this.seen = now;
    for (let i = 0; i < ahead; i++) {
      const slot = ((seen + i) & 0xffff) % size;
      const head = memory.read16(areas.driver + 4 + 2 * slot);
      this.expose(readSplitChain(memory, areas.descriptors, size, head));
    }
  }

  private lookPacked(): void {
    const { size, memory, areas } = this;
    while (this.slots < size && this.isAvailable()) {
      const chain = readPackedList(memory, areas.descriptors, size, this.seen);
      if (this.slots + chain.slots > size) this.listener.overfull(this, chain);
      this.slots += chain.slots;
      this.seen += chain.slots;
      if (this.seen >= size) {
        this.seen -= size;
        this.wrap ^= 1;
      }
      this.expose(chain);
    }
  }

  private isAvailable(): boolean {
    const flags = this.memory.read16(this.areas.descriptors + this.seen * DESCRIPTOR_SIZE + 14);
    return ((flags & AVAIL) !== 0) === (this.wrap === 1) && ((flags & USED) !== 0) !== (this.wrap === 1);
  }

  private expose(chain: ExposedChain): void {
    this.exposures++;
    this.history.add(`driver exposes ${chain.describe()}`);
    this.waiting.push(chain);
    this.listener.exposed(this, chain);
  }

  private compareOne(chain: ExposedChain, held: boolean): void {
    if (chain.altered()) this.listener.altered(this, chain, held);
  }

  /** Stands in the queue's own methods from now on. */
  private watch(): void {
    const { ring } = this;
    const pop = ring.pop.bind(ring);
    const push = ring.push.bind(ring);
    const unpop = ring.unpop.bind(ring);
    const signal = ring.signal.bind(ring);
    ring.pop = () => {
      this.look();
      const [exposed] = this.waiting;
      if (exposed) this.compareOne(exposed, false);
      const chain = pop();
      if (!chain || !exposed) return chain;
      this.waiting.shift();
      this.held.set(chain, exposed);
      return chain;
    };
    ring.unpop = chain => {
      const exposed = this.held.get(chain);
      if (exposed) {
        this.held.delete(chain);
        this.waiting.unshift(exposed);
      }
      unpop(chain);
    };
    ring.push = (chain, written) => {
      this.look();
      const exposed = this.held.get(chain);
      if (exposed) {
        this.compareOne(exposed, true);
        this.held.delete(chain);
        this.slots -= exposed.slots;
        this.overwrite(exposed.slots);
        this.history.add(`device uses ${exposed.head}, ${written} bytes`);
        this.listener.used(this, exposed, written);
      }
      push(chain, written);
    };
    ring.signal = () => {
      const wanted = signal();
      if (wanted) this.history.add('device interrupts');
      return wanted;
    };
  }

  /** A packed queue's used descriptor is written where the next one belongs, over whosever descriptor is there. */
  private overwrite(slots: number): void {
    if (!this.packed) return;
    const at = this.areas.descriptors + this.usedPosition * DESCRIPTOR_SIZE;
    for (const chain of this.waiting) chain.overwritten(at);
    for (const chain of this.held.values()) chain.overwritten(at);
    this.usedPosition = (this.usedPosition + slots) % this.size;
  }
}
