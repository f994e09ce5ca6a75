import type { GuestMemory } from '../../../vmm/memory/guest-memory.js';

/** Longest chain that is walked. The specification allows as many as the queue has entries; QEMU stops here too. */
export const MAX_SEGMENTS = 1024;

/** What `save()` keeps of a chain that a device holds: plain data. */
export interface ChainState {
  readonly id: number;
  readonly slots: number;
  readonly readable: number;
  readonly addresses: readonly number[];
  readonly lengths: readonly number[];
}

/**
 * One buffer that the driver made available: device-readable segments, then device-writable ones (virtio 1.3, 2.6).
 * All of them are RAM, checked when the chain was walked.
 *
 * Chains are taken from their queue and given back to it; a device keeps none beyond that.
 */
export class Chain {
  /** Head descriptor in a split queue, buffer id in a packed one: what the used element says. */
  id = 0;
  /** Ring descriptors that it took, for a packed queue. */
  slots = 0;
  /** Number of segments, and of those that the device reads. */
  count = 0;
  readable = 0;
  /** Bytes of all device-readable, of all device-writable segments. */
  readableBytes = 0;
  writableBytes = 0;
  private addresses = new Float64Array(16);
  private lengths = new Float64Array(16);

  constructor(private readonly memory: GuestMemory) {}

  clear(): void {
    this.slots = 0;
    this.count = 0;
    this.readable = 0;
    this.readableBytes = 0;
    this.writableBytes = 0;
  }

  /** @internal Adds a segment; the queue has checked it. */
  add(gpa: number, length: number, writable: boolean): void {
    if (this.count === this.addresses.length) this.grow();
    this.addresses[this.count] = gpa;
    this.lengths[this.count] = length;
    this.count++;
    if (writable) {
      this.writableBytes += length;
    } else {
      this.readable++;
      this.readableBytes += length;
    }
  }

  /** Guest physical address of segment `i`. */
  address(i: number): number {
    return this.addresses[i];
  }

  /** Bytes of segment `i`. */
  length(i: number): number {
    return this.lengths[i];
  }

  /** A view of segment `i`, of `length` bytes from `skip` on. */
  bytes(i: number, skip = 0, length = this.lengths[i] - skip): Uint8Array<SharedArrayBuffer> {
    return this.memory.bytes(this.addresses[i] + skip, length);
  }

  /**
   * Views of `length` bytes that start `offset` bytes into the readable (`writable` = false) or writable part, in
   * order: what scatter-gather input and output take.
   */
  views(writable: boolean, offset: number, length: number): Uint8Array<SharedArrayBuffer>[] {
    const views: Uint8Array<SharedArrayBuffer>[] = [];
    const end = writable ? this.count : this.readable;
    let skip = offset;
    let rest = length;
    for (let i = writable ? this.readable : 0; i < end && rest > 0; i++) {
      const size = this.lengths[i];
      if (skip >= size) {
        skip -= size;
        continue;
      }
      const part = Math.min(size - skip, rest);
      if (part > 0) views.push(this.bytes(i, skip, part));
      skip = 0;
      rest -= part;
    }
    return views;
  }

  /** Copies from the readable part, from `offset` on, as much as `target` takes; returns how many bytes there were. */
  read(offset: number, target: Uint8Array): number {
    let copied = 0;
    for (const view of this.views(false, offset, target.length)) {
      target.set(view, copied);
      copied += view.length;
    }
    return copied;
  }

  /** Copies `source` into the writable part, from `offset` on; returns how many bytes had room. */
  write(offset: number, source: Uint8Array): number {
    let copied = 0;
    for (const view of this.views(true, offset, source.length)) {
      view.set(source.subarray(copied, copied + view.length));
      copied += view.length;
    }
    return copied;
  }

  /**
   * Copies `length` bytes of the readable part, from `offset` on, to `target` at `at`; returns how many there were. For
   * what happens often: it makes no lists.
   */
  readInto(offset: number, target: Uint8Array, at: number, length: number): number {
    let skip = offset;
    let copied = 0;
    for (let i = 0; i < this.readable && copied < length; i++) {
      const part = Math.min(this.lengths[i] - skip, length - copied);
      if (part > 0) target.set(this.bytes(i, skip, part), at + copied);
      copied += Math.max(0, part);
      skip = Math.max(0, skip - this.lengths[i]);
    }
    return copied;
  }

  /** Copies `length` bytes of `source` from `at` into the writable part, from `offset` on; returns how many had room. */
  writeFrom(offset: number, source: Uint8Array, at: number, length: number): number {
    let skip = offset;
    let copied = 0;
    for (let i = this.readable; i < this.count && copied < length; i++) {
      const part = Math.min(this.lengths[i] - skip, length - copied);
      if (part > 0) this.bytes(i, skip, part).set(source.subarray(at + copied, at + copied + part));
      copied += Math.max(0, part);
      skip = Math.max(0, skip - this.lengths[i]);
    }
    return copied;
  }

  /** The device has written the first `length` bytes of the writable part: the guest executes what is there now. */
  written(length: number): void {
    let rest = length;
    for (let i = this.readable; i < this.count && rest > 0; i++) {
      const part = Math.min(rest, this.lengths[i]);
      this.memory.written(this.addresses[i], part);
      rest -= part;
    }
  }

  /** Writes one byte into the writable part, at `offset`, which must be inside it. */
  write8(offset: number, value: number): void {
    let skip = offset;
    for (let i = this.readable; i < this.count; i++) {
      if (skip < this.lengths[i]) {
        this.memory.write8(this.addresses[i] + skip, value);
        return;
      }
      skip -= this.lengths[i];
    }
    throw new RangeError(`the buffer has no byte ${offset}`);
  }

  save(): ChainState {
    return {
      id: this.id,
      slots: this.slots,
      readable: this.readable,
      addresses: Array.from(this.addresses.subarray(0, this.count)),
      lengths: Array.from(this.lengths.subarray(0, this.count)),
    };
  }

  load({ id, slots, readable, addresses, lengths }: ChainState): void {
    this.clear();
    addresses.forEach((gpa, i) => this.add(gpa, lengths[i], i >= readable));
    this.id = id;
    this.slots = slots;
  }

  private grow(): void {
    const size = this.addresses.length * 2;
    const addresses = new Float64Array(size);
    addresses.set(this.addresses);
    const lengths = new Float64Array(size);
    lengths.set(this.lengths);
    this.addresses = addresses;
    this.lengths = lengths;
  }
}
