import * as L from '../layout';
import { mulHigh } from '../exec/multiply';

/**
 * Arithmetic on 80-bit floating-point numbers with all rounding modes, precisions and exceptions of the x87
 * (Intel SDM vol. 1, 4 and 8). A number is a 64-bit significand with its integer bit and a 16-bit word of sign and
 * exponent; results are left in `resultSig` and `resultExp`, exceptions in `raised`.
 */
export namespace Exception {
  export const INVALID: u32 = 1;
  export const DENORMAL: u32 = 2;
  export const ZERO: u32 = 4;
  export const OVERFLOW: u32 = 8;
  export const UNDERFLOW: u32 = 16;
  export const PRECISION: u32 = 32;
  export const STACK: u32 = 64;
}

export let resultSig: u64 = 0;
/** Sign in bit 15, biased exponent below. */
export let resultExp: u32 = 0;
export let raised: u32 = 0;
/** C1: the last rounding was away from zero. */
export let roundedUp: bool = false;

const INTEGER: u64 = 1 << 63;
const QUIET: u64 = 1 << 62;
const BIAS: i32 = 16383;
const SPECIAL: u32 = 0x7fff;

export function begin(): void { raised = 0; roundedUp = false; }
export function signal(exceptions: u32): void { raised |= exceptions; }
export function give(exp: u32, sig: u64): void { resultExp = exp; resultSig = sig; }
/** The real indefinite. */
export function giveDefault(): void { raised |= Exception.INVALID; give(0xffff, INTEGER | QUIET); }

@inline function exponent(se: u32): u32 { return se & SPECIAL; }
@inline export function isNan(se: u32, sig: u64): bool { return exponent(se) == SPECIAL && sig << 1 != 0; }
@inline function isSignaling(se: u32, sig: u64): bool { return isNan(se, sig) && !(sig & QUIET); }
@inline export function isInfinity(se: u32, sig: u64): bool { return exponent(se) == SPECIAL && sig << 1 == 0; }
@inline export function isZero(se: u32, sig: u64): bool { return exponent(se) == 0 && sig == 0; }
@inline function isDenormal(se: u32, sig: u64): bool { return exponent(se) == 0 && sig != 0; }
/** Formats that the 80387 and later refuse (8.2.2): unnormals, pseudo-infinities, pseudo-NaNs. */
@inline export function isUnsupported(se: u32, sig: u64): bool { return exponent(se) != 0 && !(sig >> 63); }

/** Rounding control: 0 nearest, 1 down, 2 up, 3 toward zero. */
@inline export function roundingControl(): u32 { return (load<u32>(L.X87_CONTROL) >> 10) & 3; }

/** Significant bits that precision control leaves. */
function precision(): u32 {
  switch ((load<u32>(L.X87_CONTROL) >> 8) & 3) {
    case 0: return 24;
    case 2: return 53;
    default: return 64;
  }
}

/** Whether to add one unit, by what lies behind it: `half` is its top bit, `rest` whether there is more. */
function roundsUp(sign: bool, odd: bool, half: bool, rest: bool, control: u32): bool {
  switch (control) {
    case 0: return half && (rest || odd);
    case 1: return sign && (half || rest);
    case 2: return !sign && (half || rest);
    default: return false;
  }
}

/** Tininess counts after rounding: a significand just below the smallest normal number may round up to it (4.9.1.5). */
function carriesOver(sign: bool, sig: u64, low: u64, bits: u32): bool {
  const drop = 64 - bits;
  const kept: u64 = (<u64>-1 >> drop) << drop;
  if ((sig & kept) != kept) return false;
  const half = drop ? <bool>((sig >> (drop - 1)) & 1) : <bool>(low >> 63);
  const rest = drop ? (sig & (((<u64>1 << drop) >> 1) - 1)) != 0 || low != 0 : low << 1 != 0;
  return roundsUp(sign, true, half, rest, roundingControl());
}

