import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, ImageError } from '../../../../src/errors.js';
import { PROTOCOLS, choose } from '../../../../src/vmm/boot/index.js';
import { formatDescription, inspectImage } from '../../../../src/vmm/boot/inspect.js';
import type { BootRequest } from '../../../../src/vmm/boot/protocol.js';
import { Symbols } from '../../../../src/vmm/boot/symbols.js';
import { GuestMemory } from '../../../../src/vmm/memory/guest-memory.js';
import type { BootState } from '../../../../src/vmm/vcpu-state.js';
import {
  CODE,
  MIB,
  bytes,
  bzImage,
  concat,
  elf,
  module,
  multiboot1Elf,
  multiboot1Flat,
  multiboot2Elf,
  multiboot2Flat,
  patched,
  pvhElf,
  request,
  u16,
  u32,
  u64,
} from './images.js';

const memory = GuestMemory.allocate(20 * MIB);

const VALID: Readonly<Record<string, Uint8Array>> = {
  bzImage: bzImage({ payload: bytes([0x1f, 0x8b], 64) }),
  'fixed bzImage': bzImage({ relocatable: 0, preferredAddress: 0x10_0000, extendedLoadFlags: 0 }),
  'PVH, ELF64': pvhElf(64, 0x10_0010, 8),
  'PVH, ELF32': pvhElf(32),
  'Multiboot 1, ELF': multiboot1Elf(),
  'Multiboot 1, flat': multiboot1Flat(),
  'Multiboot 2, ELF64': multiboot2Elf([{ type: 1, content: u32(1, 6) }, { type: 6 }]),
  'Multiboot 2, ELF32': multiboot2Elf([], 32),
  'Multiboot 2, flat': multiboot2Flat([{ type: 10, content: u32(0x10_0000, 0xff_ffff, 0x1000, 1) }]),
  'plain ELF': elf({ segments: [{ data: CODE, memorySize: 0x1000 }] }),
};

/** Does all that can be done with a file. What goes wrong must be told as one line about the file. */
function useEverywhere(image: Uint8Array): void {
  const bare = request(image);
  const full = request(image, {
    commandLine: 'a b=c',
    initrd: module('initrd', 100),
    modules: [module('module', 10)],
    rsdp: 0xe_0000,
  });
  for (const protocol of PROTOCOLS) {
    const refusal = protocol.refuse(image);
    const outcomes = [bare, full].map(each => outcomeOf(() => checked(protocol.load(each, memory), each)));
    if (refusal !== undefined) {
      expect(refusal).not.toMatch(/\n/);
      // Whatever it says before, it cannot load: the request's own errors may come first.
      expect(outcomes.every(outcome => outcome !== undefined)).toBe(true);
    }
  }
  outcomeOf(() => choose(image));
  outcomeOf(() => Symbols.fromElf(image).lookup(0x10_0000));
  expect(formatDescription(inspectImage(image))).toMatch(/Boot protocols/);
}

function checked({ registers, system }: BootState, { image }: BootRequest): void {
  expect(registers.rip, 'the entry point lies in RAM').toBeLessThan(BigInt(memory.size));
  expect(system.gdt.base).toBeLessThan(BigInt(2 * MIB));
  expect(image.length).toBeGreaterThan(0);
}

/** The message of an error that is meant for people; any other error fails the test. */
function outcomeOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (!(error instanceof ImageError || error instanceof ConfigError)) throw error;
    expect(error.message).not.toMatch(/\n|undefined|NaN|\[object/);
    return error.message;
  }
}

describe('valid images', () => {
  it.each(Object.entries(VALID))('%s: something boots it', (_name, image) => {
    const protocol = choose(image);
    expect(() => protocol.load(request(image), memory)).not.toThrow();
    useEverywhere(image);
  });
});

const P = 64; // The first program header of an ELF64 file; fields at 0, 4, 8, 16, 24, 32, 40, 48.
const ALL_ONES = u64(2n ** 64n - 1n);
const plain = VALID['plain ELF'];
const pvh = VALID['PVH, ELF64'];
const symbols = VALID['Multiboot 2, ELF64'];
const sectionHeaders = Number(new DataView(symbols.buffer).getBigUint64(40, true));
const section = (index: number, field: number, value: Uint8Array) =>
  patched(symbols, sectionHeaders + index * 64 + field, value);
const many = (count: number, header: Uint8Array) =>
  patched(
    concat(plain.slice(0, P), bytes(Array.from({ length: count }, () => Array.from(header)).flat())),
    56,
    u16(count),
  );

