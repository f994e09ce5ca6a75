import * as L from '../layout';
import { Op, define } from '../decode/operations';
import { Form, Record } from '../decode/record';
import { arithmeticFlags, condition, setArithmeticFlags } from '../exec/flags';
import { addressOf, next, readOperand, writeOperand } from '../exec/operands';
import { probeRead, probeWrite, read, write } from '../mmu/access';
import { Cr0, Flag, isLong, isProtected } from '../mode';
import { Vector, raise, raiseUd } from '../system/fault';
import {
  Exception, add, begin, compare, complete, divide, fromDouble, fromInteger, fromMagnitude, fromSingle, give, giveDefault, isInfinity, isNan,
  isUnsupported, isZero, multiply, operandDouble, operandSingle, quotientBits, raised, remainderOf, resultExp, resultSig, roundToInteger,
  roundingControl, scale, signal, squareRoot, toDouble, toInteger, toSingle,
} from './float80';
import { expOf, inUse, physical, popStack, pushResult, put, refusePush, requireX87, setInUse, settle, settleStore, sigOf, startX87, store80, underflow } from './stack';
import { checkX87Exceptions, initializeX87, setStatusWord, statusWord, updateSummary } from './state';
import { transcendental } from './transcendental';

/** x87 instructions: by escape byte and ModRM.reg, as the opcode maps have them (Intel SDM vol. 2, A.5). */

const C0: u32 = 0x100;
const C1: u32 = 0x200;
const C2: u32 = 0x400;
const C3: u32 = 0x4000;

function setConditions(bits: u32): void { store<u32>(L.X87_STATUS, (load<u32>(L.X87_STATUS) & ~(C0 | C2 | C3)) | bits); }

/** FADD, FMUL, FCOM, FCOMP, FSUB, FSUBR, FDIV, FDIVR in the order of their encoding. */
function arithmetic(kind: u32, ae: u32, a: u64, be: u32, b: u64): void {
  switch (kind) {
    case 0: add(ae, a, be, b, false); break;
    case 1: multiply(ae, a, be, b); break;
    case 4: add(ae, a, be, b, true); break;
    case 5: add(be, b, ae, a, true); break;
    case 6: divide(ae, a, be, b); break;
    default: divide(be, b, ae, a); break;
  }
}
function compareWith(be: u32, b: u64, quiet: bool): bool {
  const st = physical(0);
  const order = compare(expOf(st), sigOf(st), be, b, quiet);
  const ok = settle();
  setConditions(order == 2 ? C0 | C2 | C3 : order < 0 ? C0 : order == 0 ? C3 : 0);
  return ok;
}
function compareEmpty(): bool {
  underflow();
  const ok = settle();
  setConditions(C0 | C2 | C3);
  return ok;
}
/** ST(0) with the operand in resultExp and resultSig. */
function withMemory(kind: u32): void {
  const be = resultExp, b = resultSig;
  if (kind == 2 || kind == 3) {
    const ok = inUse(0) ? compareWith(be, b, false) : compareEmpty();
    if (kind == 3 && ok) popStack();
    return;
  }
  if (!inUse(0)) { underflow(); store80(0); return; }
  const st = physical(0);
  arithmetic(kind, expOf(st), sigOf(st), be, b);
  store80(0);
}
/** ST(target) = ST(0) op ST(i) or ST(i) op ST(0). */
function withRegister(kind: u32, i: u32, target: u32, pops: bool): void {
  if (!inUse(0) || !inUse(i)) { underflow(); }
  else {
    const x = physical(0), y = physical(i);
    if (target == 0) arithmetic(kind, expOf(x), sigOf(x), expOf(y), sigOf(y));
    else arithmetic(kind, expOf(y), sigOf(y), expOf(x), sigOf(x));
  }
  if (store80(target) && pops) popStack();
}
function compareRegister(i: u32, quiet: bool, pops: u32): void {
  const ok = inUse(0) && inUse(i) ? compareWith(expOf(physical(i)), sigOf(physical(i)), quiet) : compareEmpty();
  if (ok) for (let n: u32 = 0; n < pops; n++) popStack();
}
/** FCOMI and its kin compare into RFLAGS. */
function compareFlags(i: u32, quiet: bool, pops: bool): void {
  let order = 2;
  if (inUse(0) && inUse(i)) order = compare(expOf(physical(0)), sigOf(physical(0)), expOf(physical(i)), sigOf(physical(i)), quiet);
  else underflow();
  const ok = settle();
  setArithmeticFlags(order == 2 ? Flag.ZF | Flag.PF | Flag.CF : order < 0 ? Flag.CF : order == 0 ? Flag.ZF : 0);
  if (ok && pops) popStack();
}
@inline function rm(op: usize): u32 { return load<u8>(op, Record.IMMEDIATE); }

