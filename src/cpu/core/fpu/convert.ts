import * as L from '../layout';
import {
  BIAS, Exception, QUIET_BIT,
  exponentOf, isInfinity, isNaN80, isUnsupported, isZero, noteNarrowDenormal, raise, roundingControl, roundsUp, Rounding,
  setResult, setZero, signOf,
} from './float80';
import { setInteger } from './integral';

/** Conversions from and to the formats in memory. */

/** Bits of a format: width of the fraction, and the exponent's bias. */
export namespace Format {
  export const SINGLE_FRACTION: u32 = 23;
  export const SINGLE_BIAS: i32 = 127;
  export const DOUBLE_FRACTION: u32 = 52;
  export const DOUBLE_BIAS: i32 = 1023;
}

/** A single or double as it is, signaling NaNs and all; that it is denormal is noted. */
export function widen(bits: u64, fractionBits: u32, bias: i32): void {
  const sign = <u32>(bits >> (fractionBits + (bias == Format.SINGLE_BIAS ? 8 : 11))) & 1;
  const e = <i32>(bits >> fractionBits) & (2 * bias + 1);
  const fraction = bits & ((<u64>1 << fractionBits) - 1);
  const sig = fraction << (63 - fractionBits);
  if (e == 0) {
    if (!fraction) {
      setZero(sign);
      return;
    }
    noteNarrowDenormal();
    const n = <i32>clz(sig);
    setResult((sign << 15) | <u32>(BIAS - bias + 1 - n), sig << n);
  } else if (e == 2 * bias + 1) {
    setResult((sign << 15) | 0x7fff, sig | 0x8000000000000000);
  } else {
    setResult((sign << 15) | <u32>(e + BIAS - bias), sig | 0x8000000000000000);
  }
}

/** Single or double, rounded. Underflow and overflow that are not masked leave nothing to store. */
export function narrow(se: u32, sig: u64, fractionBits: u32, bias: i32): u64 {
  const sign = <u64>signOf(se) << (fractionBits + (bias == Format.SINGLE_BIAS ? 8 : 11));
  const infinity = <u64>(2 * bias + 1) << fractionBits;
  const drop = 63 - fractionBits;
  if (isUnsupported(se, sig)) {
    raise(Exception.INVALID);
    // Real indefinite.
    return ((infinity << 1) | infinity | (<u64>1 << (fractionBits - 1))) & ((<u64>2 << (fractionBits + (bias == Format.SINGLE_BIAS ? 8 : 11))) - 1);
  }
  if (isNaN80(se, sig)) {
    if (!(sig & QUIET_BIT)) raise(Exception.INVALID);
    return sign | infinity | (((sig | QUIET_BIT) & 0x7fffffffffffffff) >> drop);
  }
  if (isInfinity(se, sig)) return sign | infinity;
  if (isZero(se, sig)) return sign;
  const control = load<u32>(L.X87_CONTROL);
  const rounding = roundingControl();
  const negative = signOf(se);
  let e = exponentOf(se);
  if (!e) e = 1;
  e += bias - BIAS;
  const unit: u64 = <u64>1 << drop;
  let kept = sig & (0 - unit);
  let fraction = sig << (64 - drop);
  // Whether it is tiny is asked of the number rounded as if exponents had no end.
  const grows = roundsUp(rounding, negative, kept >> drop, fraction) && kept + unit == 0;
  const tiny = e + <i32>grows < 1 || sig >> 63 == 0;
  if (tiny && !(control & Exception.UNDERFLOW)) {
    raise(Exception.UNDERFLOW);
    return 0;
  }
  if (e < 1) {
    const distance = 1 - e;
    const lost: u64 = distance < 64 ? sig << (64 - distance) : sig;
    const hi: u64 = distance < 64 ? sig >> distance : 0;
    kept = hi & (0 - unit);
    fraction = (hi << (64 - drop)) | <u64>(lost != 0);
    e = 0;
  } else {
    // The integer bit, when it is there, adds one to the exponent.
    e = e - 1;
  }
  const up = roundsUp(rounding, negative, kept >> drop, fraction);
  const value = (<u64>e << fractionBits) + (kept >> drop) + <u64>up;
  if (e > 2 * bias || value >= infinity) {
    raise(Exception.OVERFLOW);
    if (!(control & Exception.OVERFLOW)) {
      return 0;
    }
    raise(Exception.PRECISION);
    if (rounding == Rounding.NEAREST || rounding == (negative ? Rounding.DOWN : Rounding.UP)) {
      raise(Exception.ROUNDED_UP);
      return sign | infinity;
    }
    return sign | (infinity - 1);
  }
  if (fraction) {
    raise(tiny ? Exception.UNDERFLOW | Exception.PRECISION : Exception.PRECISION);
    if (up) raise(Exception.ROUNDED_UP);
  }
  return sign | value;
}

