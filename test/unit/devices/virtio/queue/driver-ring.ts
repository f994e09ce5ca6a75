import type { GuestMemory } from '../../../../../src/vmm/memory/guest-memory.js';
import type { QueueAreas } from '../../../../../src/devices/virtio/queue/virtqueue.js';

/** One descriptor as a driver wants it. */
export interface Buffer {
  readonly gpa: number;
  readonly length: number;
  readonly writable?: boolean;
}

export interface Used {
  readonly id: number;
  readonly length: number;
}

export const NEXT = 1;
export const WRITE = 2;
export const INDIRECT = 4;

const PAGE = 0x1000;

/** Where a queue's areas lie in these tests. */
export function areasAt(base: number): QueueAreas {
  return { descriptors: base, driver: base + 8 * PAGE, device: base + 12 * PAGE };
}

function writeDescriptor(
  memory: GuestMemory,
  at: number,
  { gpa, length }: Buffer,
  word12: number,
  word14: number,
): void {
  memory.write64(at, BigInt(gpa));
  memory.write32(at + 8, length);
  memory.write16(at + 12, word12);
  memory.write16(at + 14, word14);
}

/** The driver's side of a split queue, written from virtio 1.3, 2.7, alone. */
export class SplitDriver {
  private readonly freeDescriptors: number[];
  private readonly chains = new Map<number, number[]>();
  private availIndex = 0;
  private usedIndex = 0;

  constructor(
    readonly memory: GuestMemory,
    readonly size: number,
    readonly areas: QueueAreas,
  ) {
    this.freeDescriptors = Array.from({ length: size }, (_, i) => size - 1 - i);
  }

  descriptor(index: number, buffer: Buffer, flags: number, next = 0): void {
    writeDescriptor(this.memory, this.areas.descriptors + 16 * index, buffer, flags, next);
  }

  /** Makes a chain available and returns its head. */
  add(...buffers: readonly Buffer[]): number {
    const indices = buffers.map(() => this.freeDescriptors.pop()!);
    buffers.forEach((buffer, i) => {
      const last = i === buffers.length - 1;
      this.descriptor(
        indices[i],
        buffer,
        (buffer.writable ? WRITE : 0) | (last ? 0 : NEXT),
        last ? 0 : indices[i + 1],
      );
    });
    this.chains.set(indices[0], indices);
    this.publish(indices[0]);
    return indices[0];
  }

  /** The same through an indirect table at `table`. */
  addIndirect(table: number, ...buffers: readonly Buffer[]): number {
    buffers.forEach((buffer, i) => {
      const last = i === buffers.length - 1;
      const flags = (buffer.writable ? WRITE : 0) | (last ? 0 : NEXT);
      writeDescriptor(this.memory, table + 16 * i, buffer, flags, last ? 0 : i + 1);
    });
    const index = this.freeDescriptors.pop()!;
    this.descriptor(index, { gpa: table, length: 16 * buffers.length }, INDIRECT);
    this.chains.set(index, [index]);
    this.publish(index);
    return index;
  }

  publish(head: number): void {
    const { memory, areas, size } = this;
    memory.write16(areas.driver + 4 + 2 * (this.availIndex % size), head);
    this.availIndex = (this.availIndex + 1) & 0xffff;
    memory.write16(areas.driver + 2, this.availIndex);
  }

  /** What the device has given back since the last call. */
  collect(): Used[] {
    const { memory, areas, size } = this;
    const used: Used[] = [];
    while (memory.read16(areas.device + 2) !== this.usedIndex) {
      const at = areas.device + 4 + 8 * (this.usedIndex % size);
      const element = { id: memory.read32(at), length: memory.read32(at + 4) };
      for (const index of this.chains.get(element.id) ?? []) this.freeDescriptors.push(index);
      this.chains.delete(element.id);
      used.push(element);
      this.usedIndex = (this.usedIndex + 1) & 0xffff;
    }
    return used;
  }

  suppressInterrupts(on: boolean): void {
    this.memory.write16(this.areas.driver, on ? 1 : 0);
  }

