import * as L from '../layout';
import { define } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Form, Record } from '../decode/record';
import { next, readOperand, sourceOf, targetOf } from '../exec/operands';
import { setArithmeticFlags } from '../exec/flags';
import { Flag } from '../mode';
import { checkMmx, checkSse, high, low, mmx, onXmm, pair, secondFromMemory, setMmx, takeMmx, vectorImmediate } from './operands';

/**
 * Floating point of SSE. Results are rounded to nearest by the host's own arithmetic; conversions to integers and
 * ROUNDxx follow MXCSR's rounding control.
 */

/** Rounding control: nearest, down, up, toward zero. */
function roundBy(x: f64, control: u32): f64 {
  switch (control & 3) {
    case 0: return nearest<f64>(x);
    case 1: return floor<f64>(x);
    case 2: return ceil<f64>(x);
    default: return trunc<f64>(x);
  }
}
function roundBy32(x: f32, control: u32): f32 {
  switch (control & 3) {
    case 0: return nearest<f32>(x);
    case 1: return floor<f32>(x);
    case 2: return ceil<f32>(x);
    default: return trunc<f32>(x);
  }
}
@inline function rounding(): u32 { return (load<u32>(L.MXCSR) >> 13) & 3; }

/** What does not fit becomes the integer indefinite. */
function toI32(x: f64): i32 { return x > -2147483649.0 && x < 2147483648.0 ? <i32>x : i32.MIN_VALUE; }
function toI64(x: f64): i64 { return x >= -9223372036854775808.0 && x < 9223372036854775808.0 ? <i64>x : i64.MIN_VALUE; }

@inline function first32(a: v128, result: v128): v128 { return i32x4.replace_lane(a, 0, i32x4.extract_lane(result, 0)); }
@inline function first64(a: v128, result: v128): v128 { return i64x2.replace_lane(a, 0, i64x2.extract_lane(result, 0)); }

function compareSingles(a: v128, b: v128, predicate: u32): v128 {
  switch (predicate & 7) {
    case 0: return f32x4.eq(a, b);
    case 1: return f32x4.lt(a, b);
    case 2: return f32x4.le(a, b);
    case 3: return v128.or(f32x4.ne(a, a), f32x4.ne(b, b));
    case 4: return f32x4.ne(a, b);
    case 5: return v128.not(f32x4.lt(a, b));
    case 6: return v128.not(f32x4.le(a, b));
    default: return v128.and(f32x4.eq(a, a), f32x4.eq(b, b));
  }
}
function compareDoubles(a: v128, b: v128, predicate: u32): v128 {
  switch (predicate & 7) {
    case 0: return f64x2.eq(a, b);
    case 1: return f64x2.lt(a, b);
    case 2: return f64x2.le(a, b);
    case 3: return v128.or(f64x2.ne(a, a), f64x2.ne(b, b));
    case 4: return f64x2.ne(a, b);
    case 5: return v128.not(f64x2.lt(a, b));
    case 6: return v128.not(f64x2.le(a, b));
    default: return v128.and(f64x2.eq(a, a), f64x2.eq(b, b));
  }
}
/** COMISx: unordered sets ZF, PF and CF. */
function flagsOf(a: f64, b: f64): void {
  if (a != a || b != b) setArithmeticFlags(Flag.ZF | Flag.PF | Flag.CF);
  else setArithmeticFlags(a < b ? Flag.CF : a == b ? Flag.ZF : 0);
}
@inline function single(a: v128): f64 { return <f64>f32x4.extract_lane(a, 0); }
@inline function double(a: v128): f64 { return f64x2.extract_lane(a, 0); }

function compareFlags(op: usize, b: v128): usize {
  const a = v128.load(targetOf(op));
  const id = load<u16>(op, Record.OPERATION);
  if (id == <u16>Op.COMISS || id == <u16>Op.UCOMISS) flagsOf(single(a), single(b));
  else flagsOf(double(a), double(b));
  return next(op);
}
function defineCompareFlags(id: u32): void {
  define(id, Form.RR, 0, (op: usize): usize => { checkSse(); return compareFlags(op, v128.load(sourceOf(op))); });
  define(id, Form.RM, 0, (op: usize): usize => { checkSse(); return compareFlags(op, secondFromMemory(op)); });
}

function toIntegers(b: v128, control: u32): v128 {
  let x = b;
  switch (control) {
    case 0: x = f32x4.nearest(b); break;
    case 1: x = f32x4.floor(b); break;
    case 2: x = f32x4.ceil(b); break;
    default: x = f32x4.trunc(b); break;
  }
  const fits = v128.and(f32x4.ge(x, f32x4.splat(-2147483648.0)), f32x4.lt(x, f32x4.splat(2147483648.0)));
  return v128.bitselect(i32x4.trunc_sat_f32x4_s(x), i32x4.splat(i32.MIN_VALUE), fits);
}
function pairToIntegers(b: v128, control: u32): u64 {
  const first = toI32(roundBy(f64x2.extract_lane(b, 0), control));
  const second = toI32(roundBy(f64x2.extract_lane(b, 1), control));
  return <u64><u32>first | (<u64><u32>second << 32);
}

