import { describe, expect, it } from 'vitest';
import { ConfigError, ImageError } from '../../../../src/errors.js';
import { multiboot2 } from '../../../../src/vmm/boot/multiboot2.js';
import type { BootRequest } from '../../../../src/vmm/boot/protocol.js';
import { GuestMemory } from '../../../../src/vmm/memory/guest-memory.js';
import { expectValid } from './cpu-state.js';
import {
  CODE,
  MIB,
  ascii,
  bytes,
  concat,
  elf,
  module,
  multiboot2Elf,
  multiboot2Flat,
  multiboot2Header,
  patched,
  request,
  u32,
  type Multiboot2Tag,
} from './images.js';
import { bytesAt, mapAt, mapOf, textAt } from './reading.js';

function boot(image: Uint8Array, rest: Partial<BootRequest> = {}, memory = GuestMemory.allocate(32 * MIB)) {
  const state = multiboot2.load(request(image, rest), memory);
  expectValid(state, memory);
  expect(state.registers.rax).toBe(0x36d7_6289n);
  return { memory, state, tags: tagsAt(memory, Number(state.registers.rbx)) };
}

/** Walks the information as chapter 3.4 of the specification says. @returns where the content of each tag is, by type */
function tagsAt(memory: GuestMemory, info: number): Map<number, number[]> {
  expect(info % 8).toBe(0);
  const tags = new Map<number, number[]>();
  const end = info + memory.read32(info);
  for (let at = info + 8; at < end; at += Math.ceil(memory.read32(at + 4) / 8) * 8) {
    const type = memory.read32(at);
    if (type === 0) {
      expect(memory.read32(at + 4)).toBe(8);
      expect(at + 8).toBe(end);
    }
    tags.set(type, [...(tags.get(type) ?? []), at + 8]);
  }
  expect(tags.has(0), 'an end tag').toBe(true);
  return tags;
}

const RELOCATABLE = (min: number, max: number, align: number, preference: number): Multiboot2Tag => ({
  type: 10,
  content: u32(min, max, align, preference),
});

