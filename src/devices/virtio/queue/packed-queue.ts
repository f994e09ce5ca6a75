import type { Chain } from './chain.js';
import {
  DESCRIPTOR_SIZE,
  DescriptorFlag,
  needsEvent,
  Virtqueue,
  type QueueOptions,
  type QueueProgress,
  type QueueState,
} from './virtqueue.js';

/** Flags that say whose turn a ring descriptor is, by comparison with the wrap counters (2.8.1). */
const AVAIL = 1 << 7;
const USED = 1 << 15;
/** 16-bit words of a descriptor (2.8.13). */
const WORDS = DESCRIPTOR_SIZE / 2;
const FLAGS_WORD = 7;
const NONE = -1;

/** 16-bit words of an event suppression structure (2.8.14): position, flags. */
const EVENT_POSITION = 0;
const EVENT_FLAGS = 1;
const ENABLE = 0;
const DISABLE = 1;
const AT_DESCRIPTOR = 2;
const POSITION_MASK = 0x7fff;
const POSITION_WRAP = 15;

/** Bytes of the three parts of a packed queue of `size` entries (2.8). */
export function packedQueueBytes(size: number): { descriptors: number; driver: number; device: number } {
  return { descriptors: DESCRIPTOR_SIZE * size, driver: 4, device: 4 };
}

/** A position in the ring with its wrap counter: it flips each time the ring's end is passed (2.8.1). */
class RingPosition {
  index = 0;
  wrap = 1;

  advance(slots: number, size: number): void {
    this.index += slots;
    if (this.index >= size) {
      this.index -= size;
      this.wrap ^= 1;
    }
  }

  retreat(slots: number, size: number): void {
    this.index -= slots;
    if (this.index < 0) {
      this.index += size;
      this.wrap ^= 1;
    }
  }

  /** As event suppression structures, notifications and saved states have it: the wrap counter on top. */
  get word(): number {
    return this.index | (this.wrap << POSITION_WRAP);
  }

  set word(word: number) {
    this.index = word & POSITION_MASK;
    this.wrap = word >>> POSITION_WRAP;
  }
}

/** A packed virtqueue (virtio 1.3, 2.8). */
export class PackedQueue extends Virtqueue {
  private readonly descriptors: number;
  private readonly ring: Uint16Array;
  private readonly driverEvent: Uint16Array;
  private readonly deviceEvent: Uint16Array;
  private readonly next = new RingPosition();
  private readonly used = new RingPosition();
  /** Ring descriptors used since the driver was last told. */
  private unsignalled = 0;
  /** Of the first descriptor that was put and not published yet: the index of its flags in `ring`, and these flags. */
  private hiddenAt = NONE;
  private hiddenFlags = 0;

  /** @throws GuestMemoryError when the areas are not RAM; `RangeError` when they are not aligned */
  constructor(options: QueueOptions) {
    super(options);
    const { memory, size, areas } = options;
    const bytes = packedQueueBytes(size);
    this.descriptors = areas.descriptors;
    const ring = memory.bytes(areas.descriptors, bytes.descriptors);
    this.ring = new Uint16Array(ring.buffer, ring.byteOffset, bytes.descriptors / 2);
    const driver = memory.bytes(areas.driver, bytes.driver);
    this.driverEvent = new Uint16Array(driver.buffer, driver.byteOffset, 2);
    const device = memory.bytes(areas.device, bytes.device);
    this.deviceEvent = new Uint16Array(device.buffer, device.byteOffset, 2);
  }

  /** Ring descriptors of buffers that the device has. */
  private get held(): number {
    const { next, used, size } = this;
    return next.index - used.index + (next.wrap === used.wrap ? 0 : size);
  }

  protected isNextAvailable(): boolean {
    const flags = Atomics.load(this.ring, this.next.index * WORDS + FLAGS_WORD);
    const avail = (flags & AVAIL) !== 0 ? 1 : 0;
    const used = (flags & USED) !== 0 ? 1 : 0;
    return avail === this.next.wrap && used !== this.next.wrap;
  }

  unpop(chain: Chain): void {
    this.next.retreat(chain.slots, this.size);
    this.forget(chain);
  }

  signal(): boolean {
    const { used, unsignalled, size } = this;
    if (unsignalled === 0) return false;
    this.unsignalled = 0;
    // Atomics order these reads behind the write of the used flags.
    const flags = Atomics.load(this.driverEvent, EVENT_FLAGS) & 3;
    if (flags !== AT_DESCRIPTOR || !this.eventIndex || unsignalled >= size) return flags !== DISABLE;
    const position = Atomics.load(this.driverEvent, EVENT_POSITION);
    const event = (position & POSITION_MASK) - (position >>> POSITION_WRAP === used.wrap ? 0 : size);
    return needsEvent(event, used.index, used.index - unsignalled);
  }

