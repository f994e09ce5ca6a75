import * as L from '../layout';
import { FlagBit, declareFlags } from '../decode/flow';
import { define } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Form } from '../decode/record';
import { inPlace, probeWrite, read, write } from '../mmu/access';
import { carry, setCarryOverflow, setResult, settleFlags } from './flags';
import { addressOf, immediateOf, next, setRegister, sourceOf, targetOf } from './operands';

/** Shifts and rotates (Intel SDM vol. 2, SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR, SHLD, SHRD). */

@inline function bits<T>(): u32 { return sizeof<T>() * 8; }
/** All ones of T. */
@inline function mask<T>(): u64 { return (<u64>-1) >> (64 - sizeof<T>() * 8); }
@inline function top<T>(value: u64): bool { return <bool>((value >> (sizeof<T>() * 8 - 1)) & 1); }
@inline function finish<T>(result: u64, cf: bool, overflowed: bool): T {
  setResult<T>(<T>result);
  setCarryOverflow(cf, overflowed);
  store<u32>(L.FLAG_AUX, 0);
  return <T>result;
}

export class Shl {
  @inline apply<T>(a: T, count: u32): T {
    const v = <u64>a;
    const cf = count <= bits<T>() ? <bool>((v >> (bits<T>() - count)) & 1) : false;
    const r = (v << count) & mask<T>();
    return finish<T>(r, cf, top<T>(r) != cf);
  }
}
export class Shr {
  @inline apply<T>(a: T, count: u32): T {
    const v = <u64>a;
    return finish<T>(v >> count, <bool>((v >> (count - 1)) & 1), top<T>(v));
  }
}
export class Sar {
  @inline apply<T>(a: T, count: u32): T {
    let v: i64;
    if (sizeof<T>() == 1) v = <i64><i8>a;
    else if (sizeof<T>() == 2) v = <i64><i16>a;
    else if (sizeof<T>() == 4) v = <i64><i32>a;
    else v = <i64>a;
    return finish<T>(<u64>(v >> count) & mask<T>(), <bool>((v >> (count - 1)) & 1), false);
  }
}
/** Where nobody needs the flags; the count is not 0. */
export class QuietShl { @inline apply<T>(a: T, count: u32): T { return <T>(a << <T>count); } }
export class QuietShr { @inline apply<T>(a: T, count: u32): T { return <T>(a >> <T>count); } }
export class QuietSar {
  @inline apply<T>(a: T, count: u32): T { return sizeof<T>() == 8 ? <T>(<i64>a >> <i64>count) : <T>(<i32>a >> <i32>count); }
}
export class Rol {
  @inline apply<T>(a: T, count: u32): T {
    const c = count & (bits<T>() - 1);
    const v = <u64>a;
    const r = c ? ((v << c) | (v >> (bits<T>() - c))) & mask<T>() : v;
    settleFlags();
    setCarryOverflow(<bool>(r & 1), top<T>(r) != <bool>(r & 1));
    return <T>r;
  }
}
export class Ror {
  @inline apply<T>(a: T, count: u32): T {
    const c = count & (bits<T>() - 1);
    const v = <u64>a;
    const r = c ? ((v >> c) | (v << (bits<T>() - c))) & mask<T>() : v;
    settleFlags();
    setCarryOverflow(top<T>(r), top<T>(r) != top<T>(r << 1));
    return <T>r;
  }
}
class Rcl {
  @inline apply<T>(a: T, count: u32): T {
    const c = sizeof<T>() < 4 ? count % (bits<T>() + 1) : count;
    let r = <u64>a;
    let cf = carry();
    for (let i: u32 = 0; i < c; i++) {
      const out = top<T>(r);
      r = ((r << 1) | <u64>cf) & mask<T>();
      cf = out;
    }
    setCarryOverflow(cf, top<T>(r) != cf);
    return <T>r;
  }
}
class Rcr {
  @inline apply<T>(a: T, count: u32): T {
    const c = sizeof<T>() < 4 ? count % (bits<T>() + 1) : count;
    let r = <u64>a;
    let cf = carry();
    for (let i: u32 = 0; i < c; i++) {
      const out = <bool>(r & 1);
      r = (r >> 1) | (<u64>cf << (bits<T>() - 1));
      cf = out;
    }
    setCarryOverflow(cf, top<T>(r) != top<T>(r << 1));
    return <T>r;
  }
}

