import { describe, expect, it } from 'vitest';
import { ImageError } from '../../../../src/errors.js';
import { hasPvhNote, pvh } from '../../../../src/vmm/boot/pvh.js';
import type { BootRequest } from '../../../../src/vmm/boot/protocol.js';
import { GuestMemory } from '../../../../src/vmm/memory/guest-memory.js';
import { expectValid } from './cpu-state.js';
import { CODE, MIB, bytes, elf, module, note, patched, pvhElf, request, u16, u64 } from './images.js';
import { bytesAt, mapAt, mapOf, textAt } from './reading.js';

function boot(image: Uint8Array, rest: Partial<BootRequest> = {}, ram = 32 * MIB) {
  const memory = GuestMemory.allocate(ram);
  const state = pvh.load(request(image, rest), memory);
  expectValid(state, memory);
  return { memory, state, info: Number(state.registers.rbx) };
}

/** The module list of start_info, by the offsets of start_info.h. */
function modulesAt(memory: GuestMemory, info: number) {
  const list = Number(memory.read64(info + 16));
  return Array.from({ length: memory.read32(info + 12) }, (_, i) => {
    const [gpa, size, text] = [0, 8, 16].map(offset => Number(memory.read64(list + i * 32 + offset)));
    return { gpa, size, text: textAt(memory, text) };
  });
}

describe('PVH', () => {
  it.each([
    ['ELF64, 8-byte note', pvhElf(64, 0x10_0010, 8)],
    ['ELF64, 4-byte note', pvhElf(64, 0x10_0010, 4)],
    ['ELF32', pvhElf(32)],
    ['a position-independent file', patched(pvhElf(), 16, u16(3))],
  ])('enters in 32-bit mode at the address in the note: %s', (_what, image) => {
    const { memory, state } = boot(image);
    expect(state.registers.rip).toBe(0x10_0010n);
    expect(state.system).toMatchObject({ cr0: 0x11n, cr4: 0n, efer: 0n });
    expect(state.system.tr).toMatchObject({ base: 0n, limit: 0x67 });
    expect(bytesAt(memory, 0x10_0000, CODE.length)).toEqual(Array.from(CODE));
  });

  it('gives start_info of version 1', () => {
    const { memory, info } = boot(pvhElf(), { commandLine: '--verbose /app', rsdp: 0xe_0000 });
    expect(memory.read32(info)).toBe(0x336e_c578);
    expect(memory.read32(info + 4)).toBe(1);
    expect(memory.read32(info + 8)).toBe(0);
    expect(memory.read32(info + 12)).toBe(0);
    expect(textAt(memory, Number(memory.read64(info + 24)))).toBe('--verbose /app');
    expect(memory.read64(info + 32)).toBe(0xe_0000n);
    const map = Number(memory.read64(info + 40));
    expect(mapAt(memory, map, memory.read32(info + 48), 24)).toEqual(mapOf(32 * MIB));
  });

  it('gives the initrd as the first module', () => {
    const { memory, info } = boot(pvhElf(), {
      initrd: module('initrd', 5000),
      modules: [module('first', bytes([1, 2, 3]), 'a b'), module('empty', 0)],
    });
    const modules = modulesAt(memory, info);
    expect(modules.map(({ size, text }) => [size, text])).toEqual([
      [5000, 'initrd'],
      [3, 'first a b'],
      [0, 'empty'],
    ]);
    expect(bytesAt(memory, modules[0].gpa, 5000).every(byte => byte === 0x5a)).toBe(true);
    expect(bytesAt(memory, modules[1].gpa, 3)).toEqual([1, 2, 3]);
    expect(modules.every(({ gpa }) => gpa % 4096 === 0)).toBe(true);
  });

  it('keeps to itself below 2 MiB, and away from where OSv copies the information', () => {
    const { memory, info } = boot(pvhElf(), { commandLine: 'x'.repeat(10_000) });
    for (const offset of [24, 40]) {
      expect(Number(memory.read64(info + offset))).toBeLessThan(2 * MIB);
    }
    expect(info).toBeLessThan(2 * MIB);
    expect(bytesAt(memory, 0, 0x3000).every(byte => byte === 0)).toBe(true);
  });

  it.each([
    ['no note', elf({ segments: [{ data: CODE }] }), /no PVH note/],
    ['an entry point in no segment', pvhElf(64, 0x50_0000), /entry point 0x500000 lies in none/],
    [
      'a note of 2 bytes',
      elf({ segments: [{ data: CODE }, { type: 4, data: note('Xen', 18, bytes([1, 2])) }] }),
      /has 2 bytes, not 4 or 8/,
    ],
    [
      'an entry point above 4 GiB',
      elf({
        segments: [
          { data: CODE, paddr: 2 ** 32 },
          { type: 4, data: note('Xen', 18, u64(2 ** 32)) },
        ],
      }),
      /beyond the first 4 GiB/,
    ],
    ['a relocatable object', patched(pvhElf(), 16, u16(1)), /relocatable object/],
    ['an executable for AArch64', patched(pvhElf(), 18, u16(183)), /AArch64/],
    ['a truncated file', pvhElf().slice(0, 200), /truncated/],
  ])('refuses %s', (_what, image, message) => {
    expect(pvh.refuse(image)).toMatch(message);
    expect(() => boot(image)).toThrow(ImageError);
  });

  it('refuses a kernel that does not fit into RAM', () => {
    const large = elf({
      segments: [
        { data: CODE, memorySize: 64 * MIB },
        { type: 4, data: note('Xen', 18, u64(0x10_0000)) },
      ],
    });
    expect(pvh.refuse(large)).toBeUndefined();
    expect(() => boot(large)).toThrow(/goes to 0x100000–0x40fffff.*no RAM.*32 MiB/);
  });

  it('recognizes its note even where it cannot use it', () => {
    expect(hasPvhNote(pvhElf(64, 0x50_0000))).toBe(true);
    expect(hasPvhNote(elf())).toBe(false);
    expect(hasPvhNote(bytes([1, 2, 3]))).toBe(false);
  });
});
