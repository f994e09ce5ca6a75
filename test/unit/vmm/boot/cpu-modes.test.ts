import { describe, expect, it } from 'vitest';
import { BootLayout } from '../../../../src/vmm/boot/boot-layout.js';
import { descriptor, flat32, long64 } from '../../../../src/vmm/boot/cpu-modes.js';
import { GuestMemory } from '../../../../src/vmm/memory/guest-memory.js';
import { expectValid, translate } from './cpu-state.js';
import { MIB } from './images.js';

describe('flat 32-bit protected mode', () => {
  const memory = GuestMemory.allocate(4 * MIB);
  const state = flat32(new BootLayout(memory), 0x10_0000, { rbx: 5n });

  it('can be entered', () => expectValid(state, memory));

  it('has paging off and nothing else on', () => {
    expect(state.system).toMatchObject({ cr0: 0x11n, cr3: 0n, cr4: 0n, efer: 0n });
    expect(state.registers).toMatchObject({ rip: 0x10_0000n, rbx: 5n, rax: 0n, rsp: 0n });
  });
});

describe('long mode', () => {
  const memory = GuestMemory.allocate(4 * MIB);
  const state = long64(new BootLayout(memory), 0x20_0000, { rsi: 7n }, { cr4: 0x200n });

  it('can be entered', () => expectValid(state, memory));

  it('has paging on', () => {
    expect(state.system).toMatchObject({ cr0: 0x8000_0011n, cr4: 0x220n, efer: 0x500n });
    expect(state.registers).toMatchObject({ rip: 0x20_0000n, rsi: 7n });
  });

  it('maps the first 4 GiB to themselves and nothing behind', () => {
    for (const address of [0, 0x1234, 2 * MIB, 0x7fff_ffff, 0x8000_0000, 0xfee0_0020, 0xffff_ffff]) {
      expect(translate(state, memory, address)).toBe(address);
    }
    expect(translate(state, memory, 0x1_0000_0000)).toBeUndefined();
    expect(translate(state, memory, 2 ** 39)).toBeUndefined();
  });

  it('has a stack of its own, away from tables', () => {
    const rsp = Number(state.registers.rsp);
    expect(rsp % 16).toBe(0);
    expect(memory.bytes(rsp - 4096, 4096).every(byte => byte === 0)).toBe(true);
  });
});

describe('a descriptor', () => {
  // Intel SDM vol. 3, figure 3-8: the classic flat segments, as every kernel writes them.
  it.each([
    ['flat code', { base: 0n, limit: 0xffff_ffff, attributes: 0xc09b }, 0x00cf_9b00_0000_ffffn],
    ['64-bit code', { base: 0n, limit: 0xffff_ffff, attributes: 0xa09b }, 0x00af_9b00_0000_ffffn],
    ['a TSS with a base', { base: 0x1234_5678n, limit: 0x67, attributes: 0x8b }, 0x1200_8b34_5678_0067n],
  ])('of %s', (_what, segment, expected) => {
    expect(descriptor({ ...segment, selector: 8, unusable: false })).toBe(expected);
  });
});