/** Rounds and packs (−1)^sign · (sig + low · 2^−64) · 2^(exp − BIAS − 63), `sig` normalized, to a precision. */
export function roundPack(sign: bool, exp: i32, sig: u64, low: u64, bits: u32 = precision()): void {
  const control = roundingControl();
  const masked = (load<u32>(L.X87_CONTROL) & Exception.UNDERFLOW) != 0;
  let e = exp, s = sig, l = low;
  let tiny = false;
  if (e <= 0) {
    tiny = e < 0 || !carriesOver(sign, sig, low, bits);
    if (!masked) {
      // Delivered with the exponent wrapped.
      raised |= Exception.UNDERFLOW;
      e += 24576;
    } else {
      const shift = 1 - e;
      if (shift >= 128) { l = (s | l) != 0 ? 1 : 0; s = 0; }
      else if (shift >= 64) { l = (shift == 64 ? s : s >> (shift - 64)) | <u64>((shift > 64 ? s << (128 - shift) : 0) != 0 || l != 0); s = 0; }
      else { l = (s << (64 - shift)) | (l >> shift) | <u64>((l << (64 - shift)) != 0); s >>= shift; }
      e = 0;
    }
  }
  const drop = 64 - bits;
  let half: bool, rest: bool, odd: bool;
  if (drop == 0) {
    half = <bool>(l >> 63);
    rest = l << 1 != 0;
    odd = <bool>(s & 1);
  } else {
    const unit: u64 = <u64>1 << drop;
    half = <bool>((s >> (drop - 1)) & 1);
    rest = (s & ((unit >> 1) - 1)) != 0 || l != 0;
    odd = <bool>((s >> drop) & 1);
    s &= ~(unit - 1);
  }
  if (half || rest) {
    raised |= Exception.PRECISION;
    if (tiny && masked) raised |= Exception.UNDERFLOW;
    if (roundsUp(sign, odd, half, rest, control)) {
      roundedUp = true;
      const before = s;
      s += <u64>1 << drop;
      if (s < before) { s = INTEGER; e++; }
      // A denormal that became the smallest normal number.
      if (e == 0 && s >> 63) e = 1;
    }
  }
  if (e >= 0x7fff) {
    raised |= Exception.OVERFLOW;
    if (!(load<u32>(L.X87_CONTROL) & Exception.OVERFLOW)) {
      e -= 24576;
    } else {
      raised |= Exception.PRECISION;
      const toInfinity = control == 0 || (control == 1 && sign) || (control == 2 && !sign);
      roundedUp = toInfinity;
      give((<u32>sign << 15) | (toInfinity ? 0x7fff : 0x7ffe), toInfinity ? INTEGER : (<u64>-1 >> drop) << drop);
      return;
    }
  }
  if (s == 0) e = 0;
  give((<u32>sign << 15) | <u32>e, s);
}

/** Exponent and significand of a finite nonzero number, normalized. */
let normalExp: i32 = 0;
function normalize(se: u32, sig: u64): u64 {
  const e = <i32>exponent(se);
  const zeros = <i32>clz<u64>(sig);
  normalExp = (e == 0 ? 1 : e) - zeros;
  return sig << zeros;
}

/** NaN operands and unsupported formats. @returns whether the result is given already */
function special(ae: u32, a: u64, be: u32, b: u64): bool {
  if (isUnsupported(ae, a) || isUnsupported(be, b)) { raised &= ~Exception.DENORMAL; giveDefault(); return true; }
  const aNan = isNan(ae, a), bNan = isNan(be, b);
  if (!aNan && !bNan) {
    if (isDenormal(ae, a) || isDenormal(be, b)) raised |= Exception.DENORMAL;
    return false;
  }
  // A NaN takes precedence over a denormal operand, which may have come from memory.
  raised &= ~Exception.DENORMAL;
  if (isSignaling(ae, a) || isSignaling(be, b)) raised |= Exception.INVALID;
  // Of two NaNs the one with the larger significand, of equal ones the positive (table 4-7).
  let first = aNan;
  if (aNan && bNan) {
    const aq = a | QUIET, bq = b | QUIET;
    if (isSignaling(ae, a) != isSignaling(be, b)) first = !isSignaling(ae, a);
    else first = aq != bq ? aq > bq : ae < be;
  }
  if (first) give(ae, a | QUIET);
  else give(be, b | QUIET);
  return true;
}
function special1(ae: u32, a: u64): bool {
  if (isUnsupported(ae, a)) { giveDefault(); return true; }
  if (isNan(ae, a)) {
    if (isSignaling(ae, a)) raised |= Exception.INVALID;
    give(ae, a | QUIET);
    return true;
  }
  if (isDenormal(ae, a)) raised |= Exception.DENORMAL;
  return false;
}

