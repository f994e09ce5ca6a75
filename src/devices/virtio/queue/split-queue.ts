import { Feature, has } from '../features.js';
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

/** 16-bit words of the available ring (2.7.6): flags, index, ring…, used_event. */
const AVAIL_FLAGS = 0;
const AVAIL_INDEX = 1;
const AVAIL_RING = 2;
const NO_INTERRUPT = 1;

/** 16-bit words of the used ring (2.7.8): flags, index, then elements of two 32-bit words, avail_event. */
const USED_FLAGS = 0;
const USED_INDEX = 1;
const NO_NOTIFY = 1;
/** Its elements in 32-bit words. */
const USED_RING = 1;

/** Bytes of the three parts of a split queue of `size` entries, event words included (2.7). */
export function splitQueueBytes(size: number): { descriptors: number; driver: number; device: number } {
  return { descriptors: DESCRIPTOR_SIZE * size, driver: 6 + 2 * size, device: 6 + 8 * size };
}

/** A split virtqueue (virtio 1.3, 2.7). */
export class SplitQueue extends Virtqueue {
  private readonly descriptors: number;
  private readonly avail: Uint16Array;
  private readonly used: Uint16Array;
  private readonly usedElements: Uint32Array;
  private readonly usedEvent: number;
  private readonly availEvent: number;
  private readonly mask: number;
  /** Index of the next buffer to take, and of the next used element. */
  private next = 0;
  private usedIndex = 0;
  /** Buffers used since the driver was last told. */
  private unsignalled = 0;
  private quiet = false;
  private readonly notifyOnEmpty: boolean;
  /** 1 for each head descriptor whose buffer the device has. */
  private readonly held: Uint8Array;

  /** @throws GuestMemoryError when the areas are not RAM; `RangeError` when they are not aligned */
  constructor(options: QueueOptions) {
    super(options);
    const { memory, size, areas } = options;
    const bytes = splitQueueBytes(size);
    memory.bytes(areas.descriptors, bytes.descriptors);
    this.descriptors = areas.descriptors;
    const driver = memory.bytes(areas.driver, bytes.driver);
    this.avail = new Uint16Array(driver.buffer, driver.byteOffset, bytes.driver / 2);
    const device = memory.bytes(areas.device, bytes.device);
    this.used = new Uint16Array(device.buffer, device.byteOffset, bytes.device / 2);
    this.usedElements = new Uint32Array(device.buffer, device.byteOffset, USED_RING + 2 * size);
    this.usedEvent = AVAIL_RING + size;
    this.availEvent = 2 + 4 * size;
    this.mask = size - 1;
    this.held = new Uint8Array(size);
    this.notifyOnEmpty = has(options.features, Feature.NOTIFY_ON_EMPTY);
  }

  protected isNextAvailable(): boolean {
    return Atomics.load(this.avail, AVAIL_INDEX) !== this.next;
  }

  unpop(chain: Chain): void {
    this.next = (this.next - 1) & 0xffff;
    this.held[chain.id] = 0;
    this.forget(chain);
  }

  signal(): boolean {
    const { unsignalled, usedIndex } = this;
    if (unsignalled === 0) return false;
    this.unsignalled = 0;
    if (this.notifyOnEmpty && !this.available()) return true;
    // Atomics order these reads behind the write of the index (2.7.7.2.1).
    if (!this.eventIndex) return (Atomics.load(this.avail, AVAIL_FLAGS) & NO_INTERRUPT) === 0;
    if (unsignalled > 0xffff) return true;
    return needsEvent(Atomics.load(this.avail, this.usedEvent), usedIndex, usedIndex - unsignalled);
  }

  disableNotifications(): void {
    if (this.quiet) return;
    this.quiet = true;
    // With the event index it is enough not to move it (2.7.10.1).
    if (!this.eventIndex) Atomics.store(this.used, USED_FLAGS, NO_NOTIFY);
  }

  enableNotifications(): boolean {
    this.quiet = false;
    if (this.eventIndex) Atomics.store(this.used, this.availEvent, this.next);
    else Atomics.store(this.used, USED_FLAGS, 0);
    return this.available();
  }

  progress(): QueueProgress {
    const { next, usedIndex: used } = this;
    const available = Atomics.load(this.avail, AVAIL_INDEX);
    return { available, next, used, inFlight: (next - used) & 0xffff };
  }

  save(): QueueState {
    const { next, usedIndex: used, unsignalled, broken } = this;
    return { next, used, unsignalled, broken };
  }

  load({ next, used, unsignalled, broken }: QueueState): void {
    this.next = next;
    this.usedIndex = used;
    this.unsignalled = unsignalled;
    this.restoreBroken(broken);
  }

  protected take(chain: Chain): boolean {
    const pending = (Atomics.load(this.avail, AVAIL_INDEX) - this.next) & 0xffff;
    if (pending > this.size) return this.violate('2.7.6', 'more buffers are available than the queue has');
    const head = this.avail[AVAIL_RING + (this.next & this.mask)];
    if (head >= this.size) return this.violate('2.7.6', `descriptor ${head} does not exist`);
    // It is no free descriptor; and so there are at most as many buffers under way as the queue has entries.
    if (this.held[head]) return this.violate('2.7.13', `descriptor ${head} is in use`);
    chain.id = head;
    if (!this.walk(chain, head)) return false;
    this.hold(chain);
    this.next = (this.next + 1) & 0xffff;
    return true;
  }

  protected hold(chain: Chain): void {
    this.held[chain.id] = 1;
  }

  protected put(chain: Chain, written: number): void {
    this.held[chain.id] = 0;
    const at = USED_RING + 2 * (this.usedIndex & this.mask);
    this.usedElements[at] = chain.id;
    this.usedElements[at + 1] = written;
    this.usedIndex = (this.usedIndex + 1) & 0xffff;
    this.unsignalled++;
  }

  protected publish(): void {
    // Elements are visible before the index (2.7.8.2).
    if (!this.broken) Atomics.store(this.used, USED_INDEX, this.usedIndex);
  }

  private walk(chain: Chain, head: number): boolean {
    const { memory } = this;
    let table = this.descriptors;
    let entries = this.size;
    let index = head;
    for (let steps = 0; steps < entries; steps++) {
      const at = table + index * DESCRIPTOR_SIZE;
      const gpa = memory.read32(at) + memory.read32(at + 4) * 2 ** 32;
      const length = memory.read32(at + 8);
      const flags = memory.read16(at + 12);
      if (flags & DescriptorFlag.INDIRECT) {
        if (table !== this.descriptors) {
          return this.violate('2.7.5.3.1', 'an indirect descriptor in an indirect table');
        }
        if (flags & DescriptorFlag.NEXT) return this.violate('2.7.5.3.1', 'an indirect descriptor goes on');
        if (!this.mayBeIndirect(gpa, length)) return false;
        table = gpa;
        entries = length / DESCRIPTOR_SIZE;
        index = 0;
        steps = -1;
        continue;
      }
      if (!this.addSegment(chain, gpa, length, (flags & DescriptorFlag.WRITE) !== 0)) return false;
      if ((flags & DescriptorFlag.NEXT) === 0) return true;
      index = memory.read16(at + 14);
      if (index >= entries) return this.violate('2.7.5', `descriptor ${index} does not exist`);
    }
    return this.violate('2.7.5.3.1', 'a chain is a loop');
  }
}
