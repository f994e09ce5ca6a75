import { describe, expect, it } from 'vitest';
import { presentCpuid, type CpuidOptions } from '../../../../src/vmm/kvm/cpuid.js';
import type { KvmCpuidEntry } from '../../../../src/vmm/kvm/structs.js';

/** Expected values from Intel SDM volume 2 (CPUID), AMD APM volume 3, appendix E, and the topologies that both describe. */

const INDEXED = 1;

/** One line an entry: function, index, flags, EAX, EBX, ECX, EDX, as KVM_GET_SUPPORTED_CPUID gave them. */
function captured(text: string): KvmCpuidEntry[] {
  return text
    .trim()
    .split('\n')
    .map(line => {
      const [leaf, index, flags, eax, ebx, ecx, edx] = line
        .trim()
        .split(' ')
        .map(field => parseInt(field, 16));
      return { function: leaf, index, flags, eax, ebx, ecx, edx, padding: [0, 0, 0] };
    });
}

/** An EPYC 7003 with two CPUs, in a virtual machine of its own. */
const AMD = captured(`
  0 0 0 1c 68747541 444d4163 69746e65
  1 0 0 b00f21 1020800 81202000 78bfbff
  7 0 1 1 1800002 104 20000000
  b 0 1 0 0 0 1
  d 0 1 e7 980 980 0
  80000000 0 0 80000021 68747541 444d4163 69746e65
  80000001 0 0 b00f21 40000000 400393 23d3fbff
  80000008 0 0 3030 50020005 7001 0
  8000001d 0 1 121 2c0003f 3f 0
  8000001d 1 1 122 1c0003f 3f 0
  8000001d 2 1 143 3c0003f 3ff 2
  8000001d 3 1 4163 3c0003f 7fff 1
  8000001d 4 1 0 0 0 0
  8000001e 0 0 0 0 0 0
  40000000 0 0 40000001 4b4d564b 564b4d56 4d
  40000001 0 0 1007efb 0 0 0
`);

/** A Core of eight cores with two threads each, whose host shows its die level too. */
const INTEL = captured(`
  0 0 0 1f 756e6547 6c65746e 49656e69
  1 0 0 a0655 5100800 7ffafbbf bfebfbff
  4 0 1 1c004121 1c0003f 3f 0
  4 1 1 1c004122 1c0003f 3f 0
  4 2 1 1c004143 c0003f 3ff 0
  4 3 1 1c03c163 3c0003f 3fff 6
  4 4 1 0 0 0 0
  b 0 1 1 2 100 5
  b 1 1 4 10 201 5
  1f 0 1 1 2 100 5
  1f 1 1 4 10 201 5
  80000000 0 0 80000008 0 0 0
  80000001 0 0 0 0 121 2c100800
  80000008 0 0 3027 0 0 0
  40000000 0 0 40000001 4b4d564b 564b4d56 4d
  40000001 0 0 1007efb 0 0 0
  40000010 0 0 111 222 0 0
`);

const HOSTS = { AMD, INTEL };
const COUNTS = [1, 2, 3, 4, 16, 254];

function present(host: KvmCpuidEntry[], options: Partial<CpuidOptions> = {}): KvmCpuidEntry[] {
  return presentCpuid(host, {
    apicId: 0,
    cpus: 1,
    tscDeadline: true,
    tscKhz: 2_450_000,
    paravirtualization: { kvm: true, kvmclock: true },
    ...options,
  });
}

/** What the CPUID instruction gives a guest: zeros where there is no entry. */
function cpuid(
  entries: KvmCpuidEntry[],
  leaf: number,
  index = 0,
): Pick<KvmCpuidEntry, 'eax' | 'ebx' | 'ecx' | 'edx'> {
  const entry = entries.find(
    ({ function: own, index: ownIndex, flags }) =>
      own === leaf && ((flags & INDEXED) === 0 || ownIndex === index),
  );
  return entry ?? { eax: 0, ebx: 0, ecx: 0, edx: 0 };
}

function has(register: number, bit: number): boolean {
  return ((register >>> bit) & 1) === 1;
}

