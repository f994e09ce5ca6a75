import { describe, expect, it } from 'vitest';
import { cpuid } from '../../../src/cpu/cpuid.js';
import { Guest } from './support/guest.js';

/** CPUID against what the processor does: each bit is there exactly if its instruction, CR4 or EFER bit is. */

const context = { apicId: 0, cpus: 1, osxsave: true, apic: true, ospke: true, xcr0: 3 };

type Register = 'eax' | 'ebx' | 'ecx' | 'edx';
type Bit = readonly [leaf: number, register: Register, bit: number, subleaf?: number];
const isSet = ([leaf, register, bit, subleaf = 0]: Bit): boolean =>
  ((cpuid(leaf, subleaf, context)[['eax', 'ebx', 'ecx', 'edx'].indexOf(register)] >>> bit) & 1) === 1;

/** A feature by the name that /proc/cpuinfo gives it, its bit and an instruction that is #UD without it. */
const INSTRUCTIONS: readonly (readonly [string, Bit, string])[] = [
  ['fpu', [1, 'edx', 0], 'fninit'],
  ['tsc', [1, 'edx', 4], 'rdtsc'],
  ['msr', [1, 'edx', 5], 'mov ecx, 0x10\n rdmsr'],
  ['cx8', [1, 'edx', 8], 'cmpxchg8b [0x50000]'],
  ['cmov', [1, 'edx', 15], 'cmovc eax, ebx'],
  ['clflush', [1, 'edx', 19], 'clflush [0x50000]'],
  ['mmx', [1, 'edx', 23], 'paddb mm0, mm1'],
  ['fxsr', [1, 'edx', 24], 'fxsave [0x50000]'],
  ['sse', [1, 'edx', 25], 'addps xmm0, xmm1'],
  ['sse2', [1, 'edx', 26], 'addpd xmm0, xmm1'],
  ['pni', [1, 'ecx', 0], 'haddps xmm0, xmm1'],
  ['pclmulqdq', [1, 'ecx', 1], 'pclmulqdq xmm0, xmm1, 0'],
  ['monitor', [1, 'ecx', 3], 'mov eax, 0x50000\n xor ecx, ecx\n xor edx, edx\n monitor'],
  ['vmx', [1, 'ecx', 5], 'vmxoff'],
  ['ssse3', [1, 'ecx', 9], 'pshufb xmm0, xmm1'],
  ['fma', [1, 'ecx', 12], 'vfmadd132ps xmm0, xmm1, xmm2'],
  ['cx16', [1, 'ecx', 13], 'cmpxchg16b [0x50000]'],
  ['sse4_1', [1, 'ecx', 19], 'pblendw xmm0, xmm1, 1'],
  ['sse4_2', [1, 'ecx', 20], 'pcmpgtq xmm0, xmm1'],
  ['movbe', [1, 'ecx', 22], 'movbe eax, [0x50000]'],
  ['aes', [1, 'ecx', 25], 'aesenc xmm0, xmm1'],
  ['xsave', [1, 'ecx', 26], 'xor ecx, ecx\n xgetbv'],
  ['avx', [1, 'ecx', 28], 'vaddps xmm0, xmm1, xmm2'],
  ['f16c', [1, 'ecx', 29], 'vcvtph2ps xmm0, xmm1'],
  ['rdrand', [1, 'ecx', 30], 'rdrand eax'],
  ['fsgsbase', [7, 'ebx', 0], 'rdfsbase rax'],
  ['bmi1', [7, 'ebx', 3], 'andn eax, ebx, ecx'],
  ['avx2', [7, 'ebx', 5], 'vpaddb ymm0, ymm1, ymm2'],
  ['bmi2', [7, 'ebx', 8], 'mulx eax, ebx, ecx'],
  ['invpcid', [7, 'ebx', 10], 'mov eax, 3\n invpcid rax, [0x51000]'],
  ['rtm', [7, 'ebx', 11], 'xend'],
  ['rdseed', [7, 'ebx', 18], 'rdseed eax'],
  ['adx', [7, 'ebx', 19], 'adcx eax, ebx'],
  ['smap', [7, 'ebx', 20], 'clac'],
  ['clflushopt', [7, 'ebx', 23], 'clflushopt [0x50000]'],
  ['clwb', [7, 'ebx', 24], 'clwb [0x50000]'],
  ['sha_ni', [7, 'ebx', 29], 'sha1nexte xmm0, xmm1'],
  ['pku', [7, 'ecx', 3], 'xor ecx, ecx\n rdpkru'],
  ['waitpkg', [7, 'ecx', 5], 'umonitor rax'],
  ['gfni', [7, 'ecx', 8], 'gf2p8mulb xmm0, xmm1'],
  ['rdpid', [7, 'ecx', 22], 'rdpid rax'],
  ['movdiri', [7, 'ecx', 27], 'movdiri [0x50000], eax'],
  ['serialize', [7, 'edx', 14], 'serialize'],
  ['xsaveopt', [0xd, 'eax', 0, 1], 'mov eax, 3\n xor edx, edx\n xsaveopt [0x50000]'],
  ['xsavec', [0xd, 'eax', 1, 1], 'mov eax, 3\n xor edx, edx\n xsavec [0x50000]'],
  ['xsaves', [0xd, 'eax', 3, 1], 'mov eax, 3\n xor edx, edx\n xsaves [0x50000]'],
  ['syscall', [0x8000_0001, 'edx', 11], 'xor eax, eax\n mov edx, 0x10\n mov ecx, 0xc0000081\n wrmsr\n lea rax, [rip + 8f]\n mov rdx, rax\n shr rdx, 32\n mov ecx, 0xc0000082\n wrmsr\n syscall\n 8:'],
  ['mmxext', [0x8000_0001, 'edx', 22], 'pmaxub mm0, mm1'],
  ['rdtscp', [0x8000_0001, 'edx', 27], 'rdtscp'],
  ['3dnow', [0x8000_0001, 'edx', 31], '.byte 0x0f, 0x0f, 0xc1, 0x9e'],
  ['lahf_lm', [0x8000_0001, 'ecx', 0], 'lahf'],
  ['svm', [0x8000_0001, 'ecx', 2], 'clgi'],
  ['cr8_legacy', [0x8000_0001, 'ecx', 4], '.byte 0xf0, 0x0f, 0x20, 0xc0'],
  ['sse4a', [0x8000_0001, 'ecx', 6], 'extrq xmm0, 1, 2'],
  ['3dnowprefetch', [0x8000_0001, 'ecx', 8], 'prefetchw [0x50000]'],
  ['fma4', [0x8000_0001, 'ecx', 16], 'vfmaddps xmm0, xmm1, xmm2, xmm3'],
  ['tbm', [0x8000_0001, 'ecx', 21], 'blcfill eax, ebx'],
  ['clzero', [0x8000_0008, 'ebx', 0], 'mov eax, 0x50000\n clzero'],
  ['rdpru', [0x8000_0008, 'ebx', 4], 'xor ecx, ecx\n rdpru'],
]; // prettier-ignore

