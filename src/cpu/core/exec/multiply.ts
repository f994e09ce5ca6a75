import * as L from '../layout';
import { define, defineAnySize, defineWords } from '../decode/handlers';
import { FlagBit, declareFlags } from '../decode/flow';
import { Op } from '../decode/operation';
import { Form } from '../decode/record';
import { Flag } from '../mode';
import { Vector, raise } from '../system/fault';
import { adjust, arithmeticFlags, carry, setArithmeticFlags, setCarryOverflow, setResult } from './flags';
import { immediateOf, next, readOperand, setRegister, sourceOf, targetOf } from './operands';

/** Upper half of a 64 by 64 bit product. */
export function mulHigh(a: u64, b: u64): u64 {
  const al = a & 0xffffffff, ah = a >> 32, bl = b & 0xffffffff, bh = b >> 32;
  const ll = al * bl, lh = al * bh, hl = ah * bl;
  const middle = (ll >> 32) + (lh & 0xffffffff) + (hl & 0xffffffff);
  return ah * bh + (lh >> 32) + (hl >> 32) + (middle >> 32);
}
export function mulHighSigned(a: i64, b: i64): i64 {
  return <i64>(mulHigh(<u64>a, <u64>b) - (a < 0 ? <u64>b : 0) - (b < 0 ? <u64>a : 0));
}

/** CF and OF say that the upper half matters; SF, ZF, AF and PF are undefined. */
function flagsProduct<T>(low: T, lost: bool): void {
  setResult<T>(low);
  store<u32>(L.FLAG_AUX, 0);
  setCarryOverflow(lost, lost);
}

function mul<T>(b: T): void {
  if (sizeof<T>() == 8) {
    const a = load<u64>(L.RAX);
    const high = mulHigh(a, <u64>b);
    store<u64>(L.RAX, a * <u64>b);
    store<u64>(L.RDX, high);
    flagsProduct<T>(<T>(a * <u64>b), high != 0);
    return;
  }
  const product = <u64>load<T>(L.RAX) * <u64>b;
  const high = product >> (sizeof<T>() * 8);
  storeProduct<T>(product, high);
  flagsProduct<T>(<T>product, high != 0);
}
@inline function storeProduct<T>(product: u64, high: u64): void {
  if (sizeof<T>() == 1) {
    store<u16>(L.RAX, <u16>product);
  } else {
    setRegister<T>(L.RAX, <T>product);
    setRegister<T>(L.RDX, <T>high);
  }
}
/** S is the signed type of T's size. */
function imul<S, T>(b: S): void {
  if (sizeof<T>() == 8) {
    const a = load<i64>(L.RAX);
    const low = a * <i64>b;
    const high = mulHighSigned(a, <i64>b);
    store<i64>(L.RAX, low);
    store<i64>(L.RDX, high);
    flagsProduct<T>(<T>low, high != low >> 63);
    return;
  }
  const product = <i64>load<S>(L.RAX) * <i64>b;
  storeProduct<T>(<u64>product, <u64>(product >> (sizeof<T>() * 8)));
  flagsProduct<T>(<T>product, product != <i64><S>product);
}
@inline function narrow(a: i64): bool { return a == <i64><i32>a; }
@inline export function imulInto<S, T>(op: usize, a: S, b: S): usize {
  if (sizeof<T>() == 8) {
    const low = <i64>a * <i64>b;
    const lost = narrow(<i64>a) && narrow(<i64>b) ? false : mulHighSigned(<i64>a, <i64>b) != low >> 63;
    flagsProduct<T>(<T>low, lost);
    setRegister<T>(targetOf(op), <T>low);
  } else {
    const product = <i64>a * <i64>b;
    flagsProduct<T>(<T>product, product != <i64><S>product);
    setRegister<T>(targetOf(op), <T>product);
  }
  return next(op);
}

