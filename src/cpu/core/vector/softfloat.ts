import { rootFraction, rootOf } from '../fpu/arithmetic';
import { divide as divideWords, multiplyHigh } from '../fpu/wide';
import { Exception, Mxcsr, Rounding, denormalsAreZeros, mxcsr, raise, roundingControl } from './mxcsr';

/**
 * Single and double precision in software, for all that the host's arithmetic does not tell: exceptions, directed
 * rounding, DAZ and FTZ (IEEE 754; Intel SDM vol. 1, 4.8, 4.9 and 11.5). Numbers are passed as their bits; a type
 * parameter, f32 or f64, says which format. Exceptions are collected in `mxcsr.ts`.
 */

const TOP: u64 = 0x8000000000000000;

@inline function fractionBits<T>(): u32 { return sizeof<T>() == 4 ? 23 : 52; }
@inline function bias<T>(): i32 { return sizeof<T>() == 4 ? 127 : 1023; }
@inline function maxExponent<T>(): i32 { return sizeof<T>() == 4 ? 255 : 2047; }
@inline function signBit<T>(): u64 { return sizeof<T>() == 4 ? 0x80000000 : TOP; }
@inline function infinity<T>(): u64 { return <u64>maxExponent<T>() << fractionBits<T>(); }
@inline function quietBit<T>(): u64 { return <u64>1 << (fractionBits<T>() - 1); }
/** "Real indefinite". */
@inline function defaultNaN<T>(): u64 { return signBit<T>() | infinity<T>() | quietBit<T>(); }

@inline function magnitude<T>(x: u64): u64 { return x & (signBit<T>() - 1); }
@inline function sign<T>(x: u64): u64 { return x & signBit<T>(); }
@inline export function isNaN<T>(x: u64): bool { return magnitude<T>(x) > infinity<T>(); }
@inline export function isSignaling<T>(x: u64): bool { return isNaN<T>(x) && !(x & quietBit<T>()); }
@inline function isInfinity<T>(x: u64): bool { return magnitude<T>(x) == infinity<T>(); }
@inline function isZero<T>(x: u64): bool { return !magnitude<T>(x); }
@inline function isDenormal<T>(x: u64): bool { const m = magnitude<T>(x); return m != 0 && m >> fractionBits<T>() == 0; }

/** Of a number other than zero, infinity and NaN: exponent and significand, the latter's top bit set. */
@inline function exponent<T>(x: u64): i32 {
  const e = <i32>(magnitude<T>(x) >> fractionBits<T>());
  return (e ? e : 1 - <i32>clz(magnitude<T>(x)) + 63 - <i32>fractionBits<T>()) - bias<T>();
}
@inline function significand<T>(x: u64): u64 {
  const m = magnitude<T>(x);
  if (m >> fractionBits<T>()) return (m << (63 - fractionBits<T>())) | TOP;
  return m << clz(m);
}

/** A denormal operand with DAZ is a zero of its sign. */
@inline export function operand<T>(x: u64): u64 { return isDenormal<T>(x) && denormalsAreZeros() ? sign<T>(x) : x; }
@inline export function raiseDenormal<T>(x: u64): void { if (isDenormal<T>(x)) raise(Exception.DENORMAL); }

@inline export function quiet<T>(x: u64): u64 { return x | quietBit<T>(); }
/** The first operand that is a NaN (Intel SDM vol. 1, table 4-7). */
function chooseNaN<T>(a: u64, b: u64): u64 {
  if (isSignaling<T>(a) || isSignaling<T>(b)) raise(Exception.INVALID);
  return quiet<T>(isNaN<T>(a) ? a : b);
}
function invalid<T>(): u64 {
  raise(Exception.INVALID);
  return defaultNaN<T>();
}

/** Whether rounding adds a unit: `odd` has the last kept bit, `rest` is what follows it, in units of 2^−64. */
@inline function roundsUp(rounding: u32, negative: bool, odd: u64, rest: u64): bool {
  if (rounding == Rounding.NEAREST) return rest > TOP || rest == TOP && (odd & 1) != 0;
  return rest != 0 && (rounding == Rounding.DOWN ? negative : rounding == Rounding.UP ? !negative : false);
}

