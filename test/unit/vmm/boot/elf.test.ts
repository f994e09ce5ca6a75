import { describe, expect, it } from 'vitest';
import { ImageError } from '../../../../src/errors.js';
import { Elf, isElf } from '../../../../src/vmm/boot/elf.js';
import { CODE, ascii, bytes, concat, elf, note, patched, u16, u32, u64 } from './images.js';

const E_PHENTSIZE = 54;
const E_PHNUM = 56;
const E_SHENTSIZE = 58;
const E_SHNUM = 60;

function notesOf(...parts: readonly Uint8Array[]): Elf {
  return new Elf(elf({ segments: [{ type: 4, data: concat(...parts) }] }));
}

describe.each([32, 64] as const)('an ELF%i file', elfClass => {
  const image = elf({
    class: elfClass,
    machine: elfClass === 64 ? 62 : 3,
    entry: 0x12_3456n,
    segments: [
      { flags: 5, data: CODE, paddr: 0x10_0000, vaddr: 0x8010_0000n, memorySize: 0x1000, align: 16 },
      { type: 7, data: CODE },
      { type: 1, memorySize: 0 },
    ],
    sections: [{ name: '.text', type: 1, flags: 6, address: 0x1000, data: CODE }],
  });

  it('has its header read', () => {
    const { header } = new Elf(image);
    expect(header).toMatchObject({
      class: elfClass,
      type: 2,
      machine: elfClass === 64 ? 62 : 3,
      entry: 0x12_3456n,
      programHeaderCount: 3,
      sectionHeaderCount: 3,
    });
  });

  it('has its segments read, and only those that take memory are loadable', () => {
    const file = new Elf(image);
    expect(file.segments).toHaveLength(3);
    expect(file.loadable).toHaveLength(1);
    expect(file.loadable[0]).toMatchObject({
      type: 1,
      flags: 5,
      vaddr: 0x8010_0000n,
      paddr: 0x10_0000,
      fileSize: CODE.length,
      memorySize: 0x1000,
      align: 16,
    });
    expect(Array.from(file.contents(file.loadable[0]))).toEqual(Array.from(CODE));
  });

  it('has its sections read with their names', () => {
    const file = new Elf(image);
    const sections = file.sections();
    expect(sections.map(({ name }) => name)).toEqual(['', '.text', '.shstrtab']);
    expect(sections[1]).toMatchObject({ index: 1, type: 1, flags: 6n, address: 0x1000n, size: CODE.length });
    expect(Array.from(file.sectionContents(sections[1]))).toEqual(Array.from(CODE));
  });
});

describe('an ELF file with virtual addresses in the upper half', () => {
  it('keeps them exactly', () => {
    const file = new Elf(
      elf({ segments: [{ data: CODE, vaddr: 0xffff_ffff_8100_0001n, paddr: 0x100_0000 }] }),
    );
    expect(file.segments[0].vaddr).toBe(0xffff_ffff_8100_0001n);
  });
});

describe('notes', () => {
  it('are found behind others of any size', () => {
    const file = notesOf(
      note('GNU', 3, bytes([1, 2, 3], 20)),
      note('Xen', 6, ascii('osv\0')),
      note('X', 1, bytes([1, 2, 3, 4, 5])),
      note('Xen', 18, u64(0x32_b01c)),
    );
    expect(Array.from(file.notes(), ({ owner, type }) => `${owner} ${type}`)).toEqual([
      'GNU 3',
      'Xen 6',
      'X 1',
      'Xen 18',
    ]);
    expect(Array.from(file.note('Xen', 18)!.descriptor)).toEqual(Array.from(u64(0x32_b01c)));
    expect(file.note('Xen', 17)).toBeUndefined();
  });

  it('are padded to 8 bytes in a segment that is aligned so', () => {
    const data = concat(note('GNU', 5, bytes([1], 12), 8), note('Xen', 18, u32(7), 8));
    const file = new Elf(elf({ segments: [{ type: 4, data, align: 8 }] }));
    expect(Array.from(file.note('Xen', 18)!.descriptor)).toEqual([7, 0, 0, 0]);
  });

  it('may have neither name nor content', () => {
    expect(Array.from(notesOf(u32(0, 0, 9)).notes())).toMatchObject([{ owner: '', type: 9 }]);
  });

  it('must end within their segment', () => {
    expect(() => Array.from(notesOf(u32(4, 1000, 1), ascii('Xen\0')).notes())).toThrow(ImageError);
    expect(() => Array.from(notesOf(u32(0xffff_ffff, 0, 1)).notes())).toThrow(ImageError);
  });

  it('are limited in number, even when many segments name the same ones', () => {
    const data = concat(...Array.from({ length: 100 }, () => u32(0, 0, 1)));
    const file = new Elf(elf({ segments: Array.from({ length: 60 }, () => ({ type: 4, data })) }));
    expect(() => Array.from(file.notes())).toThrow(/more than 4096 notes/);
  });
});

