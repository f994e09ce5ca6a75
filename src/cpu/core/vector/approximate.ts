import { Op } from '../decode/operation';
import { RECIPROCAL_BASE, RECIPROCAL_SLOPE, ROOT_BASE, ROOT_OF_DOUBLE_BASE, ROOT_OF_DOUBLE_SLOPE, ROOT_SLOPE } from './approximation-tables';
import { A, R } from './lanes';
import { onXmm } from './operands';

/**
 * RCPxx and RSQRTxx: from tables, without exceptions and whatever MXCSR says; denormal operands are zeros, and so are
 * results that would be denormal (Intel SDM vol. 2, RCPPS and RSQRTPS).
 */

const SIGN: u32 = 0x80000000;
const INFINITY: u32 = 0x7f800000;
const QUIET: u32 = 0x00400000;
const DEFAULT_NAN: u32 = 0xffc00000;

/** Fraction bits of a result from one half to one, in their place. */
@inline function lookUp(base: StaticArray<u16>, slope: StaticArray<u8>, x: u32): u32 {
  const upper = (x >> 15) & 0xff;
  const outer = ((x >> 15) & 0xf0) | ((x >> 11) & 0xf);
  return (<u32>unchecked(base[upper]) + <u32>unchecked(slope[outer])) << 11;
}

function reciprocal(x: u32): u32 {
  const sign = x & SIGN;
  const m = x & ~SIGN;
  if (m > INFINITY) return x | QUIET;
  if (m < 0x00800000) return sign | INFINITY;
  // 2^−e for the exponent; the table's results lie below one.
  const e = 253 - <i32>(m >> 23);
  return e <= 0 ? sign : sign | ((<u32>e << 23) + lookUp(RECIPROCAL_BASE, RECIPROCAL_SLOPE, x));
}

function reciprocalRoot(x: u32): u32 {
  const m = x & ~SIGN;
  if (m > INFINITY) return x | QUIET;
  if (m < 0x00800000) return (x & SIGN) | INFINITY;
  if (x & SIGN) return DEFAULT_NAN;
  if (m == INFINITY) return 0;
  const e = <i32>(m >> 23) - 127;
  const fraction = e & 1 ? lookUp(ROOT_OF_DOUBLE_BASE, ROOT_OF_DOUBLE_SLOPE, x) : lookUp(ROOT_BASE, ROOT_SLOPE, x);
  return (<u32>(126 - (e >> 1)) << 23) + fraction;
}

function all(b: v128, apply: (x: u32) => u32): v128 {
  v128.store(A, b);
  for (let i: usize = 0; i < 16; i += 4) store<u32>(R + i, apply(load<u32>(A + i)));
  return v128.load(R);
}

export function defineApproximations(): void {
  onXmm(Op.RCPPS, (a, b) => all(b, reciprocal));
  onXmm(Op.RCPSS, (a, b) => i32x4.replace_lane(a, 0, reciprocal(i32x4.extract_lane(b, 0))));
  onXmm(Op.RSQRTPS, (a, b) => all(b, reciprocalRoot));
  onXmm(Op.RSQRTSS, (a, b) => i32x4.replace_lane(a, 0, reciprocalRoot(i32x4.extract_lane(b, 0))));
}