@inline function countMask<T>(): u32 { return sizeof<T>() == 8 ? 63 : 31; }
@inline function applied<K, T>(a: T, count: u32): T { return changetype<K>(0).apply<T>(a, count); }

@inline export function shiftR<K, T>(op: usize, count: u32): usize {
  const c = count & countMask<T>();
  const target = targetOf(op);
  if (c) setRegister<T>(target, applied<K, T>(load<T>(target), c));
  else if (sizeof<T>() == 4) setRegister<T>(target, load<T>(target));
  return next(op);
}
/** Of 32 and 64 bits, by a count that is not 0. */
@inline export function quietShiftR<K, T>(op: usize, count: u32): usize {
  const target = targetOf(op);
  setRegister<T>(target, applied<K, T>(load<T>(target), count & countMask<T>()));
  return next(op);
}
@inline function shiftM<K, T>(op: usize, count: u32): usize {
  const c = count & countMask<T>();
  const address = addressOf(op);
  const host = inPlace<T>(address);
  if (host) {
    if (c) store<T>(host, applied<K, T>(load<T>(host), c));
  } else {
    probeWrite(address, sizeof<T>());
    const value = read<T>(address);
    if (c) write<T>(address, applied<K, T>(value, c));
  }
  return next(op);
}

@inline function cl(): u32 { return load<u8>(L.RCX); }

function defineShift<K>(which: u32): void {
  const byImmediate = Op.ROL + which;
  define(byImmediate, Form.RI, 0, (op: usize): usize => shiftR<K, u8>(op, immediateOf<u8>(op)));
  define(byImmediate, Form.RI, 1, (op: usize): usize => shiftR<K, u16>(op, immediateOf<u8>(op)));
  define(byImmediate, Form.RI, 2, (op: usize): usize => shiftR<K, u32>(op, immediateOf<u8>(op)));
  define(byImmediate, Form.RI, 3, (op: usize): usize => shiftR<K, u64>(op, immediateOf<u8>(op)));
  define(byImmediate, Form.MI, 0, (op: usize): usize => shiftM<K, u8>(op, immediateOf<u8>(op)));
  define(byImmediate, Form.MI, 1, (op: usize): usize => shiftM<K, u16>(op, immediateOf<u8>(op)));
  define(byImmediate, Form.MI, 2, (op: usize): usize => shiftM<K, u32>(op, immediateOf<u8>(op)));
  define(byImmediate, Form.MI, 3, (op: usize): usize => shiftM<K, u64>(op, immediateOf<u8>(op)));
  const byOne = Op.ROL1 + which;
  define(byOne, Form.R, 0, (op: usize): usize => shiftR<K, u8>(op, 1));
  define(byOne, Form.R, 1, (op: usize): usize => shiftR<K, u16>(op, 1));
  define(byOne, Form.R, 2, (op: usize): usize => shiftR<K, u32>(op, 1));
  define(byOne, Form.R, 3, (op: usize): usize => shiftR<K, u64>(op, 1));
  define(byOne, Form.M, 0, (op: usize): usize => shiftM<K, u8>(op, 1));
  define(byOne, Form.M, 1, (op: usize): usize => shiftM<K, u16>(op, 1));
  define(byOne, Form.M, 2, (op: usize): usize => shiftM<K, u32>(op, 1));
  define(byOne, Form.M, 3, (op: usize): usize => shiftM<K, u64>(op, 1));
  const byCl = Op.ROLC + which;
  define(byCl, Form.R, 0, (op: usize): usize => shiftR<K, u8>(op, cl()));
  define(byCl, Form.R, 1, (op: usize): usize => shiftR<K, u16>(op, cl()));
  define(byCl, Form.R, 2, (op: usize): usize => shiftR<K, u32>(op, cl()));
  define(byCl, Form.R, 3, (op: usize): usize => shiftR<K, u64>(op, cl()));
  define(byCl, Form.M, 0, (op: usize): usize => shiftM<K, u8>(op, cl()));
  define(byCl, Form.M, 1, (op: usize): usize => shiftM<K, u16>(op, cl()));
  define(byCl, Form.M, 2, (op: usize): usize => shiftM<K, u32>(op, cl()));
  define(byCl, Form.M, 3, (op: usize): usize => shiftM<K, u64>(op, cl()));
}

