import type { Paravirtualization } from '../vmm/accelerator.js';

/** What the software CPU tells of itself (Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E): exactly what it does. */

export type CpuidResult = readonly [eax: number, ebx: number, ecx: number, edx: number];

export interface CpuidContext {
  readonly apicId: number;
  readonly cpus: number;
  /** CR4.OSXSAVE. */
  readonly osxsave: boolean;
  /** IA32_APIC_BASE.ENABLE. */
  readonly apic: boolean;
  /** CR4.PKE. */
  readonly ospke: boolean;
  /** XCR0's low half. */
  readonly xcr0: number;
  /** What is told of the hypervisor; all by default. */
  readonly paravirtualization?: Paravirtualization;
}

/** Time stamp counter and local APIC timer count nanoseconds. */
export const TSC_KHZ = 1_000_000;

const NONE: CpuidResult = [0, 0, 0, 0];
const VENDOR = 'AuthenticAMD';
const BRAND = 'tsvmm software CPU';
/** Family 15, model 107, stepping 1: an early 64-bit processor, for which guests expect nothing special. */
const SIGNATURE = 0x0006_0fb1;
const HIGHEST_BASIC = 0xd;
const HIGHEST_EXTENDED = 0x8000_0008;
const HIGHEST_HYPERVISOR = 0x4000_0010;
/** Physical and linear address bits. */
const ADDRESS_BITS = 40 | (48 << 8);

const bits = (...set: number[]): number => set.reduce((sum, bit) => sum | (1 << bit), 0) >>> 0;

/** XSAVE's components: x87, SSE, and PKRU behind the legacy region and the header. */
const XSAVE_COMPONENTS = bits(0, 1, 9);
const XSAVE_PKRU = { component: 9, offset: 512 + 64, size: 8 };

/** FPU VME DE PSE TSC MSR PAE MCE CX8, SEP MTRR PGE MCA CMOV PAT PSE36, CLFSH, MMX FXSR SSE SSE2. */
const LEAF1_EDX = bits(0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 16, 17, 19, 23, 24, 25, 26);
const LEAF1_EDX_APIC = bits(9);
const LEAF1_EDX_HTT = bits(28);
/** SSE3, SSSE3, CX16, PCID, SSE4.1, SSE4.2, x2APIC, MOVBE, POPCNT, TSC-deadline, XSAVE, RDRAND, hypervisor. */
const LEAF1_ECX = bits(0, 9, 13, 17, 19, 20, 21, 22, 23, 24, 26, 30, 31);
const LEAF1_ECX_OSXSAVE = bits(27);
/** FSGSBASE, TSC_ADJUST, SMEP, ERMS, INVPCID, RDSEED, SMAP. */
const LEAF7_EBX = bits(0, 1, 7, 9, 10, 18, 20);
/** UMIP, PKU, RDPID, PKS. */
const LEAF7_ECX = bits(2, 3, 22, 31);
const LEAF7_ECX_OSPKE = bits(4);
/** SYSCALL, NX, AMD's MMX extensions, PDPE1GB, RDTSCP, LM beside those of leaf 1. */
const EXTENDED1_EDX = bits(0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 16, 17, 20, 22, 23, 24, 26, 27, 29);
/** LAHF in 64-bit mode, CR8 by LOCK, PREFETCHW. */
const EXTENDED1_ECX = bits(0, 4, 8);
/** Error pointers are always saved and restored (XSAVEERPTR): they never tell of another process. */
const EXTENDED8_EBX = bits(2);
/** KVM: clock source, no I/O delay, clock source 2, stable. */
const KVM_FEATURES = bits(0, 1, 3, 24);
const KVM_CLOCK_FEATURES = bits(0, 3, 24);

