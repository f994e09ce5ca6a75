/**
 * 128-bit arithmetic: what 64-bit significands need for exact products, quotients and roots, and the transcendental
 * functions for their intermediate results. A function that has two words to give returns the upper one and leaves
 * the lower one in `low`.
 */

/** Lower word of the last 128-bit result. */
export let low: u64 = 0;
/** Exponent of the last result of a `wide…` function. */
export let exponent: i32 = 0;

/** Puts back what belongs to a wide number that was kept. @returns hi */
@inline export function restore(e: i32, hi: u64, lo: u64): u64 {
  exponent = e;
  low = lo;
  return hi;
}

/** Upper half of a · b. */
@inline export function multiplyHigh(a: u64, b: u64): u64 {
  const a0 = a & 0xffffffff;
  const a1 = a >> 32;
  const b0 = b & 0xffffffff;
  const b1 = b >> 32;
  const t = a1 * b0 + ((a0 * b0) >> 32);
  const u = a0 * b1 + (t & 0xffffffff);
  return a1 * b1 + (t >> 32) + (u >> 32);
}

/** One digit of `divide`: at most two too high before it is corrected (Knuth, The Art of Computer Programming, 4.3.1). */
@inline function digit(n: u64, below: u64, d1: u64, d0: u64): u64 {
  let q = n / d1;
  let r = n - q * d1;
  while (q >> 32 || q * d0 > ((r << 32) | below)) {
    q--;
    r += d1;
    if (r >> 32) break;
  }
  return q;
}

/** hi:lo ÷ d for a `d` with bit 63 set and hi < d. @returns the quotient; the remainder is lo − quotient · d */
export function divide(hi: u64, lo: u64, d: u64): u64 {
  const d1 = d >> 32;
  const d0 = d & 0xffffffff;
  const q1 = digit(hi, lo >> 32, d1, d0);
  const middle = ((hi << 32) | (lo >> 32)) - q1 * d;
  return (q1 << 32) + digit(middle, lo & 0xffffffff, d1, d0);
}

/** The upper 128 bits of the product, less than three units too low. */
export function multiplyFractions(ahi: u64, alo: u64, bhi: u64, blo: u64): u64 {
  const m1 = ahi * blo;
  const m2 = alo * bhi;
  const sum = m1 + m2;
  let carry = <u64>(sum < m1);
  carry += <u64>(sum + multiplyHigh(alo, blo) < sum);
  let lo = ahi * bhi;
  let hi = multiplyHigh(ahi, bhi);
  const h1 = multiplyHigh(ahi, blo);
  lo += h1;
  hi += <u64>(lo < h1);
  const h2 = multiplyHigh(alo, bhi);
  lo += h2;
  hi += <u64>(lo < h2);
  lo += carry;
  hi += <u64>(lo < carry);
  low = lo;
  return hi;
}

/** hi:lo shifted left so that its top bit is set, with the exponent lowered as far. hi:lo is not zero. */
export function normalizeWide(e: i32, hi: u64, lo: u64): u64 {
  if (!hi) {
    hi = lo;
    lo = 0;
    e -= 64;
  }
  const shift = <i32>clz(hi);
  if (shift) {
    hi = (hi << shift) | (lo >> (64 - shift));
    lo <<= shift;
  }
  exponent = e - shift;
  low = lo;
  return hi;
}

/*
 * Wide numbers: a magnitude of 128 bits whose top bit is set and worth 2^exponent. Signs are the caller's.
 */

export function wideMultiply(ae: i32, ahi: u64, alo: u64, be: i32, bhi: u64, blo: u64): u64 {
  const hi = multiplyFractions(ahi, alo, bhi, blo);
  return normalizeWide(ae + be + 1, hi, low);
}

@inline function below(ahi: u64, alo: u64, bhi: u64, blo: u64): bool { return ahi < bhi || ahi == bhi && alo < blo; }

/** Remainder of the last `quotientWord`, upper word. */
let restHigh: u64 = 0;
let restLow: u64 = 0;