describe('Multiboot 2', () => {
  it.each([32, 64] as const)('loads ELF%i by its headers', elfClass => {
    const { memory, state } = boot(multiboot2Elf([], elfClass));
    expect(state.registers.rip).toBe(0x20_0000n);
    expect(bytesAt(memory, 0x20_0000, CODE.length)).toEqual(Array.from(CODE));
  });

  it('takes the entry point from the header when it has one', () => {
    expect(boot(multiboot2Elf([{ type: 3, content: u32(0x20_0004) }])).state.registers.rip).toBe(0x20_0004n);
  });

  it('loads the whole file by an address tag', () => {
    const image = multiboot2Flat();
    const { memory, state } = boot(image);
    expect(state.registers.rip).toBe(0x20_0004n);
    expect(bytesAt(memory, 0x20_0000, image.length)).toEqual(Array.from(image));
  });

  it('loads a part of the file by an address tag', () => {
    const header = multiboot2Header([
      { type: 2, content: u32(0x30_0008, 0x30_0000, 0x30_0020, 0x30_1000) },
      { type: 3, content: u32(0x30_0008) },
    ]);
    const { memory } = boot(concat(bytes([9], 8), bytes([7], 8), header, CODE));
    expect(bytesAt(memory, 0x30_0000, 8)).toEqual([7, 0, 0, 0, 0, 0, 0, 0]);
    expect(memory.read32(0x30_0008)).toBe(0xe852_50d6);
    expect(memory.read32(0x30_0020)).toBe(0);
  });

  it('tells command line, loader, memory and map', () => {
    const { memory, tags } = boot(multiboot2Elf(), { commandLine: 'a b=c' });
    expect(tags.get(1)!.map(at => textAt(memory, at))).toEqual(['a b=c']);
    expect(tags.get(2)!.map(at => textAt(memory, at))).toEqual(['tsvmm']);
    const [basic] = tags.get(4)!;
    expect([memory.read32(basic), memory.read32(basic + 4)]).toEqual([639, 31 * 1024]);
    const [map] = tags.get(6)!;
    expect([memory.read32(map), memory.read32(map + 4)]).toEqual([24, 0]);
    const count = (memory.read32(map - 4) - 16) / 24;
    expect(mapAt(memory, map + 8, count, 24)).toEqual(mapOf(32 * MIB));
    for (const absent of [3, 8, 14, 15, 21]) expect(tags.has(absent)).toBe(false);
  });

  it('tells of modules, the initrd first', () => {
    const { memory, tags } = boot(multiboot2Elf(), {
      initrd: module('initrd', 100),
      modules: [module('second', bytes([1, 2]), 'x')],
    });
    const modules = tags.get(3)!.map(at => {
      const [start, end] = [memory.read32(at), memory.read32(at + 4)];
      return {
        aligned: start % 4096 === 0,
        content: bytesAt(memory, start, end - start),
        text: textAt(memory, at + 8),
      };
    });
    expect(modules).toEqual([
      { aligned: true, content: Array(100).fill(0x5a), text: 'initrd' },
      { aligned: true, content: [1, 2], text: 'second x' },
    ]);
  });

  it.each([32, 64] as const)('gives the section headers of ELF%i, and where the symbols are', elfClass => {
    const { memory, tags } = boot(multiboot2Elf([], elfClass));
    const [at] = tags.get(9)!;
    const [count, size, names] = [0, 4, 8].map(offset => memory.read32(at + offset));
    expect([count, size, names]).toEqual([5, elfClass === 64 ? 64 : 40, 4]);
    const address = (index: number) => memory.read32(at + 12 + index * size + (elfClass === 64 ? 16 : 12));
    expect(address(1)).toBe(0x20_0000);
    expect(textAt(memory, address(3) + 1)).toBe('start');
    expect(textAt(memory, address(4) + 1)).toBe('.text');
    const value = elfClass === 64 ? 24 + 8 : 16 + 4;
    expect(memory.read32(address(2) + value)).toBe(0x20_0000);
  });

  it('copies the ACPI root pointer', () => {
    const memory = GuestMemory.allocate(32 * MIB);
    const rsdp = 0xe_0000;
    const content = concat(
      ascii('RSD PTR '),
      bytes([0, 1, 2, 3, 4, 5, 6, 2]),
      u32(0x1234, 36),
      bytes([5], 12),
    );
    memory.write(rsdp, content);
    const { tags } = boot(multiboot2Elf(), { rsdp }, memory);
    expect(bytesAt(memory, tags.get(14)![0], 20)).toEqual(Array.from(content.subarray(0, 20)));
    expect(bytesAt(memory, tags.get(15)![0], 36)).toEqual(Array.from(content));

    memory.write8(rsdp + 15, 0);
    expect(boot(multiboot2Elf(), { rsdp }, memory).tags.has(15)).toBe(false);
    expect(() => boot(multiboot2Elf(), { rsdp: 0xf_0000 }, memory)).toThrow(ConfigError);
  });

  it('finds the header only on an 8-byte boundary, with its checksum, in the first 32 KiB', () => {
    const header = multiboot2Header([]);
    const refuse = (offset: number) => multiboot2.refuse(concat(new Uint8Array(offset), header, CODE));
    expect(refuse(32_768 - header.length)).toMatch(/no address tag/);
    expect(refuse(32_768 - 16)).toMatch(/truncated.*Multiboot2 header/);
    expect(refuse(32_768 - 8)).toMatch(/no Multiboot2 header/);
    expect(refuse(4)).toMatch(/no Multiboot2 header/);
    expect(multiboot2.refuse(patched(concat(header, CODE), 12, u32(0)))).toMatch(/no Multiboot2 header/);
  });
});

