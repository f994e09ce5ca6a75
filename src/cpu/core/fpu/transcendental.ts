import {
  BIAS, Exception, INTEGER_BIT, MAX_EXPONENT,
  binaryNaN, exponentOf, forgetRounding, invalid, isInfinity, isZero, normalExponent, normalSignificand, raise,
  resultSe, resultSig, round, setInfinity,
  setResult, setZero, signOf, unaryNaN,
} from './float80';
import {
  ARCTANGENTS, ARCTANGENT_EXPONENTS, COSINE, COSINE_TERMS, EXPONENTIAL, EXPONENTIAL_TERMS, LN_2_EXPONENT, LN_2_HIGH, LN_2_LOW, ODD,
  ODD_TERMS, PI_EXPONENT, PI_HIGH, PI_LOW, SINE, SINE_TERMS, TWO_OVER_LN_2_EXPONENT, TWO_OVER_LN_2_HIGH, TWO_OVER_LN_2_LOW,
} from './series';
import {
  exponent, low, normalizeWide, polynomial, restore, shiftRight, wideAdd, wideDivide, wideMultiply, wideSubtract,
} from './wide';

/**
 * The transcendental functions. All compute with 128-bit significands and round once, so that results are within
 * 0.5001 units in the last place of the exact value; processors differ from it, and from each other, by up to one.
 * Precision control does not apply; every result that is not an argument's copy is inexact.
 */

/** A wide number, kept over calls. */
let keptExponent: i32 = 0;
let keptHigh: u64 = 0;
let keptLow: u64 = 0;
function keep(hi: u64): void {
  keptExponent = exponent;
  keptHigh = hi;
  keptLow = low;
}

/** What was just computed becomes the result: never exact. */
function finish(sign: u32, hi: u64): void { round(sign, exponent + BIAS, hi, low | 1, 0); }
/** A result just below a copy of the argument. */
function finishBelow(sign: u32, hi: u64): void {
  if (low) finish(sign, hi);
  else if (hi == INTEGER_BIT) round(sign, exponent + BIAS - 1, <u64>-1, <u64>-1, 0);
  else round(sign, exponent + BIAS, hi - 1, <u64>-1, 0);
}

/** A wide number below one in units of 2^−128. */
@inline function fractionOf(e: i32, hi: u64, lo: u64): u64 { return shiftRight(hi, lo, -1 - e); }

/** Its square in units of 2^−128. */
function squareOf(e: i32, hi: u64, lo: u64): u64 {
  const square = wideMultiply(e, hi, lo, e, hi, lo);
  return fractionOf(exponent, square, low);
}

/** x · series(x²) for a wide number. @returns like the wide functions */
function oddSeries(e: i32, hi: u64, lo: u64, coefficients: usize, terms: i32, alternating: bool): u64 {
  const square = squareOf(e, hi, lo);
  const value = polynomial(coefficients, terms, square, low, alternating);
  const factor = normalizeWide(0, value, low);
  return wideMultiply(e, hi, lo, exponent, factor, low);
}

/** F2XM1: 2^x − 1, for −1 ≤ x ≤ 1. Beyond, the result is undefined: the argument stays. */
export function exponentialMinusOne(se: u32, sig: u64): void {
  if (unaryNaN(se, sig)) return;
  const sign = signOf(se);
  if (isInfinity(se, sig)) {
    if (sign) setResult(0x8000 | BIAS, INTEGER_BIT);
    else setInfinity(0);
    return;
  }
  if (isZero(se, sig)) {
    setResult(se, sig);
    return;
  }
  const e = normalExponent(se, sig) - BIAS;
  sig = normalSignificand(sig);
  if (e >= 0) {
    raise(Exception.PRECISION);
    if (e > 0 || sig != INTEGER_BIT) setResult(se, sig);
    else setResult(sign ? 0x8000 | (BIAS - 1) : BIAS, INTEGER_BIT);
    return;
  }
  keep(wideMultiply(e, sig, 0, LN_2_EXPONENT, LN_2_HIGH, LN_2_LOW));
  const hi = keptHigh;
  const lo = keptLow;
  const scaled = keptExponent;
  const fraction = fractionOf(scaled, hi, lo);
  const value = polynomial(EXPONENTIAL, EXPONENTIAL_TERMS, fraction, low, sign != 0);
  const factor = normalizeWide(0, value, low);
  finish(sign, wideMultiply(scaled, hi, lo, exponent, factor, low));
}

