import * as L from '../layout';

/**
 * Double extended precision in software (IEEE 754-1985; Intel SDM vol. 1, 4.2.2 and 4.8): a sign, a 15-bit exponent
 * with bias 16383 and a significand of 64 bits with an explicit integer bit. A number is passed as its upper 16 bits
 * (`se`: sign and exponent) and its significand. Functions leave their result in `resultSe` and `resultSig` and collect
 * exceptions in `raised`; nothing here touches the guest's registers.
 */

export namespace Exception {
  export const INVALID: u32 = 1;
  export const DENORMAL: u32 = 2;
  export const ZERO_DIVIDE: u32 = 4;
  export const OVERFLOW: u32 = 8;
  export const UNDERFLOW: u32 = 16;
  export const PRECISION: u32 = 32;
  export const ALL: u32 = 0x3f;
  /** A register that is empty was read, or one that is not was pushed onto. */
  export const STACK: u32 = 64;
  /** Not an exception: C1, the last rounding went away from zero. */
  export const ROUNDED_UP: u32 = 0x200;
}

export namespace Rounding {
  export const NEAREST: u32 = 0;
  export const DOWN: u32 = 1;
  export const UP: u32 = 2;
  export const ZERO: u32 = 3;
}

export const BIAS: i32 = 0x3fff;
export const MAX_EXPONENT: i32 = 0x7fff;
export const INTEGER_BIT: u64 = 0x8000000000000000;
export const QUIET_BIT: u64 = 0x4000000000000000;
/** Added to the exponent of an unmasked underflow's result, taken off that of an overflow's (SDM vol. 1, 8.5.4). */
const WRAP: i32 = 0x6000;

export let resultSe: u32 = 0;
export let resultSig: u64 = 0;
/** Exceptions of the current operation. */
export let raised: u32 = 0;
/** A memory operand in a narrower format is denormal there: reported unless a NaN goes first. */
let narrowDenormal: u32 = 0;

export function clearRaised(): void {
  raised = 0;
  narrowDenormal = 0;
}
@inline export function raise(exceptions: u32): void { raised |= exceptions; }
/** A division by zero goes before a denormal dividend. */
export function raiseZeroDivide(): void { raised = (raised & ~Exception.DENORMAL) | Exception.ZERO_DIVIDE; }
/** Of FSINCOS's two results, C1 tells about the sine only. */
export function forgetRounding(): void { raised &= ~Exception.ROUNDED_UP; }
@inline export function setResult(se: u32, sig: u64): void {
  resultSe = se;
  resultSig = sig;
}
export function noteNarrowDenormal(): void { narrowDenormal = Exception.DENORMAL; }
/** Operands are no NaNs: what is denormal about them counts now. */
@inline export function raiseNarrowDenormal(): void { raised |= narrowDenormal; }

@inline export function signOf(se: u32): u32 { return se >> 15; }
@inline export function exponentOf(se: u32): i32 { return <i32>(se & 0x7fff); }
@inline export function isZero(se: u32, sig: u64): bool { return !(se & 0x7fff) && !sig; }
@inline export function isInfinity(se: u32, sig: u64): bool { return (se & 0x7fff) == 0x7fff && sig == INTEGER_BIT; }
@inline export function isNaN80(se: u32, sig: u64): bool { return (se & 0x7fff) == 0x7fff && sig << 1 != 0; }
@inline export function isSignaling(se: u32, sig: u64): bool { return isNaN80(se, sig) && !(sig & QUIET_BIT); }
/** Pseudo-NaNs, pseudo-infinities and unnormals: formats of the 8087 that are invalid operands since. */
@inline export function isUnsupported(se: u32, sig: u64): bool { return (se & 0x7fff) != 0 && <i64>sig >= 0; }
/** Denormals and pseudo-denormals. */
@inline export function isDenormal(se: u32, sig: u64): bool { return !(se & 0x7fff) && sig != 0; }

/** Negative, quiet, significand 1.1: "real indefinite". */
export function setDefaultNaN(): void { setResult(0xffff, 0xc000000000000000); }
export function invalid(): void {
  raised |= Exception.INVALID;
  setDefaultNaN();
}
export function setZero(sign: u32): void { setResult(sign << 15, 0); }
export function setInfinity(sign: u32): void { setResult((sign << 15) | 0x7fff, INTEGER_BIT); }

/** Of an exponent and significand that are not zero: the exponent once the integer bit is set. Raises DENORMAL. */
@inline export function normalExponent(se: u32, sig: u64): i32 {
  const e = exponentOf(se);
  if (e) return e;
  raised |= Exception.DENORMAL;
  return 1 - <i32>clz(sig);
}
@inline export function normalSignificand(sig: u64): u64 { return sig << clz(sig); }

/**
 * Operands that no operation computes with: unsupported formats and NaNs.
 * @returns whether the result is in place: the NaN that one operand is
 */
export function unaryNaN(se: u32, sig: u64): bool {
  if (isUnsupported(se, sig)) {
    invalid();
    return true;
  }
  if (!isNaN80(se, sig)) return false;
  if (!(sig & QUIET_BIT)) raised |= Exception.INVALID;
  setResult(se, sig | QUIET_BIT);
  return true;
}

