import * as L from '../layout';
import { defineAnySize, define } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Form } from '../decode/record';
import { ripAfter } from '../exec/operands';
import { readFlags, writeFlags } from '../exec/flags';
import { flagsChanged } from '../exec/stack';
import { Cr0, Efer, Flag, cpl, isCanonical, isLong, isProtected, longModeActive } from '../mode';
import { Dr6, raiseDebug } from './debug';
import { raiseGp, raiseUd } from './fault';

/**
 * Fast system calls as AMD's processors have them (AMD APM vol. 3): SYSCALL and SYSRET in legacy mode, too, SYSENTER and
 * SYSEXIT there only. A return to an address that is not canonical is refused before it is made, as Intel's do it.
 */

function flatSegment(segment: usize, selector: u32, attributes: u32): void {
  store<u16>(segment, <u16>selector, L.SEGMENT_SELECTOR);
  store<u64>(segment, 0, L.SEGMENT_BASE);
  store<u32>(segment, 0xffffffff, L.SEGMENT_LIMIT);
  store<u32>(segment, attributes, L.SEGMENT_ATTRIBUTES);
  store<u32>(segment, 0, L.SEGMENT_UNUSABLE);
}
const CODE64: u32 = 0xa09b;
const CODE32: u32 = 0xc09b;
const DATA: u32 = 0xc093;
const DPL3: u32 = 0x60;

function enter(level: u32, codeSelector: u32, code: u32, stackSelector: u32): void {
  const dpl = level << 5;
  flatSegment(L.CS, codeSelector, code | dpl);
  flatSegment(L.SS, stackSelector, DATA | dpl);
  store<u32>(L.CPL, level);
}
/** SYSCALL and SYSRET are stepped if TF is set behind them, whatever it was before (AMD APM vol. 3, SYSCALL). */
function stepIfSet(): void {
  store<u32>(L.STEPPING, 0);
  if (!(load<u32>(L.SYSTEM_FLAGS) & Flag.TF)) return;
  store<u32>(L.CURRENT_OP, 0);
  raiseDebug(Dr6.BS);
}

function syscall(op: usize): usize {
  if (!(load<u64>(L.EFER) & Efer.SCE)) raiseUd();
  const star = load<u64>(L.MSR_STAR);
  if (!longModeActive()) return legacySyscall(op, star);
  const fromLong = isLong();
  store<u64>(L.RCX, ripAfter(op));
  store<u64>(L.R11, <u64>(readFlags() & ~Flag.RF));
  store<u64>(L.RIP, load<u64>(fromLong ? L.MSR_LSTAR : L.MSR_CSTAR));
  const selector = <u32>(star >> 32) & 0xfffc;
  enter(0, selector, CODE64, selector + 8);
  writeFlags(readFlags() & ~load<u32>(L.MSR_SFMASK) & ~Flag.RF);
  flagsChanged();
  stepIfSet();
  return 0;
}
/** To STAR's EIP, with nothing but CS, SS, IF, VM and RF changed. */
function legacySyscall(op: usize, star: u64): usize {
  if (!(load<u64>(L.CR0) & Cr0.PE)) raiseUd();
  const selector = <u32>(star >> 32) & 0xfffc;
  store<u64>(L.RCX, ripAfter(op));
  store<u64>(L.RIP, star & 0xffffffff);
  enter(0, selector, CODE32, selector + 8);
  store<u32>(L.SYSTEM_FLAGS, load<u32>(L.SYSTEM_FLAGS) & ~(Flag.VM | Flag.IF | Flag.RF));
  flagsChanged();
  stepIfSet();
  return 0;
}
function sysret(op: usize, wide: bool): usize {
  if (!(load<u64>(L.EFER) & Efer.SCE) || !(load<u64>(L.CR0) & Cr0.PE)) raiseUd();
  if (cpl() != 0) raiseGp(0);
  const target = load<u64>(L.RCX);
  if (wide && !isCanonical(target)) raiseGp(0);
  const star = <u32>(load<u64>(L.MSR_STAR) >> 48);
  store<u64>(L.RIP, wide ? target : target & 0xffffffff);
  enter(3, (wide ? star + 16 : star) | 3, wide ? CODE64 : CODE32, (star + 8) | 3);
  if (longModeActive()) writeFlags((load<u32>(L.R11) & 0x3c7fd7) & ~(Flag.RF | Flag.VM));
  else store<u32>(L.SYSTEM_FLAGS, load<u32>(L.SYSTEM_FLAGS) | Flag.IF);
  flagsChanged();
  stepIfSet();
  return 0;
}
function sysenter(op: usize): usize {
  if (longModeActive()) raiseUd();
  const selector = load<u32>(L.MSR_SYSENTER_CS) & 0xfffc;
  if (!(load<u64>(L.CR0) & Cr0.PE) || !selector) raiseGp(0);
  store<u64>(L.RIP, load<u64>(L.MSR_SYSENTER_EIP) & 0xffffffff);
  store<u64>(L.RSP, load<u64>(L.MSR_SYSENTER_ESP) & 0xffffffff);
  enter(0, selector, CODE32, selector + 8);
  store<u32>(L.SYSTEM_FLAGS, load<u32>(L.SYSTEM_FLAGS) & ~(Flag.VM | Flag.IF | Flag.RF));
  flagsChanged();
  return 0;
}
function sysexit(op: usize): usize {
  if (longModeActive()) raiseUd();
  const selector = load<u32>(L.MSR_SYSENTER_CS) & 0xfffc;
  if (!isProtected() || cpl() != 0 || !selector) raiseGp(0);
  store<u64>(L.RIP, <u64>load<u32>(L.RDX));
  store<u64>(L.RSP, <u64>load<u32>(L.RCX));
  enter(3, (selector + 16) | 3, CODE32, (selector + 24) | 3);
  flagsChanged();
  return 0;
}

export function defineSyscalls(): void {
  defineAnySize(Op.SYSCALL, Form.NONE, syscall);
  defineAnySize(Op.SYSRET, Form.NONE, (op: usize): usize => sysret(op, false));
  define(Op.SYSRET, Form.NONE, 3, (op: usize): usize => sysret(op, true));
  defineAnySize(Op.SYSENTER, Form.NONE, sysenter);
  defineAnySize(Op.SYSEXIT, Form.NONE, sysexit);
}
