import { ConfigError, ImageError, hex } from '../../errors.js';
import type { GuestMemory } from '../memory/guest-memory.js';
import { BASE_MEMORY_END, FIRMWARE_END, lowRamEnd, type AddressRange } from './e820.js';

/** A range of guest memory that a kernel's image takes. */
export interface Claim extends AddressRange {
  /** For messages: `a segment of the kernel`. */
  readonly what: string;
}

/** Where to look for room, and from which end. */
export interface Room {
  readonly size: number;
  /** The address is a multiple of this, at least 1. */
  readonly align: number;
  readonly from: number;
  /** The first address that is too high. */
  readonly to: number;
  readonly direction: 'lowest' | 'highest';
}

/**
 * Where boot information may live, the best place first. OSv copies its own information to 0x1000–0x2FFF and starts
 * further CPUs from page 0, others start them from 0x7000 or 0x8000; kernels for Multiboot and PVH start at 1 MiB or
 * higher as a rule, and OSv wants everything below 2 MiB.
 */
const BOOT_INFORMATION: readonly AddressRange[] = [
  { start: 0x1_0000, end: BASE_MEMORY_END },
  { start: 0x3000, end: 0x1_0000 },
  { start: FIRMWARE_END, end: 0x20_0000 },
];

/**
 * Who owns what in guest memory while a kernel is loaded: the kernel's own ranges first, then boot information and
 * files around them, so that nothing overwrites anything.
 *
 * ```
 *      0  left to the kernel: vectors, start-up code of further CPUs
 *   64 K  boot information: GDT, page tables, stack, command line, zero page, start_info, …
 *  639 K  firmware: MP table, ACPI tables
 *    1 M  kernel
 *    ...
 *   high  initrd and modules
 * ```
 */
export class BootLayout {
  /** Sorted by start, without overlaps. */
  private taken: Claim[];

  constructor(readonly memory: GuestMemory) {
    this.taken = [{ start: BASE_MEMORY_END, end: FIRMWARE_END, what: 'the firmware tables' }];
  }

  /**
   * Takes ranges whose place is fixed; empty ones are ignored.
   * @throws ImageError when one lies outside RAM or overlaps another or the firmware tables
   */
  claim(claims: readonly Claim[]): void {
    for (const range of claims) this.checkRam(range);
    const wanted = claims.filter(({ start, end }) => end > start);
    const all = [...this.taken, ...wanted].sort((a, b) => a.start - b.start);
    for (let i = 1; i < all.length; i++) {
      const [before, after] = [all[i - 1], all[i]];
      if (after.start < before.end) {
        throw new ImageError(
          `${after.what} at ${describe(after)} and ${before.what} at ${describe(before)} overlap in memory`,
          { ranges: [before, after].map(({ start, end }) => ({ start, end })) },
        );
      }
    }
    this.taken = all;
  }

  /** The address of a free range below the hole, `undefined` when there is none. */
  find(room: Room): number | undefined {
    return room.direction === 'lowest' ? this.findLowest(room) : this.findHighest(room);
  }

  /** Takes a free range below the hole if there is one. @returns its address */
  tryPlace(what: string, room: Room): number | undefined {
    const start = this.find(room);
    if (start === undefined) return undefined;
    this.taken.push({ start, end: start + Math.max(room.size, 1), what });
    this.taken.sort((a, b) => a.start - b.start);
    return start;
  }

  /**
   * Takes `size` zeroed bytes for boot information.
   * @returns their address, below 2 MiB
   * @throws ConfigError when there is no room
   */
  place(what: string, size: number, align = 16): number {
    for (const { start, end } of BOOT_INFORMATION) {
      const gpa = this.tryPlace(what, { size, align, from: start, to: end, direction: 'lowest' });
      if (gpa === undefined) continue;
      this.memory.bytes(gpa, size).fill(0);
      return gpa;
    }
    throw new ConfigError(
      `there is no room below 2 MiB for ${what} (${size} bytes) beside the kernel, which takes ${this.taken
        .filter(range => range.start < 0x20_0000)
        .map(describe)
        .join(', ')}`,
      { what, size },
    );
  }

  /** Puts boot information into memory. @returns its address @throws ConfigError when there is no room */
  put(what: string, bytes: Uint8Array, align = 16): number {
    const gpa = this.place(what, bytes.length, align);
    this.memory.write(gpa, bytes);
    return gpa;
  }

  /**
   * Puts a text, in UTF-8 and with a terminating zero byte, into memory.
   * @returns its address
   * @throws ConfigError when there is no room or the text contains a zero character
   */
  putText(what: string, text: string): number {
    return this.put(what, zeroTerminated(what, text));
  }

  /** The end of the highest range below the hole that is taken so far. */
  get end(): number {
    const below = this.taken.filter(({ start }) => start < lowRamEnd(this.memory));
    return below[below.length - 1].end;
  }

  private findLowest({ size, align, from, to }: Room): number | undefined {
    let start = alignUp(from, align);
    for (const range of this.taken) {
      if (range.start >= start + Math.max(size, 1)) break;
      if (range.end > start) start = alignUp(range.end, align);
    }
    return start + size <= Math.min(to, lowRamEnd(this.memory)) ? start : undefined;
  }

  private findHighest({ size, align, from, to }: Room): number | undefined {
    const bytes = Math.max(size, 1);
    let start = alignDown(Math.min(to, lowRamEnd(this.memory)) - bytes, align);
    for (const range of this.taken.toReversed()) {
      if (range.end <= start) break;
      if (range.start < start + bytes) start = alignDown(range.start - bytes, align);
    }
    return start >= from ? start : undefined;
  }

  private checkRam(range: Claim): void {
    if (this.memory.contains(range.start, range.end - range.start)) return;
    throw new ImageError(
      `${range.what} goes to ${describe(range)}, where the machine has no RAM (it has ${Math.floor(this.memory.size / 2 ** 20)} MiB): give it more memory, or link the kernel elsewhere`,
      { start: range.start, end: range.end, memory: this.memory.size },
    );
  }
}

/** A text's bytes in UTF-8 with a terminating zero. @throws ConfigError for a text with a zero character */
export function zeroTerminated(what: string, text: string): Uint8Array {
  if (text.includes('\0')) throw new ConfigError(`${what} contains a zero character`);
  return Buffer.from(`${text}\0`, 'utf8');
}

export function alignUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}

export function alignDown(value: number, align: number): number {
  return Math.floor(value / align) * align;
}

function describe({ start, end }: AddressRange): string {
  return `${hex(start)}–${hex(end - 1)}`;
}
