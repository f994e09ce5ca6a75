import { blob, nu64, u16, u32, u8 } from 'buffer-layout';
import { ImageError } from '../../errors.js';
import { asBuffer, offsetOf, structure } from '../layout.js';
import { ImageReader } from './image-reader.js';

/** `setup_header` as it lies in a bzImage and in boot_params (Linux: Documentation/arch/x86/boot.rst). */
export interface SetupHeader {
  readonly setupSectors: number;
  readonly rootFlags: number;
  /** Size of the protected-mode code in units of 16 bytes. */
  readonly systemSize: number;
  readonly ramSize: number;
  readonly videoMode: number;
  readonly rootDevice: number;
  readonly bootFlag: number;
  readonly jump: Uint8Array;
  readonly header: number;
  readonly version: number;
  readonly realModeSwitch: number;
  readonly startSystemSegment: number;
  readonly kernelVersion: number;
  readonly typeOfLoader: number;
  readonly loadFlags: number;
  readonly setupMoveSize: number;
  readonly code32Start: number;
  readonly ramdiskImage: number;
  readonly ramdiskSize: number;
  readonly bootSectorKludge: number;
  readonly heapEnd: number;
  readonly extendedLoaderVersion: number;
  readonly extendedLoaderType: number;
  readonly commandLine: number;
  readonly initrdAddressMax: number;
  readonly kernelAlignment: number;
  readonly relocatable: number;
  readonly minAlignment: number;
  readonly extendedLoadFlags: number;
  readonly commandLineSize: number;
  readonly hardwareSubarchitecture: number;
  readonly hardwareSubarchitectureData: number;
  readonly payloadOffset: number;
  readonly payloadLength: number;
  readonly setupData: number;
  readonly preferredAddress: number;
  readonly initSize: number;
  readonly handoverOffset: number;
  readonly kernelInfoOffset: number;
}

/** The header in the layout of protocol 2.15, the newest; it starts at {@link SETUP_HEADER_OFFSET}. */
export const SETUP_HEADER = structure<SetupHeader>(
  [
    u8('setupSectors'), // 0x1F1
    u16('rootFlags'),
    u32('systemSize'),
    u16('ramSize'),
    u16('videoMode'),
    u16('rootDevice'),
    u16('bootFlag'),
    blob(2, 'jump'), // 0x200
    u32('header'),
    u16('version'),
    u32('realModeSwitch'),
    u16('startSystemSegment'),
    u16('kernelVersion'),
    u8('typeOfLoader'), // 0x210
    u8('loadFlags'),
    u16('setupMoveSize'),
    u32('code32Start'),
    u32('ramdiskImage'),
    u32('ramdiskSize'),
    u32('bootSectorKludge'), // 0x220
    u16('heapEnd'),
    u8('extendedLoaderVersion'),
    u8('extendedLoaderType'),
    u32('commandLine'),
    u32('initrdAddressMax'),
    u32('kernelAlignment'), // 0x230
    u8('relocatable'),
    u8('minAlignment'),
    u16('extendedLoadFlags'),
    u32('commandLineSize'),
    u32('hardwareSubarchitecture'),
    nu64('hardwareSubarchitectureData'), // 0x240
    u32('payloadOffset'),
    u32('payloadLength'),
    nu64('setupData'), // 0x250
    nu64('preferredAddress'),
    u32('initSize'), // 0x260
    u32('handoverOffset'),
    u32('kernelInfoOffset'),
  ],
  0x26c - 0x1f1,
);

/** Where the header starts, in the image and in boot_params. */
export const SETUP_HEADER_OFFSET = 0x1f1;
/** Where boot_params has something else again. */
export const SETUP_HEADER_LIMIT = 0x290;

export const BOOT_FLAG = 0xaa55;
/** `HdrS` */
export const HEADER_MAGIC = 0x5372_6448;
/** `loadflags`: the protected-mode code is loaded at 1 MiB, not at 64 KiB. */
export const LOADED_HIGH = 0x01;
/** `loadflags`: `heap_end_ptr` is valid. */
export const CAN_USE_HEAP = 0x80;
/** `xloadflags`: there is a 64-bit entry point 0x200 bytes into the protected-mode code. */
export const XLF_KERNEL_64 = 0x01;
/** `type_of_loader` of a loader without an assigned number. */
export const UNDEFINED_LOADER = 0xff;

/** `COMMAND_LINE_SIZE` of x86, less the terminating zero. */
export const COMMAND_LINE_SIZE = 2047;

/** Where bzImages load when they do not say anything else. */
const DEFAULT_LOAD_ADDRESS = 0x10_0000;
const SECTOR = 512;

/**
 * The last field of each protocol version. Fields behind it mean nothing in an image of that version. The jump at 0x200
 * tells the header's end too, but OSv's image, for one, has none.
 */
const LAST_FIELDS: readonly (readonly [version: number, field: keyof SetupHeader])[] = [
  [0x20f, 'kernelInfoOffset'],
  [0x20b, 'handoverOffset'],
  [0x20a, 'initSize'],
  [0x209, 'setupData'],
  [0x208, 'payloadLength'],
  [0x207, 'hardwareSubarchitectureData'],
  [0x206, 'commandLineSize'],
  // From 2.10 and 2.12 on there are flags in the padding of 2.05, which is zero before.
  [0x205, 'extendedLoadFlags'],
  [0x203, 'initrdAddressMax'],
  [0x202, 'commandLine'],
];