describe.each(Object.entries(HOSTS))('on a host by %s', (name, host) => {
  describe.each(COUNTS)('each of %d CPUs', cpus => {
    const all = Array.from({ length: cpus }, (_, apicId) => present(host, { apicId, cpus }));

    it('has its own APIC id, the same in every leaf', () => {
      all.forEach((entries, apicId) => {
        expect(cpuid(entries, 1).ebx >>> 24).toBe(apicId);
        expect(cpuid(entries, 0xb, 0).edx).toBe(apicId);
        expect(cpuid(entries, 0xb, 1).edx).toBe(apicId);
        if (name === 'AMD') expect(cpuid(entries, 0x8000_001e).eax).toBe(apicId);
      });
    });

    it('is a core of its own with one thread, in one package with all others', () => {
      for (const leaf of name === 'INTEL' ? [0xb, 0x1f] : [0xb]) {
        const places = all.map(entries => {
          const [thread, core, end] = [0, 1, 2].map(index => cpuid(entries, leaf, index));
          expect([thread.ecx, core.ecx, end.ecx]).toEqual([0x100, 0x201, 2]);
          expect([thread.ebx, core.ebx, end.ebx]).toEqual([1, cpus, 0]);
          // EAX: by how many bits the id is shifted to number the next level.
          return { core: core.edx >>> thread.eax, package: core.edx >>> core.eax };
        });
        expect(new Set(places.map(place => place.core)).size).toBe(cpus);
        expect(new Set(places.map(place => place.package))).toEqual(new Set([0]));
      }
    });

    it('counts the same CPUs by the older leaves', () => {
      for (const entries of all) {
        const { ebx, edx } = cpuid(entries, 1);
        expect((ebx >>> 16) & 0xff).toBe(cpus);
        expect(has(edx, 28)).toBe(cpus > 1);
        const { ecx } = cpuid(entries, 0x8000_0008);
        expect((ecx & 0xff) + 1).toBe(cpus);
        const idBits = (ecx >>> 12) & 0xf;
        expect(2 ** idBits).toBeGreaterThanOrEqual(cpus);
        expect(idBits).toBe(cpuid(entries, 0xb, 1).eax);
        expect(cpus === 1 && has(cpuid(entries, 0x8000_0001).ecx, 1)).toBe(false);
      }
    });

    it('has its first caches for itself and shares the last with all', () => {
      const leaf = name === 'INTEL' ? 4 : 0x8000_001d;
      const before = host.filter(entry => entry.function === leaf && (entry.eax & 0x1f) !== 0);
      expect(before.length).toBeGreaterThan(0);
      for (const { index, eax: original } of before) {
        const { eax } = cpuid(all[0], leaf, index);
        const level = (eax >>> 5) & 7;
        expect(eax & 0x3fff).toBe(original & 0x3fff);
        expect(((eax >>> 14) & 0xfff) + 1).toBe(level >= 3 ? cpus : 1);
        if (name === 'INTEL') expect((eax >>> 26) + 1).toBe(Math.min(cpus, 64));
      }
    });
  });

  it('features come through as KVM offers them, and every register is unsigned', () => {
    const entries = present(host, { cpus: 4, apicId: 3 });
    for (const leaf of [0, 7, 0xd, 0x4000_0001, 0x8000_0000]) {
      const own = host.find(entry => entry.function === leaf);
      if (own) expect(cpuid(entries, leaf)).toEqual(own);
    }
    for (const { eax, ebx, ecx, edx } of entries) {
      for (const register of [eax, ebx, ecx, edx]) expect(register >>> 0).toBe(register);
    }
  });

  it('the hypervisor bit is set, and the TSC deadline timer shows if KVM has it', () => {
    for (const tscDeadline of [true, false]) {
      const { ecx } = cpuid(present(host, { tscDeadline }), 1);
      expect([has(ecx, 31), has(ecx, 24)]).toEqual([true, tscDeadline]);
    }
  });

  it('the frequencies are told where KVM tells that of the TSC, and no other host’s', () => {
    const known = present(host, { tscKhz: 2_450_000 });
    expect(cpuid(known, 0x4000_0000).eax).toBe(0x4000_0010);
    expect(cpuid(known, 0x4000_0010)).toMatchObject({ eax: 2_450_000, ebx: 1_000_000 });
    const unknown = present(host, { tscKhz: 0 });
    expect(cpuid(unknown, 0x4000_0000).eax).toBe(0x4000_0001);
    expect(cpuid(unknown, 0x4000_0010).eax).toBe(0);
  });

  it('no leaf is there twice, and what KVM gave is not changed', () => {
    const copy = structuredClone(host);
    const entries = present(host, { cpus: 4 });
    const keys = entries.map(entry => `${entry.function} ${entry.flags & INDEXED ? entry.index : ''}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(host).toEqual(copy);
  });
});

it('leaves that the host does not have are not invented', () => {
  const bare = AMD.filter(entry => [0, 1].includes(entry.function));
  expect(present(bare, { cpus: 4 }).map(entry => entry.function)).toEqual([0, 1]);
});

describe('what KVM tells of itself', () => {
  it('is told without its clocks', () => {
    const entries = present(AMD, { paravirtualization: { kvm: true, kvmclock: false } });
    expect(cpuid(entries, 0x4000_0000).ebx).toBe(0x4b4d_564b);
    expect(cpuid(entries, 0x4000_0001).eax).toBe(0x7efb & ~9);
  });

  it('is not told at all', () => {
    const entries = present(AMD, { paravirtualization: { kvm: false, kvmclock: false } });
    expect(entries.filter(entry => entry.function >>> 28 === 4)).toEqual([]);
  });
});