function loadRegister(i: u32): void {
  if (inUse(i)) give(expOf(physical(i)), sigOf(physical(i)));
  else underflow();
  pushResult();
}
function exchange(i: u32): void {
  if (!inUse(0) || !inUse(i)) {
    // Empty ones become the default; both are in use afterwards.
    underflow();
    if (!settle()) return;
    if (!inUse(0)) { put(physical(0), 0xffff, 0xc000000000000000); setInUse(0, true); }
    if (!inUse(i)) { put(physical(i), 0xffff, 0xc000000000000000); setInUse(i, true); }
  } else {
    settle();
  }
  const x = physical(0), y = physical(i);
  const exp = expOf(x), sig = sigOf(x);
  put(x, expOf(y), sigOf(y));
  put(y, exp, sig);
}
function examine(): void {
  const st = physical(0);
  const exp = expOf(st), sig = sigOf(st);
  let bits: u32;
  if (!inUse(0)) bits = C3 | C0;
  else if (isUnsupported(exp, sig)) bits = 0;
  else if (isNan(exp, sig)) bits = C0;
  else if (isInfinity(exp, sig)) bits = C2 | C0;
  else if (isZero(exp, sig)) bits = C3;
  else if (!(exp & 0x7fff)) bits = C3 | C2;
  else bits = C2;
  store<u32>(L.X87_STATUS, (load<u32>(L.X87_STATUS) & ~C1) | (exp >> 15 ? C1 : 0));
  setConditions(bits);
}
/** Constants, rounded as the control word says: up or down in the last place. */
function constant(n: u32): void {
  const control = roundingControl();
  const down: u64 = control == 1 || control == 3 ? 1 : 0;
  const up: u64 = control == 2 ? 1 : 0;
  switch (n) {
    case 0: give(0x3fff, 0x8000000000000000); break;
    case 1: give(0x4000, 0xd49a784bcd1b8afe + up); break;
    case 2: give(0x3fff, 0xb8aa3b295c17f0bc - down); break;
    case 3: give(0x4000, 0xc90fdaa22168c235 - down); break;
    case 4: give(0x3ffd, 0x9a209a84fbcff799 - down); break;
    case 5: give(0x3ffe, 0xb17217f7d1cf79ac - down); break;
    default: give(0, 0); break;
  }
  pushResult();
}
function extract(): void {
  if (refusePush()) return;
  const st = physical(0);
  const exp = expOf(st), sig = sigOf(st);
  if (isZero(exp, sig)) {
    signal(Exception.ZERO);
    give(0xffff, 0x8000000000000000);
    if (store80(0)) { begin(); give(exp, sig); pushResult(); }
    return;
  }
  if (isUnsupported(exp, sig) || isNan(exp, sig)) {
    add(exp, sig, exp, sig, false);
    const re = resultExp, rs = resultSig;
    if (store80(0)) { begin(); give(re, rs); pushResult(); }
    return;
  }
  if (isInfinity(exp, sig)) {
    give(0x7fff, sig);
    if (store80(0)) { begin(); give(exp, sig); pushResult(); }
    return;
  }
  if (!(exp & 0x7fff)) signal(Exception.DENORMAL);
  const zeros = <i32>clz<u64>(sig);
  fromInteger(<i64>(max<i32>(exp & 0x7fff, 1) - zeros - 16383));
  if (store80(0)) { begin(); give((exp & 0x8000) | 0x3fff, sig << zeros); pushResult(); }
}
function remainder(toNearest: bool): void {
  if (!inUse(0) || !inUse(1)) { underflow(); store80(0); return; }
  remainderOf(expOf(physical(0)), sigOf(physical(0)), expOf(physical(1)), sigOf(physical(1)), toNearest);
  const q = quotientBits;
  if (!store80(0)) return;
  if (!complete) { setConditions(C2); return; }
  setConditions((q & 4 ? C0 : 0) | (q & 2 ? C3 : 0));
  store<u32>(L.X87_STATUS, (load<u32>(L.X87_STATUS) & ~C1) | (q & 1 ? C1 : 0));
}
function conditionalMove(i: u32, take: bool): void {
  if (!inUse(0) || !inUse(i)) { underflow(); store80(0); return; }
  settle();
  if (take) put(physical(0), expOf(physical(i)), sigOf(physical(i)));
}