/** Bits of CR4 that are reserved without a feature. */
const CR4: readonly (readonly [string, Bit, number])[] = [
  ['vme', [1, 'edx', 1], 0],
  ['de', [1, 'edx', 2], 3],
  ['pse', [1, 'edx', 3], 4],
  ['mce', [1, 'edx', 7], 6],
  ['pge', [1, 'edx', 13], 7],
  ['umip', [7, 'ecx', 2], 11],
  ['la57', [7, 'ecx', 16], 12],
  ['vmx', [1, 'ecx', 5], 13],
  ['smx', [1, 'ecx', 6], 14],
  ['fsgsbase', [7, 'ebx', 0], 16],
  ['pcid', [1, 'ecx', 17], 17],
  ['xsave', [1, 'ecx', 26], 18],
  ['smap', [7, 'ebx', 20], 21],
  ['pku', [7, 'ecx', 3], 22],
  ['shstk', [7, 'ecx', 7], 23],
  ['pks', [7, 'ecx', 31], 24],
];

const EFER: readonly (readonly [string, Bit, number])[] = [
  ['syscall', [0x8000_0001, 'edx', 11], 0],
  ['nx', [0x8000_0001, 'edx', 20], 11],
  ['svm', [0x8000_0001, 'ecx', 2], 12],
  ['fxsr_opt', [0x8000_0001, 'edx', 25], 14],
  ['tce', [0x8000_0001, 'ecx', 17], 15],
];

