import { describe, expect, it } from 'vitest';
import { cpuid } from '../../../src/cpu/cpuid.js';

const context = { apicId: 1, cpus: 4, osxsave: false, apic: true, ospke: false, xcr0: 1 };
const text = (words: readonly number[]): string =>
  Buffer.from(Uint32Array.from(words).buffer).toString('latin1');

describe('cpuid', () => {
  it('has all of x86-64-v2 and says nothing of AVX', () => {
    const [, , ecx] = cpuid(1, 0, context);
    // SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT.
    for (const bit of [0, 9, 13, 19, 20, 23]) expect((ecx >>> bit) & 1).toBe(1);
    expect((ecx >>> 28) & 1).toBe(0);
    expect(cpuid(7, 0, context)[1] & (1 << 5)).toBe(0);
    const [, , extendedEcx] = cpuid(0x8000_0001, 0, context);
    expect(extendedEcx & 1).toBe(1);
  });

  it('names its vendor, brand and hypervisor interface', () => {
    const [, ebx, ecx, edx] = cpuid(0, 0, context);
    expect(text([ebx, edx, ecx])).toBe('AuthenticAMD');
    expect(text(cpuid(0x4000_0000, 0, context).slice(1))).toBe('KVMKVMKVM\0\0\0');
    expect(text(cpuid(0x8000_0002, 0, context))).toMatch(/^tsvmm/);
  });

  it('gives each vCPU its APIC ID and the number of all', () => {
    expect(cpuid(1, 0, context)[1] >>> 16).toBe((1 << 8) | 4);
    expect(cpuid(0xb, 1, context)).toEqual([2, 4, 0x201, 1]);
  });

  it('mirrors CR4.OSXSAVE, CR4.PKE and the APIC being enabled', () => {
    const on = { ...context, osxsave: true, ospke: true };
    expect((cpuid(1, 0, on)[2] ^ cpuid(1, 0, context)[2]) >>> 0).toBe(1 << 27);
    expect((cpuid(7, 0, on)[2] ^ cpuid(7, 0, context)[2]) >>> 0).toBe(1 << 4);
    expect((cpuid(1, 0, { ...context, apic: false })[3] ^ cpuid(1, 0, context)[3]) >>> 0).toBe(1 << 9);
  });

  it('tells the size of the XSAVE area for what XCR0 enables, and where PKRU is in it', () => {
    expect(cpuid(0xd, 0, context)).toEqual([0x203, 576, 584, 0]);
    expect(cpuid(0xd, 0, { ...context, xcr0: 0x203 })[1]).toBe(584);
    expect(cpuid(0xd, 9, context)).toEqual([8, 576, 0, 0]);
  });

  it('tells of KVM as much as it is to', () => {
    const tell = (kvm: boolean, kvmclock: boolean): number[] => {
      const told = { ...context, paravirtualization: { kvm, kvmclock } };
      return [0x4000_0000, 0x4000_0001, 0x4000_0010].map(leaf => cpuid(leaf, 0, told)[0]);
    };
    expect(tell(true, true)).toEqual([0x4000_0010, 0x0100_000b, 1_000_000]);
    expect(tell(true, false)).toEqual([0x4000_0010, 2, 1_000_000]);
    expect(tell(false, false)).toEqual([0, 0, 0]);
  });

  it('answers unknown leaves with zeros', () => {
    expect(cpuid(0x1234, 0, context)).toEqual([0, 0, 0, 0]);
  });
});