/** Bits of √2. */
const ROOT_2: u64 = 0xb504f333f9de6484;

let logarithmSign: u32 = 0;
/** log₂ of a wide number other than one, its sign in `logarithmSign`. */
function logarithm(e: i32, hi: u64, lo: u64): u64 {
  // x = m · 2^n with m between √½ and √2; log₂ m = 2 ÷ ln 2 · artanh((m − 1) ÷ (m + 1)).
  let n = e;
  let difference: u64;
  let sum: u64;
  let fractionSign: u32 = 0;
  if (hi > ROOT_2) {
    n++;
    fractionSign = 1;
    keep(wideSubtract(1, INTEGER_BIT, 0, 0, hi, lo));
    difference = keptHigh;
    sum = wideAdd(1, INTEGER_BIT, 0, 0, hi, lo);
  } else {
    if (hi == INTEGER_BIT && !lo) return integer(n);
    keep(normalizeWide(0, hi - INTEGER_BIT, lo));
    difference = keptHigh;
    sum = wideAdd(0, hi, lo, 0, INTEGER_BIT, 0);
  }
  const ratio = wideDivide(keptExponent, difference, keptLow, exponent, sum, low);
  const artanh = oddSeries(exponent, ratio, low, ODD, ODD_TERMS, false);
  const fraction = wideMultiply(exponent, artanh, low, TWO_OVER_LN_2_EXPONENT, TWO_OVER_LN_2_HIGH, TWO_OVER_LN_2_LOW);
  if (!n) {
    logarithmSign = fractionSign;
    return fraction;
  }
  keep(fraction);
  const whole = integer(n);
  return logarithmSign == fractionSign
    ? wideAdd(exponent, whole, 0, keptExponent, keptHigh, keptLow)
    : wideSubtract(exponent, whole, 0, keptExponent, keptHigh, keptLow);
}
function integer(n: i32): u64 {
  logarithmSign = <u32>(n < 0);
  return normalizeWide(63, <u64>abs<i32>(n), 0);
}

/** y · what `logarithm` gave. Reported as inexact even when the logarithm is an integer and the result is not rounded. */
function timesLogarithm(yse: u32, ysig: u64, hi: u64): void {
  const exact = low == 0 && hi << 16 == 0;
  const e = exponent;
  const lo = low;
  const ye = normalExponent(yse, ysig) - BIAS;
  const product = wideMultiply(e, hi, lo, ye, normalSignificand(ysig), 0);
  if (!exact) {
    finish(signOf(yse) ^ logarithmSign, product);
    return;
  }
  round(signOf(yse) ^ logarithmSign, exponent + BIAS, product, low, 0);
  raise(Exception.PRECISION);
  if (!exponentOf(resultSe)) raise(Exception.UNDERFLOW);
}

/** FYL2X: y · log₂ x. */
export function timesLog2(xse: u32, xsig: u64, yse: u32, ysig: u64): void {
  if (binaryNaN(xse, xsig, yse, ysig)) return;
  const ySign = signOf(yse);
  if (isZero(xse, xsig)) {
    if (isZero(yse, ysig)) {
      invalid();
      return;
    }
    if (!isInfinity(yse, ysig)) raise(Exception.ZERO_DIVIDE);
    setInfinity(ySign ^ 1);
    return;
  }
  if (signOf(xse)) {
    invalid();
    return;
  }
  if (isInfinity(xse, xsig)) {
    if (isZero(yse, ysig)) {
      invalid();
      return;
    }
    if (!exponentOf(yse)) raise(Exception.DENORMAL);
    setInfinity(ySign);
    return;
  }
  const e = normalExponent(xse, xsig) - BIAS;
  xsig = normalSignificand(xsig);
  const isOne = e == 0 && xsig == INTEGER_BIT;
  if (isInfinity(yse, ysig)) {
    if (isOne) invalid();
    else setInfinity(ySign ^ <u32>(e < 0));
    return;
  }
  if (isZero(yse, ysig) || isOne) {
    if (ysig) normalExponent(yse, ysig);
    setZero(ySign ^ <u32>(e < 0));
    return;
  }
  timesLogarithm(yse, ysig, logarithm(e, xsig, 0));
}