/** One 64-bit word of (nhi:nlo · 2^64) ÷ (dhi:dlo), for n < d with the top bit of d set. */
function quotientWord(nhi: u64, nlo: u64, dhi: u64, dlo: u64): u64 {
  let q = nhi >= dhi ? <u64>-1 : divide(nhi, nlo, dhi);
  // n · 2^64 − q · d in three words; the top one is 0 or, when q is too high, all ones.
  const p0 = q * dlo;
  const p1 = q * dhi + multiplyHigh(q, dlo);
  const p2 = multiplyHigh(q, dhi) + <u64>(p1 < q * dhi);
  let r0: u64 = 0 - p0;
  let borrow = <u64>(p0 != 0);
  let r1 = nlo - p1 - borrow;
  borrow = <u64>(nlo < p1 || nlo == p1 && borrow);
  let r2 = nhi - p2 - borrow;
  while (<i64>r2 < 0) {
    q--;
    r0 += dlo;
    const carry = <u64>(r0 < dlo);
    const before = r1;
    r1 += dhi;
    const over = <u64>(r1 < before);
    r1 += carry;
    r2 += over | <u64>(r1 < carry);
  }
  restHigh = r1;
  restLow = r0;
  return q;
}

export function wideDivide(ae: i32, ahi: u64, alo: u64, be: i32, bhi: u64, blo: u64): u64 {
  let e = ae - be - 1;
  if (!below(ahi, alo, bhi, blo)) {
    e++;
    alo = (alo >> 1) | (ahi << 63);
    ahi >>= 1;
  }
  const hi = quotientWord(ahi, alo, bhi, blo);
  return normalizeWide(e, hi, quotientWord(restHigh, restLow, bhi, blo));
}

/** hi:lo shifted right by any distance; what falls out is lost. */
export function shiftRight(hi: u64, lo: u64, distance: i32): u64 {
  if (distance == 0) {
    low = lo;
    return hi;
  }
  if (distance < 64) {
    low = (lo >> distance) | (hi << (64 - distance));
    return hi >> distance;
  }
  low = distance < 128 ? hi >> (distance - 64) : 0;
  return 0;
}

/** a + b, for exponents of a not below those of b. */
export function wideAdd(ae: i32, ahi: u64, alo: u64, be: i32, bhi: u64, blo: u64): u64 {
  let hi = shiftRight(bhi, blo, ae - be);
  let lo = low + alo;
  const carry = <u64>(lo < alo);
  const sum = hi + ahi;
  let over = <u64>(sum < ahi);
  hi = sum + carry;
  over |= <u64>(hi < carry);
  if (over) {
    lo = (lo >> 1) | (hi << 63);
    hi = (hi >> 1) | 0x8000000000000000;
    ae++;
  }
  exponent = ae;
  low = lo;
  return hi;
}

/** a − b for a > b. */
export function wideSubtract(ae: i32, ahi: u64, alo: u64, be: i32, bhi: u64, blo: u64): u64 {
  const hi = shiftRight(bhi, blo, ae - be);
  const lo = alo - low;
  return normalizeWide(ae, ahi - hi - <u64>(alo < low), lo);
}

/**
 * Polynomial by Horner's rule: coefficients of 128 bits, the highest power's first, in units of 2^−127, upper word
 * first; u in units of 2^−128. Alternating, every second term is subtracted.
 * @returns the value in units of 2^−127
 */
export function polynomial(coefficients: usize, count: i32, uhi: u64, ulo: u64, alternating: bool): u64 {
  let hi = load<u64>(coefficients);
  let lo = load<u64>(coefficients, 8);
  for (let i = 1; i < count; i++) {
    const chi = load<u64>(coefficients + i * 16);
    const clo = load<u64>(coefficients + i * 16, 8);
    hi = multiplyFractions(uhi, ulo, hi, lo);
    if (alternating) {
      lo = clo - low;
      hi = chi - hi - <u64>(clo < low);
    } else {
      lo = clo + low;
      hi = chi + hi + <u64>(lo < clo);
    }
  }
  low = lo;
  return hi;
}