/** D9 E0–FF. */
function miscellaneous(op: usize, n: u32): void {
  const st = physical(0);
  switch (n) {
    case 0x00: case 0x01:
      if (!inUse(0)) { underflow(); store80(0); break; }
      settle();
      put(st, n ? expOf(st) & 0x7fff : expOf(st) ^ 0x8000, sigOf(st));
      break;
    case 0x04: if (inUse(0)) compareWith(0, 0, false); else compareEmpty(); break;
    case 0x05: examine(); break;
    case 0x08: case 0x09: case 0x0a: case 0x0b: case 0x0c: case 0x0d: case 0x0e: constant(n - 8); break;
    case 0x14: extract(); break;
    case 0x15: remainder(true); break;
    case 0x16: store<u32>(L.X87_TOP, (load<u32>(L.X87_TOP) - 1) & 7); settle(); break;
    case 0x17: store<u32>(L.X87_TOP, (load<u32>(L.X87_TOP) + 1) & 7); settle(); break;
    case 0x18: remainder(false); break;
    case 0x1a: if (inUse(0)) squareRoot(expOf(st), sigOf(st)); else underflow(); store80(0); break;
    case 0x1c: if (inUse(0)) roundToInteger(expOf(st), sigOf(st)); else underflow(); store80(0); break;
    case 0x1d:
      if (inUse(0) && inUse(1)) scale(expOf(st), sigOf(st), expOf(physical(1)), sigOf(physical(1)));
      else underflow();
      store80(0);
      break;
    case 0x10: case 0x11: case 0x12: case 0x13: case 0x19: case 0x1b: case 0x1e: case 0x1f: transcendental(n); break;
    default: raiseUd();
  }
}

function registerForm(op: usize, escape: u32, reg: u32): usize {
  const i = rm(op);
  if (escape == 3 && reg == 4) {
    // FNCLEX and FNINIT do not wait; FNENI and FNDISI of the 8087 do nothing.
    if (i > 4) raiseUd();
    requireX87();
    if (i == 2) store<u32>(L.X87_STATUS, load<u32>(L.X87_STATUS) & 0x7f00);
    if (i == 3) initializeX87();
    return next(op);
  }
  if (escape == 7 && reg == 4) {
    if (i) raiseUd();
    requireX87();
    store<u16>(L.RAX, <u16>statusWord());
    return next(op);
  }
  startX87(op);
  switch (escape) {
    case 0:
      if (reg == 2 || reg == 3) compareRegister(i, false, reg - 2);
      else withRegister(reg, i, 0, false);
      break;
    case 1:
      if (reg == 0) loadRegister(i);
      else if (reg == 1) exchange(i);
      else if (reg == 2) { if (i) raiseUd(); }
      else if (reg == 3) { storeRegister(i, true); }
      else miscellaneous(op, (reg - 4) * 8 + i);
      break;
    case 2: case 3:
      if (reg < 4) {
        let take: bool;
        switch (reg) {
          case 0: take = condition(2); break;
          case 1: take = condition(4); break;
          case 2: take = condition(6); break;
          default: take = condition(10); break;
        }
        conditionalMove(i, take != (escape == 3));
      } else if (escape == 2) {
        if (reg == 5 && i == 1) compareRegister(1, true, 2);
        else raiseUd();
      } else if (reg == 5 || reg == 6) compareFlags(i, reg == 5, false);
      else raiseUd();
      break;
    case 4: case 6:
      if (reg == 2 || reg == 3) {
        if (escape == 4) compareRegister(i, false, reg - 2);
        else if (reg == 2) compareRegister(i, false, 1);
        else if (i == 1) compareRegister(1, false, 2);
        else raiseUd();
      } else {
        // The subtractions and divisions into ST(i) have their reverses exchanged.
        registerTarget(reg, i, escape == 6);
      }
      break;
    case 5:
      if (reg == 0) { setInUse(i, false); settle(); }
      else if (reg == 1) exchange(i);
      else if (reg == 2 || reg == 3) storeRegister(i, reg == 3);
      else if (reg == 4 || reg == 5) compareRegister(i, true, reg - 4);
      else raiseUd();
      break;
    default:
      if (reg == 5 || reg == 6) compareFlags(i, reg == 5, true);
      else if (reg == 0) { setInUse(i, false); popStack(); settle(); }
      else if (reg == 1) exchange(i);
      else if (reg == 2 || reg == 3) storeRegister(i, true);
      else raiseUd();
      break;
  }
  return next(op);
}
/** ST(i) = ST(i) op ST(0): FSUBR is encoded where FSUB is for ST(0). */
function registerTarget(reg: u32, i: u32, pops: bool): void {
  if (!inUse(0) || !inUse(i)) underflow();
  else {
    const x = physical(0), y = physical(i);
    // Encoded 4 is FSUBR, ST(i) = ST(0) − ST(i), which is the plain order of ST(0) and ST(i).
    if (reg >= 4) arithmetic(reg, expOf(x), sigOf(x), expOf(y), sigOf(y));
    else arithmetic(reg, expOf(y), sigOf(y), expOf(x), sigOf(x));
  }
  if (store80(i) && pops) popStack();
}
function storeRegister(i: u32, pops: bool): void {
  if (inUse(0)) give(expOf(physical(0)), sigOf(physical(0)));
  else underflow();
  if (store80(i) && pops) popStack();
}