/** CVTSI2SS, CVTSI2SD. */
function fromInteger(op: usize, value: i64): usize {
  if (load<u16>(op, Record.OPERATION) == <u16>Op.CVTSI2SS) store<f32>(targetOf(op), <f32>value);
  else store<f64>(targetOf(op), <f64>value);
  return next(op);
}
function defineFromInteger(id: u32): void {
  define(id, Form.RR, 2, (op: usize): usize => { checkSse(); return fromInteger(op, <i64>load<i32>(sourceOf(op))); });
  define(id, Form.RM, 2, (op: usize): usize => { checkSse(); return fromInteger(op, <i64>readOperand<i32>(op)); });
  define(id, Form.RR, 3, (op: usize): usize => { checkSse(); return fromInteger(op, load<i64>(sourceOf(op))); });
  define(id, Form.RM, 3, (op: usize): usize => { checkSse(); return fromInteger(op, readOperand<i64>(op)); });
}
/** CVTxx2SI and CVTTxx2SI. */
function toInteger(op: usize, b: v128, wide: bool): usize {
  const id = <u32>load<u16>(op, Record.OPERATION);
  const isSingle = id == <u32>Op.CVTSS2SI || id == <u32>Op.CVTTSS2SI;
  const truncated = id == <u32>Op.CVTTSS2SI || id == <u32>Op.CVTTSD2SI;
  const x = roundBy(isSingle ? single(b) : double(b), truncated ? 3 : rounding());
  if (wide) store<i64>(targetOf(op), toI64(x));
  else store<u64>(targetOf(op), <u64><u32>toI32(x));
  return next(op);
}
function defineToInteger(id: u32): void {
  define(id, Form.RR, 2, (op: usize): usize => { checkSse(); return toInteger(op, v128.load(sourceOf(op)), false); });
  define(id, Form.RM, 2, (op: usize): usize => { checkSse(); return toInteger(op, secondFromMemory(op), false); });
  define(id, Form.RR, 3, (op: usize): usize => { checkSse(); return toInteger(op, v128.load(sourceOf(op)), true); });
  define(id, Form.RM, 3, (op: usize): usize => { checkSse(); return toInteger(op, secondFromMemory(op), true); });
}
/** Between MMX and XMM. */
function fromMmx(op: usize, b: u64): usize {
  const x = <i32>b, y = <i32>(b >> 32);
  if (load<u16>(op, Record.OPERATION) == <u16>Op.CVTPI2PS) {
    store<f32>(targetOf(op), <f32>x);
    store<f32>(targetOf(op), <f32>y, 4);
  } else {
    store<f64>(targetOf(op), <f64>x);
    store<f64>(targetOf(op), <f64>y, 8);
  }
  return next(op);
}
function toMmx(op: usize, b: v128): usize {
  const id = <u32>load<u16>(op, Record.OPERATION);
  const control: u32 = id == <u32>Op.CVTTPS2PI || id == <u32>Op.CVTTPD2PI ? 3 : rounding();
  const isSingle = id == <u32>Op.CVTPS2PI || id == <u32>Op.CVTTPS2PI;
  setMmx(targetOf(op), isSingle ? low(toIntegers(b, control)) : pairToIntegers(b, control));
  return next(op);
}
function defineMmxConversions(): void {
  for (let id: u32 = Op.CVTPI2PS; id <= <u32>Op.CVTPI2PD; id++) {
    define(id, Form.RR, 0, (op: usize): usize => { checkSse(); checkMmx(); takeMmx(); return fromMmx(op, load<u64>(sourceOf(op))); });
    define(id, Form.RM, 0, (op: usize): usize => { checkSse(); return fromMmx(op, readOperand<u64>(op)); });
  }
  for (let id: u32 = Op.CVTPS2PI; id <= <u32>Op.CVTTPD2PI; id++) {
    define(id, Form.RR, 0, (op: usize): usize => { checkSse(); checkMmx(); return toMmx(op, v128.load(sourceOf(op))); });
    define(id, Form.RM, 0, (op: usize): usize => { checkSse(); checkMmx(); return toMmx(op, secondFromMemory(op)); });
  }
}
/** ROUNDxx: by the immediate, or by MXCSR when its bit 2 is set. */
@inline function chosenRounding(): u32 { return vectorImmediate & 4 ? rounding() : vectorImmediate & 3; }
function roundSingles(b: v128): v128 {
  switch (chosenRounding()) {
    case 0: return f32x4.nearest(b);
    case 1: return f32x4.floor(b);
    case 2: return f32x4.ceil(b);
    default: return f32x4.trunc(b);
  }
}
function roundDoubles(b: v128): v128 {
  switch (chosenRounding()) {
    case 0: return f64x2.nearest(b);
    case 1: return f64x2.floor(b);
    case 2: return f64x2.ceil(b);
    default: return f64x2.trunc(b);
  }
}
function dotSingles(a: v128, b: v128): v128 {
  const products = f32x4.mul(a, b);
  const n = vectorImmediate;
  const p0: f32 = n & 16 ? f32x4.extract_lane(products, 0) : 0;
  const p1: f32 = n & 32 ? f32x4.extract_lane(products, 1) : 0;
  const p2: f32 = n & 64 ? f32x4.extract_lane(products, 2) : 0;
  const p3: f32 = n & 128 ? f32x4.extract_lane(products, 3) : 0;
  const sum: f32 = (p0 + p1) + (p2 + p3);
  const bits = <u64>reinterpret<u32>(sum);
  return pair((n & 1 ? bits : 0) | (n & 2 ? bits << 32 : 0), (n & 4 ? bits : 0) | (n & 8 ? bits << 32 : 0));
}
function dotDoubles(a: v128, b: v128): v128 {
  const products = f64x2.mul(a, b);
  const n = vectorImmediate;
  const sum = (n & 16 ? f64x2.extract_lane(products, 0) : 0.0) + (n & 32 ? f64x2.extract_lane(products, 1) : 0.0);
  const bits = reinterpret<u64>(sum);
  return pair(n & 1 ? bits : 0, n & 2 ? bits : 0);
}
@inline function evens(a: v128, b: v128): v128 { return i32x4.shuffle(a, b, 0, 2, 4, 6); }
@inline function odds(a: v128, b: v128): v128 { return i32x4.shuffle(a, b, 1, 3, 5, 7); }
@inline function pminS(a: v128, b: v128): v128 { return f32x4.pmin(b, a); }
@inline function pmaxS(a: v128, b: v128): v128 { return f32x4.pmax(b, a); }
@inline function pminD(a: v128, b: v128): v128 { return f64x2.pmin(b, a); }
@inline function pmaxD(a: v128, b: v128): v128 { return f64x2.pmax(b, a); }

