import { describe, expect, it } from 'vitest';
import { formatDescription, inspectImage } from '../../../../src/vmm/boot/inspect.js';
import {
  CODE,
  ascii,
  bytes,
  bzImage,
  concat,
  elf,
  multiboot1Elf,
  multiboot2Elf,
  note,
  pvhElf,
  u32,
} from './images.js';

describe('the description of an image', () => {
  it('has the facts of an ELF file', () => {
    const description = inspectImage(pvhElf());
    expect(description).toMatchObject({ format: 'ELF', chosen: 'pvh', problems: [] });
    expect(description.elf).toEqual({
      class: 64,
      machine: 'x86-64',
      type: 'executable',
      entry: 0x10_0000n,
      segments: [
        {
          type: 'LOAD',
          permissions: 'RWE',
          offset: 176,
          virtualAddress: 0x4010_0000n,
          physicalAddress: 0x10_0000,
          fileSize: 64,
          memorySize: 0x2000,
        },
        expect.objectContaining({ type: 'NOTE', physicalAddress: 0 }),
      ],
      notes: [
        { owner: 'Xen', type: 6, name: 'GUEST_OS', size: 5 },
        { owner: 'GNU', type: 3, name: 'BUILD_ID', size: 20 },
        { owner: 'Xen', type: 18, name: 'PHYS32_ENTRY', size: 4 },
      ],
      sections: 0,
    });
  });

  it('has the facts of a bzImage, and what is inside', () => {
    const payload = bytes([0x02, 0x21, 0x4c, 0x18], 64);
    expect(inspectImage(bzImage({ payload }))).toMatchObject({
      format: 'bzImage',
      chosen: 'linux64',
      bzImage: {
        protocol: '2.15',
        kernelVersion: '6.1.0-test (somebody) #1 SMP',
        loadFlags: 1,
        extendedLoadFlags: 1,
        loadAddress: 0x100_0000,
        relocatable: true,
        initSize: 0x2000,
        commandLineSize: 255,
        payload: { offset: 1024 + 0x300, size: 64, compression: 'lz4' },
      },
    });
    expect(inspectImage(bzImage()).bzImage).not.toHaveProperty('payload');
  });

  it.each([
    [elf(), 'none (ELF)'],
    [bytes([0x1f, 0x8b], 64), 'gzip'],
    [bytes([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], 64), 'xz'],
    [bytes([0x28, 0xb5, 0x2f, 0xfd], 64), 'zstd'],
    [bytes([0x5d, 0, 0], 64), 'lzma'],
    [bytes([0x89, 0x4c, 0x5a, 0x4f], 64), 'lzop'],
    [ascii('BZh9'), 'bzip2'],
    [bytes([1, 2, 3, 4], 64), 'unknown'],
  ])('knows the compression of what is inside', (payload, compression) => {
    expect(inspectImage(bzImage({ payload })).bzImage?.payload).toMatchObject({ compression });
  });

  it('has the Multiboot headers', () => {
    expect(inspectImage(multiboot1Elf()).multiboot1).toEqual({ offset: 88, flags: 3 });
    expect(inspectImage(multiboot2Elf([{ type: 6 }])).multiboot2).toEqual({ offset: 240, tags: [6] });
  });

  it('says of each protocol whether it fits', () => {
    const { protocols } = inspectImage(multiboot1Elf(64));
    const fits = protocols.filter(({ refusal }) => refusal === undefined).map(({ name }) => name);
    expect(fits).toEqual(['multiboot1', 'linux-elf', 'elf']);
    expect(protocols.every(({ title }) => title.length > 0)).toBe(true);
  });

  it('says what is damaged and goes on', () => {
    const image = elf({ segments: [{ data: CODE }, { type: 4, data: u32(4, 99, 1) }] });
    const description = inspectImage(image);
    expect(description.elf).toMatchObject({ notes: [], segments: [{ type: 'LOAD' }, { type: 'NOTE' }] });
    expect(description.problems).toEqual([expect.stringMatching(/truncated.*a note's descriptor/)]);
    expect(description.chosen).toBe('elf');
  });

  it('says why a file cannot be booted, once', () => {
    const description = inspectImage(bytes([0x1f, 0x8b], 64));
    expect(description).toMatchObject({
      format: 'gzip',
      problems: [],
      refusal: expect.stringMatching(/gzip -dc/) as string,
    });
    expect(description.chosen).toBeUndefined();
  });

  it('is plain data', () => {
    for (const image of [pvhElf(), bzImage(), multiboot2Elf(), new Uint8Array(0)]) {
      const description = inspectImage(image);
      expect(structuredClone(description)).toEqual(description);
    }
  });
});

describe('the description as text', () => {
  it('of an ELF file', () => {
    expect(formatDescription(inspectImage(multiboot2Elf()))).toMatchInlineSnapshot(`
      "ELF, 744 bytes
      ELF64 executable for x86-64, entry 0x200000, 5 sections
      Segments:
        LOAD           RWE  physical 0x200000  virtual 0x200000  file 0x40 at 0xb0  memory 0x1000
        LOAD           RWE  physical 0x201000  virtual 0x201000  file 0x18 at 0xf0  memory 0x18
      Multiboot 2 header at 0xf0, tags none

      Boot protocols (* is taken, + can be asked for):
         linux64    this is not a bzImage
         linux32    this is not a bzImage
         pvh        the ELF file has no PVH note (owner Xen, type 18)
       * multiboot2 Multiboot 2
         multiboot1 the file has no Multiboot header in its first 8 KiB
       + linux-elf  Linux 64-bit boot protocol (ELF)
       + elf        plain ELF (no boot information)
      "
    `);
  });

  it('of a bzImage', () => {
    const payload = bytes([0x1f, 0x8b], 64);
    expect(formatDescription(inspectImage(bzImage({ payload })))).toMatchInlineSnapshot(`
      "bzImage, 1856 bytes
      Linux 6.1.0-test (somebody) #1 SMP
      boot protocol 2.15, loadflags 0x1, xloadflags 0x1
      loads at 0x1000000 or above, needs 0x2000 bytes there, command line up to 255 bytes
      kernel inside: 64 bytes at 0x700, compression gzip

      Boot protocols (* is taken, + can be asked for):
       * linux64    Linux 64-bit boot protocol (bzImage)
       + linux32    Linux 32-bit boot protocol (bzImage)
         pvh        this is not an ELF file
         multiboot2 the file has no Multiboot2 header in its first 32 KiB
         multiboot1 the file has no Multiboot header in its first 8 KiB
         linux-elf  this is not an ELF file
         elf        this is not an ELF file
      "
    `);
  });

  it('of something else', () => {
    expect(formatDescription(inspectImage(ascii('#!/bin/sh\n')))).toMatchInlineSnapshot(`
      "script, 10 bytes

      Boot protocols (* is taken, + can be asked for):
         linux64    this is not a bzImage
         linux32    this is not a bzImage
         pvh        this is not an ELF file
         multiboot2 the file has no Multiboot2 header in its first 32 KiB
         multiboot1 the file has no Multiboot header in its first 8 KiB
         linux-elf  this is not an ELF file
         elf        this is not an ELF file

      It cannot be booted: this is a script, not a kernel
      "
    `);
  });

  it('never passes control characters on to a terminal', () => {
    const notes = concat(note('\x1b[31mred', 1, bytes([])), note('Linux', 0x101, u32(0)));
    const text = formatDescription(
      inspectImage(elf({ segments: [{ data: CODE }, { type: 4, data: notes }] })),
    );
    expect(text).toContain('?[31mred');
    expect(text).not.toContain('\x1b');
  });
});