describe('section headers', () => {
  const image = elf({ sections: [{ name: '.data', type: 1, data: CODE }] });

  it('may be missing', () => {
    expect(new Elf(elf()).sections()).toEqual([]);
  });

  it('may have their number in the first of them', () => {
    const { sectionHeaders } = new Elf(image).header;
    const SH_SIZE = 32;
    const many = patched(patched(image, E_SHNUM, u16(0)), sectionHeaders + SH_SIZE, u64(3));
    expect(new Elf(many).sections().map(({ name }) => name)).toEqual(['', '.data', '.shstrtab']);
  });

  it('must lie within the file, however many they claim to be', () => {
    const { sectionHeaders } = new Elf(image).header;
    const many = patched(patched(image, E_SHNUM, u16(0)), sectionHeaders + 32, u64(2n ** 60n));
    expect(() => new Elf(many).sections()).toThrow(ImageError);
    expect(() => new Elf(patched(image, 40, u64(2n ** 63n))).sections()).toThrow(ImageError);
    expect(() => new Elf(patched(image, E_SHENTSIZE, u16(8))).sections()).toThrow(
      /section headers have 8 bytes/,
    );
  });

  it('are nameless when the table of names is not there', () => {
    const E_SHSTRNDX = 62;
    expect(new Elf(patched(image, E_SHSTRNDX, u16(77))).sections()[1].name).toBe('');
  });
});

describe('files that are refused', () => {
  const image = elf({ segments: [{ data: CODE }] });

  it.each([
    ['no ELF file', ascii('not an ELF file at all'), /not an ELF file/],
    ['an empty file', new Uint8Array(0), /not an ELF file/],
    ['a header that is cut off', image.slice(0, 63), /truncated.*ELF header/],
    ['program headers that are cut off', image.slice(0, 100), /truncated.*program headers/],
    ['big-endian', patched(image, 5, bytes([2])), /big-endian/],
    ['no byte order', patched(image, 5, bytes([0])), /byte order 0/],
    ['a class that does not exist', patched(image, 4, bytes([3])), /class 3/],
    ['a version that does not exist', patched(image, 6, bytes([2])), /version 2/],
    ['AArch64', patched(image, 18, u16(183)), /AArch64/],
    ['32-bit ARM', patched(image, 18, u16(40)), /32-bit ARM/],
    ['RISC-V', patched(image, 18, u16(243)), /RISC-V/],
    ['an unknown machine', patched(image, 18, u16(9999)), /machine 9999/],
    ['ELF64 for 32-bit x86', patched(image, 18, u16(3)), /for x86;/],
    ['small program headers', patched(image, E_PHENTSIZE, u16(32)), /program headers have 32 bytes/],
    ['extended numbering', patched(image, E_PHNUM, u16(0xffff)), /more than 65534/],
    ['program headers far outside', patched(image, 32, u64(2n ** 64n - 1n)), /truncated/],
  ])('%s', (_name, file, message) => {
    expect(() => new Elf(file)).toThrow(message);
    expect(() => new Elf(file)).toThrow(ImageError);
  });

  it('a segment outside the file, when it is read', () => {
    const P_OFFSET = 64 + 8;
    const file = new Elf(patched(image, P_OFFSET, u64(2n ** 64n - 64n)));
    expect(() => file.contents(file.segments[0])).toThrow(/truncated.*a segment/);
  });
});

describe('isElf', () => {
  it('looks at the magic bytes alone', () => {
    expect(isElf(bytes([0x7f, 0x45, 0x4c, 0x46]))).toBe(true);
    expect(isElf(bytes([0x7f, 0x45, 0x4c]))).toBe(false);
    expect(isElf(new Uint8Array(0))).toBe(false);
  });
});
