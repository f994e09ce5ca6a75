import { ImageError, hex } from '../../errors.js';
import type { BootLayout } from './boot-layout.js';
import type { AddressRange } from './e820.js';
import { ET_DYN, ET_REL } from './elf-layout.js';
import { elfTypeName } from './elf-names.js';
import type { Elf, ElfSegment } from './elf.js';

/** What to do about a file type that cannot be booted. */
const ADVICE: ReadonlyMap<number, string> = new Map([
  [ET_REL, 'link it'],
  [ET_DYN, 'link it with -static and -no-pie'],
]);

/**
 * @param allowed the values of `e_type` that the protocol can boot
 * @throws ImageError that says what the file is and what to do
 */
export function checkType(elf: Elf, allowed: readonly number[]): void {
  const { type } = elf.header;
  if (allowed.includes(type)) return;
  const advice = ADVICE.get(type);
  throw new ImageError(
    `this is not an executable ELF file (it is of type ${elfTypeName(type)})${advice ? `; ${advice}` : ''}`,
    { type },
  );
}

/**
 * Puts an ELF file's PT_LOAD segments at their physical addresses, `delta` bytes further up, with zeroes behind the
 * bytes that the file has.
 * @returns the range from the lowest to the highest byte that was loaded
 * @throws ImageError for segments that are damaged, overlap or lie outside RAM
 */
export function loadSegments(elf: Elf, layout: BootLayout, delta = 0): AddressRange {
  const { start, end } = physicalRange(elf);
  layout.claim(
    elf.loadable.map(({ paddr, memorySize }) => ({
      start: paddr + delta,
      end: paddr + delta + memorySize,
      what: 'a segment of the kernel',
    })),
  );
  for (const segment of elf.loadable) {
    const target = layout.memory.bytes(segment.paddr + delta, segment.memorySize);
    target.set(elf.contents(segment));
    target.fill(0, segment.fileSize);
  }
  return { start: start + delta, end: end + delta };
}

/**
 * From the lowest to the highest physical address of an ELF file's segments.
 * @throws ImageError when there is nothing to load or a segment has more bytes in the file than in memory
 */
export function physicalRange(elf: Elf): AddressRange {
  const segments = elf.loadable;
  if (segments.length === 0) throw new ImageError('the ELF file has no segments to load');
  let start = Infinity;
  let end = 0;
  for (const { paddr, fileSize, memorySize } of segments) {
    if (fileSize > memorySize) {
      throw new ImageError(`the ELF segment at ${hex(paddr)} has more bytes in the file than in memory`, {
        paddr,
        fileSize,
        memorySize,
      });
    }
    start = Math.min(start, paddr);
    end = Math.max(end, paddr + memorySize);
  }
  return { start, end };
}

/**
 * The physical address at which an ELF file is entered. `e_entry` is a virtual address (System V ABI, chapter 4): when it
 * lies in a segment's virtual range, it is translated. When it does not, it is taken as it is: OSv and Linux put
 * a physical address there.
 * @throws ImageError when the result lies in no segment, or beyond the 4 GiB that a boot protocol reaches
 */
export function physicalEntry(elf: Elf): number {
  const { entry } = elf.header;
  const segment = elf.loadable.find(
    ({ vaddr, memorySize }) => entry >= vaddr && Number(entry - vaddr) < memorySize,
  );
  return checkEntry(elf, segment ? segment.paddr + Number(entry - segment.vaddr) : Number(entry));
}

/**
 * `entry`, when there is something loaded at it.
 * @throws ImageError when the physical address lies in no segment or at 4 GiB or beyond
 */
export function checkEntry(elf: Elf, entry: number): number {
  if (!elf.loadable.some(segment => isInside(segment, entry))) {
    throw new ImageError(`the kernel's entry point ${hex(entry)} lies in none of its segments`, { entry });
  }
  if (entry >= 2 ** 32) {
    throw new ImageError(`the kernel's entry point ${hex(entry)} lies beyond the first 4 GiB`, { entry });
  }
  return entry;
}

function isInside({ paddr, memorySize }: ElfSegment, address: number): boolean {
  return address >= paddr && address < paddr + memorySize;
}
