import * as L from '../layout';
import { define, defineAnySize } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Address, Form, Record } from '../decode/record';
import { probeWrite, read, readSystem, write, wrap } from '../mmu/access';
import { addressOf, cutToAddressSize, leaveAfter, next, rawAddress, readOperand, segmentOf, setRegister, sourceOf, targetOf, writeOperand } from '../exec/operands';
import { arithmeticFlags, setArithmeticFlags } from '../exec/flags';
import { Cr4, Flag, cpl, isLong } from '../mode';
import { checkUmip, requireCpl0 } from './control';
import { attributesOf, descriptorAddress, dplOf, limitOf, loadSegment, loadSystemSegment, typeOf } from './descriptors';
import { Vector, raise, raiseGp, raiseUd } from './fault';
import { segmentLinear } from './segments';

/** Instructions on segment registers and descriptor tables. */

function storeTable(op: usize, base: usize, limit: usize): usize {
  checkUmip();
  const address = addressOf(op);
  const bytes: u32 = isLong() ? 8 : 4;
  probeWrite(address, bytes + 2);
  write<u16>(address, load<u16>(limit));
  // In pieces: of the base, only the whole operand has to be aligned.
  for (let i: u32 = 0; i < bytes; i += 2) write<u16>(wrap(address + 2 + i), load<u16>(base + i));
  return next(op);
}
function loadTable(op: usize, base: usize, limit: usize): usize {
  requireCpl0();
  const address = addressOf(op);
  const newLimit = read<u16>(address);
  let newBase: u64;
  if (isLong()) {
    newBase = read<u64>(address + 2);
    if (<u64>((<i64>newBase << 16) >> 16) != newBase) raiseGp(0);
  } else {
    newBase = <u64>read<u32>(wrap(address + 2));
    // A 16-bit operand has a 24-bit base.
    if (load<u8>(op, Record.PREFIXES) & 8 ? load<u32>(L.MODE) & 1 : !(load<u32>(L.MODE) & 1)) newBase &= 0xffffff;
  }
  store<u32>(limit, newLimit);
  store<u64>(base, newBase);
  return leaveAfter(op);
}

/** A selector register as an operand: 16 bits to memory, zero-extended to a register. */
function selectorToRegister(op: usize, segment: usize): usize {
  const selector = load<u16>(segment, L.SEGMENT_SELECTOR);
  if (load<u8>(op, Record.SIZE) == 1) store<u16>(targetOf(op), selector);
  else store<u64>(targetOf(op), <u64>selector);
  return next(op);
}

function setZeroFlag(on: bool): void { setArithmeticFlags((arithmeticFlags() & ~Flag.ZF) | (on ? Flag.ZF : 0)); }

