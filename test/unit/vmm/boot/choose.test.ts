import { describe, expect, it } from 'vitest';
import { ImageError } from '../../../../src/errors.js';
import { PROTOCOLS, choose } from '../../../../src/vmm/boot/index.js';
import { BOOT_PROTOCOLS } from '../../../../src/vmm/boot/protocol.js';
import {
  CODE,
  ascii,
  bytes,
  bzImage,
  concat,
  elf,
  multiboot1Elf,
  multiboot1Flat,
  multiboot1Header,
  multiboot2Elf,
  multiboot2Flat,
  multiboot2Header,
  note,
  patched,
  pvhElf,
  u16,
  u32,
} from './images.js';

const plain = elf({ segments: [{ data: CODE }] });
const linuxNote = note('Linux', 0x101, u32(0));
const pvhNote = note('Xen', 18, u32(0x10_0000));
const bothMultiboot = elf({
  entry: 0x10_0000n,
  segments: [{ data: concat(multiboot2Header([]), multiboot1Header(0), CODE) }],
});

describe('the boot protocols', () => {
  it('are those that the user can name, each with a title', () => {
    expect(PROTOCOLS.map(({ name }) => name)).toEqual([
      'linux64',
      'linux32',
      'pvh',
      'multiboot2',
      'multiboot1',
      'linux-elf',
      'elf',
    ]);
    expect(PROTOCOLS.map(({ name }) => name).sort()).toEqual([...BOOT_PROTOCOLS].sort());
    expect(new Set(PROTOCOLS.map(({ title }) => title)).size).toBe(PROTOCOLS.length);
  });
});

