import { hex } from '../../errors.js';
import { DESCRIPTOR_SIZE, DescriptorFlag } from '../../devices/virtio/queue/virtqueue.js';
import type { GuestMemory } from '../../vmm/memory/guest-memory.js';
import type { MemoryBytes } from '../report/report.js';
import { memoryBytes } from './memory-bytes.js';

/** Descriptors that are followed of one chain, and shown. */
const MAX_DESCRIPTORS = 4096;
const MAX_SHOWN = 16;

/** One descriptor as the driver wrote it, in a table, a ring, or an indirect table. */
export interface ExposedDescriptor {
  /** Where it lies. */
  readonly at: number;
  /** Its number in its table or ring. */
  readonly index: number;
  readonly inTable: boolean;
  readonly address: number;
  readonly length: number;
  readonly flags: number;
  /** `next` of a split one, the buffer id of a packed one. */
  readonly next: number;
  readonly packed: boolean;
}

/** What of a chain makes no sense, in the order in which it was found. */
export type ChainFault = 'loop' | 'outside' | 'nested' | 'indirect-and-next' | 'bad-table' | 'not-ram';

/** A chain as the driver made it available: what is in its descriptors, whether it makes sense or not. */
export class ExposedChain {
  readonly descriptors: ExposedDescriptor[] = [];
  readonly faults = new Set<ChainFault>();
  /** Each descriptor's bytes as four words; none where the device itself has written since. */
  private readonly copies: (Uint32Array | undefined)[] = [];

  /**
   * @param head index of its first descriptor, or ring position
   * @param slots ring descriptors that it takes, of a packed queue
   */
  constructor(
    readonly head: number,
    private readonly memory: GuestMemory,
    public slots = 0,
  ) {}

  /** Reads one more descriptor. False when it is not in RAM, or there are too many. */
  read(at: number, index: number, inTable: boolean, packed: boolean): ExposedDescriptor | undefined {
    const { memory } = this;
    if (!memory.contains(at, DESCRIPTOR_SIZE)) {
      this.faults.add('not-ram');
      return undefined;
    }
    if (this.descriptors.length === MAX_DESCRIPTORS) {
      this.faults.add('loop');
      return undefined;
    }
    const words = this.words(at);
    const [low, high, length, last] = words;
    const descriptor = {
      at,
      index,
      inTable,
      address: low + high * 2 ** 32,
      length,
      flags: packed ? last >>> 16 : last & 0xffff,
      next: packed ? last & 0xffff : last >>> 16,
      packed,
    };
    this.descriptors.push(descriptor);
    this.copies.push(words);
    return descriptor;
  }

  /** Those that describe memory of the buffer, and not a table. */
  get elements(): readonly ExposedDescriptor[] {
    return this.descriptors.filter(({ flags, inTable }) => inTable || !(flags & DescriptorFlag.INDIRECT));
  }

  get readableBytes(): number {
    return this.bytes(false);
  }

  get writableBytes(): number {
    return this.bytes(true);
  }

  /** Copies from the device-readable, or the device-writable, part: up to `length` bytes from `offset` on. */
  copy(offset: number, length: number, writable = false): Uint8Array {
    const target = new Uint8Array(length);
    let copied = 0;
    let skip = offset;
    for (const { address, length: size, flags } of this.elements) {
      if (((flags & DescriptorFlag.WRITE) !== 0) !== writable) continue;
      const part = Math.min(size - skip, length - copied);
      if (part > 0) {
        if (!this.memory.contains(address + skip, part)) break;
        target.set(this.memory.bytes(address + skip, part), copied);
        copied += part;
      }
      skip = Math.max(0, skip - size);
      if (copied === length) break;
    }
    return target.subarray(0, copied);
  }

  /** The first descriptor that is not as it was. */
  altered(): ExposedDescriptor | undefined {
    return this.descriptors.find(({ at }, i) => {
      const copy = this.copies[i];
      if (!copy) return false;
      const now = this.words(at);
      return copy.some((word, j) => word !== now[j]);
    });
  }

