import { ImageError, hex } from '../../errors.js';
import type { BootLayout } from './boot-layout.js';
import type { AddressRange } from './e820.js';
import { ET_DYN, ET_EXEC } from './elf-layout.js';
import { checkEntry, checkType, loadSegments, physicalEntry, physicalRange } from './elf-loader.js';
import { Elf } from './elf.js';

/** What a Multiboot header describes: bytes with a place in memory and an entry point. */
export interface MultibootKernel {
  /** Where it is linked to be. */
  readonly range: AddressRange;
  /** Physical address of its first instruction, as it is linked. */
  readonly entry: number;
  /** The ELF file, unless the header's own addresses say how to load it. */
  readonly elf?: Elf;
  /** Puts it into memory, `delta` bytes from where it is linked. */
  load(layout: BootLayout, delta?: number): void;
}

/** The addresses of a header that does not rely on ELF (Multiboot 0.6.96, 3.1.3; Multiboot2 2.0, 3.1.5). */
export interface HeaderAddresses {
  /** Where in the file the header is. */
  readonly headerOffset: number;
  /** Where in memory the header is to be. */
  readonly headerAddress: number;
  /** First byte that is loaded. */
  readonly loadAddress: number;
  /** End of what is loaded from the file, 0 for the file's end. */
  readonly loadEnd: number;
  /** End of the zeroed memory behind it, 0 for none. */
  readonly bssEnd: number;
  readonly entry: number;
}

/**
 * A kernel that is loaded as its Multiboot header says, whatever its format.
 * @throws ImageError for addresses that contradict each other or the file
 */
export function flatKernel(image: Uint8Array, addresses: HeaderAddresses): MultibootKernel {
  const { headerOffset, headerAddress, loadAddress, bssEnd, entry } = addresses;
  const fileOffset = headerOffset - (headerAddress - loadAddress);
  if (headerAddress < loadAddress || fileOffset < 0) {
    throw new ImageError(
      `the Multiboot header's addresses are impossible: header at ${hex(headerAddress)}, load address ${hex(loadAddress)}, header at ${hex(headerOffset)} in the file`,
    );
  }
  const loadEnd = addresses.loadEnd || loadAddress + image.length - fileOffset;
  const end = bssEnd || loadEnd;
  const length = loadEnd - loadAddress;
  if (length <= 0 || fileOffset + length > image.length) {
    throw new ImageError(
      `the file is truncated or damaged: its Multiboot header wants ${hex(loadAddress)} to ${hex(loadEnd)} from file offset ${hex(fileOffset)}, but the file has ${image.length} bytes`,
    );
  }
  if (end < loadEnd) {
    throw new ImageError(
      `the Multiboot header's bss ends at ${hex(end)}, before the data at ${hex(loadEnd)}`,
    );
  }
  if (entry < loadAddress || entry >= loadEnd) {
    throw new ImageError(`the kernel's entry point ${hex(entry)} lies outside of what is loaded`, { entry });
  }
  return {
    range: { start: loadAddress, end },
    entry,
    load(layout, delta = 0) {
      layout.claim([{ start: loadAddress + delta, end: end + delta, what: 'the kernel' }]);
      const target = layout.memory.bytes(loadAddress + delta, end - loadAddress);
      target.set(image.subarray(fileOffset, fileOffset + length));
      target.fill(0, length);
    },
  };
}

/**
 * A kernel that is loaded as its ELF headers say.
 * @param entry replaces the ELF file's own entry point
 * @throws ImageError for a file that is no ELF executable
 */
export function elfKernel(image: Uint8Array, entry?: number): MultibootKernel {
  const elf = new Elf(image);
  checkType(elf, [ET_EXEC, ET_DYN]);
  return {
    range: physicalRange(elf),
    entry: entry === undefined ? physicalEntry(elf) : checkEntry(elf, entry),
    elf,
    load(layout, delta = 0) {
      loadSegments(elf, layout, delta);
    },
  };
}
