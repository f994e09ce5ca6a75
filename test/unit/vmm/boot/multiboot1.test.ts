import { describe, expect, it } from 'vitest';
import { ImageError } from '../../../../src/errors.js';
import { multiboot1 } from '../../../../src/vmm/boot/multiboot1.js';
import type { BootRequest } from '../../../../src/vmm/boot/protocol.js';
import { GuestMemory } from '../../../../src/vmm/memory/guest-memory.js';
import { expectValid } from './cpu-state.js';
import {
  CODE,
  FLAT_FIELDS,
  MIB,
  bytes,
  concat,
  elf,
  module,
  multiboot1Elf,
  multiboot1Flat,
  multiboot1Header,
  patched,
  request,
  u32,
} from './images.js';
import { bytesAt, mapOf, textAt } from './reading.js';

function boot(image: Uint8Array, rest: Partial<BootRequest> = {}, ram = 32 * MIB) {
  const memory = GuestMemory.allocate(ram);
  const state = multiboot1.load(request(image, rest), memory);
  expectValid(state, memory);
  expect(state.registers.rax).toBe(0x2bad_b002n);
  expect(state.system.cr0).toBe(0x11n);
  return { memory, state, info: Number(state.registers.rbx) };
}

/** The modules by the offsets of the specification's chapter 3.3. */
function modulesAt(memory: GuestMemory, info: number) {
  const list = memory.read32(info + 24);
  return Array.from({ length: memory.read32(info + 20) }, (_, i) => {
    const [start, end, text] = [0, 4, 8].map(offset => memory.read32(list + i * 16 + offset));
    return { start, end, text: textAt(memory, text) };
  });
}

