import { describe, expect, it } from 'vitest';
import { ConfigError, ImageError } from '../../../../src/errors.js';
import { linuxBzImage32 } from '../../../../src/vmm/boot/linux-bzimage32.js';
import { linuxBzImage64 } from '../../../../src/vmm/boot/linux-bzimage64.js';
import { readBzImage } from '../../../../src/vmm/boot/linux-setup.js';
import type { BootProtocol, BootRequest } from '../../../../src/vmm/boot/protocol.js';
import { GuestMemory } from '../../../../src/vmm/memory/guest-memory.js';
import type { BootState } from '../../../../src/vmm/vcpu-state.js';
import { expectValid } from './cpu-state.js';
import {
  MIB,
  bytes,
  bzImage,
  concat,
  elf,
  module,
  patched,
  request,
  u16,
  u64,
  type BzImageSource,
} from './images.js';
import { bytesAt, mapAt, mapOf, textAt } from './reading.js';

/** What a kernel finds by the offsets of Documentation/arch/x86/zero-page.rst and boot.rst. */
function zeroPage(memory: GuestMemory, state: BootState) {
  const page = Number(state.registers.rsi);
  return {
    page,
    rsdp: memory.read64(page + 0x70),
    map: mapAt(memory, page + 0x2d0, memory.read8(page + 0x1e8), 20),
    sentinel: memory.read8(page + 0x1ef),
    bootFlag: memory.read16(page + 0x1fe),
    header: Buffer.from(memory.bytes(page + 0x202, 4)).toString(),
    version: memory.read16(page + 0x206),
    loader: memory.read8(page + 0x210),
    loadFlags: memory.read8(page + 0x211),
    code32: memory.read32(page + 0x214),
    ramdisk: memory.read32(page + 0x218),
    ramdiskSize: memory.read32(page + 0x21c),
    heapEnd: memory.read16(page + 0x224),
    commandLine: textAt(memory, memory.read32(page + 0x228)),
  };
}

function boot(protocol: BootProtocol, image: Uint8Array, rest: Partial<BootRequest> = {}, ram = 64 * MIB) {
  const memory = GuestMemory.allocate(ram);
  const state = protocol.load(request(image, rest), memory);
  expectValid(state, memory);
  return { memory, state, zero: zeroPage(memory, state) };
}

/** The address at which the code of a test image was loaded: its first bytes count up from 0. */
function isCodeAt(memory: GuestMemory, gpa: number): boolean {
  return bytesAt(memory, gpa, 256).every((byte, i) => byte === i);
}

