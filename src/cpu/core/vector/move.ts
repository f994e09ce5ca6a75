import * as L from '../layout';
import { define, defineAnySize } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Form, Record } from '../decode/record';
import { addressOf, next, readOperand, sourceOf, segmentOf, targetOf, writeOperand, cutToAddressSize } from '../exec/operands';
import { probeWrite, read, readVector, write, writeVector } from '../mmu/access';
import { isLong } from '../mode';
import { raiseGp } from '../system/fault';
import { segmentLinear } from '../system/segments';
import { checkMmx, checkSse, high, low, mmx, onXmm, pair, setMmx, takeMmx, vectorImmediate } from './operands';

/** Moves between vector registers, MMX registers, general registers and memory. */

@inline function isMmx(register: usize): bool { return register < <usize>L.VECTORS; }
@inline function clearHigh(register: usize): void { store<u64>(register, 0, 8); }

function moveRR(op: usize): usize { checkSse(); v128.store(targetOf(op), v128.load(sourceOf(op))); return next(op); }
function moveAlignedRM(op: usize): usize {
  checkSse();
  const address = addressOf(op);
  if (address & 15) raiseGp(0);
  v128.store(targetOf(op), readVector(address));
  return next(op);
}
function moveAlignedMR(op: usize): usize {
  checkSse();
  const address = addressOf(op);
  if (address & 15) raiseGp(0);
  writeVector(address, v128.load(sourceOf(op)));
  return next(op);
}
function moveUnalignedRM(op: usize): usize { checkSse(); v128.store(targetOf(op), readVector(addressOf(op))); return next(op); }
function moveUnalignedMR(op: usize): usize { checkSse(); writeVector(addressOf(op), v128.load(sourceOf(op))); return next(op); }

/** MOVSS and MOVSD: between registers the rest stays, from memory it becomes zero. */
function moveScalarRR<T>(op: usize): usize { checkSse(); store<T>(targetOf(op), load<T>(sourceOf(op))); return next(op); }
function moveScalarRM<T>(op: usize): usize {
  checkSse();
  const value = readOperand<T>(op);
  store<u64>(targetOf(op), <u64>value);
  clearHigh(targetOf(op));
  return next(op);
}
function moveScalarMR<T>(op: usize): usize { checkSse(); writeOperand<T>(op, load<T>(sourceOf(op))); return next(op); }

/** MOVD and MOVQ from a general register or memory. */
function fromGeneral<T>(op: usize, value: T): usize {
  const target = targetOf(op);
  if (isMmx(target)) {
    setMmx(target, <u64>value);
  } else {
    store<u64>(target, <u64>value);
    clearHigh(target);
  }
  return next(op);
}
function checkFor(register: usize): void { if (isMmx(register)) checkMmx(); else checkSse(); }
function toGeneralRR<T>(op: usize): usize {
  checkFor(sourceOf(op));
  if (isMmx(sourceOf(op))) takeMmx();
  store<u64>(targetOf(op), <u64>load<T>(sourceOf(op)));
  return next(op);
}
function toGeneralMR<T>(op: usize): usize {
  checkFor(sourceOf(op));
  writeOperand<T>(op, load<T>(sourceOf(op)));
  if (isMmx(sourceOf(op))) takeMmx();
  return next(op);
}
function defineGeneral<T>(size: u32): void {
  define(Op.MOVD, Form.RR, size, (op: usize): usize => { checkFor(targetOf(op)); return fromGeneral<T>(op, load<T>(sourceOf(op))); });
  define(Op.MOVD, Form.RM, size, (op: usize): usize => { checkFor(targetOf(op)); return fromGeneral<T>(op, readOperand<T>(op)); });
  define(Op.MOVD2R, Form.RR, size, (op: usize): usize => toGeneralRR<T>(op));
  define(Op.MOVD2R, Form.MR, size, (op: usize): usize => toGeneralMR<T>(op));
  define(Op.PEXTRD, Form.RR, size, (op: usize): usize => { checkSse(); store<u64>(targetOf(op), <u64>load<T>(sourceOf(op) + element<T>(op))); return next(op); });
  define(Op.PEXTRD, Form.MR, size, (op: usize): usize => { checkSse(); writeOperand<T>(op, load<T>(sourceOf(op) + element<T>(op))); return next(op); });
  define(Op.PINSRD, Form.RR, size, (op: usize): usize => { checkSse(); store<T>(targetOf(op) + element<T>(op), load<T>(sourceOf(op))); return next(op); });
  define(Op.PINSRD, Form.RM, size, (op: usize): usize => { checkSse(); store<T>(targetOf(op) + element<T>(op), readOperand<T>(op)); return next(op); });
}
/** The offset of the element that the immediate names. */
@inline function element<T>(op: usize): usize { return (<usize>load<u8>(op, Record.IMMEDIATE) & (16 / sizeof<T>() - 1)) * sizeof<T>(); }