/**
 * Rounds hi:lo, a number from 1 to 2 in units of 2^−127, times 2^e.
 * @param resultSign the sign in its place
 * @param hi top bit set
 * @param lo what follows; nothing below is asked for but whether it is zero
 */
function round<T>(resultSign: u64, e: i32, hi: u64, lo: u64): u64 {
  const rounding = roundingControl();
  const negative = resultSign != 0;
  const drop: u64 = 63 - fractionBits<T>();
  const rest = (hi << (64 - drop)) | <u64>(lo != 0);
  const kept = hi >> drop;
  // The carry out of a significand of ones leaves zeros behind and adds one to the exponent: just what is needed.
  const rounded = kept + <u64>roundsUp(rounding, negative, kept, rest);
  const biased = e + bias<T>();
  const carried = biased + <i32>(rounded >> (fractionBits<T>() + 1));
  if (carried < 1) return tiny<T>(resultSign, biased, hi, lo, rest != 0);
  if (biased < 1) return denormalize<T>(resultSign, biased, hi, lo, 0);
  if (carried >= maxExponent<T>()) {
    // Unless it is masked, the result is a number of another exponent, and may be exact.
    raise(rest || mxcsr() & Mxcsr.OVERFLOW_MASK ? Exception.OVERFLOW | Exception.PRECISION : Exception.OVERFLOW);
    const away = rounding == Rounding.NEAREST || rounding == (negative ? Rounding.DOWN : Rounding.UP);
    return resultSign | (infinity<T>() - <u64>!away);
  }
  if (rest) raise(Exception.PRECISION);
  return resultSign | ((<u64>(biased - 1) << fractionBits<T>()) + rounded);
}

/** Too small for a normal number even when it is rounded as if exponents had no end. */
function tiny<T>(resultSign: u64, biased: i32, hi: u64, lo: u64, inexact: bool): u64 {
  const control = mxcsr();
  if (!(control & Mxcsr.UNDERFLOW_MASK)) {
    raise(inexact ? Exception.UNDERFLOW | Exception.PRECISION : Exception.UNDERFLOW);
    return resultSign;
  }
  if (control & Mxcsr.FLUSH_TO_ZERO) {
    raise(Exception.UNDERFLOW | Exception.PRECISION);
    return resultSign;
  }
  return denormalize<T>(resultSign, biased, hi, lo, Exception.UNDERFLOW);
}
/** Rounds at the place where the lowest exponent has its last bit. @param underflow raised with a loss of precision */
function denormalize<T>(resultSign: u64, biased: i32, hi: u64, lo: u64, underflow: u32): u64 {
  const drop: u64 = 63 - fractionBits<T>();
  const distance = <u64>(1 - biased) + drop;
  const kept: u64 = distance < 64 ? hi >> distance : 0;
  const rest: u64 = distance < 64 ? (hi << (64 - distance)) | <u64>(lo != 0) : distance == 64 ? hi | <u64>(lo != 0) : 1;
  if (rest) raise(underflow | Exception.PRECISION);
  return resultSign | (kept + <u64>roundsUp(roundingControl(), resultSign != 0, kept, rest));
}

export function add<T>(first: u64, second: u64): u64 {
  const a = operand<T>(first);
  const b = operand<T>(second);
  if (isNaN<T>(a) || isNaN<T>(b)) return chooseNaN<T>(a, b);
  if (isInfinity<T>(a) && isInfinity<T>(b) && a != b) return invalid<T>();
  raiseDenormal<T>(a);
  raiseDenormal<T>(b);
  if (isInfinity<T>(a)) return a;
  if (isInfinity<T>(b)) return b;
  if (isZero<T>(a) && isZero<T>(b)) return a == b ? a : zeroOfDifference<T>();
  if (isZero<T>(a) || isZero<T>(b)) {
    const x = isZero<T>(a) ? b : a;
    return round<T>(sign<T>(x), exponent<T>(x), significand<T>(x), 0);
  }
  return magnitude<T>(a) >= magnitude<T>(b) ? addNumbers<T>(a, b) : addNumbers<T>(b, a);
}
export function subtract<T>(a: u64, b: u64): u64 { return add<T>(a, isNaN<T>(b) ? b : b ^ signBit<T>()); }