/** SHLD and SHRD: for 16 bits and counts above 16 the result is undefined; the operands are taken as a ring, as AMD does. */
@inline function doubleLeft<T>(a: T, b: T, count: u32): T {
  const v = <u64>a;
  const w = <u64>b;
  if (sizeof<T>() == 2) {
    const ring = (v << 32) | (w << 16) | v;
    const r = (ring >> (32 - count)) & 0xffff;
    const cf = <bool>((ring >> (48 - count)) & 1);
    return finish<T>(r, cf, top<T>(r) != top<T>(v));
  }
  const r = ((v << count) | (w >> (bits<T>() - count))) & mask<T>();
  return finish<T>(r, <bool>((v >> (bits<T>() - count)) & 1), top<T>(r) != top<T>(v));
}
@inline function doubleRight<T>(a: T, b: T, count: u32): T {
  const v = <u64>a;
  const w = <u64>b;
  if (sizeof<T>() == 2) {
    const ring = (v << 32) | (w << 16) | v;
    const r = (ring >> count) & 0xffff;
    return finish<T>(r, <bool>((ring >> (count - 1)) & 1), top<T>(r) != top<T>(v));
  }
  const r = ((v >> count) | (w << (bits<T>() - count))) & mask<T>();
  return finish<T>(r, <bool>((v >> (count - 1)) & 1), top<T>(r) != top<T>(v));
}
function doubleRR<T>(op: usize, left: bool, count: u32): usize {
  const c = count & countMask<T>();
  const target = targetOf(op);
  const a = load<T>(target);
  const b = load<T>(sourceOf(op));
  setRegister<T>(target, !c ? a : left ? doubleLeft<T>(a, b, c) : doubleRight<T>(a, b, c));
  return next(op);
}
function doubleMR<T>(op: usize, left: bool, count: u32): usize {
  const c = count & countMask<T>();
  const address = addressOf(op);
  probeWrite(address, sizeof<T>());
  const a = read<T>(address);
  const b = load<T>(sourceOf(op));
  if (c) write<T>(address, left ? doubleLeft<T>(a, b, c) : doubleRight<T>(a, b, c));
  return next(op);
}
function defineDouble<T>(size: u32): void {
  define(Op.SHLD, Form.RR, size, (op: usize): usize => doubleRR<T>(op, true, immediateOf<u8>(op)));
  define(Op.SHLD, Form.MR, size, (op: usize): usize => doubleMR<T>(op, true, immediateOf<u8>(op)));
  define(Op.SHLDC, Form.RR, size, (op: usize): usize => doubleRR<T>(op, true, cl()));
  define(Op.SHLDC, Form.MR, size, (op: usize): usize => doubleMR<T>(op, true, cl()));
  define(Op.SHRD, Form.RR, size, (op: usize): usize => doubleRR<T>(op, false, immediateOf<u8>(op)));
  define(Op.SHRD, Form.MR, size, (op: usize): usize => doubleMR<T>(op, false, immediateOf<u8>(op)));
  define(Op.SHRDC, Form.RR, size, (op: usize): usize => doubleRR<T>(op, false, cl()));
  define(Op.SHRDC, Form.MR, size, (op: usize): usize => doubleMR<T>(op, false, cl()));
}

export function defineShifts(): void {
  defineShift<Rol>(0);
  defineShift<Ror>(1);
  defineShift<Rcl>(2);
  defineShift<Rcr>(3);
  defineShift<Shl>(4);
  defineShift<Shr>(5);
  defineShift<Shl>(6);
  defineShift<Sar>(7);
  defineDouble<u16>(1);
  defineDouble<u32>(2);
  defineDouble<u64>(3);
  // A count of zero leaves the flags, and rotations leave most of them; only shifts by one are sure to define all.
  for (let which: u32 = 0; which < 8; which++) {
    declareFlags(Op.ROL1 + which, which < 4 ? 0 : FlagBit.ALL, which < 4 ? FlagBit.ALL : 0);
    declareFlags(Op.ROL + which, 0, FlagBit.ALL);
    declareFlags(Op.ROLC + which, 0, FlagBit.ALL);
  }
}