/** FYL2XP1: y · log₂(x + 1). */
export function timesLog2PlusOne(xse: u32, xsig: u64, yse: u32, ysig: u64): void {
  if (binaryNaN(xse, xsig, yse, ysig)) return;
  const xSign = signOf(xse);
  const ySign = signOf(yse);
  if (isInfinity(xse, xsig)) {
    if (xSign || isZero(yse, ysig)) {
      invalid();
      return;
    }
    if (!exponentOf(yse)) raise(Exception.DENORMAL);
    setInfinity(ySign);
    return;
  }
  if (isInfinity(yse, ysig)) {
    if (isZero(xse, xsig)) {
      invalid();
      return;
    }
    normalExponent(xse, xsig);
    setInfinity(ySign ^ xSign);
    return;
  }
  if (isZero(xse, xsig) || isZero(yse, ysig)) {
    if (xsig) normalExponent(xse, xsig);
    if (ysig) normalExponent(yse, ysig);
    setZero(xSign ^ ySign);
    return;
  }
  const e = normalExponent(xse, xsig) - BIAS;
  xsig = normalSignificand(xsig);
  if (e < -2) {
    // log₂(1 + x) = 2 ÷ ln 2 · artanh(x ÷ (2 + x)): nothing of a small x is lost.
    const sum = xSign ? wideSubtract(1, INTEGER_BIT, 0, e, xsig, 0) : wideAdd(1, INTEGER_BIT, 0, e, xsig, 0);
    const ratio = wideDivide(e, xsig, 0, exponent, sum, low);
    const artanh = oddSeries(exponent, ratio, low, ODD, ODD_TERMS, false);
    logarithmSign = xSign;
    const log = wideMultiply(exponent, artanh, low, TWO_OVER_LN_2_EXPONENT, TWO_OVER_LN_2_HIGH, TWO_OVER_LN_2_LOW);
    timesLogarithm(yse, ysig, restore(exponent, log, low | 1));
    return;
  }
  if (xSign) {
    if (e >= 0) {
      // Undefined from −1 down: the argument stays.
      normalExponent(yse, ysig);
      raise(Exception.PRECISION);
      setResult(xse, xsig);
      return;
    }
    const rest = wideSubtract(0, INTEGER_BIT, 0, e, xsig, 0);
    timesLogarithm(yse, ysig, logarithm(exponent, rest, low));
    return;
  }
  const sum = e < 0 ? wideAdd(0, INTEGER_BIT, 0, e, xsig, 0) : wideAdd(e, xsig, 0, 0, INTEGER_BIT, 0);
  timesLogarithm(yse, ysig, logarithm(exponent, sum, low));
}

/** For arguments up to 1/16, the lower powers are enough. */
const SHORT_ODD_TERMS: i32 = 16;
const SHORT_ODD: usize = ODD + (ODD_TERMS - SHORT_ODD_TERMS) * 16;

/** atan of a wide number from 0 to 1. */
function arctangent(e: i32, hi: u64, lo: u64): u64 {
  const i: usize = e < -4 ? 0 : (<usize>(hi >> <u64>(59 - e)) + 1) >> 1;
  if (i == 0) return oddSeries(e, hi, lo, SHORT_ODD, SHORT_ODD_TERMS, true);
  // atan t = atan c + atan((t − c) ÷ (1 + t · c)) with c = i ÷ 8.
  const c = normalizeWide(60, i, 0);
  const ce = exponent;
  const above = e > ce || e == ce && (hi > c || hi == c && lo != 0);
  const table = ARCTANGENTS + (i - 1) * 16;
  const te = <i32>load<i8>(ARCTANGENT_EXPONENTS + i - 1);
  if (e == ce && hi == c && !lo) {
    return restore(te, load<u64>(table), load<u64>(table, 8));
  }
  const product = wideMultiply(e, hi, lo, ce, c, 0);
  const sum = exponent >= 0 ? wideAdd(exponent, product, low, 0, INTEGER_BIT, 0) : wideAdd(0, INTEGER_BIT, 0, exponent, product, low);
  const se = exponent;
  const slo = low;
  const difference = above ? wideSubtract(e, hi, lo, ce, c, 0) : wideSubtract(ce, c, 0, e, hi, lo);
  const ratio = wideDivide(exponent, difference, low, se, sum, slo);
  const rest = oddSeries(exponent, ratio, low, SHORT_ODD, SHORT_ODD_TERMS, true);
  return above
    ? wideAdd(te, load<u64>(table), load<u64>(table, 8), exponent, rest, low)
    : wideSubtract(te, load<u64>(table), load<u64>(table, 8), exponent, rest, low);
}