/** Images that are broken on purpose, one place each. */
const BROKEN: readonly (readonly [string, Uint8Array])[] = [
  ['nothing', new Uint8Array(0)],
  ['one byte', bytes([0x7f])],
  ['magic alone', bytes([0x7f, 0x45, 0x4c, 0x46])],
  ['an identification alone', plain.slice(0, 16)],
  ['half a header', plain.slice(0, 40)],
  ['a header alone', plain.slice(0, 64)],
  ['half a program header', plain.slice(0, 90)],
  ['zeroes', new Uint8Array(100_000)],
  ['ones', new Uint8Array(100_000).fill(0xff)],
  ['program headers at 2^64−1', patched(plain, 32, ALL_ONES)],
  ['program headers at 2^63', patched(plain, 32, u64(2n ** 63n))],
  ['program headers of size 0', patched(plain, 54, u16(0))],
  ['65534 program headers', patched(plain, 56, u16(0xfffe))],
  ['65535 program headers', patched(plain, 56, u16(0xffff))],
  ['section headers at 2^64−1', patched(plain, 40, ALL_ONES)],
  ['section headers at 1', patched(plain, 40, u64(1))],
  ['65535 sections', patched(symbols, 60, u16(0xffff))],
  ['section names at 65535', patched(symbols, 62, u16(0xffff))],
  ['section headers of size 0', patched(symbols, 58, u16(0))],
  ['a segment at file offset 2^64−1', patched(plain, P + 8, ALL_ONES)],
  ['a segment at file offset 2^53', patched(plain, P + 8, u64(2n ** 53n))],
  ['a segment at physical 2^64−1', patched(plain, P + 24, ALL_ONES)],
  [
    'a segment at physical 2^64−1 that is empty in the file',
    patched(patched(plain, P + 24, ALL_ONES), P + 32, u64(0)),
  ],
  ['one byte at physical 2^63', patched(patched(plain, P + 24, u64(2n ** 63n, 1, 1)), P + 40, u64(1))],
  ['a segment of 2^64−1 bytes in the file', patched(plain, P + 32, ALL_ONES)],
  ['a segment of 2^64−1 bytes in memory', patched(plain, P + 40, ALL_ONES)],
  ['a segment of 2^63 bytes in file and memory', patched(plain, P + 32, u64(2n ** 63n, 2n ** 63n))],
  ['a segment without memory', patched(plain, P + 32, u64(0, 0))],
  ['a segment over the firmware', patched(plain, P + 24, u64(0x9_f000))],
  ['a segment that takes all of RAM', patched(patched(plain, P + 24, u64(0)), P + 40, u64(memory.size))],
  ['a segment that takes all of low memory', lowMemoryHog()],
  ['60000 empty segments', many(60_000, u32(1, 0))],
  ['1100 segments with the same bytes', many(1100, plain.slice(P, P + 56))],
  ['60000 note segments', many(60_000, concat(u32(4, 4), u64(0, 0, 0, 60_000, 60_000, 4)))],
  ['an entry point of 2^64−1', patched(plain, 24, ALL_ONES)],
  ['an entry point of 0', patched(plain, 24, u64(0))],
  ['a note with a name of 2^32−1 bytes', patchedNote(0, u32(0xffff_ffff))],
  ['a note with a descriptor of 2^32−1 bytes', patchedNote(4, u32(0xffff_ffff))],
  ['a note segment at 2^64−1', patched(pvh, P + 56 + 8, ALL_ONES)],
  ['a note segment of 2^64−1 bytes', patched(pvh, P + 56 + 32, ALL_ONES)],
  ['a note segment of 5 bytes', patched(pvh, P + 56 + 32, u64(5))],
  ['a PVH entry of 2^64−1', patchedDescriptor(ALL_ONES)],
  ['a symbol table at 2^64−1', section(2, 24, ALL_ONES)],
  ['a symbol table of 2^64−1 bytes', section(2, 32, ALL_ONES)],
  ['a symbol table without names', section(2, 40, u32(0xffff))],
  ['a symbol table that is its own names', section(2, 40, u32(2))],
  ['a string table of 2^64−1 bytes', section(3, 32, ALL_ONES)],
  ['section names at 2^64−1', section(4, 24, ALL_ONES)],
  ['a name beyond the names', section(1, 0, u32(0xffff_ffff))],
  ['a boot sector', patched(new Uint8Array(512), 510, u16(0xaa55))],
  ['a bzImage without code', VALID.bzImage.slice(0, 1024)],
  ['a bzImage cut off in the header', VALID.bzImage.slice(0, 0x208)],
  ['a bzImage of 255 setup sectors', patched(VALID.bzImage, 0x1f1, bytes([255]))],
  ['a bzImage of 64 GiB', patched(VALID.bzImage, 0x1f4, u32(0xffff_ffff))],
  ['a bzImage for 2^64−1', patched(VALID.bzImage, 0x258, ALL_ONES)],
  ['a bzImage that needs 4 GiB', patched(VALID.bzImage, 0x260, u32(0xffff_ffff))],
  ['a bzImage aligned to 0', patched(VALID.bzImage, 0x230, u32(0))],
  ['a bzImage aligned to 2 GiB', patched(VALID.bzImage, 0x230, u32(0x8000_0000))],
  ['a bzImage with its payload elsewhere', patched(VALID.bzImage, 0x248, u32(0xffff_ffff, 0xffff_ffff))],
  ['a bzImage without room for an initrd', patched(VALID.bzImage, 0x22c, u32(0))],
  ['a bzImage with its version elsewhere', patched(VALID.bzImage, 0x20e, u16(0xffff))],
  ['a bzImage with subarchitecture data of 2^64−1', patched(VALID.bzImage, 0x240, ALL_ONES)],
  ['a bzImage with setup_data at 2^64−1', patched(VALID.bzImage, 0x250, ALL_ONES)],
  ['an old bzImage with 2^64−1 behind its fields', oldBzImage()],
  ['a bzImage of protocol 255.255', patched(VALID.bzImage, 0x206, u16(0xffff))],
  ['a Multiboot header that is cut off', VALID['Multiboot 1, flat'].slice(0, 40)],
  ['a Multiboot bss of 4 GiB', multiboot1Flat({ bssEnd: 0xffff_ffff })],
  ['a Multiboot load address of 0', multiboot1Flat({ load: 0 })],
  ['a Multiboot header at 0', multiboot1Flat({ header: 0, load: 0 })],
  ['a Multiboot load end of 1', multiboot1Flat({ loadEnd: 1 })],
  ['Multiboot 2 addresses of 0', multiboot2Addresses(0, 0xffff_ffff, 0, 0)],
  [
    'Multiboot 2 addresses of 2^32−1',
    multiboot2Addresses(0xffff_ffff, 0xffff_fffe, 0xffff_ffff, 0xffff_ffff),
  ],
  ['Multiboot 2 relocation to nowhere', multiboot2Flat([{ type: 10, content: u32(0xffff_ffff, 0, 0, 2) }])],
  [
    'Multiboot 2 aligned to 2^32−1',
    multiboot2Flat([{ type: 10, content: u32(0, 0xffff_ffff, 0xffff_ffff, 1) }]),
  ],
  ['a thousand Multiboot 2 tags', multiboot2Flat(Array.from({ length: 1000 }, () => ({ type: 6 })))],
];

