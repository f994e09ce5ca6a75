import { define } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Form } from '../decode/record';
import { setArithmeticFlags } from '../exec/flags';
import { next, sourceOf, targetOf } from '../exec/operands';
import { Flag } from '../mode';
import { checkSse, low, mmx, onBoth, onMmx, onXmm, pair, secondFromMemory, vectorImmediate } from './operands';

/** Packed integers: MMX, SSE2, SSSE3, SSE4.1, SSE4.2. */

@inline function zero(): v128 { return i64x2.splat(0); }
/** For operations that mix halves: two MMX operands side by side. */
@inline function joined(a: v128, b: v128): v128 { return pair(low(a), low(b)); }

/** Counts beyond the element give zero, or copies of the sign. */
@inline function count(b: v128, bits: u64): i32 { const n = low(b); return n >= bits ? <i32>bits : <i32>n; }

function mulHighUnsigned(a: v128, b: v128): v128 {
  const l = i32x4.extmul_low_i16x8_u(a, b), h = i32x4.extmul_high_i16x8_u(a, b);
  return i8x16.shuffle(l, h, 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
}
function mulHighSigned(a: v128, b: v128): v128 {
  const l = i32x4.extmul_low_i16x8_s(a, b), h = i32x4.extmul_high_i16x8_s(a, b);
  return i8x16.shuffle(l, h, 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
}
function sumOfDifferences(a: v128, b: v128): v128 {
  const d = v128.or(i8x16.sub_sat_u(a, b), i8x16.sub_sat_u(b, a));
  const sums = i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(d));
  const first = <u64>(i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1));
  return pair(first, <u64>(i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3)));
}
/** PMADDUBSW: unsigned by signed bytes, adjacent sums saturated. */
function multiplyBytes(a: v128, b: v128): v128 {
  const even = i32x4.splat(0x00ff00ff);
  const ae = v128.and(a, even), ao = i16x8.shr_u(a, 8);
  const be = i16x8.shr_s(i16x8.shl(b, 8), 8), bo = i16x8.shr_s(b, 8);
  return i16x8.add_sat_s(i16x8.mul(ae, be), i16x8.mul(ao, bo));
}
/** PMULHRSW: (a · b + 2^14) / 2^15; unlike wasm's, −1 · −1 wraps. */
function multiplyRounded(a: v128, b: v128): v128 {
  const r = i16x8.q15mulr_sat_s(a, b);
  const both = v128.and(i16x8.eq(a, i16x8.splat(-32768)), i16x8.eq(b, i16x8.splat(-32768)));
  return v128.or(v128.andnot(r, both), v128.and(both, i16x8.splat(-32768)));
}
@inline function signed8(a: v128, b: v128): v128 {
  return v128.andnot(v128.bitselect(i8x16.neg(a), a, i8x16.shr_s(b, 7)), i8x16.eq(b, zero()));
}
@inline function signed16(a: v128, b: v128): v128 {
  return v128.andnot(v128.bitselect(i16x8.neg(a), a, i16x8.shr_s(b, 15)), i16x8.eq(b, zero()));
}
@inline function signed32(a: v128, b: v128): v128 {
  return v128.andnot(v128.bitselect(i32x4.neg(a), a, i32x4.shr_s(b, 31)), i32x4.eq(b, zero()));
}
/** Even and odd elements of two vectors, for horizontal operations. */
@inline function even16(a: v128, b: v128): v128 { return i8x16.shuffle(a, b, 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29); }
@inline function odd16(a: v128, b: v128): v128 { return i8x16.shuffle(a, b, 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31); }
@inline function even32(a: v128, b: v128): v128 { return i8x16.shuffle(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27); }
@inline function odd32(a: v128, b: v128): v128 { return i8x16.shuffle(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31); }
/** On MMX: both operands in one vector, the result in its low half. */
@inline function evenOf16(x: v128): v128 { return even16(x, x); }
@inline function oddOf16(x: v128): v128 { return odd16(x, x); }

/** PSHUFB: an index with its top bit set gives zero, else only four bits count. */
function shuffleBytes(a: v128, b: v128): v128 { return i8x16.swizzle(a, v128.and(b, i8x16.splat(<i8>0x8f))); }
function shuffleBytesMmx(a: v128, b: v128): v128 { return i8x16.swizzle(a, v128.and(b, i8x16.splat(<i8>0x87))); }