  /** The device writes over what lies at `at`. */
  overwritten(at: number): void {
    this.descriptors.forEach((descriptor, i) => {
      if (descriptor.at === at) this.copies[i] = undefined;
    });
  }

  /** The descriptors as they are in memory now. */
  show(): readonly MemoryBytes[] {
    return this.descriptors
      .slice(0, MAX_SHOWN)
      .map(({ at, index, inTable }) =>
        memoryBytes(this.memory, `${inTable ? 'indirect ' : ''}descriptor ${index}`, at, DESCRIPTOR_SIZE),
      );
  }

  /** In a few words, for histories. */
  describe(): string {
    const parts = this.elements
      .slice(0, 4)
      .map(
        ({ address, length, flags }) =>
          `${hex(address)}+${length}${flags & DescriptorFlag.WRITE ? ' W' : ''}`,
      );
    const more = this.elements.length - parts.length;
    return `${this.head}: ${parts.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  }

  private bytes(writable: boolean): number {
    return this.elements
      .filter(({ flags }) => ((flags & DescriptorFlag.WRITE) !== 0) === writable)
      .reduce((sum, { length }) => sum + length, 0);
  }

  private words(at: number): Uint32Array {
    const { memory } = this;
    return Uint32Array.of(
      memory.read32(at),
      memory.read32(at + 4),
      memory.read32(at + 8),
      memory.read32(at + 12),
    );
  }
}

/** Follows the split chain that begins at descriptor `head` (virtio 1.3, 2.7.5). */
export function readSplitChain(memory: GuestMemory, table: number, size: number, head: number): ExposedChain {
  const chain = new ExposedChain(head, memory);
  followTable(chain, table, size, head, false);
  return chain;
}

function followTable(
  chain: ExposedChain,
  table: number,
  entries: number,
  first: number,
  inTable: boolean,
): void {
  let index = first;
  for (let steps = 0; ; steps++) {
    if (index >= entries) {
      chain.faults.add('outside');
      return;
    }
    if (steps === entries) {
      chain.faults.add('loop');
      return;
    }
    const descriptor = chain.read(table + index * DESCRIPTOR_SIZE, index, inTable, false);
    if (!descriptor) return;
    const { flags, address, length, next } = descriptor;
    if (flags & DescriptorFlag.INDIRECT) {
      if (flags & DescriptorFlag.NEXT) chain.faults.add('indirect-and-next');
      if (inTable) chain.faults.add('nested');
      else if (length === 0 || length % DESCRIPTOR_SIZE !== 0) chain.faults.add('bad-table');
      else followTable(chain, address, length / DESCRIPTOR_SIZE, 0, true);
      return;
    }
    if (!(flags & DescriptorFlag.NEXT)) return;
    index = next;
  }
}

/** Follows the list that begins at ring position `head` of a packed queue (2.8.6). */
export function readPackedList(memory: GuestMemory, ring: number, size: number, head: number): ExposedChain {
  const chain = new ExposedChain(head, memory);
  let index = head;
  for (let slots = 1; ; slots++) {
    chain.slots = slots;
    const descriptor = chain.read(ring + index * DESCRIPTOR_SIZE, index, false, true);
    if (!descriptor) return chain;
    const { flags, address, length } = descriptor;
    if (flags & DescriptorFlag.INDIRECT) {
      if (slots > 1 || flags & DescriptorFlag.NEXT) chain.faults.add('indirect-and-next');
      if (length === 0 || length % DESCRIPTOR_SIZE !== 0) chain.faults.add('bad-table');
      else readPackedTable(chain, address, length / DESCRIPTOR_SIZE);
    }
    if (!(flags & DescriptorFlag.NEXT)) return chain;
    if (slots === size) {
      chain.faults.add('loop');
      return chain;
    }
    index = index + 1 === size ? 0 : index + 1;
  }
}

function readPackedTable(chain: ExposedChain, table: number, entries: number): void {
  for (let i = 0; i < entries; i++) {
    if (!chain.read(table + i * DESCRIPTOR_SIZE, i, true, true)) return;
  }
}