function storeSingle(op: usize, pops: bool): void {
  const address = addressOf(op);
  probeWrite(address, 4);
  let bits: u32 = 0xffc00000;
  if (inUse(0)) bits = toSingle(expOf(physical(0)), sigOf(physical(0)));
  else underflow();
  if (!settleStore()) return;
  write<u32>(address, bits);
  if (pops) popStack();
}
function storeDouble(op: usize, pops: bool): void {
  const address = addressOf(op);
  probeWrite(address, 8);
  let bits: u64 = 0xfff8000000000000;
  if (inUse(0)) bits = toDouble(expOf(physical(0)), sigOf(physical(0)));
  else underflow();
  if (!settleStore()) return;
  write<u64>(address, bits);
  if (pops) popStack();
}
function storeInteger(op: usize, bits: u32, truncate: bool, pops: bool): void {
  const address = addressOf(op);
  probeWrite(address, bits / 8);
  let value: i64 = i64.MIN_VALUE >> (64 - bits);
  if (inUse(0)) value = toInteger(expOf(physical(0)), sigOf(physical(0)), bits, truncate);
  else underflow();
  if (!settleStore()) return;
  if (bits == 16) write<u16>(address, <u16>value);
  else if (bits == 32) write<u32>(address, <u32>value);
  else write<u64>(address, <u64>value);
  if (pops) popStack();
}
function loadExtended(op: usize): void {
  const address = addressOf(op);
  probeRead(address, 10);
  give(<u32>read<u16>(address + 8), read<u64>(address));
  pushResult();
}
function storeExtended(op: usize): void {
  const address = addressOf(op);
  probeWrite(address, 10);
  if (inUse(0)) give(expOf(physical(0)), sigOf(physical(0)));
  else underflow();
  const exp = resultExp, sig = resultSig;
  if (!settle()) return;
  write<u64>(address, sig);
  write<u16>(address + 8, <u16>exp);
  popStack();
}
/** Packed decimal: 18 digits and a sign. */
function loadDecimal(op: usize): void {
  const address = addressOf(op);
  probeRead(address, 10);
  let value: u64 = 0;
  for (let i: i32 = 8; i >= 0; i--) {
    const byte = <u64>read<u8>(address + i);
    value = value * 100 + (byte >> 4) * 10 + (byte & 15);
  }
  fromMagnitude((read<u8>(address + 9) & 0x80) != 0, value);
  pushResult();
}
function storeDecimal(op: usize): void {
  const address = addressOf(op);
  probeWrite(address, 10);
  let value: i64 = 0;
  let valid = false;
  let sign = false;
  if (inUse(0)) {
    const st = physical(0);
    sign = <bool>(expOf(st) >> 15);
    value = toInteger(expOf(st), sigOf(st), 64, false);
    valid = !(raised & Exception.INVALID);
    const magnitude = value < 0 ? 0 - <u64>value : <u64>value;
    if (valid && magnitude > 999999999999999999) {
      begin();
      signal(Exception.INVALID);
      valid = false;
    }
  } else {
    underflow();
  }
  if (!settleStore()) return;
  if (valid) {
    let magnitude = value < 0 ? 0 - <u64>value : <u64>value;
    for (let i: u32 = 0; i < 9; i++) {
      const two = magnitude % 100;
      magnitude /= 100;
      write<u8>(address + i, <u8>(((two / 10) << 4) | (two % 10)));
    }
    write<u8>(address + 9, sign ? 0x80 : 0);
  } else {
    write<u64>(address, 0xc000000000000000);
    write<u16>(address + 8, 0xffff);
  }
  popStack();
}