export function add(ae: u32, a: u64, beGiven: u32, b: u64, subtract: bool): void {
  if (special(ae, a, beGiven, b)) return;
  const be = subtract ? beGiven ^ 0x8000 : beGiven;
  const aSign = <bool>(ae >> 15), bSign = <bool>(be >> 15);
  if (isInfinity(ae, a)) {
    if (isInfinity(be, b) && aSign != bSign) giveDefault();
    else give(ae, a);
    return;
  }
  if (isInfinity(be, b)) { give(be, b); return; }
  if (isZero(ae, a) && isZero(be, b)) {
    give(aSign == bSign ? ae : roundingControl() == 1 ? 0x8000 : 0, 0);
    return;
  }
  if (isZero(be, b)) { const s = normalize(ae, a); roundPack(aSign, normalExp, s, 0); return; }
  if (isZero(ae, a)) { const s = normalize(be, b); roundPack(bSign, normalExp, s, 0); return; }
  let x = normalize(ae, a), xe = normalExp;
  let y = normalize(be, b), ye = normalExp;
  let xSign = aSign, ySign = bSign;
  if (xe < ye || xe == ye && x < y) {
    const t = x; x = y; y = t;
    const te = xe; xe = ye; ye = te;
    const ts = xSign; xSign = ySign; ySign = ts;
  }
  // The smaller one in 128 bits, what falls off kept as one sticky bit.
  const shift = xe - ye;
  let hi: u64, lo: u64;
  if (shift == 0) { hi = y; lo = 0; }
  else if (shift < 64) { hi = y >> shift; lo = y << (64 - shift); }
  else if (shift == 64) { hi = 0; lo = y; }
  else if (shift < 128) { hi = 0; lo = (y >> (shift - 64)) | <u64>(y << (128 - shift) != 0); }
  else { hi = 0; lo = 1; }
  if (xSign == ySign) {
    const sum = x + hi;
    if (sum < x) roundPack(xSign, xe + 1, (sum >> 1) | INTEGER, (lo >> 1) | (sum << 63) | (lo & 1));
    else roundPack(xSign, xe, sum, lo);
    return;
  }
  const low = 0 - lo;
  let high = x - hi - <u64>(lo != 0);
  if (!(high | low)) { give(roundingControl() == 1 ? 0x8000 : 0, 0); return; }
  let rest = low;
  if (!high) { high = rest; rest = 0; xe -= 64; }
  const zeros = <i32>clz<u64>(high);
  if (zeros) { high = (high << zeros) | (rest >> (64 - zeros)); rest <<= zeros; }
  roundPack(xSign, xe - zeros, high, rest);
}

export function multiply(ae: u32, a: u64, be: u32, b: u64): void {
  if (special(ae, a, be, b)) return;
  const sign = <bool>((ae ^ be) >> 15);
  const aInf = isInfinity(ae, a), bInf = isInfinity(be, b), aZero = isZero(ae, a), bZero = isZero(be, b);
  if (aInf || bInf) {
    if (aZero || bZero) giveDefault();
    else give((<u32>sign << 15) | 0x7fff, INTEGER);
    return;
  }
  if (aZero || bZero) { give(<u32>sign << 15, 0); return; }
  const x = normalize(ae, a), xe = normalExp;
  const y = normalize(be, b), ye = normalExp;
  let hi = mulHigh(x, y), lo = x * y;
  let e = xe + ye - BIAS + 1;
  if (!(hi >> 63)) { hi = (hi << 1) | (lo >> 63); lo <<= 1; e--; }
  roundPack(sign, e, hi, lo);
}

