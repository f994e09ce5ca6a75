import { define } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Form, Record } from '../decode/record';
import { next, readOperand, sourceOf, targetOf } from '../exec/operands';
import { A, R, normal32, normal64, plain32 } from './lanes';
import { Exception, Rounding, raise, roundingControl, roundsAsHost, settleExceptions } from './mxcsr';
import { checkMmx, checkSse, high, low, mmx, onXmm, pair, secondFromMemory, setMmx, takeMmx, vectorImmediate } from './operands';
import * as soft from './softfloat';

/** Conversions of SSE between singles, doubles and integers, and ROUNDxx. */

/** Rounding control: nearest, down, up, toward zero. */
function roundBy(x: f64, control: u32): f64 {
  switch (control) {
    case Rounding.NEAREST: return nearest<f64>(x);
    case Rounding.DOWN: return floor<f64>(x);
    case Rounding.UP: return ceil<f64>(x);
    default: return trunc<f64>(x);
  }
}

/** What does not fit becomes the integer indefinite. Singles come as doubles, denormal ones flushed if they must be. */
function toI32(x: f64, control: u32): i32 {
  const r = roundBy(x, control);
  if (!(r > -2147483649.0 && r < 2147483648.0)) {
    raise(Exception.INVALID);
    return i32.MIN_VALUE;
  }
  if (r != x) raise(Exception.PRECISION);
  return <i32>r;
}
function toI64(x: f64, control: u32): i64 {
  const r = roundBy(x, control);
  if (!(r >= -9223372036854775808.0 && r < 9223372036854775808.0)) {
    raise(Exception.INVALID);
    return i64.MIN_VALUE;
  }
  if (r != x) raise(Exception.PRECISION);
  return <i64>r;
}
@inline function numberFromSingle(bits: u32): f64 { return <f64>reinterpret<f32>(<u32>soft.operand<f32>(bits)); }
@inline function numberFromDouble(bits: u64): f64 { return reinterpret<f64>(soft.operand<f64>(bits)); }

function pairOfI32(first: i32, second: i32): u64 { return <u64><u32>first | (<u64><u32>second << 32); }
/** Two singles of a vector's half. */
function halfToIntegers(half: u64, control: u32): u64 {
  return pairOfI32(toI32(numberFromSingle(<u32>half), control), toI32(numberFromSingle(<u32>(half >> 32)), control));
}
function singlesToIntegers(b: v128, control: u32): v128 {
  const result = pair(halfToIntegers(low(b), control), halfToIntegers(high(b), control));
  settleExceptions();
  return result;
}
function doublesToIntegers(b: v128, control: u32): u64 {
  const result = pairOfI32(toI32(numberFromDouble(low(b)), control), toI32(numberFromDouble(high(b)), control));
  settleExceptions();
  return result;
}

function singleOf(value: i64): f32 {
  if (roundsAsHost() || value > -0x1000000 && value < 0x1000000) return <f32>value;
  return reinterpret<f32>(<u32>soft.fromInteger<f32>(value));
}
function doubleOf(value: i64): f64 {
  if (roundsAsHost() || value > -0x20000000000000 && value < 0x20000000000000) return <f64>value;
  return reinterpret<f64>(soft.fromInteger<f64>(value));
}
function singlesOf(b: v128): v128 {
  if (roundsAsHost()) return f32x4.convert_i32x4_s(b);
  v128.store(A, b);
  for (let i: usize = 0; i < 16; i += 4) store<f32>(R + i, singleOf(load<i32>(A + i)));
  settleExceptions();
  return v128.load(R);
}