function insertWord(op: usize, value: u16): usize {
  const target = targetOf(op);
  const n = <u32>load<u8>(op, Record.IMMEDIATE);
  if (isMmx(target)) {
    const shift = <u64>(n & 3) * 16;
    setMmx(target, (load<u64>(target) & ~(<u64>0xffff << shift)) | (<u64>value << shift));
  } else {
    store<u16>(target + (n & 7) * 2, value);
  }
  return next(op);
}
function extractWord(op: usize): usize {
  checkFor(sourceOf(op));
  const n = <u32>load<u8>(op, Record.IMMEDIATE);
  if (isMmx(sourceOf(op))) {
    takeMmx();
    store<u64>(targetOf(op), <u64>load<u16>(sourceOf(op) + (n & 3) * 2));
  } else {
    store<u64>(targetOf(op), <u64>load<u16>(sourceOf(op) + (n & 7) * 2));
  }
  return next(op);
}
function signMask(op: usize): usize {
  const source = sourceOf(op);
  checkFor(source);
  let mask: u32;
  if (isMmx(source)) {
    takeMmx();
    mask = <u32>i8x16.bitmask(mmx(load<u64>(source)));
  } else {
    mask = <u32>i8x16.bitmask(v128.load(source));
  }
  store<u64>(targetOf(op), <u64>mask);
  return next(op);
}
/** MASKMOVQ and MASKMOVDQU write single bytes at DS:RDI, or in another segment by prefix. */
function maskedMove(op: usize, bytes: u32): usize {
  checkFor(targetOf(op));
  const data = targetOf(op), mask = sourceOf(op);
  for (let i: u32 = 0; i < bytes; i++) if (load<u8>(mask + i) & 0x80) probeWrite(maskedByte(op, i), 1);
  for (let i: u32 = 0; i < bytes; i++) if (load<u8>(mask + i) & 0x80) write<u8>(maskedByte(op, i), load<u8>(data + i));
  if (isMmx(data)) takeMmx();
  return next(op);
}
function maskedByte(op: usize, i: u32): u64 {
  const offset = cutToAddressSize(op, load<u64>(L.RDI) + i);
  const segment = segmentOf(op);
  if (!isLong()) return segmentLinear(segment, <u32>offset, 1, true);
  return segment >= <usize>L.FS ? offset + load<u64>(segment, L.SEGMENT_BASE) : offset;
}

