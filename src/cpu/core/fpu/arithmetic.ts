import {
  BIAS, INTEGER_BIT, MAX_EXPONENT, Rounding,
  binaryNaN, exponentOf, invalid, isDenormal, isInfinity, isZero, normalExponent, normalSignificand, raise, raiseZeroDivide,
  roundResult, roundingControl, setInfinity, setResult, setZero, signOf, unaryNaN, Exception,
} from './float80';
import { divide as divideWords, multiplyHigh } from './wide';

/** Addition, multiplication, division and square root, rounded as the control word says. */

@inline function raiseDenormals(ase: u32, asig: u64, bse: u32, bsig: u64): void {
  if (isDenormal(ase, asig) || isDenormal(bse, bsig)) raise(Exception.DENORMAL);
}

export function add(ase: u32, asig: u64, bse: u32, bsig: u64): void {
  if (binaryNaN(ase, asig, bse, bsig)) return;
  addNumbers(ase, asig, bse, bsig);
}
/** a − b. */
export function subtract(ase: u32, asig: u64, bse: u32, bsig: u64): void {
  if (binaryNaN(ase, asig, bse, bsig)) return;
  addNumbers(ase, asig, bse ^ 0x8000, bsig);
}

function addNumbers(ase: u32, asig: u64, bse: u32, bsig: u64): void {
  let aSign = signOf(ase);
  let bSign = signOf(bse);
  const aInfinite = exponentOf(ase) == MAX_EXPONENT;
  const bInfinite = exponentOf(bse) == MAX_EXPONENT;
  if (aInfinite || bInfinite) {
    if (aInfinite && bInfinite && aSign != bSign) {
      invalid();
      return;
    }
    raiseDenormals(ase, asig, bse, bsig);
    setInfinity(aInfinite ? aSign : bSign);
    return;
  }
  if (isZero(ase, asig) || isZero(bse, bsig)) {
    addZero(ase, asig, bse, bsig);
    return;
  }
  let ae = normalExponent(ase, asig);
  let be = normalExponent(bse, bsig);
  asig = normalSignificand(asig);
  bsig = normalSignificand(bsig);
  if (ae < be || ae == be && asig < bsig) {
    const e = ae;
    ae = be;
    be = e;
    const sig = asig;
    asig = bsig;
    bsig = sig;
    const sign = aSign;
    aSign = bSign;
    bSign = sign;
  }
  // b in two words, a's exponent; what falls below stays visible in the last bit.
  const distance = ae - be;
  let bhi: u64 = bsig;
  let blo: u64 = 0;
  if (distance) {
    if (distance < 64) {
      bhi = bsig >> distance;
      blo = bsig << (64 - distance);
    } else {
      bhi = 0;
      blo = distance == 64 ? bsig : distance < 128 ? (bsig >> (distance - 64)) | <u64>(bsig << (128 - distance) != 0) : 1;
    }
  }
  if (aSign == bSign) {
    let hi = asig + bhi;
    if (hi < asig) {
      blo = (blo >> 1) | (blo & 1) | (hi << 63);
      hi = (hi >> 1) | INTEGER_BIT;
      ae++;
    }
    roundResult(aSign, ae, hi, blo);
    return;
  }
  let hi = asig - bhi - <u64>(blo != 0);
  let lo: u64 = 0 - blo;
  if (!(hi | lo)) {
    setZero(<u32>(roundingControl() == Rounding.DOWN));
    return;
  }
  if (!hi) {
    hi = lo;
    lo = 0;
    ae -= 64;
  }
  const n = <i32>clz(hi);
  if (n) {
    hi = (hi << n) | (lo >> (64 - n));
    lo <<= n;
  }
  roundResult(aSign, ae - n, hi, lo);
}

function addZero(ase: u32, asig: u64, bse: u32, bsig: u64): void {
  if (asig | bsig) {
    const se = asig ? ase : bse;
    const sig = asig | bsig;
    // Not a copy: precision control applies.
    roundResult(signOf(se), normalExponent(se, sig), normalSignificand(sig), 0);
  } else if (ase == bse) {
    setResult(ase, 0);
  } else {
    setZero(<u32>(roundingControl() == Rounding.DOWN));
  }
}

export function multiply(ase: u32, asig: u64, bse: u32, bsig: u64): void {
  if (binaryNaN(ase, asig, bse, bsig)) return;
  const sign = signOf(ase ^ bse);
  if (isInfinity(ase, asig) || isInfinity(bse, bsig)) {
    if (isZero(ase, asig) || isZero(bse, bsig)) {
      invalid();
      return;
    }
    raiseDenormals(ase, asig, bse, bsig);
    setInfinity(sign);
    return;
  }
  if (isZero(ase, asig) || isZero(bse, bsig)) {
    raiseDenormals(ase, asig, bse, bsig);
    setZero(sign);
    return;
  }
  let e = normalExponent(ase, asig) + normalExponent(bse, bsig) - BIAS + 1;
  asig = normalSignificand(asig);
  bsig = normalSignificand(bsig);
  let hi = multiplyHigh(asig, bsig);
  let lo = asig * bsig;
  if (<i64>hi >= 0) {
    hi = (hi << 1) | (lo >> 63);
    lo <<= 1;
    e--;
  }
  roundResult(sign, e, hi, lo);
}