export function divide(ae: u32, a: u64, be: u32, b: u64): void {
  if (special(ae, a, be, b)) return;
  const sign = <bool>((ae ^ be) >> 15);
  const aInf = isInfinity(ae, a), bInf = isInfinity(be, b), aZero = isZero(ae, a), bZero = isZero(be, b);
  if (aInf && bInf || aZero && bZero) { giveDefault(); return; }
  if (aInf) { give((<u32>sign << 15) | 0x7fff, INTEGER); return; }
  if (bInf || aZero) { give(<u32>sign << 15, 0); return; }
  if (bZero) {
    raised = (raised & ~Exception.DENORMAL) | Exception.ZERO;
    give((<u32>sign << 15) | 0x7fff, INTEGER);
    return;
  }
  let x = normalize(ae, a), e = normalExp;
  const y = normalize(be, b);
  e = e - normalExp + BIAS;
  // One integer bit, then 64 bits, then more: the quotient of x · 2^64 by y when x < y.
  let remainder: u64;
  let quotient: u64 = 0;
  if (x >= y) { remainder = x - y; quotient = 1; }
  else { remainder = x; e--; }
  const bits = quotient ? 63 : 64;
  for (let i = 0; i < bits; i++) {
    const carry = remainder >> 63;
    remainder <<= 1;
    quotient <<= 1;
    if (carry || remainder >= y) { remainder -= y; quotient |= 1; }
  }
  // The rounding bit and whether anything is left.
  const carry = remainder >> 63;
  remainder <<= 1;
  let low: u64 = 0;
  if (carry || remainder >= y) { remainder -= y; low = INTEGER; }
  if (remainder) low |= 1;
  roundPack(sign, e, quotient, low);
}

export function squareRoot(ae: u32, a: u64): void {
  if (special1(ae, a)) return;
  if (isZero(ae, a)) { give(ae, a); return; }
  if (ae >> 15) { raised &= ~Exception.DENORMAL; giveDefault(); return; }
  if (isInfinity(ae, a)) { give(ae, a); return; }
  let x = normalize(ae, a);
  let e = normalExp - BIAS;
  // x · 2^(even): the root of a 128-bit number bit by bit, 64 bits and a rounding bit.
  let hi: u64, lo: u64 = 0;
  if (e & 1) { hi = x; e -= 1; }
  else { hi = x >> 1; lo = x << 63; }
  let root: u64 = 0, rhi: u64 = 0, rlo: u64 = 0;
  for (let i = 0; i < 64; i++) {
    rhi = (rhi << 2) | (rlo >> 62);
    rlo = (rlo << 2) | (hi >> 62);
    hi = (hi << 2) | (lo >> 62);
    lo <<= 2;
    const tlo = (root << 2) | 1, thi = root >> 62;
    root <<= 1;
    if (rhi > thi || rhi == thi && rlo >= tlo) {
      rhi = rhi - thi - <u64>(rlo < tlo);
      rlo -= tlo;
      root |= 1;
    }
  }
  // Remainder against the root tells the rest: root + 1/2 is passed when remainder > root.
  const more = rhi != 0 || rlo > root;
  const low: u64 = more ? INTEGER | 1 : (rlo != 0 ? 1 : 0);
  roundPack(false, e / 2 + BIAS, root, low);
}

/** −1 less, 0 equal, 1 greater, 2 unordered. */
export function compare(ae: u32, a: u64, be: u32, b: u64, quiet: bool): i32 {
  if (isUnsupported(ae, a) || isUnsupported(be, b)) { raised = Exception.INVALID; return 2; }
  if (isNan(ae, a) || isNan(be, b)) {
    raised = 0;
    if (!quiet || isSignaling(ae, a) || isSignaling(be, b)) raised |= Exception.INVALID;
    return 2;
  }
  if (isDenormal(ae, a) || isDenormal(be, b)) raised |= Exception.DENORMAL;
  if (isZero(ae, a) && isZero(be, b)) return 0;
  const aNegative = <bool>(ae >> 15), bNegative = <bool>(be >> 15);
  if (aNegative != bNegative) return aNegative ? -1 : 1;
  // Pseudo-denormals count as exponent 1.
  const x = max<u32>(exponent(ae), 1), y = max<u32>(exponent(be), 1);
  const order = x != y ? (x < y ? -1 : 1) : a == b ? 0 : a < b ? -1 : 1;
  return aNegative ? -order : order;
}

