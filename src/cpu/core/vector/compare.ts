import { define } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Form, Record } from '../decode/record';
import { setArithmeticFlags } from '../exec/flags';
import { next, sourceOf, targetOf } from '../exec/operands';
import { Flag } from '../mode';
import { A, B, R, allPlain32, allPlain64, plain32, plain64, softDoubles, softSingles } from './lanes';
import { settleExceptions } from './mxcsr';
import { checkSse, onXmm, secondFromMemory, vectorImmediate } from './operands';
import { Relation, compare, maximum, minimum } from './softfloat';

/** MINxx, MAXxx, CMPxx and COMISx: no rounding, but NaNs and denormals. */

class Minimum {
  @inline soft<T>(a: u64, b: u64): u64 { return minimum<T>(a, b); }
}
class Maximum {
  @inline soft<T>(a: u64, b: u64): u64 { return maximum<T>(a, b); }
}
function settledSingles<K>(a: v128, b: v128): v128 {
  const r = softSingles<K>(a, b);
  settleExceptions();
  return r;
}
function settledDoubles<K>(a: v128, b: v128): v128 {
  const r = softDoubles<K>(a, b);
  settleExceptions();
  return r;
}
@inline function plainPair32(a: v128, b: v128): bool { return plain32(f32x4.extract_lane(a, 0)) && plain32(f32x4.extract_lane(b, 0)); }
@inline function plainPair64(a: v128, b: v128): bool { return plain64(f64x2.extract_lane(a, 0)) && plain64(f64x2.extract_lane(b, 0)); }

function first32<K>(a: v128, b: v128): v128 {
  const r = changetype<K>(0).soft<f32>(<u32>i32x4.extract_lane(a, 0), <u32>i32x4.extract_lane(b, 0));
  settleExceptions();
  return i32x4.replace_lane(a, 0, <i32>r);
}
function first64<K>(a: v128, b: v128): v128 {
  const r = changetype<K>(0).soft<f64>(i64x2.extract_lane(a, 0), i64x2.extract_lane(b, 0));
  settleExceptions();
  return i64x2.replace_lane(a, 0, r);
}
@inline function withFirst32(a: v128, r: v128): v128 { return i32x4.replace_lane(a, 0, i32x4.extract_lane(r, 0)); }
@inline function withFirst64(a: v128, r: v128): v128 { return i64x2.replace_lane(a, 0, i64x2.extract_lane(r, 0)); }

function hostSingles(a: v128, b: v128, predicate: u32): v128 {
  switch (predicate) {
    case 0: return f32x4.eq(a, b);
    case 1: return f32x4.lt(a, b);
    case 2: return f32x4.le(a, b);
    case 4: return f32x4.ne(a, b);
    case 5: return f32x4.ge(a, b);
    case 6: return f32x4.gt(a, b);
    default: return i32x4.splat(predicate == 3 ? 0 : -1);
  }
}
function hostDoubles(a: v128, b: v128, predicate: u32): v128 {
  switch (predicate) {
    case 0: return f64x2.eq(a, b);
    case 1: return f64x2.lt(a, b);
    case 2: return f64x2.le(a, b);
    case 4: return f64x2.ne(a, b);
    case 5: return f64x2.ge(a, b);
    case 6: return f64x2.gt(a, b);
    default: return i32x4.splat(predicate == 3 ? 0 : -1);
  }
}
/** EQ, LT, LE, UNORD and their contraries; LT and LE do not like quiet NaNs (Intel SDM vol. 2, table 3-1). */
function holds<T>(a: u64, b: u64, predicate: u32): bool {
  const kind = predicate & 3;
  const relation = compare<T>(a, b, kind == 1 || kind == 2);
  const wanted = kind == 0 ? Relation.EQUAL : kind == 1 ? Relation.LESS : kind == 2 ? Relation.LESS | Relation.EQUAL : Relation.UNORDERED;
  return ((relation & wanted) != 0) != (predicate > 3);
}
function compareSingles(a: v128, b: v128): v128 {
  const predicate = vectorImmediate & 7;
  if (allPlain32(a) && allPlain32(b)) return hostSingles(a, b, predicate);
  v128.store(A, a);
  v128.store(B, b);
  for (let i: usize = 0; i < 16; i += 4) store<i32>(R + i, holds<f32>(load<u32>(A + i), load<u32>(B + i), predicate) ? -1 : 0);
  settleExceptions();
  return v128.load(R);
}
function compareDoubles(a: v128, b: v128): v128 {
  const predicate = vectorImmediate & 7;
  if (allPlain64(a) && allPlain64(b)) return hostDoubles(a, b, predicate);
  v128.store(A, a);
  v128.store(B, b);
  for (let i: usize = 0; i < 16; i += 8) store<i64>(R + i, holds<f64>(load<u64>(A + i), load<u64>(B + i), predicate) ? -1 : 0);
  settleExceptions();
  return v128.load(R);
}
function compareSingle(a: v128, b: v128): v128 {
  const predicate = vectorImmediate & 7;
  if (plainPair32(a, b)) return withFirst32(a, hostSingles(a, b, predicate));
  const result = holds<f32>(<u32>i32x4.extract_lane(a, 0), <u32>i32x4.extract_lane(b, 0), predicate);
  settleExceptions();
  return i32x4.replace_lane(a, 0, result ? -1 : 0);
}
function compareDouble(a: v128, b: v128): v128 {
  const predicate = vectorImmediate & 7;
  if (plainPair64(a, b)) return withFirst64(a, hostDoubles(a, b, predicate));
  const result = holds<f64>(i64x2.extract_lane(a, 0), i64x2.extract_lane(b, 0), predicate);
  settleExceptions();
  return i64x2.replace_lane(a, 0, result ? -1 : 0);
}

