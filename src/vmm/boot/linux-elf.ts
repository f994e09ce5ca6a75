import { ImageError } from '../../errors.js';
import { encode } from '../layout.js';
import { BootLayout } from './boot-layout.js';
import { long64 } from './cpu-modes.js';
import { ET_EXEC } from './elf-layout.js';
import { checkType, loadSegments, physicalEntry, physicalRange } from './elf-loader.js';
import { Elf } from './elf.js';
import { refusalOf } from './image-reader.js';
import {
  BOOT_FLAG,
  COMMAND_LINE_SIZE,
  HEADER_MAGIC,
  LOADED_HIGH,
  SETUP_HEADER,
  XLF_KERNEL_64,
  type SetupHeader,
} from './linux-setup.js';
import type { BootProtocol } from './protocol.js';
import { putZeroPage } from './zero-page.js';

/** The newest protocol version; its fields are all there. */
const VERSION = 0x20f;
/** Virtual address of physical 0 in Linux's kernel mapping (`__START_KERNEL_map`). */
const START_KERNEL_MAP = 0xffff_ffff_8000_0000n;
/** Xen's note with the name of the guest's operating system. */
const XEN_GUEST_OS = 6;

/**
 * An uncompressed 64-bit kernel entered as Firecracker enters one: the state of the 64-bit boot protocol at the
 * ELF file's entry point, with a setup header made up for the zero page.
 */
export const linuxElf: BootProtocol = {
  name: 'linux-elf',
  title: 'Linux 64-bit boot protocol (ELF)',

  refuse: image => refusalOf(() => parse(image)),

  load(request, memory) {
    const { elf, entry } = parse(request.image);
    const layout = new BootLayout(memory);
    const { start } = loadSegments(elf, layout);
    const zeroPage = putZeroPage(layout, request, {
      headerBytes: setupHeader(),
      loadAddress: start,
      commandLineSize: COMMAND_LINE_SIZE,
      initrdLimit: 2 ** 32,
    });
    return long64(layout, entry, { rsi: BigInt(zeroPage) });
  },
};

/**
 * True for what is Linux by its looks, so that it is entered in Linux's way without being told: a note of owner
 * "Linux", Xen's GUEST_OS note with the value `linux`, or, for older kernels, a first segment in Linux's kernel mapping
 * together with an entry point that is a physical address. Never throws.
 */
export function looksLikeLinux(image: Uint8Array): boolean {
  return refusalOf(() => checkLinux(new Elf(image))) === undefined;
}

function checkLinux(elf: Elf): void {
  for (const { owner, type, descriptor } of elf.notes()) {
    if (owner === 'Linux') return;
    if (owner === 'Xen' && type === XEN_GUEST_OS && asText(descriptor) === 'linux') return;
  }
  const [first] = elf.loadable;
  const isMapped = first !== undefined && first.vaddr === START_KERNEL_MAP + BigInt(first.paddr);
  if (!isMapped || elf.header.entry >= START_KERNEL_MAP)
    throw new ImageError('this does not look like Linux');
}

function parse(image: Uint8Array): { readonly elf: Elf; readonly entry: number } {
  const elf = new Elf(image);
  if (elf.header.class !== 64) throw new ImageError('this is an ELF32 file; the protocol enters 64-bit code');
  checkType(elf, [ET_EXEC]);
  physicalRange(elf);
  return { elf, entry: physicalEntry(elf) };
}

function setupHeader(): Uint8Array {
  const header: Partial<SetupHeader> = {
    bootFlag: BOOT_FLAG,
    header: HEADER_MAGIC,
    version: VERSION,
    loadFlags: LOADED_HIGH,
    initrdAddressMax: 0x7fff_ffff,
    kernelAlignment: 0x100_0000,
    extendedLoadFlags: XLF_KERNEL_64,
    commandLineSize: COMMAND_LINE_SIZE,
  };
  return encode(SETUP_HEADER, header as SetupHeader);
}

function asText(descriptor: Uint8Array): string {
  return Buffer.from(descriptor).toString('latin1').replace(/\0+$/, '');
}