/** One digit of a quotient in base 2^32; the divisor's top bit is set (Knuth, TAOCP vol. 2, 4.3.1, algorithm D, step D3). */
function quotientDigit(high: u64, next: u64, divisor: u64): u64 {
  const top = divisor >> 32, rest = divisor & 0xffffffff;
  let digit = high / top, left = high % top;
  while (digit >> 32 || digit * rest > (left << 32 | next)) {
    digit--;
    left += top;
    if (left >> 32) break;
  }
  return digit;
}
/** 128 by 64 bits, quotient known to fit. */
let remainder: u64 = 0;
function divideWide(high: u64, low: u64, divisor: u64): u64 {
  const shift = clz(divisor);
  const scaled = divisor << shift;
  const top = high << shift | (low >> 1) >> (63 - shift);
  const bottom = low << shift;
  const first = quotientDigit(top, bottom >> 32, scaled);
  const middle = (top << 32 | bottom >> 32) - first * scaled;
  const second = quotientDigit(middle, bottom & 0xffffffff, scaled);
  remainder = ((middle << 32 | bottom & 0xffffffff) - second * scaled) >> shift;
  return first << 32 | second;
}
function div<T>(b: T): void {
  if (b == 0) raise(Vector.DE);
  if (sizeof<T>() == 1) {
    const dividend = <u32>load<u16>(L.RAX);
    const q = dividend / <u32>b;
    if (q > 0xff) raise(Vector.DE);
    store<u16>(L.RAX, <u16>(q | ((dividend % <u32>b) << 8)));
  } else if (sizeof<T>() < 8) {
    const dividend = (<u64>load<T>(L.RDX) << (sizeof<T>() * 8)) | <u64>load<T>(L.RAX);
    const q = dividend / <u64>b;
    if (q >> (sizeof<T>() * 8)) raise(Vector.DE);
    setRegister<T>(L.RAX, <T>q);
    setRegister<T>(L.RDX, <T>(dividend % <u64>b));
  } else {
    const high = load<u64>(L.RDX);
    const low = load<u64>(L.RAX);
    if (high >= <u64>b) raise(Vector.DE);
    if (high == 0) {
      store<u64>(L.RAX, low / <u64>b);
      store<u64>(L.RDX, low % <u64>b);
    } else {
      store<u64>(L.RAX, divideWide(high, low, <u64>b));
      store<u64>(L.RDX, remainder);
    }
  }
}
function idiv<S>(b: S): void {
  if (b == 0) raise(Vector.DE);
  if (sizeof<S>() < 8) {
    const dividend = sizeof<S>() == 1 ? <i64>load<i16>(L.RAX)
      : sizeof<S>() == 2 ? <i64>(<i32>((<u32>load<u16>(L.RDX) << 16) | <u32>load<u16>(L.RAX)))
      : <i64>((<u64>load<u32>(L.RDX) << 32) | <u64>load<u32>(L.RAX));
    if (<i64>b == -1 && dividend == i64.MIN_VALUE) raise(Vector.DE);
    const q = dividend / <i64>b;
    const r = dividend % <i64>b;
    if (q != <i64><S>q) raise(Vector.DE);
    if (sizeof<S>() == 1) {
      store<u16>(L.RAX, <u16>((q & 0xff) | (r << 8)));
    } else if (sizeof<S>() == 2) {
      store<u16>(L.RAX, <u16>q);
      store<u16>(L.RDX, <u16>r);
    } else {
      store<u64>(L.RAX, <u64><u32>q);
      store<u64>(L.RDX, <u64><u32>r);
    }
    return;
  }
  // Magnitudes first, signs afterwards.
  let high = load<u64>(L.RDX), low = load<u64>(L.RAX);
  const negative = <i64>high < 0;
  if (negative) {
    low = 0 - low;
    high = ~high + <u64>(low == 0);
  }
  const divisor = <i64>b < 0 ? <u64>(0 - <i64>b) : <u64>b;
  if (high >= divisor) raise(Vector.DE);
  let q: u64, r: u64;
  if (high == 0) { q = low / divisor; r = low % divisor; }
  else { q = divideWide(high, low, divisor); r = remainder; }
  const quotientNegative = negative != (<i64>b < 0);
  if (quotientNegative ? q > (<u64>1 << 63) : <i64>q < 0) raise(Vector.DE);
  store<u64>(L.RAX, quotientNegative ? 0 - q : q);
  store<u64>(L.RDX, negative ? 0 - r : r);
}