/** The descriptor that LAR, LSL, VERR, VERW look at, 0 when the selector has none or it must not be seen. */
function visibleDescriptor(selector: u32): u64 {
  if (!(selector & 0xfffc)) return 0;
  const address = descriptorAddress(selector);
  if (!address) return 0;
  const descriptor = readSystem<u64>(address);
  const type = typeOf(descriptor);
  const conforming = (type & 0x1c) == 0x1c;
  if (!conforming && (dplOf(descriptor) < cpl() || dplOf(descriptor) < (selector & 3))) return 0;
  return descriptor;
}
function loadAccessRights(op: usize, selector: u32): usize {
  const descriptor = visibleDescriptor(selector);
  const type = typeOf(descriptor);
  let valid = descriptor != 0;
  if (!(type & 0x10)) {
    const long = (load<u64>(L.EFER) & 0x400) != 0;
    valid = valid && (type == 2 || type == 9 || type == 11 || type == 12 || !long && (type == 1 || type == 3 || type == 4 || type == 5));
  }
  if (valid) give(op, <u32>(descriptor >> 32) & 0xffff00);
  setZeroFlag(valid);
  return next(op);
}
function loadLimit(op: usize, selector: u32): usize {
  const descriptor = visibleDescriptor(selector);
  const type = typeOf(descriptor);
  let valid = descriptor != 0;
  if (!(type & 0x10)) {
    const long = (load<u64>(L.EFER) & 0x400) != 0;
    valid = valid && (type == 2 || type == 9 || type == 11 || !long && (type == 1 || type == 3));
  }
  if (valid) give(op, limitOf(descriptor));
  setZeroFlag(valid);
  return next(op);
}
function give(op: usize, value: u32): void {
  if (load<u8>(op, Record.SIZE) == 1) store<u16>(targetOf(op), <u16>value);
  else store<u64>(targetOf(op), <u64>value);
}
function verify(op: usize, selector: u32, forWrite: bool): usize {
  const descriptor = visibleDescriptor(selector);
  const type = typeOf(descriptor);
  let ok = descriptor != 0 && (type & 0x10) != 0;
  if (ok) ok = forWrite ? (type & 0xa) == 2 : (type & 0xa) != 8;
  setZeroFlag(ok);
  return next(op);
}
function arpl(op: usize, target: u32): i32 {
  const rpl = <u32>load<u16>(sourceOf(op)) & 3;
  const lower = (target & 3) < rpl;
  setZeroFlag(lower);
  return lower ? <i32>((target & 0xfffc) | rpl) : -1;
}
function loadFar<T>(op: usize): usize {
  const address = addressOf(op);
  const offset = read<T>(address);
  const selector = <u32>read<u16>(wrap(address + sizeof<T>()));
  loadSegment(sourceOf(op), selector);
  setRegister<T>(targetOf(op), offset);
  return leaveAfter(op);
}
function bound<T>(op: usize): usize {
  const address = addressOf(op);
  const value = load<T>(targetOf(op));
  if (value < read<T>(address) || value > read<T>(wrap(address + sizeof<T>()))) raise(Vector.BR);
  return next(op);
}
function base(op: usize, segment: usize, isWrite: bool): usize {
  if (!(load<u64>(L.CR4) & Cr4.FSGSBASE)) raiseUd();
  const wide = load<u8>(op, Record.SIZE) == 3;
  if (isWrite) {
    const value = wide ? load<u64>(targetOf(op)) : <u64>load<u32>(targetOf(op));
    if (<u64>((<i64>value << 16) >> 16) != value) raiseGp(0);
    store<u64>(segment, value, L.SEGMENT_BASE);
    return leaveAfter(op);
  }
  const value = load<u64>(segment, L.SEGMENT_BASE);
  store<u64>(targetOf(op), wide ? value : value & 0xffffffff);
  return next(op);
}