describe('without being told', () => {
  it.each([
    ['a bzImage', bzImage(), 'linux64'],
    ['a bzImage without a 64-bit entry point', bzImage({ extendedLoadFlags: 0 }), 'linux32'],
    ['a PVH note', pvhElf(), 'pvh'],
    ['a PVH note in ELF32', pvhElf(32), 'pvh'],
    [
      'a PVH note beside a Multiboot header',
      elf({
        segments: [
          { data: concat(CODE, multiboot1Header(0)) },
          { type: 4, data: concat(linuxNote, pvhNote) },
        ],
      }),
      'pvh',
    ],
    ['a Multiboot 2 header', multiboot2Elf(), 'multiboot2'],
    ['both Multiboot headers', bothMultiboot, 'multiboot2'],
    [
      'a Multiboot 2 header that cannot be satisfied, and another',
      satisfiableOnlyByMultiboot1(),
      'multiboot1',
    ],
    ['a raw file with a Multiboot 2 header', multiboot2Flat(), 'multiboot2'],
    ['a Multiboot 1 header', multiboot1Elf(), 'multiboot1'],
    ['a raw file with a Multiboot 1 header', multiboot1Flat(), 'multiboot1'],
    ["Linux's note", elf({ segments: [{ data: CODE }, { type: 4, data: linuxNote }] }), 'linux-elf'],
    ['ELF64', plain, 'elf'],
    ['ELF32', elf({ class: 32, machine: 3, segments: [{ data: CODE }] }), 'elf'],
  ])('%s is taken as such', (_what, image, expected) => {
    expect(choose(image).name).toBe(expected);
  });

  it.each([
    ['an empty file', new Uint8Array(0), /is empty/],
    ['anything', bytes([1, 2, 3, 4], 4096), /not a kernel/],
    ['gzip', bytes([0x1f, 0x8b, 8], 100), /compressed with gzip; unpack it first: gzip -dc/],
    ['xz', bytes([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], 100), /compressed with xz/],
    ['zstd', bytes([0x28, 0xb5, 0x2f, 0xfd], 100), /compressed with zstd/],
    ['bzip2', ascii('BZh91AY'), /compressed with bzip2/],
    ['lz4', bytes([0x02, 0x21, 0x4c, 0x18], 100), /compressed with lz4/],
    ['a DOS program', bytes([0x4d, 0x5a], 100), /not a kernel/],
    ['a PE file', peFile(), /PE file/],
    ['Mach-O', bytes([0xcf, 0xfa, 0xed, 0xfe], 100), /Mach-O/],
    ['a script', ascii('#!/bin/sh\n'), /script/],
    ['an initrd', ascii('070701000000'), /initrd, not a kernel/],
    ['qcow2', ascii('QFI\xfb\0\0\0\x03'), /qcow2/],
    ['a library', ascii('!<arch>\nfoo'), /static library/],
    ['a disk', patched(new Uint8Array(1024), 510, bytes([0x55, 0xaa])), /boot sector/],
    ['Linux for AArch64', patched(new Uint8Array(1024), 0x38, ascii('ARM\x64')), /AArch64/],
    ['an ELF file for AArch64', elf({ machine: 183 }), /ELF file for AArch64/],
    ['a big-endian ELF file', patched(plain, 5, bytes([2])), /big-endian/],
    ['a relocatable object', patched(plain, 16, u16(1)), /relocatable object\); link it/],
    ['a shared object', patched(plain, 16, u16(3)), /shared object\); link it with -static/],
    ['a damaged ELF file', plain.slice(0, 70), /truncated.*program headers/],
    ['a damaged bzImage', bzImage().slice(0, 1024), /linux64: .*truncated.*; linux32: .*truncated/],
    ['an ELF file with an entry point elsewhere', patched(plain, 24, u32(0)), /elf: .*entry point 0x0/],
    ['a note without sense', pvhElf(64, 0x90_0000), /pvh: .*entry point 0x900000/],
    [
      'a Multiboot kernel that needs a display',
      multiboot1Elf(32, 7),
      /^no boot protocol.*multiboot1: .*video mode/,
    ],
  ])('%s is refused with what is wrong', (_what, image, message) => {
    expect(() => choose(image)).toThrow(message);
    expect(() => choose(image)).toThrow(ImageError);
  });

  it('a refusal is one line, and carries what each protocol says', () => {
    try {
      choose(multiboot1Elf(32, 7));
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ImageError);
      const { message, data } = error as ImageError;
      expect(message).not.toContain('\n');
      expect(data.refusals).toMatchObject({
        linux64: 'this is not a bzImage',
        pvh: expect.stringContaining('no PVH note') as string,
        elf: undefined,
      });
    }
  });
});

describe('when told', () => {
  it('takes the protocol, when it can', () => {
    expect(choose(bzImage(), 'linux32').name).toBe('linux32');
    expect(choose(pvhElf(), 'linux-elf').name).toBe('linux-elf');
    expect(choose(multiboot1Elf(64), 'elf').name).toBe('elf');
  });

  it.each([
    ['pvh', plain, /cannot be booted with pvh: the ELF file has no PVH note/],
    ['linux64', plain, /cannot be booted with linux64: this is not a bzImage/],
    ['elf', bytes([0x1f, 0x8b], 10), /compressed with gzip/],
    ['elf', elf({ machine: 40 }), /32-bit ARM/],
  ] as const)('says why %s does not fit', (name, image, message) => {
    expect(() => choose(image, name)).toThrow(message);
    expect(() => choose(image, name)).toThrow(ImageError);
  });
});

function satisfiableOnlyByMultiboot1(): Uint8Array {
  const framebuffer = { type: 5, content: u32(0, 0, 32) };
  return elf({
    entry: 0x10_0000n,
    segments: [{ data: concat(multiboot2Header([framebuffer]), multiboot1Header(0), CODE) }],
  });
}

function peFile(): Uint8Array {
  const image = new Uint8Array(0x200);
  image.set(ascii('MZ'));
  image.set(u32(0x80), 0x3c);
  image.set(ascii('PE\0\0'), 0x80);
  return image;
}