/** A multiple of π/4, from 1 to 4. */
function angle(sign: u32, quarters: i32): void {
  if (quarters == 3) {
    const half = wideAdd(PI_EXPONENT - 1, PI_HIGH, PI_LOW, PI_EXPONENT - 2, PI_HIGH, PI_LOW);
    finish(sign, half);
    return;
  }
  finish(sign, restore(PI_EXPONENT - (quarters == 4 ? 0 : quarters == 2 ? 1 : 2), PI_HIGH, PI_LOW));
}

/** FPATAN: the angle of the point (x, y) (SDM vol. 2, table 3-29). */
export function arctangent2(xse: u32, xsig: u64, yse: u32, ysig: u64): void {
  if (binaryNaN(xse, xsig, yse, ysig)) return;
  const xSign = signOf(xse);
  const ySign = signOf(yse);
  if (isInfinity(yse, ysig)) {
    if (isInfinity(xse, xsig)) {
      angle(ySign, xSign ? 3 : 1);
      return;
    }
    if (xsig) normalExponent(xse, xsig);
    angle(ySign, 2);
    return;
  }
  if (isInfinity(xse, xsig)) {
    if (ysig) normalExponent(yse, ysig);
    if (xSign) angle(ySign, 4);
    else setZero(ySign);
    return;
  }
  if (isZero(yse, ysig)) {
    if (xsig) normalExponent(xse, xsig);
    if (xSign) angle(ySign, 4);
    else setZero(ySign);
    return;
  }
  if (isZero(xse, xsig)) {
    normalExponent(yse, ysig);
    angle(ySign, 2);
    return;
  }
  const xe = normalExponent(xse, xsig);
  const ye = normalExponent(yse, ysig);
  xsig = normalSignificand(xsig);
  ysig = normalSignificand(ysig);
  const steep = ye > xe || ye == xe && ysig > xsig;
  const ratio = steep ? wideDivide(xe, xsig, 0, ye, ysig, 0) : wideDivide(ye, ysig, 0, xe, xsig, 0);
  const value = arctangent(exponent, ratio, low);
  if (!steep && !xSign) {
    finishBelow(ySign, value);
    return;
  }
  // Steep: π/2 − value, or π/2 + value on the left; else π − value.
  const pe = steep ? PI_EXPONENT - 1 : PI_EXPONENT;
  finish(ySign, steep && xSign
    ? wideAdd(pe, PI_HIGH, PI_LOW, exponent, value, low)
    : wideSubtract(pe, PI_HIGH, PI_LOW, exponent, value, low));
}

/** π/2 as processors have it for the reduction: 66 bits, in units of 2^−65 (SDM vol. 1, 8.3.8). */
const HALF_PI_HIGH: u64 = 0x3;
const HALF_PI_LOW: u64 = 0x243f6a8885a308d3;

/** The reduced argument: a wide number, its sign, and the quadrant it was taken from. */
let quadrant: u32 = 0;
let reducedSign: u32 = 0;
let reducedExponent: i32 = 0;
let reducedHigh: u64 = 0;
let reducedLow: u64 = 0;