describe('Multiboot 1', () => {
  it.each([32, 64] as const)('loads ELF%i by its headers', elfClass => {
    const { memory, state } = boot(multiboot1Elf(elfClass));
    expect(state.registers.rip).toBe(0x10_0010n);
    expect(bytesAt(memory, 0x10_0010, CODE.length)).toEqual(Array.from(CODE));
  });

  it('loads by the addresses in the header (AOUT_KLUDGE)', () => {
    const { memory, state } = boot(multiboot1Flat());
    expect(state.registers.rip).toBe(0x20_0028n);
    expect(memory.read32(0x20_0000)).toBe(0x1111_1111);
    expect(memory.read32(0x20_0008)).toBe(0x1bad_b002);
    expect(bytesAt(memory, 0x20_0028, CODE.length)).toEqual(Array.from(CODE));
  });

  it('loads up to the end of the file, without bss, when the header says 0', () => {
    const { memory } = boot(concat(multiboot1Flat({ loadEnd: 0, bssEnd: 0 }), bytes([0xaa, 0xbb])));
    expect(bytesAt(memory, FLAT_FIELDS.loadEnd, 3)).toEqual([0xaa, 0xbb, 0]);
  });

  it('zeroes the bss', () => {
    const memory = GuestMemory.allocate(8 * MIB);
    memory.bytes(0x20_0000, 0x2000).fill(0xff);
    multiboot1.load(request(multiboot1Flat()), memory);
    expect(
      bytesAt(memory, FLAT_FIELDS.loadEnd, FLAT_FIELDS.bssEnd - FLAT_FIELDS.loadEnd).every(b => b === 0),
    ).toBe(true);
    expect(memory.read8(FLAT_FIELDS.bssEnd)).toBe(0xff);
  });

  it('prefers those addresses in an ELF file, too', () => {
    const header = multiboot1Header(0x1_0000, 0x30_0000, 0x30_0000, 0, 0, 0x30_0020);
    const image = elf({ class: 32, machine: 3, segments: [{ data: concat(header, CODE) }] });
    expect(boot(image).state.registers.rip).toBe(0x30_0020n);
  });

  it('gives memory, map, command line and loader name', () => {
    const { memory, info } = boot(multiboot1Elf(), { commandLine: 'a b=c' });
    expect(memory.read32(info)).toBe(0b10_0100_1101);
    expect(memory.read32(info + 4)).toBe(639);
    expect(memory.read32(info + 8)).toBe(31 * 1024);
    expect(textAt(memory, memory.read32(info + 16))).toBe('kernel a b=c');
    expect(textAt(memory, memory.read32(info + 64))).toBe('tsvmm');
    expect(memory.read32(info + 20)).toBe(0);

    // Walked as the specification says: each entry's size does not count itself.
    const [length, start] = [memory.read32(info + 44), memory.read32(info + 48)];
    const map = [];
    for (let at = start; at < start + length; at += memory.read32(at) + 4) {
      const [base, size] = [memory.read64(at + 4), memory.read64(at + 12)].map(Number);
      map.push({ start: base, size, type: memory.read32(at + 20) });
    }
    expect(map).toEqual(mapOf(32 * MIB));
  });

  it('gives the name alone when there is no command line', () => {
    const { memory, info } = boot(multiboot1Elf());
    expect(textAt(memory, memory.read32(info + 16))).toBe('kernel');
  });

  it('gives the initrd as the first module, all page aligned behind the kernel', () => {
    const { memory, info } = boot(multiboot1Elf(), {
      initrd: module('initrd', 5000),
      modules: [module('env', bytes([7, 8]), 'NR_CPUS=1')],
    });
    expect(modulesAt(memory, info)).toEqual([
      { start: 0x10_3000, end: 0x10_3000 + 5000, text: 'initrd' },
      { start: 0x10_5000, end: 0x10_5002, text: 'env NR_CPUS=1' },
    ]);
    expect(bytesAt(memory, 0x10_5000, 2)).toEqual([7, 8]);
  });

  it('boots a kernel linked at 32 KiB', () => {
    const header = multiboot1Header(0);
    const data = concat(header, u32(0), CODE);
    const low = elf({
      class: 32,
      machine: 3,
      entry: 0x8010n,
      segments: [{ data, paddr: 0x8000, memorySize: 0x1_0000 }],
    });
    const { state, info } = boot(low);
    expect(state.registers.rip).toBe(0x8010n);
    expect(info).toBeGreaterThanOrEqual(0x1_8000);
  });

  it('finds the header only on a 4-byte boundary, with its checksum, in the first 8 KiB', () => {
    const at = (offset: number) => concat(new Uint8Array(offset), multiboot1Header(3), CODE);
    const flags = /no Multiboot header/;
    expect(multiboot1.refuse(at(8192 - 12))).toMatch(/not an ELF file/);
    expect(multiboot1.refuse(at(8192 - 8))).toMatch(flags);
    expect(multiboot1.refuse(at(6))).toMatch(flags);
    expect(multiboot1.refuse(patched(multiboot1Elf(), 64 + 20 + 8, u32(0)))).toMatch(flags);
    const second = concat(u32(0x1bad_b002, 0, 0), multiboot1Flat({ header: 0x20_0008 }));
    expect(multiboot1.refuse(second)).toBeUndefined();
  });

  it.each([
    ['a video mode', multiboot1Elf(32, 7), /video mode/],
    ['what nobody knows', multiboot1Elf(32, 0x83), /unknown features \(flags 0x80\)/],
    ['an optional feature', multiboot1Elf(32, 0x8002_0003), undefined],
  ])('with a header that asks for %s', (_what, image, message) => {
    const refusal = multiboot1.refuse(image);
    if (message) expect(refusal).toMatch(message);
    else expect(refusal).toBeUndefined();
  });

  it.each([
    ['header below load address', { header: 0x1f_0000 }, /addresses are impossible/],
    ['header too far up', { header: 0x20_1000 }, /addresses are impossible/],
    ['load end beyond the file', { loadEnd: 0x30_0000 }, /truncated/],
    ['load end below load address', { loadEnd: 0x1f_0000 }, /truncated/],
    ['bss end below load end', { bssEnd: 0x20_0010 }, /bss ends at/],
    ['entry below', { entry: 0x1f_ffff }, /entry point/],
    ['entry in the bss', { entry: 0x20_0800 }, /entry point/],
  ])('refuses impossible addresses: %s', (_what, fields, message) => {
    const image = multiboot1Flat(fields);
    expect(multiboot1.refuse(image)).toMatch(message);
    expect(() => boot(image)).toThrow(ImageError);
  });

  it('refuses a bss beyond RAM when it loads', () => {
    expect(() => boot(multiboot1Flat({ bssEnd: 0xffff_ffff }))).toThrow(/no RAM/);
  });

  it('refuses files without a header', () => {
    expect(multiboot1.refuse(new Uint8Array(0))).toMatch(/no Multiboot header/);
    expect(multiboot1.refuse(elf({ segments: [{ data: CODE }] }))).toMatch(/no Multiboot header/);
    // The address fields do not fit any more.
    expect(multiboot1.refuse(multiboot1Flat().slice(0, 50))).toMatch(/no Multiboot header/);
  });
});
