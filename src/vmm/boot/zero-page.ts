import { blob, nu64, seq, u32, u8 } from 'buffer-layout';
import { ConfigError } from '../../errors.js';
import { encode, structure } from '../layout.js';
import type { BootLayout } from './boot-layout.js';
import { memoryMap } from './e820.js';
import { placeInitrd } from './initrd.js';
import {
  CAN_USE_HEAP,
  SETUP_HEADER,
  SETUP_HEADER_LIMIT,
  SETUP_HEADER_OFFSET,
  UNDEFINED_LOADER,
  type SetupHeader,
} from './linux-setup.js';
import type { BootRequest } from './protocol.js';

interface E820Entry {
  readonly address: number;
  readonly size: number;
  readonly type: number;
}

const E820_ENTRY = structure<E820Entry>([nu64('address'), nu64('size'), u32('type')], 20);
const E820_MAX = 128;

interface BootParams {
  readonly acpiRsdp: number;
  readonly e820Count: number;
  readonly setupHeader: Uint8Array;
  readonly e820Table: E820Entry[];
}

/** `struct boot_params`, the "zero page" (Linux: Documentation/arch/x86/zero-page.rst), as far as it is used here. */
const BOOT_PARAMS = structure<BootParams>(
  [
    blob(0x070),
    nu64('acpiRsdp'), // 0x070
    blob(0x1e8 - 0x078),
    u8('e820Count'), // 0x1E8
    blob(SETUP_HEADER_OFFSET - 0x1e9),
    blob(SETUP_HEADER_LIMIT - SETUP_HEADER_OFFSET, 'setupHeader'), // 0x1F1
    blob(0x2d0 - SETUP_HEADER_LIMIT),
    seq(E820_ENTRY, E820_MAX, 'e820Table'), // 0x2D0
    blob(0x1000 - 0xcd0),
  ],
  0x1000,
);

const PAGE = 4096;

/** What a zero page is made from. */
export interface ZeroPageSource {
  /** The setup header to start from, at most up to 0x290. */
  readonly headerBytes: Uint8Array;
  readonly loadAddress: number;
  /** Longest command line in bytes, without the terminating zero. */
  readonly commandLineSize: number;
  /** The first address that the initrd may not reach. */
  readonly initrdLimit: number;
}

/**
 * Puts command line, initrd and boot_params into memory.
 * @returns the address of boot_params
 * @throws ConfigError for a command line that is too long or modules, which Linux does not take
 * @throws ImageError for an initrd that does not fit
 */
export function putZeroPage(layout: BootLayout, request: BootRequest, source: ZeroPageSource): number {
  if (request.modules.length > 0) {
    throw new ConfigError("Linux's boot protocols take no modules; only an initrd");
  }
  const commandLine = putCommandLine(layout, request.commandLine, source.commandLineSize);
  const initrd = request.initrd && placeInitrd(layout, request.initrd, source.initrdLimit);

  const setupHeader = Buffer.alloc(SETUP_HEADER_LIMIT - SETUP_HEADER_OFFSET);
  setupHeader.set(source.headerBytes);
  const { loadFlags } = SETUP_HEADER.decode(setupHeader);
  const changes: Partial<SetupHeader> = {
    typeOfLoader: UNDEFINED_LOADER,
    loadFlags: loadFlags | CAN_USE_HEAP,
    // Nobody here uses the heap, but the flag promises it: up to the end of the 64 KiB segment, less 0x200 (boot.rst).
    heapEnd: 0xfe00,
    code32Start: source.loadAddress,
    commandLine,
    ramdiskImage: initrd?.gpa ?? 0,
    ramdiskSize: initrd?.size ?? 0,
  };
  // Fields that are left out keep their bytes: the image's own 64-bit values would not survive as numbers.
  SETUP_HEADER.encode(changes as SetupHeader, setupHeader);

  const map = memoryMap(layout.memory);
  const page = encode(BOOT_PARAMS, {
    acpiRsdp: request.rsdp ?? 0,
    e820Count: map.length,
    setupHeader,
    e820Table: map.map(({ start, end, type }) => ({ address: start, size: end - start, type })),
  });
  return layout.put('the zero page', page, PAGE);
}

function putCommandLine(layout: BootLayout, commandLine: string, limit: number): number {
  const length = Buffer.byteLength(commandLine);
  if (length > limit) {
    throw new ConfigError(
      `the command line has ${length} bytes, and this kernel takes ${limit} at the most`,
      { length, limit },
    );
  }
  return layout.putText('the command line', commandLine);
}
