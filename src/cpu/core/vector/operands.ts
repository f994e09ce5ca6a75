import * as L from '../layout';
import { define } from '../decode/handlers';
import { Form, Record } from '../decode/record';
import { addressOf, next, sourceOf, targetOf } from '../exec/operands';
import { checkX87Exceptions } from '../fpu/state';
import { read, readVector, write, writeVector } from '../mmu/access';
import { Cr0, Cr4 } from '../mode';
import { Vector, raise, raiseGp, raiseUd } from '../system/fault';

/** Operands of SSE and MMX instructions, and the handlers that most of them share. */

/** #UD and #NM (Intel SDM vol. 3, 13.1). */
@inline export function checkSse(): void {
  const cr0 = load<u32>(L.CR0);
  if (cr0 & <u32>(Cr0.EM | Cr0.TS) || !(load<u32>(L.CR4) & <u32>Cr4.OSFXSR)) refuseSse();
}
function refuseSse(): void {
  if (load<u64>(L.CR0) & Cr0.EM || !(load<u64>(L.CR4) & Cr4.OSFXSR)) raiseUd();
  raise(Vector.NM);
}
/** An MMX instruction takes the x87 registers over: all are in use, the top is register 0. */
export function checkMmx(): void {
  if (load<u64>(L.CR0) & Cr0.EM) raiseUd();
  if (load<u64>(L.CR0) & Cr0.TS) raise(Vector.NM);
  checkX87Exceptions();
}
export function takeMmx(): void {
  store<u32>(L.X87_TOP, 0);
  store<u32>(L.X87_TAGS, 0xff);
}
@inline export function mmx(value: u64): v128 { return i64x2.replace_lane(i64x2.splat(0), 0, value); }
@inline export function low(value: v128): u64 { return i64x2.extract_lane(value, 0); }
@inline export function high(value: v128): u64 { return i64x2.extract_lane(value, 1); }
@inline export function pair(first: u64, second: u64): v128 { return i64x2.replace_lane(i64x2.splat(first), 1, second); }
export function setMmx(register: usize, value: u64): void {
  takeMmx();
  store<u64>(register, value);
  store<u16>(register, 0xffff, 8);
}

/** The second operand's register or memory; what is narrower than 16 bytes is zero-extended. */
export function secondFromMemory(op: usize): v128 {
  const address = addressOf(op);
  switch (load<u8>(op, Record.BYTES)) {
    case 16:
      if (address & 15) raiseGp(0);
      return readVector(address);
    case 8: return mmx(read<u64>(address));
    case 4: return mmx(<u64>read<u32>(address));
    case 2: return mmx(<u64>read<u16>(address));
    default: return mmx(<u64>read<u8>(address));
  }
}

/** The immediate of the running operation, for functions that take one. */
export let vectorImmediate: u32 = 0;

@inline function apply(table: usize, op: usize, a: v128, b: v128): v128 {
  vectorImmediate = load<u8>(op, Record.IMMEDIATE);
  return call_indirect<v128>(load<u16>(table + <usize>load<u16>(op, Record.OPERATION) * 2), a, b);
}
function vectorRR(op: usize): usize {
  checkSse();
  const target = targetOf(op);
  v128.store(target, apply(L.VECTOR_FUNCTIONS, op, v128.load(target), v128.load(sourceOf(op))));
  return next(op);
}
function vectorRM(op: usize): usize {
  checkSse();
  const target = targetOf(op);
  const b = secondFromMemory(op);
  v128.store(target, apply(L.VECTOR_FUNCTIONS, op, v128.load(target), b));
  return next(op);
}
/** Shifts by an immediate, which is the second operand. */
function vectorRI(op: usize): usize {
  checkSse();
  const target = targetOf(op);
  v128.store(target, apply(L.VECTOR_FUNCTIONS, op, v128.load(target), mmx(load<u8>(op, Record.IMMEDIATE))));
  return next(op);
}
function mmxRR(op: usize): usize {
  checkMmx();
  const target = targetOf(op);
  setMmx(target, low(apply(L.MMX_FUNCTIONS, op, mmx(load<u64>(target)), mmx(load<u64>(sourceOf(op))))));
  return next(op);
}
function mmxRM(op: usize): usize {
  checkMmx();
  const target = targetOf(op);
  const b = secondFromMemory(op);
  setMmx(target, low(apply(L.MMX_FUNCTIONS, op, mmx(load<u64>(target)), b)));
  return next(op);
}
function mmxRI(op: usize): usize {
  checkMmx();
  const target = targetOf(op);
  setMmx(target, low(apply(L.MMX_FUNCTIONS, op, mmx(load<u64>(target)), mmx(load<u8>(op, Record.IMMEDIATE)))));
  return next(op);
}

/** An operation on XMM registers: target and second operand in, target out. */
export function onXmm(id: u32, apply: (a: v128, b: v128) => v128): void {
  store<u16>(L.VECTOR_FUNCTIONS + id * 2, <u16>apply.index);
  define(id, Form.RR, 0, vectorRR);
  define(id, Form.RM, 0, vectorRM);
  define(id, Form.RI, 0, vectorRI);
}
/** On MMX registers, in the low half of the vectors. */
export function onMmx(id: u32, apply: (a: v128, b: v128) => v128): void {
  store<u16>(L.MMX_FUNCTIONS + id * 2, <u16>apply.index);
  define(id, Form.RR, 1, mmxRR);
  define(id, Form.RM, 1, mmxRM);
  define(id, Form.RI, 1, mmxRI);
}
/** The same on both. */
export function onBoth(id: u32, apply: (a: v128, b: v128) => v128): void {
  onXmm(id, apply);
  onMmx(id, apply);
}