/** An integer of `bits` bits, rounded; the most negative one, "integer indefinite", when it does not fit. */
export function toInteger(se: u32, sig: u64, bits: u32, rounding: u32): i64 {
  const indefinite = <i64>-1 << (bits - 1);
  const magnitude = integralMagnitude(se, sig, rounding);
  const limit = <u64>1 << (bits - 1);
  if (!fits || (signOf(se) ? magnitude > limit : magnitude >= limit)) {
    raiseOnlyInvalid();
    return indefinite;
  }
  raise(inexact);
  return signOf(se) ? 0 - <i64>magnitude : <i64>magnitude;
}

let fits = false;
let inexact: u32 = 0;
function raiseOnlyInvalid(): void { raise(Exception.INVALID); }

/** The number rounded to an integer, without its sign; `fits` says whether it has no more than 64 bits. */
function integralMagnitude(se: u32, sig: u64, rounding: u32): u64 {
  const e = exponentOf(se) - BIAS;
  inexact = 0;
  fits = !isUnsupported(se, sig) && e <= 63;
  if (!fits || !sig) return 0;
  let magnitude: u64;
  let fraction: u64;
  if (e < -1) {
    magnitude = 0;
    fraction = 1;
  } else if (e == -1) {
    magnitude = 0;
    fraction = sig;
  } else if (e < 63) {
    magnitude = sig >> (63 - e);
    fraction = sig << (e + 1);
  } else {
    return sig;
  }
  if (fraction) {
    inexact = Exception.PRECISION;
    if (roundsUp(rounding, signOf(se), magnitude, fraction)) {
      magnitude++;
      inexact |= Exception.ROUNDED_UP;
    }
  }
  return magnitude;
}

const MAX_BCD: u64 = 999999999999999999;

/** Packed BCD: eighteen digits and a sign byte. The digits' lower eight bytes are returned, the rest is `bcdHigh`. */
export let bcdHigh: u32 = 0;
export function toBcd(se: u32, sig: u64): u64 {
  let magnitude = integralMagnitude(se, sig, roundingControl());
  if (!fits || magnitude > MAX_BCD) {
    raiseOnlyInvalid();
    bcdHigh = 0xffff;
    return 0xc000000000000000;
  }
  raise(inexact);
  let digits: u64 = 0;
  for (let i = 0; i < 64; i += 4) {
    digits |= (magnitude % 10) << i;
    magnitude /= 10;
  }
  bcdHigh = <u32>(magnitude % 10 | (magnitude / 10) << 4) | (signOf(se) << 15);
  return digits;
}

/** Digits above nine count as what they say: nothing checks them. */
export function fromBcd(digits: u64, high: u32): void {
  let value: u64 = <u64>((high >> 4) & 15) * 10 + (high & 15);
  for (let i = 60; i >= 0; i -= 4) value = value * 10 + ((digits >> i) & 15);
  if (high & 0x8000) {
    if (value) setInteger(0 - <i64>value);
    else setZero(1);
  } else {
    setInteger(<i64>value);
  }
}