/** Tags in the full form of two bits a register. */
function fullTags(): u32 {
  let tags: u32 = 0;
  for (let n: u32 = 0; n < 8; n++) {
    const register: usize = L.X87 + n * 16;
    let tag: u32 = 3;
    if ((load<u32>(L.X87_TAGS) >> n) & 1) {
      const exp = expOf(register) & 0x7fff;
      if (isZero(exp, sigOf(register))) tag = 1;
      else tag = exp == 0 || exp == 0x7fff || !(sigOf(register) >> 63) ? 2 : 0;
    }
    tags |= tag << (n * 2);
  }
  return tags;
}
function loadTags(full: u32): void {
  let tags: u32 = 0;
  for (let n: u32 = 0; n < 8; n++) if (((full >> (n * 2)) & 3) != 3) tags |= 1 << n;
  store<u32>(L.X87_TAGS, tags);
}
@inline function wideEnvironment(op: usize): bool { return load<u8>(op, Record.PREFIXES) & 8 ? !(load<u32>(L.MODE) & 3) : (load<u32>(L.MODE) & 3) != 0; }

/** The environment: 28 bytes, or 14 with a 16-bit operand size. @returns its size */
function storeEnvironment(op: usize, address: u64): u32 {
  if (wideEnvironment(op)) {
    write<u32>(address, load<u32>(L.X87_CONTROL) | 0xffff0000);
    write<u32>(address + 4, statusWord() | 0xffff0000);
    write<u32>(address + 8, fullTags() | 0xffff0000);
    write<u32>(address + 12, load<u32>(L.X87_IP));
    write<u32>(address + 16, load<u32>(L.X87_CS) | (load<u32>(L.X87_OPCODE) << 16));
    write<u32>(address + 20, load<u32>(L.X87_DP));
    write<u32>(address + 24, load<u32>(L.X87_DS) | 0xffff0000);
    return 28;
  }
  write<u16>(address, <u16>load<u32>(L.X87_CONTROL));
  write<u16>(address + 2, <u16>statusWord());
  write<u16>(address + 4, <u16>fullTags());
  write<u16>(address + 6, <u16>load<u32>(L.X87_IP));
  write<u16>(address + 8, <u16>load<u32>(L.X87_CS));
  write<u16>(address + 10, <u16>load<u32>(L.X87_DP));
  write<u16>(address + 12, <u16>load<u32>(L.X87_DS));
  return 14;
}
function loadEnvironment(op: usize, address: u64): u32 {
  const wide = wideEnvironment(op);
  const step: u32 = wide ? 4 : 2;
  const control = read<u16>(address), status = read<u16>(address + step), tags = read<u16>(address + 2 * step);
  store<u32>(L.X87_CONTROL, control);
  loadTags(tags);
  setStatusWord(status);
  store<u64>(L.X87_IP, wide ? <u64>read<u32>(address + 12) : <u64>read<u16>(address + 6));
  store<u64>(L.X87_DP, wide ? <u64>read<u32>(address + 20) : <u64>read<u16>(address + 10));
  return wide ? 28 : 14;
}
function saveState(op: usize): void {
  const address = addressOf(op);
  probeWrite(address, wideEnvironment(op) ? 108 : 94);
  const at = address + storeEnvironment(op, address);
  for (let i: u32 = 0; i < 8; i++) {
    write<u64>(at + i * 10, sigOf(physical(i)));
    write<u16>(at + i * 10 + 8, <u16>expOf(physical(i)));
  }
  initializeX87();
}
function restoreState(op: usize): void {
  const address = addressOf(op);
  probeRead(address, wideEnvironment(op) ? 108 : 94);
  const at = address + loadEnvironment(op, address);
  for (let i: u32 = 0; i < 8; i++) put(physical(i), <u32>read<u16>(at + i * 10 + 8), read<u64>(at + i * 10));
}

