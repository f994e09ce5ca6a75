import { describe, expect, it } from 'vitest';
import { ConfigError, ImageError } from '../../../../src/errors.js';
import { linuxElf, looksLikeLinux } from '../../../../src/vmm/boot/linux-elf.js';
import { GuestMemory } from '../../../../src/vmm/memory/guest-memory.js';
import { expectValid, translate } from './cpu-state.js';
import { CODE, MIB, ascii, bytes, elf, module, note, request } from './images.js';
import { bytesAt, mapAt, mapOf, textAt } from './reading.js';

const KERNEL_MAP = 0xffff_ffff_8000_0000n;

/** As Linux lays out vmlinux: linked at the top of the address space, loaded at 16 MiB, entered at a physical address. */
function vmlinux(entry = 0x100_0000n): Uint8Array {
  return elf({
    entry,
    segments: [{ data: CODE, paddr: 0x100_0000, vaddr: KERNEL_MAP + 0x100_0000n, memorySize: 0x2000 }],
  });
}

describe('linux-elf', () => {
  const memory = GuestMemory.allocate(64 * MIB);
  const commandLine = 'console=ttyS0 quiet';
  const initrd = module('initrd', 100);
  const state = linuxElf.load(request(vmlinux(), { commandLine, initrd, rsdp: 0xe_1230 }), memory);
  const page = Number(state.registers.rsi);

  it('enters in long mode at the physical entry point, with a stack', () => {
    expectValid(state, memory);
    expect(state.registers.rip).toBe(0x100_0000n);
    expect(state.system.efer).toBe(0x500n);
    expect(translate(state, memory, 0x100_0000)).toBe(0x100_0000);
    expect(state.registers.rsp).toBeGreaterThan(0x3000n);
    expect(state.registers.rsp).toBeLessThan(0x20_0000n);
  });

  it('loads the segment and zeroes what the file does not have', () => {
    const dirty = GuestMemory.allocate(32 * MIB);
    dirty.bytes(0x100_0000, 0x2000).fill(0xff);
    linuxElf.load(request(vmlinux()), dirty);
    expect(bytesAt(dirty, 0x100_0000, 0x2000)).toEqual(Array.from(bytes(Array.from(CODE), 0x2000)));
  });

  it('makes up a setup header that kernels accept', () => {
    expect(memory.read16(page + 0x1fe)).toBe(0xaa55);
    expect(Buffer.from(memory.bytes(page + 0x202, 4)).toString()).toBe('HdrS');
    expect(memory.read16(page + 0x206)).toBe(0x20f);
    expect(memory.read8(page + 0x210)).toBe(0xff);
    expect(memory.read8(page + 0x211)).toBe(0x81);
    expect(textAt(memory, memory.read32(page + 0x228))).toBe(commandLine);
    expect(memory.read32(page + 0x238)).toBeGreaterThan(commandLine.length);
    expect(memory.read32(page + 0x218)).toBe(64 * MIB - 4096);
    expect(memory.read32(page + 0x21c)).toBe(100);
    expect(memory.read64(page + 0x70)).toBe(0xe_1230n);
    expect(mapAt(memory, page + 0x2d0, memory.read8(page + 0x1e8), 20)).toEqual(mapOf(64 * MIB));
  });

  it('enters OSv, whose entry point is a physical address outside its virtual range', () => {
    const osv = elf({
      entry: 0x20_0010n,
      segments: [{ data: CODE, paddr: 0x20_0000, vaddr: 0x4020_0000n, memorySize: 0x80_0000 }],
    });
    const ram = GuestMemory.allocate(16 * MIB);
    expect(linuxElf.load(request(osv), ram).registers.rip).toBe(0x20_0010n);
    // OSv keeps its own copy of the boot information there.
    expect(bytesAt(ram, 0, 0x3000).every(byte => byte === 0)).toBe(true);
  });

  it('translates an entry point that is a virtual address', () => {
    const ram = GuestMemory.allocate(32 * MIB);
    const state = linuxElf.load(request(vmlinux(KERNEL_MAP + 0x100_0020n)), ram);
    expect(state.registers.rip).toBe(0x100_0020n);
  });

  it.each([
    ['ELF32', elf({ class: 32, machine: 3, segments: [{ data: CODE }] }), /ELF32/],
    ['a shared object', elf({ type: 3, segments: [{ data: CODE }] }), /shared object.*-static/],
    ['no segments', elf(), /no segments to load/],
    ['an entry point in none', elf({ entry: 0x5000n, segments: [{ data: CODE }] }), /entry point 0x5000/],
    ['no ELF file', ascii('hello'), /not an ELF file/],
  ])('refuses %s', (_what, image, message) => {
    expect(linuxElf.refuse(image)).toMatch(message);
    expect(() => linuxElf.load(request(image), memory)).toThrow(ImageError);
  });

  it('refuses an entry point above 4 GiB, which is not mapped', () => {
    const high = elf({ entry: 0x1_0000_0000n, segments: [{ data: CODE, paddr: 0x1_0000_0000 }] });
    expect(linuxElf.refuse(high)).toMatch(/beyond the first 4 GiB/);
  });

  it('refuses a command line that is longer than Linux takes', () => {
    const long = request(vmlinux(), { commandLine: 'x'.repeat(2048) });
    expect(() => linuxElf.load(long, memory)).toThrow(ConfigError);
  });
});

describe('Linux', () => {
  const withNote = (...content: Parameters<typeof note>) =>
    elf({ segments: [{ data: CODE }, { type: 4, data: note(...content) }] });

  it.each([
    ['a note of its own', withNote('Linux', 0x101, bytes([0, 0, 0, 0])), true],
    ['Xen being told so', withNote('Xen', 6, ascii('linux\0')), true],
    ['its address space', vmlinux(), true],
    ["Xen's being told something else", withNote('Xen', 6, ascii('osv\0')), false],
    ['nothing', elf({ segments: [{ data: CODE }] }), false],
    ['an entry point in the upper half', vmlinux(KERNEL_MAP + 0x100_0000n), false],
    ['a damaged file', vmlinux().slice(0, 80), false],
  ])('is recognized by %s', (_what, image, expected) => {
    expect(looksLikeLinux(image)).toBe(expected);
  });
});
