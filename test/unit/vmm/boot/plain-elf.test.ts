import { describe, expect, it } from 'vitest';
import { ConfigError, ImageError } from '../../../../src/errors.js';
import { plainElf } from '../../../../src/vmm/boot/plain-elf.js';
import type { BootRequest } from '../../../../src/vmm/boot/protocol.js';
import { GuestMemory } from '../../../../src/vmm/memory/guest-memory.js';
import { GENERAL_REGISTERS } from '../../../../src/vmm/vcpu-state.js';
import { expectValid, translate } from './cpu-state.js';
import { CODE, MIB, elf, module, patched, request, u16, type ElfSource } from './images.js';
import { bytesAt } from './reading.js';

function boot(source: ElfSource, rest: Partial<BootRequest> = {}, memory = GuestMemory.allocate(8 * MIB)) {
  const state = plainElf.load(request(elf({ segments: [{ data: CODE }], ...source }), rest), memory);
  expectValid(state, memory);
  return { memory, state };
}

describe('a plain ELF file', () => {
  it.each([
    ['ELF64', { class: 64, machine: 62 }, { cr0: 0x8000_0033n, cr4: 0x620n, efer: 0x500n }],
    ['ELF32', { class: 32, machine: 3 }, { cr0: 0x33n, cr4: 0x600n, efer: 0n, cr3: 0n }],
    ['ELF32 for x32', { class: 32, machine: 62 }, { cr0: 0x33n, cr4: 0x600n, efer: 0n, cr3: 0n }],
  ] as const)('%s is entered in its mode, with a stack and all else zero', (_class, source, system) => {
    const { memory, state } = boot(source);
    expect(state.system).toMatchObject(system);
    const { rip, rsp, rflags, ...others } = state.registers;
    expect({ rip, rflags }).toEqual({ rip: 0x10_0000n, rflags: 2n });
    expect(Object.values(others)).toEqual(Array(GENERAL_REGISTERS.length - 3).fill(0n));
    expect(rsp % 16n).toBe(0n);
    expect(memory.contains(Number(rsp) - 4096, 4096)).toBe(true);
    expect(bytesAt(memory, 0x10_0000, CODE.length)).toEqual(Array.from(CODE));
    if (source.class === 64) expect(translate(state, memory, 0x10_0000)).toBe(0x10_0000);
  });

  it('is loaded by its physical addresses and entered at that of its entry point', () => {
    const segments = [{ data: CODE, paddr: 0x20_0000, vaddr: 0xffff_8000_0020_0000n }];
    const { memory, state } = boot({ entry: 0xffff_8000_0020_0004n, segments });
    expect(state.registers.rip).toBe(0x20_0004n);
    expect(bytesAt(memory, 0x20_0000, 4)).toEqual(Array.from(CODE.subarray(0, 4)));
  });

  it('may have segments above 4 GiB', () => {
    const memory = GuestMemory.allocate(3 * 1024 * MIB + 2 * MIB);
    const segments = [{ data: CODE }, { data: CODE, paddr: 2 ** 32 }];
    boot({ segments }, {}, memory);
    expect(bytesAt(memory, 2 ** 32, CODE.length)).toEqual(Array.from(CODE));
  });

  it.each([
    ['a command line', { commandLine: 'x' }],
    ['an initrd', { initrd: module('initrd', 1) }],
    ['modules', { modules: [module('m', 1)] }],
  ])('cannot be given %s', (what, rest) => {
    expect(() => boot({}, rest)).toThrow(what);
    expect(() => boot({}, rest)).toThrow(ConfigError);
  });

  it.each<[string, ElfSource, RegExp]>([
    ['a relocatable object', { type: 1 }, /relocatable object\); link it/],
    ['a shared object', { type: 3 }, /shared object\); link it with -static and -no-pie/],
    ['a core dump', { type: 4 }, /core dump\)$/],
    ['a type that nobody knows', { type: 0xfe00 }, /type 0xfe00/],
    ['no segments', { segments: [] }, /no segments/],
    ['an entry point elsewhere', { entry: 0n }, /entry point 0x0 lies in none/],
    [
      'more in the file than in memory',
      { segments: [{ data: CODE, memorySize: 8 }] },
      /more bytes in the file/,
    ],
  ])('is refused when it is or has %s', (_what, source, message) => {
    const image = elf({ segments: [{ data: CODE }], ...source });
    expect(plainElf.refuse(image)).toMatch(message);
    expect(() => plainElf.load(request(image), GuestMemory.allocate(8 * MIB))).toThrow(ImageError);
  });

  it.each<[string, ElfSource, RegExp]>([
    [
      'segments that overlap',
      { segments: [{ data: CODE }, { data: CODE, paddr: 0x10_0010 }] },
      /overlap in memory/,
    ],
    [
      'a segment in the firmware',
      { segments: [{ data: CODE }, { data: CODE, paddr: 0xe_0000 }] },
      /firmware/,
    ],
    ['a segment in the hole', { segments: [{ data: CODE }, { data: CODE, paddr: 0xc000_0000 }] }, /no RAM/],
    ['a segment at the end', { segments: [{ data: CODE }, { data: CODE, paddr: 2 ** 53 }] }, /no RAM/],
    ['a bss beyond RAM', { segments: [{ data: CODE, memorySize: 2 ** 40 }] }, /no RAM.*it has 8 MiB/],
  ])('cannot be loaded with %s', (_what, source, message) => {
    expect(() => boot(source)).toThrow(message);
    expect(() => boot(source)).toThrow(ImageError);
  });

  it('cannot be loaded when a segment is cut off', () => {
    const image = elf({ segments: [{ data: CODE }] });
    const cut = image.slice(0, image.length - 1);
    expect(() => plainElf.load(request(cut), GuestMemory.allocate(8 * MIB))).toThrow(/truncated.*a segment/);
    expect(plainElf.refuse(patched(image, 18, u16(40)))).toMatch(/32-bit ARM/);
  });
});