/** COMISx: unordered sets ZF, PF and CF. */
function flagsOf(relation: u32): u32 {
  switch (relation) {
    case Relation.LESS: return Flag.CF;
    case Relation.EQUAL: return Flag.ZF;
    case Relation.GREATER: return 0;
    default: return Flag.ZF | Flag.PF | Flag.CF;
  }
}
function compareFlags(op: usize, b: v128): usize {
  const a = v128.load(targetOf(op));
  const id = <u32>load<u16>(op, Record.OPERATION);
  const quietInvalid = id == <u32>Op.COMISS || id == <u32>Op.COMISD;
  const relation = id == <u32>Op.COMISS || id == <u32>Op.UCOMISS
    ? compare<f32>(<u32>i32x4.extract_lane(a, 0), <u32>i32x4.extract_lane(b, 0), quietInvalid)
    : compare<f64>(i64x2.extract_lane(a, 0), i64x2.extract_lane(b, 0), quietInvalid);
  settleExceptions();
  setArithmeticFlags(flagsOf(relation));
  return next(op);
}
function defineCompareFlags(id: u32): void {
  define(id, Form.RR, 0, (op: usize): usize => { checkSse(); return compareFlags(op, v128.load(sourceOf(op))); });
  define(id, Form.RM, 0, (op: usize): usize => { checkSse(); return compareFlags(op, secondFromMemory(op)); });
}

export function defineVectorComparisons(): void {
  // The host's pseudo-minimum is the processor's with the operands exchanged: the second when both are zeros.
  onXmm(Op.MINPS, (a, b) => allPlain32(a) && allPlain32(b) ? f32x4.pmin(b, a) : settledSingles<Minimum>(a, b));
  onXmm(Op.MINPD, (a, b) => allPlain64(a) && allPlain64(b) ? f64x2.pmin(b, a) : settledDoubles<Minimum>(a, b));
  onXmm(Op.MINSS, (a, b) => plainPair32(a, b) ? withFirst32(a, f32x4.pmin(b, a)) : first32<Minimum>(a, b));
  onXmm(Op.MINSD, (a, b) => plainPair64(a, b) ? withFirst64(a, f64x2.pmin(b, a)) : first64<Minimum>(a, b));
  onXmm(Op.MAXPS, (a, b) => allPlain32(a) && allPlain32(b) ? f32x4.pmax(b, a) : settledSingles<Maximum>(a, b));
  onXmm(Op.MAXPD, (a, b) => allPlain64(a) && allPlain64(b) ? f64x2.pmax(b, a) : settledDoubles<Maximum>(a, b));
  onXmm(Op.MAXSS, (a, b) => plainPair32(a, b) ? withFirst32(a, f32x4.pmax(b, a)) : first32<Maximum>(a, b));
  onXmm(Op.MAXSD, (a, b) => plainPair64(a, b) ? withFirst64(a, f64x2.pmax(b, a)) : first64<Maximum>(a, b));
  onXmm(Op.CMPPS, compareSingles);
  onXmm(Op.CMPPD, compareDoubles);
  onXmm(Op.CMPSS, compareSingle);
  onXmm(Op.CMPSD, compareDouble);
  defineCompareFlags(Op.COMISS);
  defineCompareFlags(Op.COMISD);
  defineCompareFlags(Op.UCOMISS);
  defineCompareFlags(Op.UCOMISD);
}
