import * as L from '../layout';
import { define } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Form, Record } from '../decode/record';
import { addressOf, next, sourceOf, targetOf } from '../exec/operands';
import { setArithmeticFlags } from '../exec/flags';
import { Flag } from '../mode';
import { readVector } from '../mmu/access';
import { checkSse } from './operands';

/** SSE4.2's string comparisons (Intel SDM vol. 2, 4.1). */

const A: usize = L.VECTOR_TEMP;
const B: usize = L.VECTOR_TEMP + 16;

function elementOf(at: usize, i: u32, control: u32): i32 {
  switch (control & 3) {
    case 0: return load<u8>(at + i);
    case 1: return load<u16>(at + i * 2);
    case 2: return load<i8>(at + i);
    default: return load<i16>(at + i * 2);
  }
}
function implicitLength(at: usize, control: u32, count: u32): u32 {
  let n: u32 = 0;
  while (n < count && elementOf(at, n, control) != 0) n++;
  return n;
}
function explicitLength(register: usize, wide: bool, count: u32): u32 {
  const value = wide ? load<i64>(register) : <i64>load<i32>(register);
  const magnitude = value < 0 ? 0 - <u64>value : <u64>value;
  return magnitude > <u64>count ? count : <u32>magnitude;
}
/** Intermediate result 1: one bit an element of the second operand. */
function aggregate(control: u32, la: u32, lb: u32, count: u32): u32 {
  let result: u32 = 0;
  const kind = (control >> 2) & 3;
  for (let j: u32 = 0; j < count; j++) {
    let bit = false;
    if (kind == 0) {
      for (let i: u32 = 0; i < la && j < lb; i++) if (elementOf(A, i, control) == elementOf(B, j, control)) bit = true;
    } else if (kind == 1) {
      for (let i: u32 = 0; i + 1 < la && j < lb; i += 2) {
        const x = elementOf(B, j, control);
        if (x >= elementOf(A, i, control) && x <= elementOf(A, i + 1, control)) bit = true;
      }
    } else if (kind == 2) {
      if (j < la && j < lb) bit = elementOf(A, j, control) == elementOf(B, j, control);
      else bit = j >= la && j >= lb;
    } else {
      bit = true;
      for (let i: u32 = 0; i < la && i + j < count; i++) {
        if (i + j >= lb || elementOf(A, i, control) != elementOf(B, i + j, control)) { bit = false; break; }
      }
    }
    if (bit) result |= 1 << j;
  }
  return result;
}
function compareStrings(op: usize, b: v128): usize {
  const id = <u32>load<u16>(op, Record.OPERATION);
  const control = <u32>load<u8>(op, Record.IMMEDIATE);
  const count: u32 = control & 1 ? 8 : 16;
  v128.store(A, v128.load(targetOf(op)));
  v128.store(B, b);
  const explicit = id == <u32>Op.PCMPESTRM || id == <u32>Op.PCMPESTRI;
  const wide = load<u8>(op, Record.SIZE) == 3;
  const la = explicit ? explicitLength(L.RAX, wide, count) : implicitLength(A, control, count);
  const lb = explicit ? explicitLength(L.RDX, wide, count) : implicitLength(B, control, count);
  let result = aggregate(control, la, lb, count);
  const all: u32 = (1 << count) - 1;
  if (control & 0x10) result ^= control & 0x20 ? (1 << lb) - 1 : all;
  result &= all;
  if (id == <u32>Op.PCMPESTRI || id == <u32>Op.PCMPISTRI) {
    const index = !result ? count : control & 0x40 ? 31 - clz<u32>(result) : ctz<u32>(result);
    store<u64>(L.RCX, <u64>index);
  } else if (control & 0x40) {
    for (let i: u32 = 0; i < count; i++) {
      const on = (result >> i) & 1;
      if (count == 16) store<u8>(L.VECTORS + i, on ? 0xff : 0);
      else store<u16>(L.VECTORS + i * 2, on ? 0xffff : 0);
    }
  } else {
    store<u64>(L.VECTORS, <u64>result);
    store<u64>(L.VECTORS, 0, 8);
  }
  setArithmeticFlags((result ? Flag.CF : 0) | (lb < count ? Flag.ZF : 0) | (la < count ? Flag.SF : 0) | (result & 1 ? Flag.OF : 0));
  return next(op);
}
function defineComparison(id: u32): void {
  for (let size: u32 = 0; size < 4; size++) {
    define(id, Form.RR, size, (op: usize): usize => { checkSse(); return compareStrings(op, v128.load(sourceOf(op))); });
    define(id, Form.RM, size, (op: usize): usize => { checkSse(); return compareStrings(op, readVector(addressOf(op))); });
  }
}
export function defineVectorStrings(): void {
  defineComparison(Op.PCMPESTRM);
  defineComparison(Op.PCMPESTRI);
  defineComparison(Op.PCMPISTRM);
  defineComparison(Op.PCMPISTRI);
}
