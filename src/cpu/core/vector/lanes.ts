import * as L from '../layout';
import { Exception, raise, roundsAsHost, roundsAsHostUnnoted, settleExceptions } from './mxcsr';

/**
 * Operations on the elements of vectors. An operation is a class with `host32` and `host64`, the host's arithmetic,
 * which holds when all numbers are normal and rounding is the host's; `soft`, which always holds; and `exact32` and
 * `exact64`, whether a result that the host rounded is exact.
 */

const MIN32: f32 = 1.1754943508222875e-38;
const MAX32: f32 = 3.4028234663852886e+38;
const MIN64: f64 = 2.2250738585072014e-308;
const MAX64: f64 = 1.7976931348623157e+308;

/**
 * Numbers above the smallest normal one, for which nothing is special. The smallest itself may be the result of
 * rounding a tiny number.
 */
@inline export function normal32(x: f32): bool { const m = abs<f32>(x); return m > MIN32 && m <= MAX32; }
@inline export function normal64(x: f64): bool { const m = abs<f64>(x); return m > MIN64 && m <= MAX64; }

/** The same of all elements of the result and two operands: a NaN among them makes the result one. */
@inline function allNormal32(r: v128, a: v128, b: v128): bool {
  const m = f32x4.abs(r);
  const least = f32x4.pmin(f32x4.pmin(m, f32x4.abs(a)), f32x4.abs(b));
  return i32x4.all_true(v128.and(f32x4.gt(least, f32x4.splat(MIN32)), f32x4.le(m, f32x4.splat(MAX32))));
}
@inline function allNormal64(r: v128, a: v128, b: v128): bool {
  const m = f64x2.abs(r);
  const least = f64x2.pmin(f64x2.pmin(m, f64x2.abs(a)), f64x2.abs(b));
  return i64x2.all_true(v128.and(f64x2.gt(least, f64x2.splat(MIN64)), f64x2.le(m, f64x2.splat(MAX64))));
}

/** Neither NaN nor denormal: what comparisons need not look at twice. */
@inline export function plain32(x: f32): bool { return abs<f32>(x) >= MIN32 || x == 0; }
@inline export function plain64(x: f64): bool { return abs<f64>(x) >= MIN64 || x == 0; }
@inline export function allPlain32(x: v128): bool {
  return i32x4.all_true(v128.or(f32x4.ge(f32x4.abs(x), f32x4.splat(MIN32)), f32x4.eq(x, f32x4.splat(0))));
}
@inline export function allPlain64(x: v128): bool {
  return i64x2.all_true(v128.or(f64x2.ge(f64x2.abs(x), f64x2.splat(MIN64)), f64x2.eq(x, f64x2.splat(0))));
}

/** Vectors taken apart: operands and result. */
export const A: usize = L.VECTOR_TEMP;
export const B: usize = L.VECTOR_TEMP + 16;
export const R: usize = L.VECTOR_TEMP + 32;

/** One element after the other; exceptions are not settled. */
export function softSingles<K>(a: v128, b: v128): v128 {
  v128.store(A, a);
  v128.store(B, b);
  for (let i: usize = 0; i < 16; i += 4) store<u32>(R + i, <u32>changetype<K>(0).soft<f32>(load<u32>(A + i), load<u32>(B + i)));
  return v128.load(R);
}
export function softDoubles<K>(a: v128, b: v128): v128 {
  v128.store(A, a);
  v128.store(B, b);
  for (let i: usize = 0; i < 16; i += 8) store<u64>(R + i, changetype<K>(0).soft<f64>(load<u64>(A + i), load<u64>(B + i)));
  return v128.load(R);
}

export function singles<K>(a: v128, b: v128): v128 {
  const r = changetype<K>(0).singles(a, b);
  if (roundsAsHost() && allNormal32(r, a, b)) return r;
  const result = softSingles<K>(a, b);
  settleExceptions();
  return result;
}
export function doubles<K>(a: v128, b: v128): v128 {
  const r = changetype<K>(0).doubles(a, b);
  if (roundsAsHost() && allNormal64(r, a, b)) return r;
  const result = softDoubles<K>(a, b);
  settleExceptions();
  return result;
}

/** One number; exceptions are not settled. */
@inline export function single<K>(x: f32, y: f32): f32 {
  const r = changetype<K>(0).host32(x, y);
  if (normal32(r) && normal32(x) && normal32(y)) {
    if (roundsAsHost()) return r;
    if (roundsAsHostUnnoted()) {
      if (!changetype<K>(0).exact32(x, y, r)) raise(Exception.PRECISION);
      return r;
    }
  }
  return reinterpret<f32>(<u32>changetype<K>(0).soft<f32>(reinterpret<u32>(x), reinterpret<u32>(y)));
}
@inline export function double<K>(x: f64, y: f64): f64 {
  const r = changetype<K>(0).host64(x, y);
  if (normal64(r) && normal64(x) && normal64(y)) {
    if (roundsAsHost()) return r;
    if (roundsAsHostUnnoted()) {
      if (!changetype<K>(0).exact64(x, y, r)) raise(Exception.PRECISION);
      return r;
    }
  }
  return reinterpret<f64>(changetype<K>(0).soft<f64>(reinterpret<u64>(x), reinterpret<u64>(y)));
}

export function firstSingle<K>(a: v128, b: v128): v128 {
  const r = single<K>(f32x4.extract_lane(a, 0), f32x4.extract_lane(b, 0));
  settleExceptions();
  return i32x4.replace_lane(a, 0, reinterpret<i32>(r));
}
export function firstDouble<K>(a: v128, b: v128): v128 {
  const r = double<K>(f64x2.extract_lane(a, 0), f64x2.extract_lane(b, 0));
  settleExceptions();
  return i64x2.replace_lane(a, 0, reinterpret<i64>(r));
}