describe.each([
  ['linux64', linuxBzImage64, 0x200n, 0x500n],
  ['linux32', linuxBzImage32, 0n, 0n],
] as const)('%s', (name, protocol, entryOffset, efer) => {
  it('enters the kernel at its preferred address with the zero page in RSI', () => {
    const { memory, state, zero } = boot(protocol, bzImage());
    expect(protocol.name).toBe(name);
    expect(state.registers.rip).toBe(0x100_0000n + entryOffset);
    expect(state.system.efer).toBe(efer);
    expect(state.registers).toMatchObject({ rax: 0n, rbx: 0n, rbp: 0n, rdi: 0n });
    expect(state.system.cs.selector).toBe(0x10);
    for (const register of ['ds', 'es', 'ss'] as const) expect(state.system[register].selector).toBe(0x18);
    expect(isCodeAt(memory, 0x100_0000)).toBe(true);
    expect(zero.page % 4096).toBe(0);
  });

  it('fills the zero page', () => {
    const image = bzImage();
    const { memory, zero } = boot(protocol, image, { commandLine: 'console=ttyS0', rsdp: 0xe_0000 });
    expect(zero).toMatchObject({
      rsdp: 0xe_0000n,
      map: mapOf(64 * MIB),
      sentinel: 0,
      bootFlag: 0xaa55,
      header: 'HdrS',
      version: 0x20f,
      loader: 0xff,
      loadFlags: 0x81,
      code32: 0x100_0000,
      heapEnd: 0xfe00,
      ramdisk: 0,
      ramdiskSize: 0,
      commandLine: 'console=ttyS0',
    });
    // The rest of the header is the image's own, and nothing but the header is copied.
    expect(bytesAt(memory, zero.page + 0x22c, 0x26c - 0x22c)).toEqual(
      Array.from(image.subarray(0x22c, 0x26c)),
    );
    expect(bytesAt(memory, zero.page, 0x1e8).filter((_, i) => i < 0x70 || i >= 0x78)).toEqual(
      Array(0x1e0).fill(0),
    );
  });

  it("keeps the image's 64-bit fields to the last bit", () => {
    const exact = 2n ** 53n + 1n;
    const { memory, zero } = boot(protocol, patched(bzImage(), 0x240, u64(exact)));
    expect(memory.read64(zero.page + 0x240)).toBe(exact);
    expect(memory.read64(zero.page + 0x258)).toBe(0x100_0000n);
  });

  it('gives the initrd as high as it may be', () => {
    const initrd = module('initrd', 10_000);
    const { memory, zero } = boot(protocol, bzImage({ initrdAddressMax: 32 * MIB - 1 }), { initrd });
    expect(zero).toMatchObject({ ramdisk: 32 * MIB - 12_288, ramdiskSize: 10_000 });
    expect(bytesAt(memory, zero.ramdisk, 10_000).every(byte => byte === 0x5a)).toBe(true);
  });

  it('has RAM above 4 GiB in the map', () => {
    const { zero } = boot(protocol, bzImage(), {}, 3 * 1024 * MIB + 64 * MIB);
    expect(zero.map.at(-1)).toEqual({ start: 2 ** 32, size: 64 * MIB, type: 1 });
  });

  it.each<[string, BzImageSource, number]>([
    ['at 1 MiB before protocol 2.10', { version: 0x209 }, 0x10_0000],
    ['at 1 MiB without a preference', { preferredAddress: 0 }, 0x10_0000],
    [
      'at its only address when it is not relocatable',
      { relocatable: 0, preferredAddress: 0x1f_fc00 },
      0x1f_fc00,
    ],
    ['aligned when its preferred address is not', { preferredAddress: 0x100_1000 }, 0x120_0000],
    ['above the firmware tables', { preferredAddress: 0x9_f000, alignment: 0x1000 }, 0x10_0000],
  ])('loads %s', (_where, source, expected) => {
    const { memory, state, zero } = boot(protocol, bzImage(source));
    expect(state.registers.rip).toBe(BigInt(expected) + entryOffset);
    expect(zero.code32).toBe(expected);
    expect(isCodeAt(memory, expected)).toBe(true);
  });

  it('loads all of the file, more than its header says', () => {
    const image = bzImage({ systemSize: 16 });
    const { memory } = boot(protocol, concat(image, bytes([0xab])));
    expect(memory.read8(0x100_0000 + image.length - 1024)).toBe(0xab);
  });

  it('takes four setup sectors when the header says 0', () => {
    const { memory } = boot(protocol, bzImage({ setupSectors: 0 }));
    expect(isCodeAt(memory, 0x100_0000)).toBe(true);
  });

  it('copies the header no further than its version goes, or its jump says', () => {
    const withTail = patched(bzImage({ version: 0x20a, jump: 0 }), 0x264, bytes([1, 2, 3, 4, 5, 6, 7, 8]));
    const short = boot(protocol, withTail);
    expect(bytesAt(short.memory, short.zero.page + 0x264, 8)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    const jumping = boot(protocol, patched(withTail, 0x201, bytes([0x66])));
    expect(bytesAt(jumping.memory, jumping.zero.page + 0x264, 8)).toEqual([1, 2, 3, 4, 0, 0, 0, 0]);
    const far = boot(protocol, patched(withTail, 0x201, bytes([0xff])));
    expect(bytesAt(far.memory, far.zero.page + 0x290, 16)).toEqual(Array(16).fill(0));
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['an ELF file', elf(), /not a bzImage/],
    ['a zImage', bzImage({ loadFlags: 0 }), /zImage/],
    ['an old protocol', bzImage({ version: 0x201 }), /2\.01; 2\.02 is the oldest/],
    ['code that is cut off', bzImage({ systemSize: 0x1000 }), /truncated.*kernel's code/],
    ['a setup without code', bzImage().slice(0, 1024), /truncated.*kernel's code/],
    ['a header that is cut off', bzImage().slice(0, 0x220), /truncated.*setup header/],
    ['setup sectors beyond the end', patched(bzImage(), 0x1f1, bytes([200])), /truncated/],
    ['an impossible alignment', bzImage({ alignment: 3 }), /impossible alignment/],
    ['no boot flag', patched(bzImage(), 0x1fe, u16(0)), /not a bzImage/],
  ])('refuses %s', (_what, image, message) => {
    expect(protocol.refuse(image)).toMatch(message);
    const load = () => protocol.load(request(image), GuestMemory.allocate(32 * MIB));
    expect(load).toThrow(message);
    expect(load).toThrow(ImageError);
  });

  it.each<[string, BzImageSource, RegExp]>([
    ['too little RAM for what it needs', { initSize: 0x400_0000 }, /at least 80 MiB/],
    ['a fixed address outside RAM', { relocatable: 0, preferredAddress: 64 * MIB }, /no RAM/],
    ['a preferred address outside RAM', { preferredAddress: 2 ** 50 }, /needs 0x2000 bytes of RAM/],
  ])('refuses to load with %s', (_what, source, message) => {
    const image = bzImage(source);
    expect(protocol.refuse(image)).toBeUndefined();
    const load = () => protocol.load(request(image), GuestMemory.allocate(64 * MIB));
    expect(load).toThrow(message);
    expect(load).toThrow(ImageError);
  });

  it('refuses a command line that is longer than the kernel takes', () => {
    const image = bzImage({ commandLineSize: 100 });
    expect(boot(protocol, image, { commandLine: 'x'.repeat(100) }).zero.commandLine).toHaveLength(100);
    expect(() => boot(protocol, image, { commandLine: 'x'.repeat(101) })).toThrow(/101 bytes.*takes 100/);
    expect(() => boot(protocol, image, { commandLine: 'é'.repeat(51) })).toThrow(ConfigError);
    const old = bzImage({ version: 0x205 });
    expect(() => boot(protocol, old, { commandLine: 'x'.repeat(256) })).toThrow(/takes 255/);
  });

  it('refuses modules', () => {
    expect(() => boot(protocol, bzImage(), { modules: [module('m', 1)] })).toThrow(ConfigError);
  });
});

describe('linux64', () => {
  it('needs a 64-bit entry point', () => {
    expect(linuxBzImage64.refuse(bzImage({ extendedLoadFlags: 0x7e }))).toMatch(/2\.15.*no 64-bit entry/);
    expect(linuxBzImage64.refuse(bzImage({ version: 0x204 }))).toMatch(/no 64-bit entry/);
    expect(linuxBzImage64.refuse(bzImage({ code: new Uint8Array(0x200) }))).toMatch(/too short/);
    expect(linuxBzImage32.refuse(bzImage({ extendedLoadFlags: 0 }))).toBeUndefined();
  });
});

describe('an image', () => {
  it('tells its version and limits', () => {
    const image = readBzImage(bzImage());
    expect(image).toMatchObject({ kernelVersion: '6.1.0-test (somebody) #1 SMP', initrdLimit: 0x8000_0000 });
    expect(readBzImage(bzImage({ version: 0x202 }))).toMatchObject({
      initrdLimit: 0x3800_0000,
      commandLineSize: 255,
      alignment: 0,
    });
    expect(readBzImage(patched(bzImage(), 0x20e, u16(0))).kernelVersion).toBe('');
    expect(readBzImage(patched(bzImage(), 0x20e, u16(0xffff))).kernelVersion).toBe('');
  });
});
