import * as L from './layout';

/** Bits of MODE: all that a block's decoding depends on besides its bytes. */
export namespace Mode {
  /** Default operand and address size: 0 is 16 bits, 1 is 32 bits, 2 is 64-bit mode. */
  export const CODE: u32 = 3;
  export const CODE64: u32 = 2;
  /** SS.B: the stack pointer is ESP. */
  export const STACK32: u32 = 4;
  /** CS, DS, ES and SS start at 0, reach to 4 GiB and may be read and written: addresses need no check. */
  export const FLAT: u32 = 8;
  /** Protected mode and not virtual-8086. */
  export const PROTECTED: u32 = 16;
  /** Blocks of one instruction: single step, breakpoints, interrupt shadow. */
  export const SINGLE: u32 = 32;
  export const VM86: u32 = 64;
}

export namespace Flag {
  export const CF: u32 = 1;
  export const PF: u32 = 4;
  export const AF: u32 = 16;
  export const ZF: u32 = 64;
  export const SF: u32 = 128;
  export const TF: u32 = 0x100;
  export const IF: u32 = 0x200;
  export const DF: u32 = 0x400;
  export const OF: u32 = 0x800;
  export const IOPL: u32 = 0x3000;
  export const NT: u32 = 0x4000;
  export const RF: u32 = 0x10000;
  export const VM: u32 = 0x20000;
  export const AC: u32 = 0x40000;
  export const VIF: u32 = 0x80000;
  export const VIP: u32 = 0x100000;
  export const ID: u32 = 0x200000;
  export const ARITHMETIC: u32 = 0x8d5;
}

export namespace Cr0 {
  export const PE: u64 = 1;
  export const MP: u64 = 2;
  export const EM: u64 = 4;
  export const TS: u64 = 8;
  export const ET: u64 = 0x10;
  export const NE: u64 = 0x20;
  export const WP: u64 = 0x10000;
  export const AM: u64 = 0x40000;
  export const NW: u64 = 0x20000000;
  export const CD: u64 = 0x40000000;
  export const PG: u64 = 0x80000000;
}

export namespace Cr4 {
  export const VME: u64 = 1;
  export const PVI: u64 = 2;
  export const TSD: u64 = 4;
  export const DE: u64 = 8;
  export const PSE: u64 = 0x10;
  export const PAE: u64 = 0x20;
  export const MCE: u64 = 0x40;
  export const PGE: u64 = 0x80;
  export const PCE: u64 = 0x100;
  export const OSFXSR: u64 = 0x200;
  export const OSXMMEXCPT: u64 = 0x400;
  export const UMIP: u64 = 0x800;
  export const FSGSBASE: u64 = 0x10000;
  export const PCIDE: u64 = 0x20000;
  export const OSXSAVE: u64 = 0x40000;
  export const SMEP: u64 = 0x100000;
  export const SMAP: u64 = 0x200000;
  export const PKE: u64 = 0x400000;
  export const PKS: u64 = 0x1000000;
  export const ALL: u64 = 0x1770fff;
}

export namespace Efer {
  export const SCE: u64 = 1;
  export const LME: u64 = 0x100;
  export const LMA: u64 = 0x400;
  export const NXE: u64 = 0x800;
}

@inline export function isLong(): bool { return (load<u32>(L.MODE) & Mode.CODE) == Mode.CODE64; }
@inline export function longModeActive(): bool { return (load<u64>(L.EFER) & Efer.LMA) != 0; }
/** PAE paging outside long mode. */
@inline export function usesPdptes(): bool {
  return (load<u64>(L.CR0) & Cr0.PG) != 0 && (load<u64>(L.CR4) & Cr4.PAE) != 0 && !longModeActive();
}
@inline export function isProtected(): bool { return (load<u32>(L.MODE) & Mode.PROTECTED) != 0; }
@inline export function isVm86(): bool { return (load<u32>(L.MODE) & Mode.VM86) != 0; }
@inline export function cpl(): u32 { return load<u32>(L.CPL); }

/** Bits 63 to 47 are the same (Intel SDM vol. 1, 3.3.7.1). */
@inline export function isCanonical(address: u64): bool { return <u64>((<i64>address << 16) >> 16) == address; }

const USABLE_FLAT: u32 = 0x92;

function flat(segment: usize, code: bool): bool {
  if (load<u64>(segment, L.SEGMENT_BASE) != 0 || load<u32>(segment, L.SEGMENT_LIMIT) != 0xffffffff) return false;
  if (load<u32>(segment, L.SEGMENT_UNUSABLE)) return false;
  // Readable code.
  if (code) return (load<u32>(segment, L.SEGMENT_ATTRIBUTES) & 0x9a) == 0x9a;
  // Writable, expand-up data, present.
  return (load<u32>(segment, L.SEGMENT_ATTRIBUTES) & 0x9e) == USABLE_FLAT;
}

/** Call after any change of CR0, EFER.LMA, RFLAGS.VM, CPL or a segment register. */
export function updateMode(): void {
  let mode: u32 = 0;
  if (load<u64>(L.CR0) & Cr0.PE) {
    if (load<u32>(L.SYSTEM_FLAGS) & Flag.VM) mode |= Mode.VM86;
    else mode |= Mode.PROTECTED;
  }
  const code = load<u32>(L.CS, L.SEGMENT_ATTRIBUTES);
  if (load<u64>(L.EFER) & Efer.LMA && code & 0x2000) {
    mode |= Mode.CODE64 | Mode.FLAT | Mode.STACK32;
  } else {
    if (code & 0x4000) mode |= 1;
    if (load<u32>(L.SS, L.SEGMENT_ATTRIBUTES) & 0x4000) mode |= Mode.STACK32;
    if (mode & Mode.PROTECTED && flat(L.CS, true) && flat(L.SS, false) && flat(L.DS, false) && flat(L.ES, false)) {
      mode |= Mode.FLAT;
    }
  }
  store<u32>(L.MODE, mode);
}