  /** used_event: interrupt when the used index has passed this. */
  set usedEvent(index: number) {
    this.memory.write16(this.areas.driver + 4 + 2 * this.size, index & 0xffff);
  }

  get notificationsSuppressed(): boolean {
    return (this.memory.read16(this.areas.device) & 1) !== 0;
  }

  get availEvent(): number {
    return this.memory.read16(this.areas.device + 4 + 8 * this.size);
  }
}

/** The driver's side of a packed queue, written from virtio 1.3, 2.8, alone. */
export class PackedDriver {
  private readonly freeIds: number[];
  private readonly slots = new Map<number, number>();
  private next = 0;
  private availWrap = 1;
  private used = 0;
  private usedWrap = 1;

  constructor(
    readonly memory: GuestMemory,
    readonly size: number,
    readonly areas: QueueAreas,
  ) {
    this.freeIds = Array.from({ length: size }, (_, i) => size - 1 - i);
  }

  add(...buffers: readonly Buffer[]): number {
    const id = this.freeIds.pop()!;
    const first = this.next;
    let firstFlags = 0;
    buffers.forEach((buffer, i) => {
      const at = this.areas.descriptors + 16 * this.next;
      const more = i < buffers.length - 1 ? NEXT : 0;
      const flags = this.turn() | more | (buffer.writable ? WRITE : 0);
      if (i === 0) firstFlags = flags;
      writeDescriptor(this.memory, at, buffer, id, i === 0 ? this.memory.read16(at + 14) : flags);
      this.advance();
    });
    this.slots.set(id, buffers.length);
    // The first descriptor's flags last, so that the chain appears as a whole (2.8.21.1).
    this.memory.write16(this.areas.descriptors + 16 * first + 14, firstFlags);
    return id;
  }

  addIndirect(table: number, ...buffers: readonly Buffer[]): number {
    buffers.forEach((buffer, i) => {
      writeDescriptor(this.memory, table + 16 * i, buffer, 0, buffer.writable ? WRITE : 0);
    });
    const id = this.freeIds.pop()!;
    const at = this.areas.descriptors + 16 * this.next;
    writeDescriptor(this.memory, at, { gpa: table, length: 16 * buffers.length }, id, this.turn() | INDIRECT);
    this.advance();
    this.slots.set(id, 1);
    return id;
  }

  /** One descriptor with these flags besides those that make it available. */
  raw(buffer: Buffer, flags: number): void {
    writeDescriptor(this.memory, this.areas.descriptors + 16 * this.next, buffer, 0, this.turn() | flags);
    this.advance();
  }

  collect(): Used[] {
    const used: Used[] = [];
    for (;;) {
      const at = this.areas.descriptors + 16 * this.used;
      const flags = this.memory.read16(at + 14);
      const mine = ((flags >> 7) & 1) === this.usedWrap && ((flags >> 15) & 1) === this.usedWrap;
      if (!mine) return used;
      const id = this.memory.read16(at + 12);
      used.push({ id, length: this.memory.read32(at + 8) });
      this.used += this.slots.get(id)!;
      if (this.used >= this.size) {
        this.used -= this.size;
        this.usedWrap ^= 1;
      }
      this.slots.delete(id);
      this.freeIds.push(id);
    }
  }

  suppressInterrupts(on: boolean): void {
    this.memory.write16(this.areas.driver + 2, on ? 1 : 0);
  }

  /** Interrupt when the descriptor at this position has been used. */
  interruptAt(index: number, wrap: number): void {
    this.memory.write16(this.areas.driver, index | (wrap << 15));
    this.memory.write16(this.areas.driver + 2, 2);
  }

  get position(): { readonly index: number; readonly wrap: number } {
    return { index: this.next, wrap: this.availWrap };
  }

  get deviceEvent(): { readonly position: number; readonly flags: number } {
    return {
      position: this.memory.read16(this.areas.device),
      flags: this.memory.read16(this.areas.device + 2),
    };
  }

  private turn(): number {
    return this.availWrap === 1 ? 1 << 7 : 1 << 15;
  }

  private advance(): void {
    if (++this.next === this.size) {
      this.next = 0;
      this.availWrap ^= 1;
    }
  }
}