/** What a bzImage says about itself, with the defaults of its protocol version filled in. */
export interface BzImage {
  readonly header: SetupHeader;
  /** The header's bytes as they go into boot_params, up to the target of the jump at 0x200 (boot.rst, "64-bit Boot Protocol"). */
  readonly headerBytes: Uint8Array;
  /** The code that is loaded. */
  readonly code: Uint8Array;
  readonly codeOffset: number;
  /** Bytes that the kernel needs from its load address on before it reads the memory map. */
  readonly initSize: number;
  /** Where it wants to be loaded. */
  readonly loadAddress: number;
  /** 0 when it must be loaded at `loadAddress`. */
  readonly alignment: number;
  /** Longest command line in bytes, without the terminating zero. */
  readonly commandLineSize: number;
  /** The first address that the initrd may not reach. */
  readonly initrdLimit: number;
  /** The version as `uname -r` prints it and who built it, `""` when the image does not say. */
  readonly kernelVersion: string;
}

/** True when the file has Linux's boot flag and header magic. */
export function isLinuxImage(image: Uint8Array): boolean {
  const bytes = asBuffer(image);
  const at = (field: keyof SetupHeader) => SETUP_HEADER_OFFSET + offsetOf(SETUP_HEADER, field);
  return (
    bytes.length >= at('version') &&
    bytes.readUInt16LE(at('bootFlag')) === BOOT_FLAG &&
    bytes.readUInt32LE(at('header')) === HEADER_MAGIC
  );
}

/** @throws ImageError for anything but a complete bzImage of protocol 2.02 or later */
export function readBzImage(image: Uint8Array): BzImage {
  if (!isLinuxImage(image)) throw new ImageError('this is not a bzImage');
  const reader = new ImageReader(image);
  const raw = reader.read(SETUP_HEADER, SETUP_HEADER_OFFSET, 'the Linux setup header');
  const endOfFields = fieldsEnd(raw);
  const header = decodeUpTo(reader, endOfFields);
  if ((header.loadFlags & LOADED_HIGH) === 0) {
    throw new ImageError('this is a zImage, which loads at 64 KiB; only bzImages can be booted');
  }

  const codeOffset = ((header.setupSectors || 4) + 1) * SECTOR;
  const { systemSize } = header;
  // Before 2.04 the upper half of the field has no meaning.
  const codeSize = (header.version < 0x204 ? systemSize & 0xffff : systemSize) * 16;
  reader.slice(codeOffset, Math.max(codeSize, 1), "the kernel's code");
  // Like other loaders, load the rest of the file: OSv's image has more code than its header says.
  const code = reader.slice(codeOffset, image.length - codeOffset, "the kernel's code");

  const hasPreference = header.version >= 0x20a && header.preferredAddress !== 0;
  const relocatable = hasPreference && header.relocatable !== 0;
  if (relocatable && !isPowerOfTwo(header.kernelAlignment)) {
    throw new ImageError(`the bzImage has the impossible alignment ${header.kernelAlignment}`);
  }
  return {
    header,
    headerBytes: reader.slice(
      SETUP_HEADER_OFFSET,
      Math.min(Math.max(endOfFields, 0x202 + raw.jump[1]), SETUP_HEADER_LIMIT) - SETUP_HEADER_OFFSET,
      'the Linux setup header',
    ),
    code,
    codeOffset,
    initSize: Math.max(header.initSize, code.length),
    loadAddress: hasPreference ? header.preferredAddress : DEFAULT_LOAD_ADDRESS,
    alignment: relocatable ? header.kernelAlignment : 0,
    commandLineSize: header.version < 0x206 ? 255 : header.commandLineSize,
    initrdLimit: (header.version < 0x203 ? 0x37ff_ffff : header.initrdAddressMax) + 1,
    // The pointer counts from 0x200 (boot.rst, "kernel_version").
    kernelVersion: header.kernelVersion === 0 ? '' : reader.text(header.kernelVersion + 0x200, 256),
  };
}

/** Where the fields of this version end, as an offset into the image. */
function fieldsEnd({ version }: SetupHeader): number {
  const last = LAST_FIELDS.find(([since]) => version >= since);
  if (!last) {
    throw new ImageError(
      `the bzImage has boot protocol ${formatVersion(version)}; 2.02 is the oldest that can be booted`,
      { version },
    );
  }
  const [, field] = last;
  const span = SETUP_HEADER.layoutFor(field)?.span ?? 0;
  return SETUP_HEADER_OFFSET + offsetOf(SETUP_HEADER, field) + span;
}

/** The header with zeroes from `end` on. */
function decodeUpTo(reader: ImageReader, end: number): SetupHeader {
  const bytes = Buffer.alloc(SETUP_HEADER.span);
  const length = Math.min(end - SETUP_HEADER_OFFSET, bytes.length);
  bytes.set(reader.slice(SETUP_HEADER_OFFSET, length, 'the Linux setup header'));
  return SETUP_HEADER.decode(bytes);
}

/** `2.15` for 0x020F. */
export function formatVersion(version: number): string {
  return `${version >> 8}.${String(version & 0xff).padStart(2, '0')}`;
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}
