import * as L from '../layout';
import { readFlags } from '../exec/flags';
import { readSystem } from '../mmu/access';
import { Cr4, Flag, cpl, isVm86 } from '../mode';
import { raiseGp } from './fault';

/**
 * VIF instead of IF for programs that must not hold interrupts off: virtual-8086 mode extensions (CR4.VME; Intel SDM
 * vol. 3, 20.3) and protected-mode virtual interrupts (CR4.PVI, 20.4).
 */

@inline function iopl(): u32 { return (load<u32>(L.SYSTEM_FLAGS) & Flag.IOPL) >> 12; }

/** CLI and STI. */
export function setInterruptFlag(on: bool): void {
  const flags = load<u32>(L.SYSTEM_FLAGS);
  let flag: u32 = Flag.IF;
  if (iopl() < cpl()) {
    const extension = isVm86() ? Cr4.VME : Cr4.PVI;
    if (cpl() != 3 || !(load<u64>(L.CR4) & extension)) raiseGp(0);
    if (on && flags & Flag.VIP) raiseGp(0);
    flag = Flag.VIF;
  }
  store<u32>(L.SYSTEM_FLAGS, on ? flags | flag : flags & ~flag);
}

/**
 * Of PUSHF, POPF and IRET in virtual-8086 mode whether VIF takes the place of IF: with IOPL below 3, which without VME
 * or with a 32-bit operand is #GP.
 */
export function virtualStackFlags<T>(): bool {
  if (!isVm86() || iopl() == 3) return false;
  if (!(load<u64>(L.CR4) & Cr4.VME) || sizeof<T>() != 2) raiseGp(0);
  return true;
}

/** FLAGS as they are pushed for a program that has VIF: it sees IF and an IOPL of 3. */
export function flagsForVirtualProgram(flags: u32): u32 {
  return (flags & ~Flag.IF) | Flag.IOPL | (flags & Flag.VIF ? Flag.IF : 0);
}

/** What such a program's POPF or IRET of `value` makes of the flags, of which it may change those in `mask`. */
export function virtualizedFlags(value: u32, mask: u32): u32 {
  const flags = readFlags();
  if (value & Flag.TF || value & Flag.IF && flags & Flag.VIP) raiseGp(0);
  const virtual = value & Flag.IF ? Flag.VIF : 0;
  return (value & mask) | (flags & ~mask & ~Flag.VIF) | virtual;
}

/** Offset of the I/O map's base in a 32-bit TSS; the 32 bytes before the map are the redirection bitmap. */
const IO_MAP_BASE: u32 = 102;

/**
 * Whether INT n of virtual-8086 mode stays in the 8086 program, as CR4.VME and the TSS's redirection bitmap say (table
 * 20-2). #GP for what must go to the monitor.
 */
export function staysIn8086(vector: u32): bool {
  if (load<u64>(L.CR4) & Cr4.VME) {
    const tss = load<u64>(L.TR, L.SEGMENT_BASE);
    const map = <u32>readSystem<u16>(tss + IO_MAP_BASE);
    const at = map - 32 + (vector >> 3);
    if (map < 32 || at > load<u32>(L.TR, L.SEGMENT_LIMIT)) raiseGp(0);
    if (!((readSystem<u8>(tss + at) >> <u8>(vector & 7)) & 1)) return true;
  }
  if (iopl() < 3) raiseGp(0);
  return false;
}