/** The sixteen bytes from `n` on of `b` with `a` above it. */
function align(a: v128, b: v128, n: u32): v128 {
  if (n >= 32) return zero();
  if (n >= 16) return bytesDown(a, n - 16);
  return n ? v128.or(bytesDown(b, n), bytesUp(a, 16 - n)) : b;
}
function bytesDown(a: v128, n: u32): v128 {
  if (n > 15) return zero();
  const lo = i64x2.extract_lane(a, 0), hi = i64x2.extract_lane(a, 1);
  const bits = <u64>n * 8;
  if (n >= 8) return pair(<u64>hi >> (bits - 64), 0);
  return n ? pair((<u64>lo >> bits) | (<u64>hi << (64 - bits)), <u64>hi >> bits) : a;
}
function bytesUp(a: v128, n: u32): v128 {
  if (n > 15) return zero();
  const lo = i64x2.extract_lane(a, 0), hi = i64x2.extract_lane(a, 1);
  const bits = <u64>n * 8;
  if (n >= 8) return pair(0, <u64>lo << (bits - 64));
  return n ? pair(<u64>lo << bits, (<u64>hi << bits) | (<u64>lo >> (64 - bits))) : a;
}

/** Words by a two-bit index each. */
function pickWords(from: u64, order: u32): u64 {
  let result: u64 = 0;
  for (let i: u32 = 0; i < 4; i++) result |= ((from >> (((order >> (i * 2)) & 3) * 16)) & 0xffff) << (i * 16);
  return result;
}
function pickDoublewords(b: v128, order: u32): v128 {
  const lo = i64x2.extract_lane(b, 0), hi = i64x2.extract_lane(b, 1);
  return pair(word32(lo, hi, order & 3) | (word32(lo, hi, (order >> 2) & 3) << 32), word32(lo, hi, (order >> 4) & 3) | (word32(lo, hi, order >> 6) << 32));
}
@inline function word32(lo: u64, hi: u64, n: u32): u64 { return ((n & 2 ? hi : lo) >> ((n & 1) * 32)) & 0xffffffff; }

/** MPSADBW: sums of four absolute differences at eight places. */
function multipleSums(a: v128, b: v128, control: u32): v128 {
  const from = (control & 4) as u32;
  const block = <u32>(i64x2.extract_lane(bytesDown(b, (control & 3) * 4), 0));
  let lo: u64 = 0, hi: u64 = 0;
  for (let i: u32 = 0; i < 8; i++) {
    const window = <u32>i64x2.extract_lane(bytesDown(a, from + i), 0);
    let sum: u32 = 0;
    for (let j: u32 = 0; j < 32; j += 8) sum += <u32>abs<i32>(<i32>((window >> j) & 255) - <i32>((block >> j) & 255));
    if (i < 4) lo |= <u64>sum << (i * 16);
    else hi |= <u64>sum << ((i - 4) * 16);
  }
  return pair(lo, hi);
}
function minimumPosition(b: v128): v128 {
  let best: u32 = 0x10000, at: u32 = 0;
  for (let i: u32 = 0; i < 8; i++) {
    const value = <u32>((i < 4 ? i64x2.extract_lane(b, 0) : i64x2.extract_lane(b, 1)) >> ((i & 3) * 16)) & 0xffff;
    if (value < best) { best = value; at = i; }
  }
  return mmx(<u64>(best | (at << 16)));
}
function blendWords(a: v128, b: v128, control: u32): v128 {
  let lo: u64 = 0, hi: u64 = 0;
  for (let i: u32 = 0; i < 4; i++) {
    if (control & (1 << i)) lo |= <u64>0xffff << (i * 16);
    if (control & (16 << i)) hi |= <u64>0xffff << (i * 16);
  }
  return v128.bitselect(b, a, pair(lo, hi));
}

/** PTEST: ZF when no bit is in both, CF when the second operand has none that the first lacks. */
function test(op: usize, b: v128): usize {
  const a = v128.load(targetOf(op));
  setArithmeticFlags((v128.any_true(v128.and(a, b)) ? 0 : Flag.ZF) | (v128.any_true(v128.andnot(b, a)) ? 0 : Flag.CF));
  return next(op);
}