function defineProducts<S, T>(size: u32): void {
  define(Op.MUL, Form.R, size, (op: usize): usize => { mul<T>(load<T>(targetOf(op))); return next(op); });
  define(Op.MUL, Form.M, size, (op: usize): usize => { mul<T>(readOperand<T>(op)); return next(op); });
  define(Op.IMUL, Form.R, size, (op: usize): usize => { imul<S, T>(load<S>(targetOf(op))); return next(op); });
  define(Op.IMUL, Form.M, size, (op: usize): usize => { imul<S, T>(readOperand<S>(op)); return next(op); });
  define(Op.DIV, Form.R, size, (op: usize): usize => { div<T>(load<T>(targetOf(op))); return next(op); });
  define(Op.DIV, Form.M, size, (op: usize): usize => { div<T>(readOperand<T>(op)); return next(op); });
  define(Op.IDIV, Form.R, size, (op: usize): usize => { idiv<S>(load<S>(targetOf(op))); return next(op); });
  define(Op.IDIV, Form.M, size, (op: usize): usize => { idiv<S>(readOperand<S>(op)); return next(op); });
  define(Op.IMUL2, Form.RR, size, (op: usize): usize => imulInto<S, T>(op, load<S>(targetOf(op)), load<S>(sourceOf(op))));
  define(Op.IMUL2, Form.RM, size, (op: usize): usize => { const b = readOperand<S>(op); return imulInto<S, T>(op, load<S>(targetOf(op)), b); });
  define(Op.IMUL3, Form.RR, size, (op: usize): usize => imulInto<S, T>(op, load<S>(sourceOf(op)), immediateOf<S>(op)));
  define(Op.IMUL3, Form.RM, size, (op: usize): usize => imulInto<S, T>(op, readOperand<S>(op), immediateOf<S>(op)));
}

/** Decimal adjustment (Intel SDM vol. 2, AAA to DAS). */
function szp(result: u32, cf: bool, af: bool): void {
  setResult<u8>(<u8>result);
  setCarryOverflow(cf, false);
  store<u32>(L.FLAG_AUX, af ? 16 : 0);
}
function decimalAfter(subtract: bool): void {
  const old = <u32>load<u8>(L.RAX);
  const oldCarry = carry();
  let al = old;
  let cf = false;
  const af = (old & 15) > 9 || adjust();
  if (af) {
    cf = oldCarry || (subtract ? old < 6 : old > 0xf9);
    al = subtract ? al - 6 : al + 6;
  }
  if (old > 0x99 || oldCarry) {
    al = subtract ? al - 0x60 : al + 0x60;
    cf = true;
  }
  store<u8>(L.RAX, <u8>al);
  szp(al, cf, af);
}
function asciiAfter(subtract: bool): void {
  const af = (load<u8>(L.RAX) & 15) > 9 || adjust();
  if (af) store<u16>(L.RAX, subtract ? load<u16>(L.RAX) - 0x106 : load<u16>(L.RAX) + 0x106);
  store<u8>(L.RAX, load<u8>(L.RAX) & 15);
  szp(load<u8>(L.RAX), af, af);
}

export function defineMultiplications(): void {
  // SF, ZF, AF and PF are undefined.
  for (let id: u32 = Op.MUL; id <= <u32>Op.IMUL3; id++) {
    if (id != Op.DIV && id != Op.IDIV) declareFlags(id, FlagBit.ALL, 0);
  }
  defineProducts<i8, u8>(0);
  defineProducts<i16, u16>(1);
  defineProducts<i32, u32>(2);
  defineProducts<i64, u64>(3);
  defineAnySize(Op.DAA, Form.NONE, (op: usize): usize => { decimalAfter(false); return next(op); });
  defineAnySize(Op.DAS, Form.NONE, (op: usize): usize => { decimalAfter(true); return next(op); });
  defineAnySize(Op.AAA, Form.NONE, (op: usize): usize => { asciiAfter(false); return next(op); });
  defineAnySize(Op.AAS, Form.NONE, (op: usize): usize => { asciiAfter(true); return next(op); });
  defineAnySize(Op.AAM, Form.RI, (op: usize): usize => {
    const base = <u32>immediateOf<u8>(op);
    if (!base) raise(Vector.DE);
    const al = <u32>load<u8>(L.RAX);
    store<u16>(L.RAX, <u16>(((al / base) << 8) | (al % base)));
    szp(al % base, false, false);
    return next(op);
  });
  defineAnySize(Op.AAD, Form.RI, (op: usize): usize => {
    const al = (<u32>load<u8>(L.RAX) + <u32>load<u8>(L.RAX, 1) * <u32>immediateOf<u8>(op)) & 0xff;
    store<u16>(L.RAX, <u16>al);
    szp(al, false, false);
    return next(op);
  });
  defineAnySize(Op.SETALC, Form.NONE, (op: usize): usize => { store<u8>(L.RAX, carry() ? 0xff : 0); return next(op); });
}
