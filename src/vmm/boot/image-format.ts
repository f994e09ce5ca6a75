import { asBuffer } from '../layout.js';
import { isElf } from './elf.js';
import { isLinuxImage } from './linux-setup.js';

/** What kind of file somebody wants to boot, by its magic numbers. */
export interface ImageFormat {
  /** `ELF`, `bzImage`, `gzip`, … */
  readonly name: string;
  /** For formats that cannot be booted: what the file is and what to do, in one line. */
  readonly problem?: string;
}

interface Signature {
  readonly name: string;
  readonly offset: number;
  readonly bytes: readonly number[];
  readonly problem: string;
}

const ELF: ImageFormat = { name: 'ELF' };
const BZIMAGE: ImageFormat = { name: 'bzImage' };
const UNKNOWN: ImageFormat = {
  name: 'unknown',
  problem: 'the file is not a kernel: neither an ELF file nor a bzImage, and without a Multiboot header',
};
const EMPTY: ImageFormat = { name: 'empty', problem: 'the file is empty' };
const PE: ImageFormat = {
  name: 'PE',
  problem: 'this is a PE file (EFI or Windows); there is no EFI firmware here to start it',
};

function compressed(name: string, command: string, bytes: readonly number[]): Signature {
  const problem = `the file is compressed with ${name}; unpack it first: ${command} kernel > kernel.elf`;
  return { name, offset: 0, bytes, problem };
}

function text(name: string, offset: number, magic: string, problem: string): Signature {
  return { name, offset, bytes: Array.from(magic, character => character.charCodeAt(0)), problem };
}

function machO(...bytes: number[]): Signature {
  const problem = 'this is a Mach-O file (macOS); build the kernel as an ELF file';
  return { name: 'Mach-O', offset: 0, bytes, problem };
}

/** In the order in which they are tried: the vaguer ones come last. */
const SIGNATURES: readonly Signature[] = [
  compressed('gzip', 'gzip -dc', [0x1f, 0x8b]),
  compressed('xz', 'xz -dc', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]),
  compressed('bzip2', 'bzip2 -dc', [0x42, 0x5a, 0x68]),
  compressed('zstd', 'zstd -dc', [0x28, 0xb5, 0x2f, 0xfd]),
  compressed('lz4', 'lz4 -dc', [0x04, 0x22, 0x4d, 0x18]),
  compressed('lz4', 'lz4 -dc', [0x02, 0x21, 0x4c, 0x18]),
  compressed('lzma', 'xz -dc --format=lzma', [0x5d, 0x00, 0x00]),
  compressed('lzop', 'lzop -dc', [0x89, 0x4c, 0x5a, 0x4f]),
  machO(0xfe, 0xed, 0xfa, 0xce),
  machO(0xfe, 0xed, 0xfa, 0xcf),
  machO(0xce, 0xfa, 0xed, 0xfe),
  machO(0xcf, 0xfa, 0xed, 0xfe),
  machO(0xca, 0xfe, 0xba, 0xbe),
  text(
    'AArch64 Image',
    0x38,
    'ARM\x64',
    'this is a Linux kernel for AArch64; only x86 kernels can be booted',
  ),
  text('RISC-V Image', 0x38, 'RSC\x05', 'this is a Linux kernel for RISC-V; only x86 kernels can be booted'),
  text('WebAssembly', 0, '\0asm', 'this is a WebAssembly module, not a kernel'),
  text('script', 0, '#!', 'this is a script, not a kernel'),
  text('archive', 0, '!<arch>\n', 'this is a static library, not a kernel; link it'),
  text('cpio', 0, '07070', 'this is a cpio archive: an initrd, not a kernel'),
  text('qcow2', 0, 'QFI\xfb', 'this is a qcow2 disk image, not a kernel'),
  text('ISO 9660', 0x8001, 'CD001', 'this is a CD image, not a kernel'),
  {
    name: 'boot sector',
    offset: 510,
    bytes: [0x55, 0xaa],
    problem: 'this is a disk image with a boot sector, not a kernel; there is no BIOS here to start it',
  },
];

/** Says what a file is. Never throws. */
export function identify(image: Uint8Array): ImageFormat {
  if (image.length === 0) return EMPTY;
  if (isElf(image)) return ELF;
  if (isLinuxImage(image)) return BZIMAGE;
  if (isPe(image)) return PE;
  return SIGNATURES.find(({ offset, bytes }) => startsAt(image, offset, bytes)) ?? UNKNOWN;
}

/** What bytes inside a kernel are compressed with, `undefined` when nothing known. */
export function compressionOf(payload: Uint8Array): string | undefined {
  const { name, problem } = identify(payload);
  return problem?.startsWith('the file is compressed') ? name : undefined;
}

/** `MZ`, and `PE\0\0` where the word at 0x3C points (Microsoft PE format, "Signature"). */
function isPe(image: Uint8Array): boolean {
  if (image.length < 0x40 || !startsAt(image, 0, [0x4d, 0x5a])) return false;
  return startsAt(image, asBuffer(image).readUInt32LE(0x3c), [0x50, 0x45, 0, 0]);
}

function startsAt(image: Uint8Array, offset: number, bytes: readonly number[]): boolean {
  return bytes.every((byte, i) => image[offset + i] === byte);
}