export function definePacked(): void {
  onBoth(Op.PADDB, (a, b) => i8x16.add(a, b)); onBoth(Op.PADDW, (a, b) => i16x8.add(a, b)); onBoth(Op.PADDD, (a, b) => i32x4.add(a, b)); onBoth(Op.PADDQ, (a, b) => i64x2.add(a, b));
  onBoth(Op.PSUBB, (a, b) => i8x16.sub(a, b)); onBoth(Op.PSUBW, (a, b) => i16x8.sub(a, b)); onBoth(Op.PSUBD, (a, b) => i32x4.sub(a, b)); onBoth(Op.PSUBQ, (a, b) => i64x2.sub(a, b));
  onBoth(Op.PADDSB, (a, b) => i8x16.add_sat_s(a, b)); onBoth(Op.PADDSW, (a, b) => i16x8.add_sat_s(a, b)); onBoth(Op.PADDUSB, (a, b) => i8x16.add_sat_u(a, b)); onBoth(Op.PADDUSW, (a, b) => i16x8.add_sat_u(a, b));
  onBoth(Op.PSUBSB, (a, b) => i8x16.sub_sat_s(a, b)); onBoth(Op.PSUBSW, (a, b) => i16x8.sub_sat_s(a, b)); onBoth(Op.PSUBUSB, (a, b) => i8x16.sub_sat_u(a, b)); onBoth(Op.PSUBUSW, (a, b) => i16x8.sub_sat_u(a, b));
  onBoth(Op.PMULLW, (a, b) => i16x8.mul(a, b)); onBoth(Op.PMULHW, mulHighSigned); onBoth(Op.PMULHUW, mulHighUnsigned);
  onBoth(Op.PMADDWD, (a, b) => i32x4.dot_i16x8_s(a, b)); onBoth(Op.PSADBW, sumOfDifferences); onBoth(Op.PMADDUBSW, multiplyBytes); onBoth(Op.PMULHRSW, multiplyRounded);
  onBoth(Op.PMULUDQ, (a, b) => i64x2.mul(v128.and(a, i64x2.splat(0xffffffff)), v128.and(b, i64x2.splat(0xffffffff))));
  onXmm(Op.PMULDQ, (a, b) => i64x2.mul(i64x2.shr_s(i64x2.shl(a, 32), 32), i64x2.shr_s(i64x2.shl(b, 32), 32)));
  onXmm(Op.PMULLD, (a, b) => i32x4.mul(a, b));
  onBoth(Op.PAVGB, (a, b) => i8x16.avgr_u(a, b)); onBoth(Op.PAVGW, (a, b) => i16x8.avgr_u(a, b));
  onBoth(Op.PMINUB, (a, b) => i8x16.min_u(a, b)); onBoth(Op.PMAXUB, (a, b) => i8x16.max_u(a, b)); onBoth(Op.PMINSW, (a, b) => i16x8.min_s(a, b)); onBoth(Op.PMAXSW, (a, b) => i16x8.max_s(a, b));
  onXmm(Op.PMINSB, (a, b) => i8x16.min_s(a, b)); onXmm(Op.PMAXSB, (a, b) => i8x16.max_s(a, b)); onXmm(Op.PMINUW, (a, b) => i16x8.min_u(a, b)); onXmm(Op.PMAXUW, (a, b) => i16x8.max_u(a, b));
  onXmm(Op.PMINSD, (a, b) => i32x4.min_s(a, b)); onXmm(Op.PMAXSD, (a, b) => i32x4.max_s(a, b)); onXmm(Op.PMINUD, (a, b) => i32x4.min_u(a, b)); onXmm(Op.PMAXUD, (a, b) => i32x4.max_u(a, b));
  onBoth(Op.PAND, (a, b) => v128.and(a, b)); onBoth(Op.PANDN, (a, b) => v128.andnot(b, a)); onBoth(Op.POR, (a, b) => v128.or(a, b)); onBoth(Op.PXOR, (a, b) => v128.xor(a, b));
  onXmm(Op.ANDPS, (a, b) => v128.and(a, b)); onXmm(Op.ANDNPS, (a, b) => v128.andnot(b, a)); onXmm(Op.ORPS, (a, b) => v128.or(a, b)); onXmm(Op.XORPS, (a, b) => v128.xor(a, b));
  onBoth(Op.PCMPEQB, (a, b) => i8x16.eq(a, b)); onBoth(Op.PCMPEQW, (a, b) => i16x8.eq(a, b)); onBoth(Op.PCMPEQD, (a, b) => i32x4.eq(a, b)); onXmm(Op.PCMPEQQ, (a, b) => i64x2.eq(a, b));
  onBoth(Op.PCMPGTB, (a, b) => i8x16.gt_s(a, b)); onBoth(Op.PCMPGTW, (a, b) => i16x8.gt_s(a, b)); onBoth(Op.PCMPGTD, (a, b) => i32x4.gt_s(a, b)); onXmm(Op.PCMPGTQ, (a, b) => i64x2.gt_s(a, b));
  onBoth(Op.PSLLW, (a, b) => { const n = count(b, 16); return n < 16 ? i16x8.shl(a, n) : zero(); });
  onBoth(Op.PSLLD, (a, b) => { const n = count(b, 32); return n < 32 ? i32x4.shl(a, n) : zero(); });
  onBoth(Op.PSLLQ, (a, b) => { const n = count(b, 64); return n < 64 ? i64x2.shl(a, n) : zero(); });
  onBoth(Op.PSRLW, (a, b) => { const n = count(b, 16); return n < 16 ? i16x8.shr_u(a, n) : zero(); });
  onBoth(Op.PSRLD, (a, b) => { const n = count(b, 32); return n < 32 ? i32x4.shr_u(a, n) : zero(); });
  onBoth(Op.PSRLQ, (a, b) => { const n = count(b, 64); return n < 64 ? i64x2.shr_u(a, n) : zero(); });
  onBoth(Op.PSRAW, (a, b) => i16x8.shr_s(a, min(count(b, 16), 15)));
  onBoth(Op.PSRAD, (a, b) => i32x4.shr_s(a, min(count(b, 32), 31)));
  onXmm(Op.PSLLDQ, (a, b) => bytesUp(a, <u32>low(b))); onXmm(Op.PSRLDQ, (a, b) => bytesDown(a, <u32>low(b)));
  onXmm(Op.PUNPCKLBW, (a, b) => i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  onXmm(Op.PUNPCKLWD, (a, b) => i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11)); onXmm(Op.PUNPCKLDQ, (a, b) => i32x4.shuffle(a, b, 0, 4, 1, 5)); onXmm(Op.PUNPCKLQDQ, (a, b) => i64x2.shuffle(a, b, 0, 2));
  onXmm(Op.PUNPCKHBW, (a, b) => i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
  onXmm(Op.PUNPCKHWD, (a, b) => i16x8.shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15)); onXmm(Op.PUNPCKHDQ, (a, b) => i32x4.shuffle(a, b, 2, 6, 3, 7)); onXmm(Op.PUNPCKHQDQ, (a, b) => i64x2.shuffle(a, b, 1, 3));
  onMmx(Op.PUNPCKLBW, (a, b) => i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)); onMmx(Op.PUNPCKLWD, (a, b) => i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11)); onMmx(Op.PUNPCKLDQ, (a, b) => i32x4.shuffle(a, b, 0, 4, 1, 5));
  onMmx(Op.PUNPCKHBW, (a, b) => i8x16.shuffle(a, b, 4, 20, 5, 21, 6, 22, 7, 23, 0, 0, 0, 0, 0, 0, 0, 0)); onMmx(Op.PUNPCKHWD, (a, b) => i16x8.shuffle(a, b, 2, 10, 3, 11, 0, 0, 0, 0)); onMmx(Op.PUNPCKHDQ, (a, b) => i32x4.shuffle(a, b, 1, 5, 0, 0));
  onXmm(Op.PACKSSWB, (a, b) => i8x16.narrow_i16x8_s(a, b)); onXmm(Op.PACKUSWB, (a, b) => i8x16.narrow_i16x8_u(a, b)); onXmm(Op.PACKSSDW, (a, b) => i16x8.narrow_i32x4_s(a, b)); onXmm(Op.PACKUSDW, (a, b) => i16x8.narrow_i32x4_u(a, b));
  onMmx(Op.PACKSSWB, (a, b) => { const x = joined(a, b); return i8x16.narrow_i16x8_s(x, x); }); onMmx(Op.PACKUSWB, (a, b) => { const x = joined(a, b); return i8x16.narrow_i16x8_u(x, x); }); onMmx(Op.PACKSSDW, (a, b) => { const x = joined(a, b); return i16x8.narrow_i32x4_s(x, x); });
  onXmm(Op.PSHUFB, shuffleBytes); onMmx(Op.PSHUFB, shuffleBytesMmx);
  onXmm(Op.PSHUFD, (a, b) => pickDoublewords(b, vectorImmediate)); onMmx(Op.PSHUFW, (a, b) => mmx(pickWords(low(b), vectorImmediate)));
  onXmm(Op.PSHUFLW, (a, b) => pair(pickWords(i64x2.extract_lane(b, 0), vectorImmediate), i64x2.extract_lane(b, 1)));
  onXmm(Op.PSHUFHW, (a, b) => pair(i64x2.extract_lane(b, 0), pickWords(i64x2.extract_lane(b, 1), vectorImmediate)));
  onXmm(Op.PALIGNR, (a, b) => align(a, b, vectorImmediate)); onMmx(Op.PALIGNR, (a, b) => bytesDown(joined(b, a), vectorImmediate));
  onBoth(Op.PABSB, (a, b) => i8x16.abs(b)); onBoth(Op.PABSW, (a, b) => i16x8.abs(b)); onBoth(Op.PABSD, (a, b) => i32x4.abs(b));
  onBoth(Op.PSIGNB, (a, b) => signed8(a, b)); onBoth(Op.PSIGNW, (a, b) => signed16(a, b)); onBoth(Op.PSIGND, (a, b) => signed32(a, b));
  onXmm(Op.PHADDW, (a, b) => i16x8.add(even16(a, b), odd16(a, b))); onXmm(Op.PHADDSW, (a, b) => i16x8.add_sat_s(even16(a, b), odd16(a, b))); onXmm(Op.PHADDD, (a, b) => i32x4.add(even32(a, b), odd32(a, b)));
  onXmm(Op.PHSUBW, (a, b) => i16x8.sub(even16(a, b), odd16(a, b))); onXmm(Op.PHSUBSW, (a, b) => i16x8.sub_sat_s(even16(a, b), odd16(a, b))); onXmm(Op.PHSUBD, (a, b) => i32x4.sub(even32(a, b), odd32(a, b)));
  onMmx(Op.PHADDW, (a, b) => { const x = joined(a, b); return i16x8.add(evenOf16(x), oddOf16(x)); }); onMmx(Op.PHADDSW, (a, b) => { const x = joined(a, b); return i16x8.add_sat_s(evenOf16(x), oddOf16(x)); });
  onMmx(Op.PHSUBW, (a, b) => { const x = joined(a, b); return i16x8.sub(evenOf16(x), oddOf16(x)); }); onMmx(Op.PHSUBSW, (a, b) => { const x = joined(a, b); return i16x8.sub_sat_s(evenOf16(x), oddOf16(x)); });
  onMmx(Op.PHADDD, (a, b) => { const x = joined(a, b); return i32x4.add(even32(x, x), odd32(x, x)); }); onMmx(Op.PHSUBD, (a, b) => { const x = joined(a, b); return i32x4.sub(even32(x, x), odd32(x, x)); });
  onXmm(Op.PMOVSXBW, (a, b) => i16x8.extend_low_i8x16_s(b)); onXmm(Op.PMOVZXBW, (a, b) => i16x8.extend_low_i8x16_u(b));
  onXmm(Op.PMOVSXBD, (a, b) => i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(b))); onXmm(Op.PMOVZXBD, (a, b) => i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(b)));
  onXmm(Op.PMOVSXBQ, (a, b) => i64x2.extend_low_i32x4_s(i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(b)))); onXmm(Op.PMOVZXBQ, (a, b) => i64x2.extend_low_i32x4_u(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(b))));
  onXmm(Op.PMOVSXWD, (a, b) => i32x4.extend_low_i16x8_s(b)); onXmm(Op.PMOVZXWD, (a, b) => i32x4.extend_low_i16x8_u(b));
  onXmm(Op.PMOVSXWQ, (a, b) => i64x2.extend_low_i32x4_s(i32x4.extend_low_i16x8_s(b))); onXmm(Op.PMOVZXWQ, (a, b) => i64x2.extend_low_i32x4_u(i32x4.extend_low_i16x8_u(b)));
  onXmm(Op.PMOVSXDQ, (a, b) => i64x2.extend_low_i32x4_s(b)); onXmm(Op.PMOVZXDQ, (a, b) => i64x2.extend_low_i32x4_u(b));
  onXmm(Op.MPSADBW, (a, b) => multipleSums(a, b, vectorImmediate)); onXmm(Op.PHMINPOSUW, (a, b) => minimumPosition(b)); onXmm(Op.PBLENDW, (a, b) => blendWords(a, b, vectorImmediate));
  define(Op.PTEST, Form.RR, 0, (op: usize): usize => { checkSse(); return test(op, v128.load(sourceOf(op))); });
  define(Op.PTEST, Form.RM, 0, (op: usize): usize => { checkSse(); return test(op, secondFromMemory(op)); });
}
