import { expect } from 'vitest';
import type { BootState, Segment } from '../../../../src/vmm/vcpu-state.js';
import type { GuestMemory } from '../../../../src/vmm/memory/guest-memory.js';

const CR0_PE = 1n;
const CR0_PG = 1n << 31n;
const CR4_PAE = 1n << 5n;
const LME = 1n << 8n;
const LMA = 1n << 10n;

/**
 * What hardware checks when it enters a guest: Intel SDM vol. 3, 27.3.1 (checks on the guest state area), AMD APM vol. 2,
 * 15.5.1 (consistency checks); and that the GDT in memory holds what is loaded.
 */
export function expectValid({ registers, system }: BootState, memory: GuestMemory): void {
  const isLong = (system.efer & LMA) !== 0n;
  expect(system.cr0 & CR0_PE).toBe(CR0_PE);
  expect((system.cr0 & CR0_PG) !== 0n, 'LMA follows PG').toBe(isLong);
  expect((system.efer & LME) !== 0n).toBe(isLong);
  if (isLong) expect(system.cr4 & CR4_PAE).toBe(CR4_PAE);
  expect(system.cr0 >> 32n).toBe(0n);

  const { cs, ds, es, fs, gs, ss, tr, ldt } = system;
  expect(cs.attributes & 0x1f, 'code, accessed').toBe(0x1b);
  expect(cs.attributes & 0x2000, 'L').toBe(isLong ? 0x2000 : 0);
  expect(cs.attributes & 0x4000, 'D').toBe(isLong ? 0 : 0x4000);
  for (const data of [ds, es, fs, gs, ss])
    expect(data.attributes & 0x1f, 'writable data, accessed').toBe(0x13);
  for (const segment of [cs, ds, es, fs, gs, ss]) {
    expect(segment).toMatchObject({ base: 0n, limit: 0xffff_ffff, unusable: false });
    expect(segment.attributes & 0x80e0, 'present, privilege level 0, granular').toBe(0x8080);
    expect(segment.attributes & 0x0f00).toBe(0);
    expect(descriptorAt(memory, system.gdt.base, segment.selector)).toEqual(hidden(segment));
  }
  // Busy TSS, S = 0, present, and G = 0 with a limit below 1 MiB.
  expect(tr).toMatchObject({ attributes: 0x8b, unusable: false, limit: 0x67 });
  expect(tr.selector & 4).toBe(0);
  expect(descriptorAt(memory, system.gdt.base, tr.selector)).toEqual(hidden(tr));
  expect(ldt.unusable).toBe(true);
  expect(system.gdt.limit).toBeGreaterThanOrEqual(tr.selector + (isLong ? 15 : 7));
  expect(registers.rflags, 'interrupts off').toBe(2n);
  expect(system.apicBase).toBe(0xfee0_0900n);
}

/** Translates a linear address through the page tables in memory, as the CPU does (Intel SDM vol. 3, 4.5). */
export function translate({ system }: BootState, memory: GuestMemory, address: number): number | undefined {
  let table = Number(system.cr3);
  for (const shift of [39, 30, 21]) {
    const index = Math.floor(address / 2 ** shift) % 512;
    const entry = memory.read64(table + index * 8);
    if ((entry & 3n) !== 3n) return undefined;
    const next = Number(entry & 0xf_ffff_ffff_f000n);
    if (entry & 0x80n) return next + (address % 2 ** shift);
    table = next;
  }
  return undefined;
}

function hidden({ base, limit, attributes }: Segment) {
  return { base, limit, attributes };
}

/** Intel SDM vol. 3, figure 3-8. */
function descriptorAt(memory: GuestMemory, gdt: bigint, selector: number) {
  const low = memory.read32(Number(gdt) + selector);
  const high = memory.read32(Number(gdt) + selector + 4);
  const limit = (low & 0xffff) + (high & 0xf_0000);
  return {
    base: BigInt(((low >>> 16) + ((high & 0xff) << 16) + (high & 0xff00_0000)) >>> 0),
    limit: high & 0x80_0000 ? limit * 4096 + 4095 : limit,
    attributes: (high >>> 8) & 0xf0ff,
  };
}
