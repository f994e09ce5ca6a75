import { Op } from '../decode/operation';
import { multiplyHigh } from '../fpu/wide';
import { double, doubles, firstDouble, firstSingle, single, singles } from './lanes';
import { settleExceptions } from './mxcsr';
import { onXmm, pair, vectorImmediate } from './operands';
import * as soft from './softfloat';

/** Sums, products, quotients and roots of SSE. */

const FRACTION: u64 = 0x000fffffffffffff;
const HIDDEN: u64 = 0x0010000000000000;

@inline function significand(x: f64): u64 { return (reinterpret<u64>(x) & FRACTION) | HIDDEN; }
/** Whether the product of two normal numbers fits into 53 bits. */
function exactProduct(x: f64, y: f64): bool {
  const a = significand(x), b = significand(y);
  const low = a * b;
  if (low & FRACTION) return false;
  if (!(low & HIDDEN)) return true;
  // One bit too many, unless the product has 105 bits and not 106.
  return multiplyHigh(a << 11, b << 11) >> 63 == 0;
}

/** What the rounded sum lacks (Knuth, The Art of Computer Programming, 4.2.2, theorem B) is zero. */
@inline function exactSum<T>(x: T, y: T, r: T): bool {
  const z = r - x;
  return x - (r - z) + (y - z) == <T>0;
}

class Sum {
  @inline singles(a: v128, b: v128): v128 { return f32x4.add(a, b); }
  @inline doubles(a: v128, b: v128): v128 { return f64x2.add(a, b); }
  @inline host32(x: f32, y: f32): f32 { return x + y; }
  @inline host64(x: f64, y: f64): f64 { return x + y; }
  @inline exact32(x: f32, y: f32, r: f32): bool { return exactSum<f32>(x, y, r); }
  @inline exact64(x: f64, y: f64, r: f64): bool { return exactSum<f64>(x, y, r); }
  @inline soft<T>(a: u64, b: u64): u64 { return soft.add<T>(a, b); }
}
class Difference {
  @inline singles(a: v128, b: v128): v128 { return f32x4.sub(a, b); }
  @inline doubles(a: v128, b: v128): v128 { return f64x2.sub(a, b); }
  @inline host32(x: f32, y: f32): f32 { return x - y; }
  @inline host64(x: f64, y: f64): f64 { return x - y; }
  @inline exact32(x: f32, y: f32, r: f32): bool { return exactSum<f32>(x, -y, r); }
  @inline exact64(x: f64, y: f64, r: f64): bool { return exactSum<f64>(x, -y, r); }
  @inline soft<T>(a: u64, b: u64): u64 { return soft.subtract<T>(a, b); }
}
class Product {
  @inline singles(a: v128, b: v128): v128 { return f32x4.mul(a, b); }
  @inline doubles(a: v128, b: v128): v128 { return f64x2.mul(a, b); }
  @inline host32(x: f32, y: f32): f32 { return x * y; }
  @inline host64(x: f64, y: f64): f64 { return x * y; }
  @inline exact32(x: f32, y: f32, r: f32): bool { return <f64>x * <f64>y == <f64>r; }
  @inline exact64(x: f64, y: f64, r: f64): bool { return exactProduct(x, y); }
  @inline soft<T>(a: u64, b: u64): u64 { return soft.multiply<T>(a, b); }
}
class Quotient {
  @inline singles(a: v128, b: v128): v128 { return f32x4.div(a, b); }
  @inline doubles(a: v128, b: v128): v128 { return f64x2.div(a, b); }
  @inline host32(x: f32, y: f32): f32 { return x / y; }
  @inline host64(x: f64, y: f64): f64 { return x / y; }
  @inline exact32(x: f32, y: f32, r: f32): bool { return <f64>r * <f64>y == <f64>x; }
  @inline exact64(x: f64, y: f64, r: f64): bool { return exactProduct(r, y) && r * y == x; }
  @inline soft<T>(a: u64, b: u64): u64 { return soft.divide<T>(a, b); }
}
/** Of the second operand. */
class Root {
  @inline singles(a: v128, b: v128): v128 { return f32x4.sqrt(b); }
  @inline doubles(a: v128, b: v128): v128 { return f64x2.sqrt(b); }
  @inline host32(x: f32, y: f32): f32 { return sqrt<f32>(y); }
  @inline host64(x: f64, y: f64): f64 { return sqrt<f64>(y); }
  @inline exact32(x: f32, y: f32, r: f32): bool { return <f64>r * <f64>r == <f64>y; }
  @inline exact64(x: f64, y: f64, r: f64): bool { return exactProduct(r, r) && r * r == y; }
  @inline soft<T>(a: u64, b: u64): u64 { return soft.squareRoot<T>(b); }
}

