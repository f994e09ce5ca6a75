import { ConfigError, GuestMemoryError } from '../../errors.js';

/** RAM below this address; from here to 4 GiB lie the devices. */
export const MMIO_HOLE_START = 0xc000_0000;
/** RAM that does not fit below the hole goes on from here. */
export const HIGH_RAM_START = 0x1_0000_0000;
export const PAGE_SIZE = 4096;

const WASM_PAGE = 65_536;
/** 32-bit words of a page. */
const PAGE_WORDS = PAGE_SIZE / 4;
/** Smallest RAM with which boot information, a loader and a kernel have room. */
const MIN_RAM = 2 << 20;
/** A high segment is one shared memory, which cannot be larger than 4 GiB. */
const MAX_SEGMENT = 2 ** 32;
const MAX_RAM = 2 ** 40;

/** One contiguous piece of guest RAM. */
export interface RamSegment {
  /** Guest physical address of the first byte. */
  readonly gpa: number;
  readonly size: number;
  /** The shared buffer that holds it, and where in it the segment starts (page aligned). */
  readonly buffer: SharedArrayBuffer;
  readonly offset: number;
  /** The memory behind the buffer, which a software CPU's core is linked with. */
  readonly memory: WebAssembly.Memory;
}

/** What another thread needs to see the same memory. */
export interface GuestMemoryHandle {
  readonly segments: readonly RamSegment[];
}

/**
 * Guest RAM: shared between all threads, addressed by guest physical address. Multi-byte values are
 * little-endian. Every access is bounds-checked and raises {@link GuestMemoryError}; an access must lie within
 * one segment.
 */
export class GuestMemory {
  readonly segments: readonly RamSegment[];
  /** All RAM, in bytes. */
  readonly size: number;
  /**
   * Hears of what is written through this object, and of what {@link written} tells: an accelerator that has decoded code,
   * or who passes it on to that one's thread.
   */
  listener: ((gpa: number, size: number) => void) | undefined;
  private readonly lowSize: number;
  private readonly lowOffset: number;
  private readonly views: readonly DataView[];
  private readonly low: DataView;

  constructor(handle: GuestMemoryHandle) {
    this.segments = handle.segments;
    this.size = this.segments.reduce((sum, segment) => sum + segment.size, 0);
    this.views = this.segments.map(segment => new DataView(segment.buffer, segment.offset, segment.size));
    this.low = this.views[0]!;
    this.lowSize = this.segments[0].size;
    this.lowOffset = this.segments[0].offset;
  }

  /**
   * RAM of `size` bytes (rounded up to pages): from 0 up to the hole, the rest from 4 GiB up.
   * @param size at least 2 MiB
   * @param reserve bytes kept in front of the RAM for an accelerator's own state, a multiple of 64 KiB
   * @throws ConfigError for a size that is out of range or that the host refuses
   */
  static allocate(size: number, reserve = 0): GuestMemory {
    if (!Number.isFinite(size) || size < MIN_RAM || size > MAX_RAM) {
      throw new ConfigError(`memory must be between 2M and 1T, not ${size} bytes`, { size });
    }
    const total = Math.ceil(size / PAGE_SIZE) * PAGE_SIZE;
    const low = Math.min(total, MMIO_HOLE_START);
    const segments: RamSegment[] = [segmentOf(allocateShared(reserve + low), 0, low, reserve)];
    for (let rest = total - low, gpa = HIGH_RAM_START; rest > 0;) {
      const part = Math.min(rest, MAX_SEGMENT);
      segments.push(segmentOf(allocateShared(part), gpa, part, 0));
      rest -= part;
      gpa += part;
    }
    return new GuestMemory({ segments });
  }

  /** What to pass to another thread, where `new GuestMemory(handle)` sees the same bytes. */
  get handle(): GuestMemoryHandle {
    return { segments: this.segments };
  }

  /** True when all of `size` bytes from `gpa` are RAM of one segment. */
  contains(gpa: number, size: number): boolean {
    return this.segments.some(
      segment => size >= 0 && gpa >= segment.gpa && gpa + size <= segment.gpa + segment.size,
    );
  }

  /** A zero-copy view of `size` bytes from `gpa`. Who writes to it tells so by {@link written}. */
  bytes(gpa: number, size: number): Uint8Array<SharedArrayBuffer> {
    if (gpa >= 0 && size >= 0 && gpa + size <= this.lowSize) {
      return new Uint8Array(this.segments[0].buffer, this.lowOffset + gpa, size);
    }
    const segment = this.segments[this.segmentOf(gpa, size)];
    return new Uint8Array(segment.buffer, segment.offset + gpa - segment.gpa, size);
  }