@inline function zeroOfDifference<T>(): u64 { return roundingControl() == Rounding.DOWN ? signBit<T>() : 0; }

/** The larger number first. */
function addNumbers<T>(a: u64, b: u64): u64 {
  let e = exponent<T>(a);
  const distance = <u64>(e - exponent<T>(b));
  const large = significand<T>(a);
  const small = significand<T>(b);
  // The smaller number in two words; what falls below stays visible in the last bit.
  const smallHi: u64 = distance < 64 ? small >> distance : 0;
  let lo: u64 = !distance ? 0 : distance < 64 ? small << (64 - distance) : distance == 64 ? small : 1;
  let hi: u64;
  if (sign<T>(a) == sign<T>(b)) {
    hi = large + smallHi;
    if (hi < large) {
      lo = (lo >> 1) | (lo & 1) | (hi << 63);
      hi = (hi >> 1) | TOP;
      e++;
    }
    return round<T>(sign<T>(a), e, hi, lo);
  }
  hi = large - smallHi - <u64>(lo != 0);
  lo = 0 - lo;
  if (!(hi | lo)) return zeroOfDifference<T>();
  if (!hi) {
    hi = lo;
    lo = 0;
    e -= 64;
  }
  const n = clz(hi);
  if (n) {
    hi = (hi << n) | (lo >> (64 - n));
    lo <<= n;
  }
  return round<T>(sign<T>(a), e - <i32>n, hi, lo);
}

export function multiply<T>(first: u64, second: u64): u64 {
  const a = operand<T>(first);
  const b = operand<T>(second);
  if (isNaN<T>(a) || isNaN<T>(b)) return chooseNaN<T>(a, b);
  const resultSign = sign<T>(a ^ b);
  if (isInfinity<T>(a) && isZero<T>(b) || isZero<T>(a) && isInfinity<T>(b)) return invalid<T>();
  raiseDenormal<T>(a);
  raiseDenormal<T>(b);
  if (isInfinity<T>(a) || isInfinity<T>(b)) return resultSign | infinity<T>();
  if (isZero<T>(a) || isZero<T>(b)) return resultSign;
  const x = significand<T>(a);
  const y = significand<T>(b);
  let hi = multiplyHigh(x, y);
  let lo = x * y;
  let e = exponent<T>(a) + exponent<T>(b) + 1;
  if (<i64>hi >= 0) {
    hi = (hi << 1) | (lo >> 63);
    lo <<= 1;
    e--;
  }
  return round<T>(resultSign, e, hi, lo);
}

/** a ÷ b. */
export function divide<T>(first: u64, second: u64): u64 {
  const a = operand<T>(first);
  const b = operand<T>(second);
  if (isNaN<T>(a) || isNaN<T>(b)) return chooseNaN<T>(a, b);
  const resultSign = sign<T>(a ^ b);
  if (isInfinity<T>(a) && isInfinity<T>(b) || isZero<T>(a) && isZero<T>(b)) return invalid<T>();
  if (isZero<T>(b) && !isInfinity<T>(a)) {
    raise(Exception.ZERO_DIVIDE);
    return resultSign | infinity<T>();
  }
  raiseDenormal<T>(a);
  raiseDenormal<T>(b);
  if (isInfinity<T>(a)) return resultSign | infinity<T>();
  if (isInfinity<T>(b) || isZero<T>(a)) return resultSign;
  let x = significand<T>(a);
  const y = significand<T>(b);
  let lo: u64 = 0;
  let e = exponent<T>(a) - exponent<T>(b) - 1;
  if (x >= y) {
    lo = x << 63;
    x >>= 1;
    e++;
  }
  const quotient = divideWords(x, lo, y);
  return round<T>(resultSign, e, quotient, lo - quotient * y);
}