@inline function evens32(a: v128, b: v128): v128 { return i32x4.shuffle(a, b, 0, 2, 4, 6); }
@inline function odds32(a: v128, b: v128): v128 { return i32x4.shuffle(a, b, 1, 3, 5, 7); }
@inline function evens64(a: v128, b: v128): v128 { return i64x2.shuffle(a, b, 0, 2); }
@inline function odds64(a: v128, b: v128): v128 { return i64x2.shuffle(a, b, 1, 3); }

/** ADDSUBxx subtracts in the even elements; a NaN keeps its sign. */
@inline function evensNegated32(b: v128): v128 {
  return v128.xor(b, v128.and(i64x2.splat(0x80000000), f32x4.eq(b, b)));
}
@inline function evensNegated64(b: v128): v128 {
  return v128.xor(b, v128.and(pair(0x8000000000000000, 0), f64x2.eq(b, b)));
}

/** DPPS: the products that the immediate's upper half selects, summed by pairs. Exceptions are settled at each step. */
function dotSingles(a: v128, b: v128): v128 {
  const n = vectorImmediate;
  const p0 = n & 16 ? single<Product>(f32x4.extract_lane(a, 0), f32x4.extract_lane(b, 0)) : 0;
  const p1 = n & 32 ? single<Product>(f32x4.extract_lane(a, 1), f32x4.extract_lane(b, 1)) : 0;
  const p2 = n & 64 ? single<Product>(f32x4.extract_lane(a, 2), f32x4.extract_lane(b, 2)) : 0;
  const p3 = n & 128 ? single<Product>(f32x4.extract_lane(a, 3), f32x4.extract_lane(b, 3)) : 0;
  settleExceptions();
  const low = single<Sum>(p0, p1), high = single<Sum>(p2, p3);
  settleExceptions();
  const sum = single<Sum>(low, high);
  settleExceptions();
  const bits = <u64>reinterpret<u32>(sum);
  return pair((n & 1 ? bits : 0) | (n & 2 ? bits << 32 : 0), (n & 4 ? bits : 0) | (n & 8 ? bits << 32 : 0));
}
function dotDoubles(a: v128, b: v128): v128 {
  const n = vectorImmediate;
  const p0 = n & 16 ? double<Product>(f64x2.extract_lane(a, 0), f64x2.extract_lane(b, 0)) : 0;
  const p1 = n & 32 ? double<Product>(f64x2.extract_lane(a, 1), f64x2.extract_lane(b, 1)) : 0;
  settleExceptions();
  const sum = double<Sum>(p0, p1);
  settleExceptions();
  const bits = reinterpret<u64>(sum);
  return pair(n & 1 ? bits : 0, n & 2 ? bits : 0);
}

/** The four forms PS, PD, SS, SD, in the order of their operations. */
function defineFour<K>(ps: u32): void {
  onXmm(ps, (a, b) => singles<K>(a, b));
  onXmm(ps + 1, (a, b) => doubles<K>(a, b));
  onXmm(ps + 2, (a, b) => firstSingle<K>(a, b));
  onXmm(ps + 3, (a, b) => firstDouble<K>(a, b));
}

export function defineVectorArithmetic(): void {
  defineFour<Sum>(Op.ADDPS);
  defineFour<Difference>(Op.SUBPS);
  defineFour<Product>(Op.MULPS);
  defineFour<Quotient>(Op.DIVPS);
  defineFour<Root>(Op.SQRTPS);
  onXmm(Op.ADDSUBPS, (a, b) => singles<Sum>(a, evensNegated32(b)));
  onXmm(Op.ADDSUBPD, (a, b) => doubles<Sum>(a, evensNegated64(b)));
  onXmm(Op.HADDPS, (a, b) => singles<Sum>(evens32(a, b), odds32(a, b)));
  onXmm(Op.HADDPD, (a, b) => doubles<Sum>(evens64(a, b), odds64(a, b)));
  onXmm(Op.HSUBPS, (a, b) => singles<Difference>(evens32(a, b), odds32(a, b)));
  onXmm(Op.HSUBPD, (a, b) => doubles<Difference>(evens64(a, b), odds64(a, b)));
  onXmm(Op.DPPS, dotSingles);
  onXmm(Op.DPPD, dotDoubles);
}