export function defineVectorMoves(): void {
  define(Op.MOVAPS, Form.RR, 0, moveRR);
  define(Op.MOVAPS, Form.RM, 0, moveAlignedRM);
  define(Op.MOVAPS, Form.MR, 0, moveAlignedMR);
  define(Op.MOVNT, Form.MR, 0, moveAlignedMR);
  define(Op.MOVNTDQA, Form.RM, 0, moveAlignedRM);
  define(Op.MOVUPS, Form.RR, 0, moveRR);
  define(Op.MOVUPS, Form.RM, 0, moveUnalignedRM);
  define(Op.MOVUPS, Form.MR, 0, moveUnalignedMR);
  define(Op.MOVSS, Form.RR, 0, (op: usize): usize => moveScalarRR<u32>(op));
  define(Op.MOVSS, Form.RM, 0, (op: usize): usize => moveScalarRM<u32>(op));
  define(Op.MOVSS, Form.MR, 0, (op: usize): usize => moveScalarMR<u32>(op));
  define(Op.MOVSD, Form.RR, 0, (op: usize): usize => moveScalarRR<u64>(op));
  define(Op.MOVSD, Form.RM, 0, (op: usize): usize => moveScalarRM<u64>(op));
  define(Op.MOVSD, Form.MR, 0, (op: usize): usize => moveScalarMR<u64>(op));
  // Between registers, MOVLPS is MOVHLPS and MOVHPS is MOVLHPS.
  define(Op.MOVLPS, Form.RR, 0, (op: usize): usize => { checkSse(); store<u64>(targetOf(op), load<u64>(sourceOf(op), 8)); return next(op); });
  define(Op.MOVLPS, Form.RM, 0, (op: usize): usize => { checkSse(); store<u64>(targetOf(op), readOperand<u64>(op)); return next(op); });
  define(Op.MOVLPS, Form.MR, 0, (op: usize): usize => { checkSse(); writeOperand<u64>(op, load<u64>(sourceOf(op))); return next(op); });
  define(Op.MOVHPS, Form.RR, 0, (op: usize): usize => { checkSse(); store<u64>(targetOf(op), load<u64>(sourceOf(op)), 8); return next(op); });
  define(Op.MOVHPS, Form.RM, 0, (op: usize): usize => { checkSse(); store<u64>(targetOf(op), readOperand<u64>(op), 8); return next(op); });
  define(Op.MOVHPS, Form.MR, 0, (op: usize): usize => { checkSse(); writeOperand<u64>(op, load<u64>(sourceOf(op), 8)); return next(op); });
  define(Op.MOVQ, Form.RR, 0, (op: usize): usize => { checkSse(); store<u64>(targetOf(op), load<u64>(sourceOf(op))); clearHigh(targetOf(op)); return next(op); });
  define(Op.MOVQ, Form.RM, 0, (op: usize): usize => moveScalarRM<u64>(op));
  define(Op.MOVQ, Form.MR, 0, (op: usize): usize => moveScalarMR<u64>(op));
  define(Op.MOVQ, Form.RR, 1, (op: usize): usize => { checkMmx(); setMmx(targetOf(op), load<u64>(sourceOf(op))); return next(op); });
  define(Op.MOVQ, Form.RM, 1, (op: usize): usize => { checkMmx(); const value = readOperand<u64>(op); setMmx(targetOf(op), value); return next(op); });
  define(Op.MOVQ, Form.MR, 1, (op: usize): usize => { checkMmx(); writeOperand<u64>(op, load<u64>(sourceOf(op))); takeMmx(); return next(op); });
  define(Op.MOVQ2DQ, Form.RR, 0, (op: usize): usize => { checkSse(); checkMmx(); takeMmx(); store<u64>(targetOf(op), load<u64>(sourceOf(op))); clearHigh(targetOf(op)); return next(op); });
  define(Op.MOVDQ2Q, Form.RR, 0, (op: usize): usize => { checkSse(); checkMmx(); setMmx(targetOf(op), load<u64>(sourceOf(op))); return next(op); });
  defineGeneral<u32>(2);
  defineGeneral<u64>(3);
  defineAnySize(Op.PINSRW, Form.RR, (op: usize): usize => { checkFor(targetOf(op)); return insertWord(op, load<u16>(sourceOf(op))); });
  defineAnySize(Op.PINSRW, Form.RM, (op: usize): usize => { checkFor(targetOf(op)); return insertWord(op, readOperand<u16>(op)); });
  defineAnySize(Op.PEXTRW, Form.RR, extractWord);
  defineAnySize(Op.PEXTRW, Form.MR, (op: usize): usize => { checkSse(); writeOperand<u16>(op, load<u16>(sourceOf(op) + element<u16>(op))); return next(op); });
  defineAnySize(Op.PINSRB, Form.RR, (op: usize): usize => { checkSse(); store<u8>(targetOf(op) + element<u8>(op), load<u8>(sourceOf(op))); return next(op); });
  defineAnySize(Op.PINSRB, Form.RM, (op: usize): usize => { checkSse(); store<u8>(targetOf(op) + element<u8>(op), readOperand<u8>(op)); return next(op); });
  defineAnySize(Op.PEXTRB, Form.RR, (op: usize): usize => { checkSse(); store<u64>(targetOf(op), <u64>load<u8>(sourceOf(op) + element<u8>(op))); return next(op); });
  defineAnySize(Op.PEXTRB, Form.MR, (op: usize): usize => { checkSse(); writeOperand<u8>(op, load<u8>(sourceOf(op) + element<u8>(op))); return next(op); });
  defineAnySize(Op.EXTRACTPS, Form.RR, (op: usize): usize => { checkSse(); store<u64>(targetOf(op), <u64>load<u32>(sourceOf(op) + element<u32>(op))); return next(op); });
  defineAnySize(Op.EXTRACTPS, Form.MR, (op: usize): usize => { checkSse(); writeOperand<u32>(op, load<u32>(sourceOf(op) + element<u32>(op))); return next(op); });
  defineAnySize(Op.PMOVMSKB, Form.RR, signMask);
  defineAnySize(Op.MOVMSKPS, Form.RR, (op: usize): usize => { checkSse(); store<u64>(targetOf(op), <u64>i32x4.bitmask(v128.load(sourceOf(op)))); return next(op); });
  defineAnySize(Op.MOVMSKPD, Form.RR, (op: usize): usize => { checkSse(); store<u64>(targetOf(op), <u64>i64x2.bitmask(v128.load(sourceOf(op)))); return next(op); });
  define(Op.MASKMOVQ, Form.RR, 1, (op: usize): usize => maskedMove(op, 8));
  define(Op.MASKMOVDQU, Form.RR, 0, (op: usize): usize => maskedMove(op, 16));
  defineAnySize(Op.EMMS, Form.NONE, (op: usize): usize => { checkMmx(); store<u32>(L.X87_TAGS, 0); store<u32>(L.X87_TOP, 0); return next(op); });
  onXmm(Op.MOVDDUP, (a, b) => i64x2.shuffle(b, b, 0, 0));
  onXmm(Op.MOVSLDUP, (a, b) => i32x4.shuffle(b, b, 0, 0, 2, 2));
  onXmm(Op.MOVSHDUP, (a, b) => i32x4.shuffle(b, b, 1, 1, 3, 3));
  onXmm(Op.UNPCKLPS, (a, b) => i32x4.shuffle(a, b, 0, 4, 1, 5));
  onXmm(Op.UNPCKHPS, (a, b) => i32x4.shuffle(a, b, 2, 6, 3, 7));
  onXmm(Op.UNPCKLPD, (a, b) => i64x2.shuffle(a, b, 0, 2));
  onXmm(Op.UNPCKHPD, (a, b) => i64x2.shuffle(a, b, 1, 3));
  onXmm(Op.SHUFPS, (a, b) => {
    const n = vectorImmediate;
    return pair(lane32(a, n & 3) | (lane32(a, (n >> 2) & 3) << 32), lane32(b, (n >> 4) & 3) | (lane32(b, n >> 6) << 32));
  });
  onXmm(Op.SHUFPD, (a, b) => pair(vectorImmediate & 1 ? high(a) : low(a), vectorImmediate & 2 ? high(b) : low(b)));
  onXmm(Op.BLENDPS, (a, b) => v128.bitselect(b, a, laneMask32(vectorImmediate)));
  onXmm(Op.BLENDPD, (a, b) => pair(vectorImmediate & 1 ? low(b) : low(a), vectorImmediate & 2 ? high(b) : high(a)));
  // The mask is XMM0.
  onXmm(Op.PBLENDVB, (a, b) => v128.bitselect(b, a, i8x16.shr_s(v128.load(L.VECTORS), 7)));
  onXmm(Op.BLENDVPS, (a, b) => v128.bitselect(b, a, i32x4.shr_s(v128.load(L.VECTORS), 31)));
  onXmm(Op.BLENDVPD, (a, b) => v128.bitselect(b, a, i64x2.shr_s(v128.load(L.VECTORS), 63)));
  define(Op.INSERTPS, Form.RR, 0, (op: usize): usize => { checkSse(); return insertSingle(op, load<u32>(sourceOf(op) + ((load<u8>(op, Record.IMMEDIATE) >> 6) * 4))); });
  define(Op.INSERTPS, Form.RM, 0, (op: usize): usize => { checkSse(); return insertSingle(op, readOperand<u32>(op)); });
}
@inline function lane32(a: v128, n: u32): u64 { return ((n & 2 ? high(a) : low(a)) >> ((n & 1) * 32)) & 0xffffffff; }
function laneMask32(n: u32): v128 {
  const one: u64 = 0xffffffff;
  return pair((n & 1 ? one : 0) | (n & 2 ? one << 32 : 0), (n & 4 ? one : 0) | (n & 8 ? one << 32 : 0));
}
function insertSingle(op: usize, value: u32): usize {
  const n = <u32>load<u8>(op, Record.IMMEDIATE);
  const target = targetOf(op);
  store<u32>(target + ((n >> 4) & 3) * 4, value);
  for (let i: u32 = 0; i < 4; i++) if (n & (1 << i)) store<u32>(target + i * 4, 0);
  return next(op);
}
