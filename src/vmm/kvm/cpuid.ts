import type { Paravirtualization } from '../accelerator.js';
import type { KvmCpuidEntry } from './structs.js';

/** KVM_CPUID_FLAG_SIGNIFCANT_INDEX: the entry answers only its own value of ECX. */
const INDEXED = 1;

/** Leaf 1 (Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E). */
const LEAF1_EDX_HTT = 1 << 28;
const LEAF1_ECX_TSC_DEADLINE = 1 << 24;
const LEAF1_ECX_HYPERVISOR = 1 << 31;

/** Topology level types of leaf 0xB, in ECX bits 8–15. */
const LEVEL_SMT = 1 << 8;
const LEVEL_CORE = 2 << 8;

const EXTENDED1_ECX_CMP_LEGACY = 1 << 1;

/** Leaves by which a hypervisor tells of itself, and the one that tells frequencies. */
const HYPERVISOR_BASE = 0x4000_0000;
const HYPERVISOR_TIMING = 0x4000_0010;
/** KVM's local APIC timer runs at 1 GHz. */
const APIC_BUS_KHZ = 1_000_000;
/** KVM's features (Linux, Documentation/virt/kvm/x86/cpuid.rst): both clock sources, and that the clock is stable. */
const HYPERVISOR_FEATURES = 0x4000_0001;
const KVM_CLOCK_FEATURES = (1 << 0) | (1 << 3) | (1 << 24);
const LAST_HYPERVISOR = 0x4000_ffff;

export interface CpuidOptions {
  /** The local APIC's id, 0 to cpus − 1. */
  readonly apicId: number;
  readonly cpus: number;
  readonly tscDeadline: boolean;
  /** The guest's time stamp counter in kHz, 0 when KVM does not tell. */
  readonly tscKhz: number;
  readonly paravirtualization: Paravirtualization;
}

/**
 * What one vCPU presents: what KVM supports on this host, with the machine's own topology in place of the host's.
 * The topology is one package with a core a vCPU and a thread a core.
 */
export function presentCpuid(supported: readonly KvmCpuidEntry[], options: CpuidOptions): KvmCpuidEntry[] {
  const { paravirtualization } = options;
  const offered = supported.filter(entry => paravirtualization.kvm || !isHypervisor(entry.function));
  const kept = offered.filter(entry => !isTopology(entry.function) && entry.function !== HYPERVISOR_TIMING);
  const entries = kept.map(entry => adapt({ ...entry }, options));
  return [...entries, ...topology(supported, options), ...timing(offered, options)];
}

function isTopology(leaf: number): boolean {
  return leaf === 0xb || leaf === 0x1f;
}

function isHypervisor(leaf: number): boolean {
  return leaf >= HYPERVISOR_BASE && leaf <= LAST_HYPERVISOR;
}

function adapt(
  entry: KvmCpuidEntry,
  { apicId, cpus, tscDeadline, tscKhz, paravirtualization }: CpuidOptions,
): KvmCpuidEntry {
  switch (entry.function) {
    case 0x1:
      entry.ebx = ((entry.ebx & 0xffff) | (cpus << 16) | (apicId << 24)) >>> 0;
      entry.ecx = bit(bit(entry.ecx, LEAF1_ECX_HYPERVISOR, true), LEAF1_ECX_TSC_DEADLINE, tscDeadline);
      entry.edx = bit(entry.edx, LEAF1_EDX_HTT, cpus > 1);
      break;
    case 0x4:
      // Bits 14–25: threads that share the cache, less one; caches of level 3 are shared by all. Bits 26–31: cores.
      if ((entry.eax & 0x1f) !== 0)
        entry.eax = (sharing(entry.eax, cpus) | ((Math.min(cpus, 64) - 1) << 26)) >>> 0;
      break;
    case HYPERVISOR_BASE:
      if (tscKhz > 0) entry.eax = Math.max(entry.eax, HYPERVISOR_TIMING);
      break;
    case HYPERVISOR_FEATURES:
      if (!paravirtualization.kvmclock) entry.eax = bit(entry.eax, KVM_CLOCK_FEATURES, false);
      break;
    case 0x8000_0001:
      entry.ecx = bit(
        entry.ecx,
        EXTENDED1_ECX_CMP_LEGACY,
        cpus > 1 && (entry.ecx & EXTENDED1_ECX_CMP_LEGACY) !== 0,
      );
      break;
    case 0x8000_0008:
      // NC: cores less one; ApicIdCoreIdSize: bits of the APIC id that number cores.
      entry.ecx = ((entry.ecx & ~0xf0ff) | (Math.min(cpus, 256) - 1) | (bitsFor(cpus) << 12)) >>> 0;
      break;
    case 0x8000_001d:
      if ((entry.eax & 0x1f) !== 0) entry.eax = sharing(entry.eax, cpus);
      break;
    case 0x8000_001e:
      entry.eax = apicId;
      entry.ebx = apicId & 0xff;
      entry.ecx = 0;
      break;
  }
  return entry;
}

/** Bits 14–25 of a cache's EAX: a private cache serves one thread, one of level 3 or above all. */
function sharing(eax: number, cpus: number): number {
  const level = (eax >>> 5) & 7;
  return ((eax & 0x3fff) | (level >= 3 ? (cpus - 1) << 14 : 0)) >>> 0;
}

/** Leaf 0xB, and 0x1F where the host has it: a thread a core, then all cores of the package. */
function topology(supported: readonly KvmCpuidEntry[], { apicId, cpus }: CpuidOptions): KvmCpuidEntry[] {
  const leaves = [0xb, 0x1f].filter(leaf => supported.some(entry => entry.function === leaf));
  return leaves.flatMap(leaf => [
    { ...EMPTY, function: leaf, index: 0, flags: INDEXED, eax: 0, ebx: 1, ecx: LEVEL_SMT, edx: apicId },
    {
      ...EMPTY,
      function: leaf,
      index: 1,
      flags: INDEXED,
      eax: bitsFor(cpus),
      ebx: cpus,
      ecx: LEVEL_CORE | 1,
      edx: apicId,
    },
    { ...EMPTY, function: leaf, index: 2, flags: INDEXED, ecx: 2, edx: apicId },
  ]);
}

/** The frequencies that guests would otherwise measure against an emulated timer (VMware's leaf, which KVM guests read too). */
function timing(supported: readonly KvmCpuidEntry[], { tscKhz }: CpuidOptions): KvmCpuidEntry[] {
  if (tscKhz === 0 || !supported.some(entry => entry.function === HYPERVISOR_BASE)) return [];
  return [{ ...EMPTY, function: HYPERVISOR_TIMING, eax: tscKhz, ebx: APIC_BUS_KHZ }];
}

const EMPTY: KvmCpuidEntry = {
  function: 0,
  index: 0,
  flags: 0,
  eax: 0,
  ebx: 0,
  ecx: 0,
  edx: 0,
  padding: [0, 0, 0],
};

function bit(register: number, mask: number, on: boolean): number {
  return (on ? register | mask : register & ~mask) >>> 0;
}

/** Bits that number `count` things. */
function bitsFor(count: number): number {
  return Math.ceil(Math.log2(count));
}