function memoryForm(op: usize, escape: u32, reg: u32): usize {
  // FNSTCW, FNSTENV, FNSAVE and FNSTSW do not wait.
  if (escape == 1 && reg == 7) { requireX87(); writeOperand<u16>(op, <u16>load<u32>(L.X87_CONTROL)); return next(op); }
  if (escape == 5 && reg == 7) { requireX87(); writeOperand<u16>(op, <u16>statusWord()); return next(op); }
  if (escape == 5 && reg == 6) { requireX87(); saveState(op); return next(op); }
  if (escape == 1 && reg == 6) {
    requireX87();
    const address = addressOf(op);
    probeWrite(address, wideEnvironment(op) ? 28 : 14);
    storeEnvironment(op, address);
    // All exceptions are masked afterwards.
    store<u32>(L.X87_CONTROL, load<u32>(L.X87_CONTROL) | 0x3f);
    updateSummary();
    return next(op);
  }
  if (escape == 1 && (reg == 4 || reg == 5)) {
    requireX87();
    checkX87Exceptions();
    if (reg == 5) {
      store<u32>(L.X87_CONTROL, (<u32>readOperand<u16>(op) & 0x1f7f) | 0x40);
      updateSummary();
    } else {
      const address = addressOf(op);
      probeRead(address, wideEnvironment(op) ? 28 : 14);
      loadEnvironment(op, address);
    }
    return next(op);
  }
  if (escape == 5 && reg == 4) { requireX87(); checkX87Exceptions(); restoreState(op); return next(op); }
  startX87(op);
  switch (escape) {
    case 0: operandSingle(readOperand<u32>(op)); withMemory(reg); break;
    case 2: fromInteger(<i64>readOperand<i32>(op)); withMemory(reg); break;
    case 4: operandDouble(readOperand<u64>(op)); withMemory(reg); break;
    case 6: fromInteger(<i64>readOperand<i16>(op)); withMemory(reg); break;
    case 1:
      if (reg == 0) { fromSingle(readOperand<u32>(op)); pushResult(); }
      else if (reg == 2 || reg == 3) storeSingle(op, reg == 3);
      else raiseUd();
      break;
    case 3:
      if (reg == 0) { fromInteger(<i64>readOperand<i32>(op)); pushResult(); }
      else if (reg <= 3) storeInteger(op, 32, reg == 1, reg != 2);
      else if (reg == 5) loadExtended(op);
      else if (reg == 7) storeExtended(op);
      else raiseUd();
      break;
    case 5:
      if (reg == 0) { fromDouble(readOperand<u64>(op)); pushResult(); }
      else if (reg == 1) storeInteger(op, 64, true, true);
      else if (reg == 2 || reg == 3) storeDouble(op, reg == 3);
      else raiseUd();
      break;
    default:
      if (reg == 0) { fromInteger(<i64>readOperand<i16>(op)); pushResult(); }
      else if (reg <= 3) storeInteger(op, 16, reg == 1, reg != 2);
      else if (reg == 4) loadDecimal(op);
      else if (reg == 5) { fromInteger(readOperand<i64>(op)); pushResult(); }
      else if (reg == 6) storeDecimal(op);
      else storeInteger(op, 64, false, true);
      break;
  }
  return next(op);
}
@inline function indexOf(op: usize, first: u32): u32 { return <u32>load<u16>(op, Record.OPERATION) - first; }

export function defineFpu(): void {
  for (let i: u32 = 0; i < 64; i++) {
    define(Op.FPU_M + i, Form.M, 0, (op: usize): usize => memoryForm(op, indexOf(op, Op.FPU_M) >> 3, indexOf(op, Op.FPU_M) & 7));
    define(Op.FPU_R + i, Form.NONE, 0, (op: usize): usize => registerForm(op, indexOf(op, Op.FPU_R) >> 3, indexOf(op, Op.FPU_R) & 7));
  }
  define(Op.WAIT, Form.NONE, 0, (op: usize): usize => {
    if ((load<u64>(L.CR0) & (Cr0.MP | Cr0.TS)) == (Cr0.MP | Cr0.TS)) raise(Vector.NM);
    checkX87Exceptions();
    return next(op);
  });
}
