import {
  Exception, binaryNaN, exactResult, exponentOf, invalid, isInfinity, isZero, normalExponent, normalSignificand, raise, setResult,
  signOf,
} from './float80';
import { divide } from './wide';

/** Low bits of the quotient of the last remainder. */
export let quotient: i32 = 0;
/** Instead of a quotient: the reduction is not complete; or there is none. */
export const INCOMPLETE: i32 = -1;
export const NO_QUOTIENT: i32 = -2;

/** How far one step of an incomplete reduction goes: 32 to 63 bits. */
@inline function stepOf(distance: i32): i32 { return (distance & 31) | 32; }

/**
 * FPREM and FPREM1: a − b · q, exact, for q rounded to zero or, for `nearest`, to the nearest integer. When the
 * exponents are 64 or more apart, only part of the reduction is done.
 */
export function remainder(ase: u32, asig: u64, bse: u32, bsig: u64, nearest: bool): void {
  quotient = NO_QUOTIENT;
  if (binaryNaN(ase, asig, bse, bsig)) return;
  if (isInfinity(ase, asig) || isZero(bse, bsig)) {
    invalid();
    return;
  }
  quotient = 0;
  if (isInfinity(bse, bsig)) {
    if (exponentOf(ase) == 0 && asig) {
      raise(Exception.DENORMAL);
      exactResult(signOf(ase), 1, asig);
    } else {
      setResult(ase, asig);
    }
    return;
  }
  if (isZero(ase, asig)) {
    normalExponent(bse, bsig);
    setResult(ase, asig);
    return;
  }
  const ae = normalExponent(ase, asig);
  const be = normalExponent(bse, bsig);
  const a = normalSignificand(asig);
  const b = normalSignificand(bsig);
  let sign = signOf(ase);
  const distance = ae - be;
  if (distance < -1 || distance == -1 && !nearest) {
    exactResult(sign, ae, a);
    return;
  }
  if (distance == -1) {
    // a is between a quarter of b and b: rounds to one when it is more than half.
    if (a > b) {
      quotient = 1;
      // 2b − a in units of a's last bit.
      exactResult(sign ^ 1, ae, b + (b - a));
    } else {
      exactResult(sign, ae, a);
    }
    return;
  }
  let q: u64 = 0;
  let rest = a;
  if (rest >= b) {
    rest -= b;
    q = 1;
  }
  if (distance >= 64) {
    const n = stepOf(distance);
    const word = divide(rest >> (64 - n), rest << n, b);
    rest = (rest << n) - word * b;
    quotient = INCOMPLETE;
    exactResult(sign, ae - n, rest);
    return;
  }
  if (distance) {
    const word = divide(rest >> (64 - distance), rest << distance, b);
    rest = (rest << distance) - word * b;
    q = (q << distance) + word;
  }
  if (nearest) {
    const left = b - rest;
    if (rest > left || rest == left && q & 1) {
      rest = left;
      sign ^= 1;
      q++;
    }
  }
  quotient = <i32>(q & 7);
  exactResult(sign, be, rest);
}