export function defineSegmentInstructions(): void {
  defineAnySize(Op.SGDT, Form.M, (op: usize): usize => storeTable(op, L.GDT_BASE, L.GDT_LIMIT));
  defineAnySize(Op.SIDT, Form.M, (op: usize): usize => storeTable(op, L.IDT_BASE, L.IDT_LIMIT));
  defineAnySize(Op.LGDT, Form.M, (op: usize): usize => loadTable(op, L.GDT_BASE, L.GDT_LIMIT));
  defineAnySize(Op.LIDT, Form.M, (op: usize): usize => loadTable(op, L.IDT_BASE, L.IDT_LIMIT));
  defineAnySize(Op.LLDT, Form.R, (op: usize): usize => { requireCpl0(); loadSystemSegment(L.LDTR, load<u16>(targetOf(op)), 2); return leaveAfter(op); });
  defineAnySize(Op.LLDT, Form.M, (op: usize): usize => { requireCpl0(); loadSystemSegment(L.LDTR, readOperand<u16>(op), 2); return leaveAfter(op); });
  defineAnySize(Op.LTR, Form.R, (op: usize): usize => { requireCpl0(); loadSystemSegment(L.TR, load<u16>(targetOf(op)), 9); return leaveAfter(op); });
  defineAnySize(Op.LTR, Form.M, (op: usize): usize => { requireCpl0(); loadSystemSegment(L.TR, readOperand<u16>(op), 9); return leaveAfter(op); });
  defineAnySize(Op.SLDT, Form.R, (op: usize): usize => { checkUmip(); return selectorToRegister(op, L.LDTR); });
  defineAnySize(Op.STR, Form.R, (op: usize): usize => { checkUmip(); return selectorToRegister(op, L.TR); });
  defineAnySize(Op.SLDT, Form.M, (op: usize): usize => { checkUmip(); writeOperand<u16>(op, load<u16>(L.LDTR, L.SEGMENT_SELECTOR)); return next(op); });
  defineAnySize(Op.STR, Form.M, (op: usize): usize => { checkUmip(); writeOperand<u16>(op, load<u16>(L.TR, L.SEGMENT_SELECTOR)); return next(op); });
  defineAnySize(Op.SMSW, Form.M, (op: usize): usize => { checkUmip(); writeOperand<u16>(op, load<u16>(L.CR0)); return next(op); });
  defineAnySize(Op.MOVFROMSEG, Form.RR, (op: usize): usize => selectorToRegister(op, sourceOf(op)));
  defineAnySize(Op.MOVFROMSEG, Form.MR, (op: usize): usize => { writeOperand<u16>(op, load<u16>(sourceOf(op), L.SEGMENT_SELECTOR)); return next(op); });
  defineAnySize(Op.MOVTOSEG, Form.RR, (op: usize): usize => { moveToSegment(op, load<u16>(sourceOf(op))); return leaveAfter(op); });
  defineAnySize(Op.MOVTOSEG, Form.RM, (op: usize): usize => { moveToSegment(op, readOperand<u16>(op)); return leaveAfter(op); });
  define(Op.LOADSEG, Form.RM, 1, (op: usize): usize => loadFar<u16>(op));
  define(Op.LOADSEG, Form.RM, 2, (op: usize): usize => loadFar<u32>(op));
  define(Op.LOADSEG, Form.RM, 3, (op: usize): usize => loadFar<u64>(op));
  define(Op.BOUND, Form.RM, 1, (op: usize): usize => bound<i16>(op));
  define(Op.BOUND, Form.RM, 2, (op: usize): usize => bound<i32>(op));
  defineAnySize(Op.LAR, Form.RR, (op: usize): usize => loadAccessRights(op, load<u16>(sourceOf(op))));
  defineAnySize(Op.LAR, Form.RM, (op: usize): usize => loadAccessRights(op, readOperand<u16>(op)));
  defineAnySize(Op.LSL, Form.RR, (op: usize): usize => loadLimit(op, load<u16>(sourceOf(op))));
  defineAnySize(Op.LSL, Form.RM, (op: usize): usize => loadLimit(op, readOperand<u16>(op)));
  defineAnySize(Op.VERR, Form.R, (op: usize): usize => verify(op, load<u16>(targetOf(op)), false));
  defineAnySize(Op.VERR, Form.M, (op: usize): usize => verify(op, readOperand<u16>(op), false));
  defineAnySize(Op.VERW, Form.R, (op: usize): usize => verify(op, load<u16>(targetOf(op)), true));
  defineAnySize(Op.VERW, Form.M, (op: usize): usize => verify(op, readOperand<u16>(op), true));
  defineAnySize(Op.ARPL, Form.RR, (op: usize): usize => {
    const result = arpl(op, load<u16>(targetOf(op)));
    if (result >= 0) store<u16>(targetOf(op), <u16>result);
    return next(op);
  });
  defineAnySize(Op.ARPL, Form.MR, (op: usize): usize => {
    const address = addressOf(op);
    const selector = read<u16>(address);
    const privilege = load<u16>(sourceOf(op)) & 3;
    if ((selector & 3) < privilege) {
      // Only now it is known that the operand is written.
      if (load<u8>(op, Record.ADDRESS) == Address.CHECKED) segmentLinear(segmentOf(op), <u32>cutToAddressSize(op, rawAddress(op)), 2, true);
      write<u16>(address, (selector & ~3) | privilege);
    }
    arpl(op, selector);
    return next(op);
  });
  defineAnySize(Op.SWAPGS, Form.R, (op: usize): usize => {
    if (cpl() != 0) raiseGp(0);
    const old = load<u64>(L.GS, L.SEGMENT_BASE);
    store<u64>(L.GS, load<u64>(L.MSR_KERNEL_GS_BASE), L.SEGMENT_BASE);
    store<u64>(L.MSR_KERNEL_GS_BASE, old);
    return leaveAfter(op);
  });
  defineAnySize(Op.RDFSBASE, Form.R, (op: usize): usize => base(op, L.FS, false));
  defineAnySize(Op.RDGSBASE, Form.R, (op: usize): usize => base(op, L.GS, false));
  defineAnySize(Op.WRFSBASE, Form.R, (op: usize): usize => base(op, L.FS, true));
  defineAnySize(Op.WRGSBASE, Form.R, (op: usize): usize => base(op, L.GS, true));
}
function moveToSegment(op: usize, selector: u32): void {
  loadSegment(targetOf(op), selector);
  if (targetOf(op) == L.SS) store<u32>(L.SHADOW, L.SHADOW_STACK);
}