export function cpuid(leaf: number, subleaf: number, context: CpuidContext): CpuidResult {
  switch (leaf) {
    case 0x0:
      return vendor(HIGHEST_BASIC);
    case 0x1:
      return [
        SIGNATURE,
        ((8 << 8) | (context.cpus << 16) | (context.apicId << 24)) >>> 0,
        leaf1Ecx(context),
        leaf1Edx(context),
      ];
    case 0x7:
      return subleaf === 0
        ? [0, LEAF7_EBX, (LEAF7_ECX | (context.ospke ? LEAF7_ECX_OSPKE : 0)) >>> 0, 0]
        : NONE;
    case 0xb:
      return topology(subleaf, context);
    case 0xd:
      return xsave(subleaf, context);
    case 0x4000_0000:
      if (context.paravirtualization?.kvm === false) return NONE;
      return [HIGHEST_HYPERVISOR, ...text('KVMKVMKVM\0\0\0')] as unknown as CpuidResult;
    case 0x4000_0001:
      return [kvmFeatures(context), 0, 0, 0];
    case 0x4000_0010:
      if (context.paravirtualization?.kvm === false) return NONE;
      return [TSC_KHZ, TSC_KHZ, 0, 0];
    case 0x8000_0000:
      return vendor(HIGHEST_EXTENDED);
    case 0x8000_0001:
      return [
        SIGNATURE,
        0,
        (EXTENDED1_ECX | (context.cpus > 1 ? 2 : 0)) >>> 0,
        (EXTENDED1_EDX | (context.apic ? LEAF1_EDX_APIC : 0)) >>> 0,
      ];
    case 0x8000_0002:
    case 0x8000_0003:
    case 0x8000_0004:
      return text(
        BRAND.padEnd(48, '\0').slice((leaf - 0x8000_0002) * 16, (leaf - 0x8000_0001) * 16),
      ) as unknown as CpuidResult;
    case 0x8000_0007:
      // The time stamp counter runs at one rate always.
      return [0, 0, 0, 1 << 8];
    case 0x8000_0008:
      return [ADDRESS_BITS, EXTENDED8_EBX, (context.cpus - 1) | (bitsFor(context.cpus) << 12), 0];
    default:
      return NONE;
  }
}

function kvmFeatures({ paravirtualization }: CpuidContext): number {
  if (paravirtualization?.kvm === false) return 0;
  return paravirtualization?.kvmclock === false ? KVM_FEATURES & ~KVM_CLOCK_FEATURES : KVM_FEATURES;
}

function leaf1Ecx({ osxsave }: CpuidContext): number {
  return (LEAF1_ECX | (osxsave ? LEAF1_ECX_OSXSAVE : 0)) >>> 0;
}

function leaf1Edx({ apic, cpus }: CpuidContext): number {
  return (LEAF1_EDX | (apic ? LEAF1_EDX_APIC : 0) | (cpus > 1 ? LEAF1_EDX_HTT : 0)) >>> 0;
}

/** One package, a core a vCPU, a thread a core. */
function topology(subleaf: number, { apicId, cpus }: CpuidContext): CpuidResult {
  if (subleaf === 0) return [0, 1, 0x100, apicId];
  if (subleaf === 1) return [bitsFor(cpus), cpus, 0x201, apicId];
  return [0, 0, subleaf, apicId];
}

function xsave(subleaf: number, { xcr0 }: CpuidContext): CpuidResult {
  const { component, offset, size } = XSAVE_PKRU;
  switch (subleaf) {
    case 0:
      return [XSAVE_COMPONENTS, xcr0 & (1 << component) ? offset + size : offset, offset + size, 0];
    case 1:
      // XSAVEOPT.
      return [1, 0, 0, 0];
    case component:
      return [size, offset, 0, 0];
    default:
      return NONE;
  }
}

function vendor(highest: number): CpuidResult {
  const [ebx, edx, ecx] = text(VENDOR);
  return [highest, ebx, ecx, edx];
}

/** Four characters a word. */
function text(characters: string): number[] {
  const words: number[] = [];
  for (let i = 0; i < characters.length; i += 4) {
    let word = 0;
    for (let j = 3; j >= 0; j--) word = (word << 8) | characters.charCodeAt(i + j);
    words.push(word >>> 0);
  }
  return words;
}

function bitsFor(count: number): number {
  return Math.ceil(Math.log2(count));
}
