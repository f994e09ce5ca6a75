import {
  BIAS, Exception, INTEGER_BIT,
  binaryNaN, exponentOf, invalid, isInfinity, isZero, normalExponent, normalSignificand, raise, round, roundingControl, roundsUp,
  setInfinity, setResult, setZero, signOf, unaryNaN,
} from './float80';

/** Rounding to integers, scaling and taking apart. */

/** FRNDINT. */
export function roundToIntegral(se: u32, sig: u64): void {
  if (unaryNaN(se, sig)) return;
  const sign = signOf(se);
  const e = exponentOf(se);
  if (e >= BIAS + 63 || isZero(se, sig)) {
    setResult(se, sig);
    return;
  }
  if (!e) raise(Exception.DENORMAL);
  const rounding = roundingControl();
  if (e < BIAS) {
    raise(Exception.PRECISION);
    // Only the half-open interval above 1/2 rounds to one; a half is a tie with even zero.
    const fraction: u64 = e == BIAS - 1 ? sig : 1;
    if (roundsUp(rounding, sign, 0, fraction)) {
      raise(Exception.ROUNDED_UP);
      setResult((sign << 15) | BIAS, INTEGER_BIT);
    } else {
      setZero(sign);
    }
    return;
  }
  const drop = BIAS + 63 - e;
  const unit: u64 = <u64>1 << drop;
  const fraction = sig << (64 - drop);
  let kept = sig & (0 - unit);
  if (fraction) {
    raise(Exception.PRECISION);
    if (roundsUp(rounding, sign, kept >> drop, fraction)) {
      raise(Exception.ROUNDED_UP);
      kept += unit;
      if (!kept) {
        setResult(se + 1, INTEGER_BIT);
        return;
      }
    }
  }
  setResult(se, kept);
}

/** FSCALE: a · 2^(b rounded to zero). */
export function scale(ase: u32, asig: u64, bse: u32, bsig: u64): void {
  if (binaryNaN(ase, asig, bse, bsig)) return;
  const sign = signOf(ase);
  if (isInfinity(bse, bsig)) {
    if (signOf(bse) ? isInfinity(ase, asig) : isZero(ase, asig)) {
      invalid();
      return;
    }
    if (exponentOf(ase) == 0 && asig) raise(Exception.DENORMAL);
    if (signOf(bse)) setZero(sign);
    else setInfinity(sign);
    return;
  }
  if (isInfinity(ase, asig) || isZero(ase, asig)) {
    if (exponentOf(bse) == 0 && bsig) raise(Exception.DENORMAL);
    setResult(ase, asig);
    return;
  }
  let shift: i32 = 0;
  if (bsig) {
    const be = normalExponent(bse, bsig) - BIAS;
    if (be > 16) shift = 0x20000;
    else if (be >= 0) shift = <i32>(bsig >> (63 - be));
    if (signOf(bse)) shift = -shift;
  }
  round(sign, normalExponent(ase, asig) + shift, normalSignificand(asig), 0, 0);
}

/** FXTRACT's exponent, as a number; the significand is in `fractionSe` and `fractionSig`. */
export function extract(se: u32, sig: u64): void {
  if (unaryNaN(se, sig)) {
    return;
  }
  if (isInfinity(se, sig)) {
    setInfinity(0);
    return;
  }
  if (isZero(se, sig)) {
    raise(Exception.ZERO_DIVIDE);
    setInfinity(1);
    return;
  }
  setInteger(<i64>(normalExponent(se, sig) - BIAS));
}

/** An integer as a number: always exact. */
export function setInteger(value: i64): void {
  if (!value) {
    setZero(0);
    return;
  }
  const magnitude = <u64>(value < 0 ? -value : value);
  const n = <i32>clz(magnitude);
  setResult((value < 0 ? 0x8000 : 0) | <u32>(BIAS + 63 - n), magnitude << n);
}