/** x less its nearest multiple of π/2, for a normalized x below 2^63. */
function reduce(sign: u32, e: i32, sig: u64): void {
  quadrant = 0;
  reducedSign = sign;
  if (e < -1 || e == -1 && sig <= 0xc90fdaa22168c234) {
    reducedExponent = e;
    reducedHigh = sig;
    reducedLow = 0;
    return;
  }
  // x in units of 2^−65 is sig · 2^(e + 2): divided bit by bit.
  let hi: u64 = 0;
  let lo: u64 = sig;
  let q: u64 = 0;
  // The first 64 bits are below the 66-bit divisor: from there on one bit at a time.
  for (let i = 0; i < e + 2; i++) {
    hi = (hi << 1) | (lo >> 63);
    lo <<= 1;
    q <<= 1;
    if (hi > HALF_PI_HIGH || hi == HALF_PI_HIGH && lo >= HALF_PI_LOW) {
      hi -= HALF_PI_HIGH + <u64>(lo < HALF_PI_LOW);
      lo -= HALF_PI_LOW;
      q |= 1;
    }
  }
  // Nearest: the other side of the multiple when more than half of it is left.
  const twice = (hi << 1) | (lo >> 63);
  if (twice > HALF_PI_HIGH || twice == HALF_PI_HIGH && lo << 1 > HALF_PI_LOW) {
    const rest = HALF_PI_LOW - lo;
    hi = HALF_PI_HIGH - hi - <u64>(HALF_PI_LOW < lo);
    lo = rest;
    q++;
    reducedSign ^= 1;
  }
  quadrant = sign ? <u32>(0 - q) & 3 : <u32>q & 3;
  if (!(hi | lo)) {
    reducedExponent = -200;
    reducedHigh = 0;
    reducedLow = 0;
    return;
  }
  reducedHigh = normalizeWide(62, hi, lo);
  reducedExponent = exponent;
  reducedLow = low;
}

function sineOfReduced(): u64 { return oddSeries(reducedExponent, reducedHigh, reducedLow, SINE, SINE_TERMS, true); }
function cosineOfReduced(): u64 {
  const square = squareOf(reducedExponent, reducedHigh, reducedLow);
  const value = polynomial(COSINE, COSINE_TERMS, square, low, true);
  return normalizeWide(0, value, low);
}

/** Sine or cosine of the reduced argument's angle, by the quadrant. */
function finishSine(ofQuadrant: u32): void {
  const negative = (ofQuadrant >> 1) & 1;
  if (ofQuadrant & 1) finishBelow(negative, cosineOfReduced());
  else finishBelow(negative ^ reducedSign, sineOfReduced());
}

/** The sine, kept while the cosine is the result (FSINCOS), or the one that FPTAN pushes. */
export let otherSe: u32 = 0;
export let otherSig: u64 = 0;

export namespace Trigonometric {
  export const SINE: u32 = 0;
  export const COSINE: u32 = 1;
  /** The cosine is the result, the sine the other one. */
  export const BOTH: u32 = 2;
  export const TANGENT: u32 = 3;
}

/** @returns false when |x| is 2^63 or more: nothing is done then, and C2 tells so */
export function trigonometric(kind: u32, se: u32, sig: u64): bool {
  if (unaryNaN(se, sig)) {
    otherSe = resultSe;
    otherSig = resultSig;
    return true;
  }
  if (exponentOf(se) == MAX_EXPONENT) {
    invalid();
    otherSe = resultSe;
    otherSig = resultSig;
    return true;
  }
  if (exponentOf(se) >= BIAS + 63) return false;
  otherSe = BIAS;
  otherSig = INTEGER_BIT;
  if (isZero(se, sig)) {
    if (kind == Trigonometric.COSINE) setResult(BIAS, INTEGER_BIT);
    else setResult(se, sig);
    if (kind == Trigonometric.BOTH) {
      otherSe = se;
      otherSig = sig;
      setResult(BIAS, INTEGER_BIT);
    }
    return true;
  }
  const e = normalExponent(se, sig) - BIAS;
  reduce(signOf(se), e, normalSignificand(sig));
  switch (kind) {
    case Trigonometric.SINE:
      finishSine(quadrant);
      break;
    case Trigonometric.COSINE:
      finishSine(quadrant + 1);
      break;
    case Trigonometric.BOTH: {
      finishSine(quadrant + 1);
      const cosineSe = resultSe;
      const cosineSig = resultSig;
      forgetRounding();
      finishSine(quadrant);
      otherSe = resultSe;
      otherSig = resultSig;
      setResult(cosineSe, cosineSig);
      break;
    }
    default: {
      keep(sineOfReduced());
      const sine = keptHigh;
      const sineLow = keptLow;
      const sineExponent = keptExponent;
      const cosine = cosineOfReduced();
      const odd = quadrant & 1;
      finish(reducedSign ^ odd, odd
        ? wideDivide(exponent, cosine, low, sineExponent, sine, sineLow)
        : wideDivide(sineExponent, sine, sineLow, exponent, cosine, low));
    }
  }
  return true;
}