/** To an integer by a rounding control. */
export function roundToInteger(ae: u32, a: u64): void {
  if (special1(ae, a)) return;
  if (isInfinity(ae, a) || isZero(ae, a)) { give(ae, a); return; }
  const e = <i32>exponent(ae) - BIAS;
  if (e >= 63) { give(ae, a); return; }
  const sign = <bool>(ae >> 15);
  let whole: u64 = 0, half: bool, rest: bool;
  if (e < -1) { half = false; rest = true; }
  else if (e == -1) { half = true; rest = a << 1 != 0; }
  else {
    const fraction = 63 - e;
    whole = a >> fraction;
    half = <bool>((a >> (fraction - 1)) & 1);
    rest = (a & (((<u64>1 << (fraction - 1)) - 1))) != 0;
  }
  if (half || rest) {
    raised |= Exception.PRECISION;
    if (roundsUp(sign, <bool>(whole & 1), half, rest, roundingControl())) { whole++; roundedUp = true; }
  }
  fromMagnitude(sign, whole);
}

export function fromMagnitude(sign: bool, magnitude: u64): void {
  if (!magnitude) { give(<u32>sign << 15, 0); return; }
  const zeros = <u32>clz<u64>(magnitude);
  give((<u32>sign << 15) | (BIAS + 63 - zeros), magnitude << zeros);
}
export function fromInteger(value: i64): void { fromMagnitude(value < 0, value < 0 ? 0 - <u64>value : <u64>value); }

/** To a signed integer of `bits` bits; what does not fit is the integer indefinite. */
export function toInteger(ae: u32, a: u64, bits: u32, truncate: bool): i64 {
  const indefinite: i64 = i64.MIN_VALUE >> (64 - bits);
  if (isUnsupported(ae, a) || exponent(ae) == SPECIAL) { raised |= Exception.INVALID; return indefinite; }
  if (isZero(ae, a)) return 0;
  const sign = <bool>(ae >> 15);
  const e = <i32>exponent(ae) - BIAS;
  if (e >= 64) { raised |= Exception.INVALID; return indefinite; }
  let whole: u64 = 0, half = false, rest = false;
  if (e == 63) whole = a;
  else if (e < -1) rest = true;
  else if (e == -1) { half = true; rest = a << 1 != 0; }
  else {
    const fraction = 63 - e;
    whole = a >> fraction;
    half = <bool>((a >> (fraction - 1)) & 1);
    rest = (a & (((<u64>1 << (fraction - 1)) - 1))) != 0;
  }
  let up = false;
  if ((half || rest) && roundsUp(sign, <bool>(whole & 1), half, rest, truncate ? 3 : roundingControl())) { whole++; up = true; if (!whole) { raised |= Exception.INVALID; return indefinite; } }
  const limit = <u64>1 << (bits - 1);
  if (sign ? whole > limit : whole >= limit) { raised |= Exception.INVALID; return indefinite; }
  if (half || rest) { raised |= Exception.PRECISION; roundedUp = up; }
  return sign ? 0 - <i64>whole : <i64>whole;
}