/** The same for two operands: of two NaNs the quiet one, else the larger significand (SDM vol. 1, table 4-7). */
export function binaryNaN(ase: u32, asig: u64, bse: u32, bsig: u64): bool {
  if (isUnsupported(ase, asig) || isUnsupported(bse, bsig)) {
    invalid();
    return true;
  }
  const aNaN = isNaN80(ase, asig);
  const bNaN = isNaN80(bse, bsig);
  if (!aNaN && !bNaN) {
    raised |= narrowDenormal;
    return false;
  }
  const aSignals = aNaN && !(asig & QUIET_BIT);
  const bSignals = bNaN && !(bsig & QUIET_BIT);
  if (aSignals || bSignals) raised |= Exception.INVALID;
  let takeA = aNaN;
  if (aNaN && bNaN) {
    if (aSignals != bSignals) takeA = bSignals;
    else if (asig != bsig) takeA = asig > bsig;
    else takeA = ase < bse;
  }
  if (takeA) setResult(ase, asig | QUIET_BIT);
  else setResult(bse, bsig | QUIET_BIT);
  return true;
}

@inline export function roundingControl(): u32 { return (load<u32>(L.X87_CONTROL) >> 10) & 3; }
/** Bits of the significand below the precision that the control word asks for. */
@inline export function precisionShift(): u32 {
  const control = load<u32>(L.X87_CONTROL) & 0x300;
  return control == 0x300 ? 0 : control == 0x200 ? 11 : control == 0 ? 40 : 0;
}

/** Whether rounding adds a unit: `odd` is the last kept bit, `fraction` what follows it, in units of 2^−64. */
@inline export function roundsUp(rounding: u32, sign: u32, odd: u64, fraction: u64): bool {
  if (rounding == Rounding.NEAREST) return fraction > INTEGER_BIT || fraction == INTEGER_BIT && (odd & 1) != 0;
  return fraction != 0 && (rounding == Rounding.DOWN ? sign != 0 : rounding == Rounding.UP ? sign == 0 : false);
}

/** In the precision of the control word. */
export function roundResult(sign: u32, e: i32, hi: u64, lo: u64): void { round(sign, e, hi, lo, precisionShift()); }

/**
 * Rounds a number other than zero and makes it the result.
 * @param e biased exponent, of any size
 * @param hi significand, bit 63 set
 * @param lo what follows the significand; nothing below is asked for but whether it is zero
 * @param shift bits of the significand that the precision leaves out: 0, 11 or 40
 */
export function round(sign: u32, e: i32, hi: u64, lo: u64, shift: u32): void {
  const rounding = roundingControl();
  const unit: u64 = <u64>1 << shift;
  let kept = hi;
  let fraction = lo;
  if (shift) {
    fraction = (hi << (64 - shift)) | <u64>(lo != 0);
    kept = hi & (0 - unit);
  }
  let up = roundsUp(rounding, sign, kept >> shift, fraction);
  let rounded = up ? kept + unit : kept;
  let roundedExponent = e;
  if (up && !rounded) {
    rounded = INTEGER_BIT;
    roundedExponent++;
  }
  if (e <= 0) {
    const tiny = roundedExponent <= 0;
    if (tiny && !(load<u32>(L.X87_CONTROL) & Exception.UNDERFLOW)) {
      raised |= Exception.UNDERFLOW;
      roundedExponent += WRAP;
      if (roundedExponent <= 0) {
        // FSCALE can go below even that.
        raised |= Exception.PRECISION;
        setZero(sign);
        return;
      }
    } else {
      denormalize(sign, 1 - e, hi, lo, shift, rounding, tiny);
      return;
    }
  } else if (roundedExponent >= MAX_EXPONENT) {
    raised |= Exception.OVERFLOW;
    const beyond = roundedExponent - WRAP >= MAX_EXPONENT;
    if (load<u32>(L.X87_CONTROL) & Exception.OVERFLOW || beyond) {
      raised |= Exception.PRECISION;
      if (beyond && !(load<u32>(L.X87_CONTROL) & Exception.OVERFLOW) || rounding == Rounding.NEAREST || rounding == (sign ? Rounding.DOWN : Rounding.UP)) {
        raised |= Exception.ROUNDED_UP;
        setInfinity(sign);
      } else {
        setResult((sign << 15) | 0x7ffe, 0 - unit);
      }
      return;
    }
    roundedExponent -= WRAP;
  }
  if (fraction) {
    raised |= Exception.PRECISION;
    if (up) raised |= Exception.ROUNDED_UP;
  }
  setResult((sign << 15) | <u32>roundedExponent, rounded);
}

/** Rounds at the place where the lowest exponent has its last bit. */
function denormalize(sign: u32, distance: i32, hi: u64, lo: u64, shift: u32, rounding: u32, tiny: bool): void {
  if (distance < 64) {
    lo = (hi << (64 - distance)) | <u64>(lo != 0);
    hi >>= distance;
  } else {
    lo = distance == 64 ? hi | <u64>(lo != 0) : 1;
    hi = 0;
  }
  const unit: u64 = <u64>1 << shift;
  let fraction = lo;
  if (shift) {
    fraction = (hi << (64 - shift)) | <u64>(lo != 0);
    hi &= 0 - unit;
  }
  if (fraction) {
    raised |= tiny ? Exception.UNDERFLOW | Exception.PRECISION : Exception.PRECISION;
    if (roundsUp(rounding, sign, hi >> shift, fraction)) {
      hi += unit;
      raised |= Exception.ROUNDED_UP;
    }
  }
  setResult((sign << 15) | <u32>(hi >> 63), hi);
}

/** An exact result of full precision, normalized here; zero takes the sign. */
export function exactResult(sign: u32, e: i32, sig: u64): void {
  if (!sig) {
    setZero(sign);
    return;
  }
  const n = <i32>clz(sig);
  round(sign, e - n, sig << n, 0, 0);
}