export function defineFloat(): void {
  onXmm(Op.ADDPS, (a, b) => f32x4.add(a, b)); onXmm(Op.ADDPD, (a, b) => f64x2.add(a, b)); onXmm(Op.ADDSS, (a, b) => first32(a, f32x4.add(a, b))); onXmm(Op.ADDSD, (a, b) => first64(a, f64x2.add(a, b)));
  onXmm(Op.SUBPS, (a, b) => f32x4.sub(a, b)); onXmm(Op.SUBPD, (a, b) => f64x2.sub(a, b)); onXmm(Op.SUBSS, (a, b) => first32(a, f32x4.sub(a, b))); onXmm(Op.SUBSD, (a, b) => first64(a, f64x2.sub(a, b)));
  onXmm(Op.MULPS, (a, b) => f32x4.mul(a, b)); onXmm(Op.MULPD, (a, b) => f64x2.mul(a, b)); onXmm(Op.MULSS, (a, b) => first32(a, f32x4.mul(a, b))); onXmm(Op.MULSD, (a, b) => first64(a, f64x2.mul(a, b)));
  onXmm(Op.DIVPS, (a, b) => f32x4.div(a, b)); onXmm(Op.DIVPD, (a, b) => f64x2.div(a, b)); onXmm(Op.DIVSS, (a, b) => first32(a, f32x4.div(a, b))); onXmm(Op.DIVSD, (a, b) => first64(a, f64x2.div(a, b)));
  onXmm(Op.MINPS, (a, b) => pminS(a, b)); onXmm(Op.MINPD, (a, b) => pminD(a, b)); onXmm(Op.MINSS, (a, b) => first32(a, pminS(a, b))); onXmm(Op.MINSD, (a, b) => first64(a, pminD(a, b)));
  onXmm(Op.MAXPS, (a, b) => pmaxS(a, b)); onXmm(Op.MAXPD, (a, b) => pmaxD(a, b)); onXmm(Op.MAXSS, (a, b) => first32(a, pmaxS(a, b))); onXmm(Op.MAXSD, (a, b) => first64(a, pmaxD(a, b)));
  onXmm(Op.SQRTPS, (a, b) => f32x4.sqrt(b)); onXmm(Op.SQRTPD, (a, b) => f64x2.sqrt(b)); onXmm(Op.SQRTSS, (a, b) => first32(a, f32x4.sqrt(b))); onXmm(Op.SQRTSD, (a, b) => first64(a, f64x2.sqrt(b)));
  onXmm(Op.RCPPS, (a, b) => f32x4.div(f32x4.splat(1), b)); onXmm(Op.RCPSS, (a, b) => first32(a, f32x4.div(f32x4.splat(1), b)));
  onXmm(Op.RSQRTPS, (a, b) => f32x4.div(f32x4.splat(1), f32x4.sqrt(b))); onXmm(Op.RSQRTSS, (a, b) => first32(a, f32x4.div(f32x4.splat(1), f32x4.sqrt(b))));
  onXmm(Op.ADDSUBPS, (a, b) => v128.bitselect(f32x4.sub(a, b), f32x4.add(a, b), i64x2.splat(0xffffffff)));
  onXmm(Op.ADDSUBPD, (a, b) => i64x2.shuffle(f64x2.sub(a, b), f64x2.add(a, b), 0, 3));
  onXmm(Op.HADDPS, (a, b) => f32x4.add(evens(a, b), odds(a, b))); onXmm(Op.HSUBPS, (a, b) => f32x4.sub(evens(a, b), odds(a, b)));
  onXmm(Op.HADDPD, (a, b) => f64x2.add(i64x2.shuffle(a, b, 0, 2), i64x2.shuffle(a, b, 1, 3))); onXmm(Op.HSUBPD, (a, b) => f64x2.sub(i64x2.shuffle(a, b, 0, 2), i64x2.shuffle(a, b, 1, 3)));
  onXmm(Op.CMPPS, (a, b) => compareSingles(a, b, vectorImmediate)); onXmm(Op.CMPSS, (a, b) => first32(a, compareSingles(a, b, vectorImmediate)));
  onXmm(Op.CMPPD, (a, b) => compareDoubles(a, b, vectorImmediate)); onXmm(Op.CMPSD, (a, b) => first64(a, compareDoubles(a, b, vectorImmediate)));
  defineCompareFlags(Op.COMISS); defineCompareFlags(Op.COMISD); defineCompareFlags(Op.UCOMISS); defineCompareFlags(Op.UCOMISD);
  onXmm(Op.CVTPS2PD, (a, b) => f64x2.promote_low_f32x4(b)); onXmm(Op.CVTPD2PS, (a, b) => f32x4.demote_f64x2_zero(b));
  onXmm(Op.CVTSS2SD, (a, b) => first64(a, f64x2.promote_low_f32x4(b))); onXmm(Op.CVTSD2SS, (a, b) => first32(a, f32x4.demote_f64x2_zero(b)));
  onXmm(Op.CVTDQ2PS, (a, b) => f32x4.convert_i32x4_s(b)); onXmm(Op.CVTDQ2PD, (a, b) => f64x2.convert_low_i32x4_s(b));
  onXmm(Op.CVTPS2DQ, (a, b) => toIntegers(b, rounding())); onXmm(Op.CVTTPS2DQ, (a, b) => toIntegers(b, 3));
  onXmm(Op.CVTPD2DQ, (a, b) => mmx(pairToIntegers(b, rounding()))); onXmm(Op.CVTTPD2DQ, (a, b) => mmx(pairToIntegers(b, 3)));
  defineFromInteger(Op.CVTSI2SS); defineFromInteger(Op.CVTSI2SD);
  defineToInteger(Op.CVTSS2SI); defineToInteger(Op.CVTSD2SI); defineToInteger(Op.CVTTSS2SI); defineToInteger(Op.CVTTSD2SI);
  defineMmxConversions();
  onXmm(Op.ROUNDPS, (a, b) => roundSingles(b)); onXmm(Op.ROUNDPD, (a, b) => roundDoubles(b));
  onXmm(Op.ROUNDSS, (a, b) => first32(a, roundSingles(b))); onXmm(Op.ROUNDSD, (a, b) => first64(a, roundDoubles(b)));
  onXmm(Op.DPPS, dotSingles); onXmm(Op.DPPD, dotDoubles);
  define(Op.PTEST, Form.RR, 0, (op: usize): usize => { checkSse(); return test(op, v128.load(sourceOf(op))); });
  define(Op.PTEST, Form.RM, 0, (op: usize): usize => { checkSse(); return test(op, secondFromMemory(op)); });
}
function test(op: usize, b: v128): usize {
  const a = v128.load(targetOf(op));
  setArithmeticFlags((v128.any_true(v128.and(a, b)) ? 0 : Flag.ZF) | (v128.any_true(v128.andnot(b, a)) ? 0 : Flag.CF));
  return next(op);
}