describe('a relocatable kernel', () => {
  const at = (tag: Multiboot2Tag, image = multiboot2Elf([tag])) => {
    const { memory, state, tags } = boot(image);
    const base = memory.read32(tags.get(21)![0]);
    expect(bytesAt(memory, base, CODE.length)).toEqual(Array.from(CODE));
    expect(state.registers.rip).toBe(BigInt(base));
    return base;
  };

  it('stays where it is linked when that is allowed', () => {
    expect(at(RELOCATABLE(0, 0xffff_ffff, 4096, 0))).toBe(0x20_0000);
  });

  it.each([
    ['lowest', RELOCATABLE(0, 0xffff_ffff, 0x1000, 1), 0x10_0000],
    ['highest', RELOCATABLE(0, 0xffff_ffff, 0x1000, 2), 32 * MIB - 0x2000],
    ['within its limits', RELOCATABLE(0x40_0000, 0x4f_ffff, 0x1000, 2), 0x4f_e000],
    ['aligned', RELOCATABLE(0x40_1000, 0xffff_ffff, 0x10_0000, 0), 0x50_0000],
    ['where its alignment lets it', RELOCATABLE(0, 0xffff_ffff, 0x40_0000, 0), 0x40_0000],
  ])('goes %s', (_where, tag, expected) => {
    expect(at(tag)).toBe(expected);
  });

  it('may be a flat one', () => {
    const image = multiboot2Flat([RELOCATABLE(0x80_0000, 0xff_ffff, 0x1000, 1)]);
    const { memory, state } = boot(image);
    expect(state.registers.rip).toBe(0x80_0004n);
    expect(bytesAt(memory, 0x80_0000, image.length)).toEqual(Array.from(image));
  });

  it('is refused when there is no room for it', () => {
    const load = (tag: Multiboot2Tag) => () => boot(multiboot2Elf([tag]));
    expect(load(RELOCATABLE(64 * MIB, 128 * MIB, 1, 1))).toThrow(/between 0x4000000 and 0x8000000/);
    expect(load(RELOCATABLE(0, 0, 0, 0))).toThrow(ImageError);
  });
});

describe('header tags', () => {
  const content = (type: number, optional: boolean): Multiboot2Tag =>
    ({ type, optional, content: type === 4 ? u32(3) : type === 1 ? u32(6, 99) : u32(0, 0, 0) }) as const;

  it.each([
    [1, 'unknown information', /unknown information \(type 99\)/],
    [4, 'a console', /a console/],
    [5, 'a framebuffer', /framebuffer/],
    [7, 'EFI boot services', /EFI/],
    [77, 'something unknown', /unknown feature \(header tag 0x4d\)/],
  ])('of type %i require %s unless they are optional', (type, _what, message) => {
    expect(multiboot2.refuse(multiboot2Elf([content(type, false)]))).toMatch(message);
    expect(multiboot2.refuse(multiboot2Elf([content(type, true)]))).toBeUndefined();
  });

  it.each([
    ['known information that is not there', { type: 1, content: u32(1, 8, 12, 21) }],
    ['EGA text support, without insisting on a console', { type: 4, content: u32(2) }],
    ['module alignment', { type: 6 }],
    ['EFI entry points', { type: 9, content: u32(1) }],
  ])('may ask for %s', (_what, tag) => {
    expect(multiboot2.refuse(multiboot2Elf([tag]))).toBeUndefined();
  });

  it.each([
    [
      'an address tag that is too short',
      multiboot2Elf([{ type: 2, content: u32(1) }]),
      /truncated.*address tag/,
    ],
    ['an entry tag that is too short', multiboot2Elf([{ type: 3 }]), /truncated.*entry address tag/],
    ['an entry point in no segment', multiboot2Elf([{ type: 3, content: u32(0x50) }]), /entry point 0x50/],
    [
      'an address tag without an entry tag',
      concat(multiboot2Header([{ type: 2, content: u32(0x20_0000, 0x20_0000, 0, 0) }]), CODE),
      /no entry tag/,
    ],
    ['another architecture', concat(multiboot2Header([], 4), CODE), /another architecture/],
    ['tags of size 0', patched(multiboot2Flat(), 20, u32(0)), /impossible size/],
    ['tags beyond the header', patched(multiboot2Flat(), 20, u32(0x1000)), /truncated/],
    ['no end tag', patched(concat(multiboot2Header([]), CODE), 16, u32(6)), /truncated/],
    ['neither ELF nor addresses', concat(multiboot2Header([]), CODE), /no address tag/],
    ['an ELF file for another machine', patched(multiboot2Elf(), 18, bytes([183])), /AArch64/],
    ['a file without any', elf({ segments: [{ data: CODE }] }), /no Multiboot2 header/],
  ])('are refused when there is %s', (_what, image, message) => {
    expect(multiboot2.refuse(image)).toMatch(message);
    expect(() => boot(image)).toThrow(ImageError);
  });
});