export function fromSingle(bits: u32): void {
  const sign = bits >> 31, e = (bits >> 23) & 0xff, f = <u64>(bits & 0x7fffff);
  if (e == 0xff) { widenSpecial(sign, f << 40, 22 + 40); return; }
  if (e == 0) { widenDenormal(<bool>sign, f, BIAS - 126 - 23 + 63); return; }
  give((sign << 15) | (e + BIAS - 127), INTEGER | (f << 40));
}
export function fromDouble(bits: u64): void {
  const sign = <u32>(bits >> 63), e = <u32>(bits >> 52) & 0x7ff, f = bits & 0xfffffffffffff;
  if (e == 0x7ff) { widenSpecial(sign, f << 11, 62); return; }
  if (e == 0) { widenDenormal(<bool>sign, f, BIAS - 1022 - 52 + 63); return; }
  give((sign << 15) | (e + BIAS - 1023), INTEGER | (f << 11));
}
function widenSpecial(sign: u32, fraction: u64, quietBit: u32): void {
  if (fraction && !(fraction & QUIET)) raised |= Exception.INVALID;
  give((sign << 15) | SPECIAL, INTEGER | fraction | (fraction ? QUIET : 0));
}
function widenDenormal(sign: bool, fraction: u64, exp: i32): void {
  if (!fraction) { give(<u32>sign << 15, 0); return; }
  raised |= Exception.DENORMAL;
  const zeros = <i32>clz<u64>(fraction);
  give((<u32>sign << 15) | <u32>(exp - zeros), fraction << zeros);
}
/** As operands of arithmetic keep signaling NaNs: the operation itself raises invalid. */
export function operandSingle(bits: u32): void {
  const e = (bits >> 23) & 0xff, f = <u64>(bits & 0x7fffff);
  if (e == 0xff && f) give(((bits >> 31) << 15) | SPECIAL, INTEGER | (f << 40));
  else fromSingle(bits);
}
export function operandDouble(bits: u64): void {
  const e = <u32>(bits >> 52) & 0x7ff, f = bits & 0xfffffffffffff;
  if (e == 0x7ff && f) give((<u32>(bits >> 63) << 15) | SPECIAL, INTEGER | (f << 11));
  else fromDouble(bits);
}

/** To a narrower format of `fractionBits` + 1 significant bits. @returns its bits */
function narrow(ae: u32, a: u64, fractionBits: u32, exponentBits: u32): u64 {
  const top = fractionBits + exponentBits;
  const sign = <u64>(ae >> 15) << top;
  const maximum: i32 = (1 << exponentBits) - 1;
  const bias: i32 = maximum >> 1;
  const infinity = <u64>maximum << fractionBits;
  if (isUnsupported(ae, a)) { raised |= Exception.INVALID; return (<u64>1 << top) | infinity | (<u64>1 << (fractionBits - 1)); }
  if (isNan(ae, a)) {
    if (!(a & QUIET)) raised |= Exception.INVALID;
    return sign | infinity | (((a | QUIET) & ~INTEGER) >> (63 - fractionBits));
  }
  if (isInfinity(ae, a)) return sign | infinity;
  if (isZero(ae, a)) return sign;
  const negative = <bool>(ae >> 15);
  const s = normalize(ae, a);
  let e = normalExp - BIAS + bias;
  let drop: i32 = 63 - <i32>fractionBits;
  const tiny = e <= 0;
  const wasJustBelow = e == 0;
  if (tiny) { drop += 1 - e; e = 0; }
  let kept: u64, half: bool, rest: bool;
  if (drop > 64) { kept = 0; half = false; rest = true; }
  else if (drop == 64) { kept = 0; half = true; rest = s << 1 != 0; }
  else { kept = s >> drop; half = <bool>((s >> (drop - 1)) & 1); rest = (s & ((<u64>1 << (drop - 1)) - 1)) != 0; }
  const control = roundingControl();
  if (half || rest) {
    raised |= Exception.PRECISION;
    if (tiny && !(wasJustBelow && carriesOver(negative, s, 0, fractionBits + 1))) raised |= Exception.UNDERFLOW;
    if (roundsUp(negative, <bool>(kept & 1), half, rest, control)) { kept++; roundedUp = true; }
  } else if (tiny && !(load<u32>(L.X87_CONTROL) & Exception.UNDERFLOW)) {
    raised |= Exception.UNDERFLOW;
  }
  // The integer bit adds to the exponent, and so does a carry out of the fraction.
  const packed = tiny ? kept : (<u64>(e - 1) << fractionBits) + kept;
  if (e > maximum || packed >= infinity) {
    raised |= Exception.OVERFLOW | Exception.PRECISION;
    const toInfinity = control == 0 || control == 1 && negative || control == 2 && !negative;
    roundedUp = toInfinity;
    return sign | (toInfinity ? infinity : infinity - 1);
  }
  return sign | packed;
}
export function toSingle(ae: u32, a: u64): u32 { return <u32>narrow(ae, a, 23, 8); }
export function toDouble(ae: u32, a: u64): u64 { return narrow(ae, a, 52, 11); }