export function squareRoot<T>(from: u64): u64 {
  const x = operand<T>(from);
  if (isNaN<T>(x)) return chooseNaN<T>(x, x);
  if (isZero<T>(x)) return x;
  if (sign<T>(x)) return invalid<T>();
  raiseDenormal<T>(x);
  if (isInfinity<T>(x)) return x;
  const e = exponent<T>(x);
  const sig = significand<T>(x);
  const root = rootOf(e & 1 ? sig : sig >> 1, e & 1 ? 0 : sig << 63);
  return round<T>(0, e >> 1, root, rootFraction);
}

/** MINxx and MAXxx: the second operand when either is a NaN or both are zeros. */
export function minimum<T>(first: u64, second: u64): u64 { return extreme<T>(first, second, true); }
export function maximum<T>(first: u64, second: u64): u64 { return extreme<T>(first, second, false); }
function extreme<T>(first: u64, second: u64, smaller: bool): u64 {
  const a = operand<T>(first);
  const b = operand<T>(second);
  if (isNaN<T>(a) || isNaN<T>(b)) {
    raise(Exception.INVALID);
    return b;
  }
  raiseDenormal<T>(a);
  raiseDenormal<T>(b);
  return (smaller ? less<T>(a, b) : less<T>(b, a)) ? a : b;
}
/** Of operands that are no NaNs. */
@inline function less<T>(a: u64, b: u64): bool { return order<T>(a) < order<T>(b); }
/** Numbers in their order; both zeros are 0. */
@inline function order<T>(x: u64): i64 { return sign<T>(x) ? 0 - <i64>magnitude<T>(x) : <i64>x; }

/** Results of a comparison; unordered with a NaN. */
export namespace Relation {
  export const LESS: u32 = 1;
  export const EQUAL: u32 = 2;
  export const GREATER: u32 = 4;
  export const UNORDERED: u32 = 8;
}
/** @param quietInvalid whether quiet NaNs are invalid, too */
export function compare<T>(first: u64, second: u64, quietInvalid: bool): u32 {
  const a = operand<T>(first);
  const b = operand<T>(second);
  if (isNaN<T>(a) || isNaN<T>(b)) {
    if (quietInvalid || isSignaling<T>(a) || isSignaling<T>(b)) raise(Exception.INVALID);
    return Relation.UNORDERED;
  }
  raiseDenormal<T>(a);
  raiseDenormal<T>(b);
  const x = order<T>(a), y = order<T>(b);
  return x < y ? Relation.LESS : x == y ? Relation.EQUAL : Relation.GREATER;
}

/** Single to double: exact. */
export function widen(from: u64): u64 {
  const x = operand<f32>(from);
  const newSign = sign<f32>(x) << 32;
  if (isNaN<f32>(x)) {
    if (isSignaling<f32>(x)) raise(Exception.INVALID);
    return newSign | infinity<f64>() | quietBit<f64>() | ((x & 0x3fffff) << 29);
  }
  if (isInfinity<f32>(x)) return newSign | infinity<f64>();
  if (isZero<f32>(x)) return newSign;
  raiseDenormal<f32>(x);
  return newSign | ((<u64>(exponent<f32>(x) + bias<f64>() - 1) << 52) + (significand<f32>(x) >> 11));
}
/** Double to single. */
export function narrow(from: u64): u64 {
  const x = operand<f64>(from);
  const newSign = sign<f64>(x) >> 32;
  if (isNaN<f64>(x)) {
    if (isSignaling<f64>(x)) raise(Exception.INVALID);
    return newSign | infinity<f32>() | quietBit<f32>() | ((x >> 29) & 0x3fffff);
  }
  if (isInfinity<f64>(x)) return newSign | infinity<f32>();
  if (isZero<f64>(x)) return newSign;
  raiseDenormal<f64>(x);
  return round<f32>(newSign, exponent<f64>(x), significand<f64>(x), 0);
}

export function fromInteger<T>(value: i64): u64 {
  if (!value) return 0;
  const m: u64 = value < 0 ? 0 - <u64>value : <u64>value;
  const n = clz(m);
  return round<T>(value < 0 ? signBit<T>() : 0, 63 - <i32>n, m << n, 0);
}