  disableNotifications(): void {
    Atomics.store(this.deviceEvent, EVENT_FLAGS, DISABLE);
  }

  enableNotifications(): boolean {
    if (this.eventIndex) {
      Atomics.store(this.deviceEvent, EVENT_POSITION, this.next.word);
      Atomics.store(this.deviceEvent, EVENT_FLAGS, AT_DESCRIPTOR);
    } else {
      Atomics.store(this.deviceEvent, EVENT_FLAGS, ENABLE);
    }
    return this.available();
  }

  progress(): QueueProgress {
    return { next: this.next.index, used: this.used.index, inFlight: this.held };
  }

  save(): QueueState {
    const { next, used, unsignalled, broken } = this;
    return { next: next.word, used: used.word, unsignalled, broken };
  }

  load({ next, used, unsignalled, broken }: QueueState): void {
    this.next.word = next;
    this.used.word = used;
    this.unsignalled = unsignalled;
    this.restoreBroken(broken);
  }

  protected take(chain: Chain): boolean {
    const { memory, size } = this;
    // Descriptors of buffers under way are not the driver's to write.
    const free = size - this.held;
    let index = this.next.index;
    for (let slots = 1; slots <= free; slots++) {
      const at = this.descriptors + index * DESCRIPTOR_SIZE;
      const gpa = memory.read32(at) + memory.read32(at + 4) * 2 ** 32;
      const length = memory.read32(at + 8);
      const flags = memory.read16(at + 14);
      if (flags & DescriptorFlag.INDIRECT) {
        if (slots > 1 || flags & DescriptorFlag.NEXT) {
          return this.violate('2.8.19', 'an indirect descriptor is part of a chain');
        }
        if (!this.takeIndirect(chain, gpa, length)) return false;
      } else if (!this.addSegment(chain, gpa, length, (flags & DescriptorFlag.WRITE) !== 0)) {
        return false;
      }
      if ((flags & DescriptorFlag.NEXT) === 0) {
        // The buffer's id is in its last descriptor (2.8.6).
        chain.id = memory.read16(at + 12);
        chain.slots = slots;
        this.next.advance(slots, size);
        return true;
      }
      index = index + 1 === size ? 0 : index + 1;
    }
    return free === size
      ? this.violate('2.8.19', 'a chain is longer than the ring')
      : this.violate('2.8.21', 'a descriptor is made available that is in use');
  }

  /** The two positions tell. */
  protected hold(): void {}

  protected put(chain: Chain, written: number): void {
    const { used } = this;
    const at = this.descriptors + used.index * DESCRIPTOR_SIZE;
    this.memory.write32(at + 8, written);
    this.memory.write16(at + 12, chain.id);
    const turn = used.wrap === 1 ? AVAIL | USED : 0;
    // The WRITE flag says that the length counts (2.8.8).
    const flags = turn | (chain.count > chain.readable ? DescriptorFlag.WRITE : 0);
    const flagsAt = used.index * WORDS + FLAGS_WORD;
    if (this.hiddenAt === NONE) {
      this.hiddenAt = flagsAt;
      this.hiddenFlags = flags;
    } else {
      // The driver looks at them in their order (2.8.6), and not yet past the first.
      this.ring[flagsAt] = flags;
    }
    used.advance(chain.slots, this.size);
    this.unsignalled += chain.slots;
  }

  protected publish(): void {
    if (this.hiddenAt === NONE) return;
    // Length and id, and all that follows, are visible before the flags.
    Atomics.store(this.ring, this.hiddenAt, this.hiddenFlags);
    this.hiddenAt = NONE;
  }

  /** The buffers of an indirect table: one behind the other, of whose flags only WRITE counts (2.8.7). */
  private takeIndirect(chain: Chain, table: number, length: number): boolean {
    if (!this.mayBeIndirect(table, length)) return false;
    const { memory } = this;
    for (let at = table; at < table + length; at += DESCRIPTOR_SIZE) {
      const gpa = memory.read32(at) + memory.read32(at + 4) * 2 ** 32;
      const writable = (memory.read16(at + 14) & DescriptorFlag.WRITE) !== 0;
      if (!this.addSegment(chain, gpa, memory.read32(at + 8), writable)) return false;
    }
    return true;
  }
}
