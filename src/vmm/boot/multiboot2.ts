import { ImageError, hex } from '../../errors.js';
import { BootLayout } from './boot-layout.js';
import { flat32 } from './cpu-modes.js';
import { FIRMWARE_END } from './e820.js';
import { isElf } from './elf.js';
import { refusalOf } from './image-reader.js';
import { elfKernel, flatKernel, type MultibootKernel } from './multiboot-kernel.js';
import {
  LOAD_FROM_START,
  PREFER_HIGHEST,
  PREFER_LOWEST,
  readMultiboot2Header,
  type Multiboot2Header,
  type Multiboot2Relocation,
} from './multiboot2-header.js';
import { putInformation } from './multiboot2-info.js';
import type { BootProtocol } from './protocol.js';

/** What EAX holds at the entry (Multiboot2 specification 2.0, 3.3). */
const BOOTLOADER_MAGIC = 0x36d7_6289n;

/**
 * Multiboot 2: 32-bit protected mode, paging off, EAX = 0x36D76289, EBX = address of the information. The command line
 * is passed without the kernel's name, as GRUB does. The initrd is the first module. An ACPI root pointer
 * is copied, so the tables must be in memory before the kernel is loaded.
 */
export const multiboot2: BootProtocol = {
  name: 'multiboot2',
  title: 'Multiboot 2',

  refuse: image => refusalOf(() => parse(image)),

  load(request, memory) {
    const { header, kernel } = parse(request.image);
    const layout = new BootLayout(memory);
    const { start } = kernel.range;
    const loadBase = header.relocation && relocate(layout, kernel, header.relocation);
    const delta = (loadBase ?? start) - start;
    kernel.load(layout, delta);
    const information = putInformation(layout, { request, elf: kernel.elf, loadBase });
    return flat32(layout, kernel.entry + delta, { rax: BOOTLOADER_MAGIC, rbx: BigInt(information) });
  },
};

function parse(image: Uint8Array): { readonly header: Multiboot2Header; readonly kernel: MultibootKernel } {
  const header = readMultiboot2Header(image);
  return { header, kernel: kernelOf(image, header) };
}

function kernelOf(image: Uint8Array, header: Multiboot2Header): MultibootKernel {
  const { offset, addresses, entry } = header;
  if (!addresses) {
    if (isElf(image)) return elfKernel(image, entry);
    throw new ImageError('the file is not ELF, and its Multiboot2 header has no address tag to load it by');
  }
  if (entry === undefined) throw new ImageError('the Multiboot2 header has an address tag but no entry tag');
  const { headerAddress } = addresses;
  const loadAddress =
    addresses.loadAddress === LOAD_FROM_START ? headerAddress - offset : addresses.loadAddress;
  return flatKernel(image, { ...addresses, headerOffset: offset, loadAddress, entry });
}

/**
 * Where a relocatable kernel goes: where it is linked when it has no preference and its limits and memory allow it,
 * else as low or as high as it wants.
 * @throws ImageError when there is no room within its limits
 */
function relocate(
  layout: BootLayout,
  { range }: MultibootKernel,
  { minAddress, maxAddress, align, preference }: Multiboot2Relocation,
): number {
  const room = {
    size: range.end - range.start,
    align: Math.max(align, 1),
    from: Math.max(minAddress, FIRMWARE_END),
    to: maxAddress + 1,
    direction: preference === PREFER_HIGHEST ? 'highest' : 'lowest',
  } as const;
  const hasPreference = preference === PREFER_LOWEST || preference === PREFER_HIGHEST;
  const linked = { ...room, from: Math.max(minAddress, range.start), to: Math.min(room.to, range.end) };
  const found = (hasPreference ? undefined : layout.find(linked)) ?? layout.find(room);
  if (found === undefined) {
    throw new ImageError(
      `the kernel (${hex(room.size)} bytes) must lie between ${hex(minAddress)} and ${hex(maxAddress)}, where the machine has not enough free RAM`,
      { minAddress, maxAddress, size: room.size },
    );
  }
  return found;
}