/** Executes each snippet in one guest. @returns whether it met neither #UD nor #GP */
function works(snippets: readonly string[]): boolean[] {
  const tries = snippets.map(
    snippet => `lea r15, [rip + 9f]\n xor r14d, r14d\n ${snippet}\n 9: mov eax, r14d\n note`,
  );
  const skip = 'mov r14d, 1\n mov [rsp], r15\n mov rsp, rsp\n iretq';
  const guest = new Guest(
    `${tries.join('\n')}\n exit\n handler_6: ${skip}\n handler_13: add rsp, 8\n ${skip}`,
    {
      mode: 'long',
      // OSFXSR, OSXMMEXCPT, FSGSBASE, OSXSAVE, PKE.
      system: { cr4: 0x20n | 0x600n | (1n << 16n) | (1n << 18n) | (1n << 22n), efer: 0x501n },
      prepare: ({ memory }) => memory.write64(0x51000, 0n),
    },
  ).finish();
  expect(guest.trap).toBeUndefined();
  return guest.notes.map(note => note === 0);
}
const agreement = (
  features: readonly (readonly [string, Bit, unknown])[],
  found: readonly boolean[],
): string[] =>
  features.flatMap(([name, bit], i) =>
    isSet(bit) === found[i] ? [] : [`${name}: CPUID ${String(isSet(bit))}, works ${String(found[i])}`],
  );

describe('CPUID', () => {
  it('tells of each instruction whether it is there', () => {
    const found = works(INSTRUCTIONS.map(([, , instruction]) => instruction));
    expect(found).toHaveLength(INSTRUCTIONS.length);
    expect(agreement(INSTRUCTIONS, found)).toEqual([]);
  });

  it('tells of each bit of CR4 whether it may be set', () => {
    const found = works(
      CR4.map(
        ([, , bit]) => `mov rax, cr4\n mov rbx, rax\n bts rax, ${String(bit)}\n mov cr4, rax\n mov cr4, rbx`,
      ),
    );
    expect(agreement(CR4, found)).toEqual([]);
  });

  it('tells of each bit of EFER whether it may be set', () => {
    const found = works(
      EFER.map(([, , bit]) => `mov ecx, 0xc0000080\n rdmsr\n bts eax, ${String(bit)}\n wrmsr`),
    );
    expect(agreement(EFER, found)).toEqual([]);
  });

  it('has all of x86-64-v2 and of the system features that guests look for', () => {
    const wanted = 'cx8 cmov fxsr mmx sse sse2 lahf_lm cx16 popcnt pni sse4_1 sse4_2 ssse3 syscall nx pcid fsgsbase smep smap umip pku invpcid rdtscp rdpid xsave xsaveopt rdrand rdseed pge vme de pse36 pat mtrr x2apic tsc_deadline pdpe1gb erms'; // prettier-ignore
    const others: Record<string, Bit> = {
      popcnt: [1, 'ecx', 23], smep: [7, 'ebx', 7], erms: [7, 'ebx', 9], pse36: [1, 'edx', 17], pat: [1, 'edx', 16], mtrr: [1, 'edx', 12],
      x2apic: [1, 'ecx', 21], tsc_deadline: [1, 'ecx', 24], pdpe1gb: [0x8000_0001, 'edx', 26],
    }; // prettier-ignore
    const known = new Map([
      ...[...INSTRUCTIONS, ...CR4, ...EFER].map(([name, bit]) => [name, bit] as const),
      ...Object.entries(others),
    ]);
    expect(wanted.split(' ').filter(name => !isSet(known.get(name) as Bit))).toEqual([]);
  });
});