/** CVTSI2SS, CVTSI2SD. */
function fromInteger(op: usize, value: i64): usize {
  if (load<u16>(op, Record.OPERATION) == <u16>Op.CVTSI2SS) {
    const result = singleOf(value);
    settleExceptions();
    store<f32>(targetOf(op), result);
  } else {
    const result = doubleOf(value);
    settleExceptions();
    store<f64>(targetOf(op), result);
  }
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
  const control = truncated ? Rounding.ZERO : roundingControl();
  const x = isSingle ? numberFromSingle(<u32>low(b)) : numberFromDouble(low(b));
  const result = wide ? <u64>toI64(x, control) : <u64><u32>toI32(x, control);
  settleExceptions();
  store<u64>(targetOf(op), result);
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
    const first = singleOf(x), second = singleOf(y);
    settleExceptions();
    store<f32>(targetOf(op), first);
    store<f32>(targetOf(op), second, 4);
  } else {
    store<f64>(targetOf(op), <f64>x);
    store<f64>(targetOf(op), <f64>y, 8);
  }
  return next(op);
}
/** The x87 registers are taken over whether or not the conversion traps, as on AMD's processors. */
function toMmx(op: usize, b: v128): usize {
  takeMmx();
  const id = <u32>load<u16>(op, Record.OPERATION);
  const control: u32 = id == <u32>Op.CVTTPS2PI || id == <u32>Op.CVTTPD2PI ? Rounding.ZERO : roundingControl();
  let result: u64;
  if (id == <u32>Op.CVTPS2PI || id == <u32>Op.CVTTPS2PI) {
    result = halfToIntegers(low(b), control);
    settleExceptions();
  } else {
    result = doublesToIntegers(b, control);
  }
  setMmx(targetOf(op), result);
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

function widened(bits: u32): u64 {
  const x = reinterpret<f32>(bits);
  return plain32(x) ? reinterpret<u64>(<f64>x) : soft.widen(bits);
}
function narrowed(bits: u64): u64 {
  const x = reinterpret<f64>(bits);
  const r = <f32>x;
  return roundsAsHost() && normal64(x) && normal32(r) ? <u64>reinterpret<u32>(r) : soft.narrow(bits);
}
function singlesToDoubles(b: v128): v128 {
  const result = pair(widened(<u32>low(b)), widened(<u32>(low(b) >> 32)));
  settleExceptions();
  return result;
}
function doublesToSingles(b: v128): v128 {
  const result = mmx(narrowed(low(b)) | (narrowed(high(b)) << 32));
  settleExceptions();
  return result;
}
function singleToDouble(a: v128, b: v128): v128 {
  const result = widened(<u32>low(b));
  settleExceptions();
  return i64x2.replace_lane(a, 0, result);
}
function doubleToSingle(a: v128, b: v128): v128 {
  const result = narrowed(low(b));
  settleExceptions();
  return i32x4.replace_lane(a, 0, <i32>result);
}

/** ROUNDxx: by the immediate, or by MXCSR when its bit 2 is set; with bit 3 nothing is said of lost precision. */
const BY_MXCSR: u32 = 4;
const SILENT: u32 = 8;
function integral(x: f64): f64 {
  const r = roundBy(x, vectorImmediate & BY_MXCSR ? roundingControl() : vectorImmediate & 3);
  if (r != x && !(vectorImmediate & SILENT)) raise(Exception.PRECISION);
  return r;
}
function roundedSingle(bits: u32): u32 {
  if (!soft.isNaN<f32>(bits)) return reinterpret<u32>(<f32>integral(numberFromSingle(bits)));
  if (soft.isSignaling<f32>(bits)) raise(Exception.INVALID);
  return <u32>soft.quiet<f32>(bits);
}
function roundedDouble(bits: u64): u64 {
  if (!soft.isNaN<f64>(bits)) return reinterpret<u64>(integral(numberFromDouble(bits)));
  if (soft.isSignaling<f64>(bits)) raise(Exception.INVALID);
  return soft.quiet<f64>(bits);
}
function roundedHalf(half: u64): u64 { return <u64>roundedSingle(<u32>half) | (<u64>roundedSingle(<u32>(half >> 32)) << 32); }
function roundSingles(b: v128): v128 {
  const result = pair(roundedHalf(low(b)), roundedHalf(high(b)));
  settleExceptions();
  return result;
}
function roundDoubles(b: v128): v128 {
  const result = pair(roundedDouble(low(b)), roundedDouble(high(b)));
  settleExceptions();
  return result;
}
function roundSingle(a: v128, b: v128): v128 {
  const result = roundedSingle(<u32>low(b));
  settleExceptions();
  return i32x4.replace_lane(a, 0, <i32>result);
}
function roundDouble(a: v128, b: v128): v128 {
  const result = roundedDouble(low(b));
  settleExceptions();
  return i64x2.replace_lane(a, 0, result);
}

export function defineVectorConversions(): void {
  onXmm(Op.CVTPS2PD, (a, b) => singlesToDoubles(b));
  onXmm(Op.CVTPD2PS, (a, b) => doublesToSingles(b));
  onXmm(Op.CVTSS2SD, singleToDouble);
  onXmm(Op.CVTSD2SS, doubleToSingle);
  onXmm(Op.CVTDQ2PS, (a, b) => singlesOf(b));
  onXmm(Op.CVTDQ2PD, (a, b) => f64x2.convert_low_i32x4_s(b));
  onXmm(Op.CVTPS2DQ, (a, b) => singlesToIntegers(b, roundingControl()));
  onXmm(Op.CVTTPS2DQ, (a, b) => singlesToIntegers(b, Rounding.ZERO));
  onXmm(Op.CVTPD2DQ, (a, b) => mmx(doublesToIntegers(b, roundingControl())));
  onXmm(Op.CVTTPD2DQ, (a, b) => mmx(doublesToIntegers(b, Rounding.ZERO)));
  defineFromInteger(Op.CVTSI2SS);
  defineFromInteger(Op.CVTSI2SD);
  defineToInteger(Op.CVTSS2SI);
  defineToInteger(Op.CVTSD2SI);
  defineToInteger(Op.CVTTSS2SI);
  defineToInteger(Op.CVTTSD2SI);
  defineMmxConversions();
  onXmm(Op.ROUNDPS, (a, b) => roundSingles(b));
  onXmm(Op.ROUNDPD, (a, b) => roundDoubles(b));
  onXmm(Op.ROUNDSS, roundSingle);
  onXmm(Op.ROUNDSD, roundDouble);
}