/** a ÷ b. */
export function divide(ase: u32, asig: u64, bse: u32, bsig: u64): void {
  if (binaryNaN(ase, asig, bse, bsig)) return;
  const sign = signOf(ase ^ bse);
  if (isInfinity(ase, asig)) {
    if (isInfinity(bse, bsig)) {
      invalid();
    } else {
      raiseDenormals(ase, asig, bse, bsig);
      setInfinity(sign);
    }
    return;
  }
  if (isInfinity(bse, bsig)) {
    raiseDenormals(ase, asig, bse, bsig);
    setZero(sign);
    return;
  }
  if (isZero(bse, bsig)) {
    if (isZero(ase, asig)) {
      invalid();
    } else {
      raiseZeroDivide();
      setInfinity(sign);
    }
    return;
  }
  if (isZero(ase, asig)) {
    raiseDenormals(ase, asig, bse, bsig);
    setZero(sign);
    return;
  }
  let e = normalExponent(ase, asig) - normalExponent(bse, bsig) + BIAS - 1;
  asig = normalSignificand(asig);
  bsig = normalSignificand(bsig);
  let lo: u64 = 0;
  if (asig >= bsig) {
    lo = asig << 63;
    asig >>= 1;
    e++;
  }
  const quotient = divideWords(asig, lo, bsig);
  roundResult(sign, e, quotient, fractionOf(lo - quotient * bsig, bsig));
}

/** A remainder as far as rounding wants to know it: zero, below, at or above half of the divisor. */
@inline function fractionOf(rest: u64, divisor: u64): u64 {
  if (!rest) return 0;
  const left = divisor - rest;
  return rest < left ? QUARTER : rest == left ? INTEGER_BIT : INTEGER_BIT | QUARTER;
}
const QUARTER: u64 = 0x4000000000000000;

export function squareRoot(se: u32, sig: u64): void {
  if (unaryNaN(se, sig)) return;
  if (isZero(se, sig)) {
    setResult(se, sig);
    return;
  }
  if (signOf(se)) {
    invalid();
    return;
  }
  if (isInfinity(se, sig)) {
    setResult(se, sig);
    return;
  }
  const e = normalExponent(se, sig) - BIAS;
  sig = normalSignificand(sig);
  // The radicand is hi:lo with an even exponent: its root has 64 bits.
  const root = rootOf(e & 1 ? sig : sig >> 1, e & 1 ? 0 : sig << 63);
  roundResult(0, (e >> 1) + BIAS, root, rootFraction);
}

/** What the last root lacks, as far as rounding wants to know it. */
export let rootFraction: u64 = 0;

/** √(hi:lo) · 2^64, rounded down, for an hi of at least 2^62: the top bit of the result is set. */
export function rootOf(hi: u64, lo: u64): u64 {
  let root = estimate(hi);
  // One step of Newton's on the exact rest, then the last unit by comparison.
  const sqhi = multiplyHigh(root, root);
  const sqlo = root * root;
  const resthi = hi - sqhi - <u64>(lo < sqlo);
  const restlo = lo - sqlo;
  const rest = <f64><i64>resthi * 18446744073709551616.0 + <f64>restlo;
  const step = <i64>Math.floor(rest / (2.0 * <f64>root));
  const better = root + <u64>step;
  if (step > 0 && better < root) root = <u64>-1;
  else root = better < INTEGER_BIT ? INTEGER_BIT : better;
  while (above(root, hi, lo)) root--;
  while (root != <u64>-1 && !above(root + 1, hi, lo)) root++;
  // Between root and root + 1 nothing can be exactly half: the rest decides.
  const r = lo - root * root;
  const over = hi - multiplyHigh(root, root) - <u64>(lo < root * root);
  rootFraction = !(over | r) ? 0 : over || r > root ? INTEGER_BIT | 1 : 1;
  return root;
}

/** 2^32 · √hi within 2^13 units, not above what 64 bits hold. */
@inline function estimate(hi: u64): u64 {
  const root = Math.sqrt(<f64>hi) * 4294967296.0;
  return root >= 18446744073709549568.0 ? <u64>-1 : <u64>root;
}
@inline function above(root: u64, hi: u64, lo: u64): bool {
  const sqhi = multiplyHigh(root, root);
  return sqhi > hi || sqhi == hi && root * root > lo;
}