  /** Copies `data` to `gpa`. */
  write(gpa: number, data: Uint8Array): void {
    this.bytes(gpa, data.length).set(data);
    this.listener?.(gpa, data.length);
  }

  /**
   * `size` bytes at `gpa` have been written through a view: the guest executes what is there now.
   * @throws GuestMemoryError when they are not RAM
   */
  written(gpa: number, size: number): void {
    this.segmentOf(gpa, size);
    this.listener?.(gpa, size);
  }

  /** All of it is zero again. What is so already is only read, since the host gives memory to pages that are written. */
  clear(): void {
    for (const { buffer, offset, size } of this.segments) {
      const words = new Int32Array(buffer, offset, size / 4);
      for (let page = 0; page < words.length; page += PAGE_WORDS) {
        const end = page + PAGE_WORDS;
        let word = page;
        while (word < end && words[word] === 0) word++;
        if (word < end) words.fill(0, page, end);
      }
    }
  }

  read8(gpa: number): number {
    return gpa >= 0 && gpa < this.lowSize
      ? this.low.getUint8(gpa)
      : this.viewOf(gpa, 1).getUint8(this.offsetOf(gpa));
  }

  read16(gpa: number): number {
    return gpa >= 0 && gpa + 2 <= this.lowSize
      ? this.low.getUint16(gpa, true)
      : this.viewOf(gpa, 2).getUint16(this.offsetOf(gpa), true);
  }

  read32(gpa: number): number {
    return gpa >= 0 && gpa + 4 <= this.lowSize
      ? this.low.getUint32(gpa, true)
      : this.viewOf(gpa, 4).getUint32(this.offsetOf(gpa), true);
  }

  read64(gpa: number): bigint {
    return gpa >= 0 && gpa + 8 <= this.lowSize
      ? this.low.getBigUint64(gpa, true)
      : this.viewOf(gpa, 8).getBigUint64(this.offsetOf(gpa), true);
  }

  write8(gpa: number, value: number): void {
    if (gpa >= 0 && gpa < this.lowSize) this.low.setUint8(gpa, value);
    else this.viewOf(gpa, 1).setUint8(this.offsetOf(gpa), value);
    this.listener?.(gpa, 1);
  }

  write16(gpa: number, value: number): void {
    if (gpa >= 0 && gpa + 2 <= this.lowSize) this.low.setUint16(gpa, value, true);
    else this.viewOf(gpa, 2).setUint16(this.offsetOf(gpa), value, true);
    this.listener?.(gpa, 2);
  }

  write32(gpa: number, value: number): void {
    if (gpa >= 0 && gpa + 4 <= this.lowSize) this.low.setUint32(gpa, value, true);
    else this.viewOf(gpa, 4).setUint32(this.offsetOf(gpa), value, true);
    this.listener?.(gpa, 4);
  }

  write64(gpa: number, value: bigint): void {
    if (gpa >= 0 && gpa + 8 <= this.lowSize) this.low.setBigUint64(gpa, value, true);
    else this.viewOf(gpa, 8).setBigUint64(this.offsetOf(gpa), value, true);
    this.listener?.(gpa, 8);
  }

  private viewOf(gpa: number, size: number): DataView {
    return this.views[this.segmentOf(gpa, size)];
  }

  private offsetOf(gpa: number): number {
    return gpa - this.segments[this.segmentOf(gpa, 1)].gpa;
  }

  private segmentOf(gpa: number, size: number): number {
    for (let i = 0; i < this.segments.length; i++) {
      const segment = this.segments[i];
      if (size >= 0 && gpa >= segment.gpa && gpa + size <= segment.gpa + segment.size) return i;
    }
    throw new GuestMemoryError(gpa, size);
  }
}

function segmentOf(memory: WebAssembly.Memory, gpa: number, size: number, offset: number): RamSegment {
  return { gpa, size, buffer: memory.buffer as unknown as SharedArrayBuffer, offset, memory };
}

/** Shared WebAssembly memory is page aligned, zeroed, and costs the host only the pages that are touched. */
function allocateShared(size: number): WebAssembly.Memory {
  const pages = Math.ceil(size / WASM_PAGE);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch (cause) {
    throw new ConfigError(
      `the host cannot give ${Math.ceil(size / 2 ** 20)} MiB of guest memory`,
      { size },
      { cause },
    );
  }
}