describe('broken images', () => {
  it('are many', () => expect(BROKEN.length).toBeGreaterThanOrEqual(40));

  it.each(BROKEN)('%s', (_name, image) => useEverywhere(image));
});

/** One change to a file, at a place that is more often in the headers than not. */
const mutation = fc.oneof(
  fc.record({ at: fc.nat(700), value: fc.integer({ min: 0, max: 255 }).map(value => bytes([value])) }),
  fc.record({ at: fc.nat(175).map(n => n * 4), value: interesting32() }),
  fc.record({ at: fc.nat(87).map(n => n * 8), value: interesting64() }),
  fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), value: interesting32() }),
);

function interesting32() {
  return fc
    .oneof(
      fc.constantFrom(0, 1, 2, 4, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_ffff),
      fc.nat(0xffff_ffff),
    )
    .map(value => u32(value));
}

function interesting64() {
  return fc
    .oneof(
      fc.constantFrom(0n, 1n, 0x10_0000n, 2n ** 32n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    )
    .map(value => u64(value));
}

describe('mutations of valid images', () => {
  it.each(Object.entries(VALID))('%s: only errors that are meant for people', (_name, image) => {
    fc.assert(
      fc.property(
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        fc.option(fc.nat(image.length), { freq: 5 }),
        (mutations, length) => {
          const mutant = image.slice();
          for (const { at, value } of mutations) {
            const offset = at <= 1 && !Number.isInteger(at) ? Math.floor(at * image.length) : at;
            mutant.set(value.subarray(0, Math.max(image.length - offset, 0)), Math.min(offset, image.length));
          }
          useEverywhere(mutant.slice(0, length ?? image.length));
        },
      ),
      { numRuns: 250 },
    );
  });

  it('random bytes behind each magic number', () => {
    const magic = fc.constantFrom(
      bytes([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]),
      bytes([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]),
      u32(0x1bad_b002, 0, -0x1bad_b002),
      u32(0xe852_50d6, 0, 64, -(0xe852_50d6 + 64)),
    );
    fc.assert(
      fc.property(magic, fc.uint8Array({ maxLength: 600 }), (start, rest) =>
        useEverywhere(concat(start, rest)),
      ),
      { numRuns: 300 },
    );
  });
});

/** Protocol 2.05 with a jump that makes the later fields a part of what is copied. */
function oldBzImage(): Uint8Array {
  return patched(bzImage({ version: 0x205 }), 0x258, ALL_ONES);
}

function lowMemoryHog(): Uint8Array {
  const all = { data: CODE, paddr: 0x1000, memorySize: 0x9_fc00 - 0x1000 };
  return elf({ entry: 0x1000n, segments: [all, { paddr: 0x10_0000, memorySize: 0x10_0000 }] });
}

/** Where the notes of the PVH kernel start. */
function notesOffset(): number {
  return Number(new DataView(pvh.buffer).getBigUint64(P + 56 + 8, true));
}

function patchedNote(field: number, value: Uint8Array): Uint8Array {
  return patched(pvh, notesOffset() + field, value);
}

function patchedDescriptor(value: Uint8Array): Uint8Array {
  // Behind "Xen" 6 (12 + 4 + 8) and "GNU" 3 (12 + 4 + 20), then this one's header and name.
  return patched(pvh, notesOffset() + 24 + 36 + 16, value);
}

function multiboot2Addresses(...fields: readonly number[]): Uint8Array {
  return patched(VALID['Multiboot 2, flat'], 24, u32(...fields));
}