/** FSCALE: times 2 to the truncated second operand. */
export function scale(ae: u32, a: u64, be: u32, b: u64): void {
  if (special(ae, a, be, b)) return;
  if (isInfinity(be, b)) {
    if (be >> 15 ? isInfinity(ae, a) : isZero(ae, a)) { giveDefault(); return; }
    if (be >> 15) give(ae & 0x8000, 0);
    else give((ae & 0x8000) | SPECIAL, INTEGER);
    return;
  }
  if (isInfinity(ae, a) || isZero(ae, a)) { give(ae, a); return; }
  const e = <i32>exponent(be) - BIAS;
  let n: i32 = 0;
  if (e >= 16) n = 0x10000;
  else if (e >= 0) n = <i32>(b >> (63 - e));
  if (be >> 15) n = -n;
  const s = normalize(ae, a);
  roundPack(<bool>(ae >> 15), normalExp + n, s, 0, 64);
}

/** The quotient's low bits of the last `remainderOf`, and whether it was complete. */
export let quotientBits: u32 = 0;
export let complete: bool = true;

/** FPREM (truncating) and FPREM1 (to nearest). */
export function remainderOf(ae: u32, a: u64, be: u32, b: u64, toNearest: bool): void {
  quotientBits = 0;
  complete = true;
  if (special(ae, a, be, b)) return;
  if (isInfinity(ae, a) || isZero(be, b)) { raised &= ~Exception.DENORMAL; giveDefault(); return; }
  if (isZero(ae, a) || isInfinity(be, b)) { give(ae, a); return; }
  let x = normalize(ae, a);
  const xe = normalExp;
  const y = normalize(be, b);
  const ye = normalExp;
  let sign = <bool>(ae >> 15);
  let d = xe - ye;
  if (d < 0 && !(toNearest && d == -1)) { roundPack(sign, xe, x, 0, 64); return; }
  if (d >= 64) {
    // A partial remainder that takes at least 32 off the difference.
    const n = 32 + (d & 31);
    complete = false;
    let carry: u64 = 0;
    for (let i = 0; i <= n; i++) {
      if (i) { carry = x >> 63; x <<= 1; }
      if (carry || x >= y) x -= y;
    }
    if (!x) { give(<u32>sign << 15, 0); return; }
    const zeros = <i32>clz<u64>(x);
    roundPack(sign, xe - n - zeros, x << zeros, 0, 64);
    return;
  }
  let q: u64 = 0;
  let carry: u64 = 0;
  let e = ye;
  if (d == -1) { e = ye - 1; }
  else {
    for (let i = 0; i <= d; i++) {
      if (i) { carry = x >> 63; x <<= 1; q <<= 1; }
      if (carry || x >= y) { x -= y; q |= 1; }
      carry = 0;
    }
  }
  if (toNearest && x) {
    // Beyond half of the divisor, or at half with an odd quotient: one more.
    let more: bool;
    if (d == -1) more = x > y;
    else { const twice = x << 1; more = <bool>(x >> 63) || twice > y || twice == y && <bool>(q & 1); }
    if (more) {
      x = d == -1 ? (y - x) + y : y - x;
      sign = !sign;
      q++;
    }
  }
  quotientBits = <u32>q & 7;
  if (!x) { give((ae & 0x8000), 0); return; }
  const zeros = <i32>clz<u64>(x);
  roundPack(sign, e - zeros, x << zeros, 0, 64);
}
