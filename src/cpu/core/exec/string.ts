import * as L from '../layout';
import { define } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Form, Prefix, Record } from '../decode/record';
import { pioRead, pioWrite } from '../host';
import { hostForRead, hostForWrite, probeWrite, read, write } from '../mmu/access';
import { Flag, Mode, isLong } from '../mode';
import { segmentLinear } from '../system/segments';
import { checkPort } from '../system/ports';
import { flagsSub, zero } from './flags';
import { leaveAfter, next, segmentOf, setRegister } from './operands';

/** String instructions (Intel SDM vol. 1, 7.3.9), alone and repeated. */

@inline function addressSize(op: usize): u32 { return load<u8>(op, Record.PREFIXES) >> Prefix.ADDRESS_SHIFT; }
@inline function index(op: usize, register: usize): u64 {
  const size = addressSize(op);
  return size == 3 ? load<u64>(register) : size == 2 ? <u64>load<u32>(register) : <u64>load<u16>(register);
}
@inline function setIndex(op: usize, register: usize, value: u64): void {
  const size = addressSize(op);
  if (size == 3) store<u64>(register, value);
  else if (size == 2) store<u64>(register, value & 0xffffffff);
  else store<u16>(register, <u16>value);
}
@inline function step<T>(): i64 { return load<u32>(L.SYSTEM_FLAGS) & Flag.DF ? -(<i64>sizeof<T>()) : <i64>sizeof<T>(); }
@inline function advance<T>(op: usize, register: usize, by: i64): void { setIndex(op, register, index(op, register) + by); }

function sourceAddress<T>(op: usize): u64 {
  const offset = index(op, L.RSI);
  const segment = segmentOf(op);
  if (isLong()) return load<u8>(op, Record.SEGMENT) >= 4 ? offset + load<u64>(segment, L.SEGMENT_BASE) : offset;
  if (load<u32>(L.MODE) & Mode.FLAT && load<u8>(op, Record.SEGMENT) < 4) return offset;
  return segmentLinear(segment, <u32>offset, sizeof<T>(), false);
}
function targetAddress<T>(op: usize, writes: bool): u64 {
  const offset = index(op, L.RDI);
  if (load<u32>(L.MODE) & Mode.FLAT) return offset;
  return segmentLinear(L.ES, <u32>offset, sizeof<T>(), writes);
}

@inline function repeated(op: usize): bool { return (load<u8>(op, Record.PREFIXES) & (Prefix.REP | Prefix.REPNE)) != 0; }

/** Iterations between two looks at the budget: each is a step when one instruction at a time runs. */
const ROUND: u32 = 4096;
@inline function roundSize(): u32 { return load<u32>(L.MODE) & Mode.SINGLE ? 1 : ROUND; }

/** How many elements fit from both pointers to the ends of their pages, going up. */
@inline function untilPageEnd<T>(address: u64): u64 { return (0x1000 - (address & 0xfff)) / sizeof<T>(); }

/** Counts iterations as instructions. @returns whether the block has to be left */
function account(iterations: u32): bool {
  const left = load<i32>(L.BUDGET) - <i32>iterations;
  store<i32>(L.BUDGET, left);
  return left < 0 || iterations == 1;
}
/** Leaves the block in front of the instruction, which goes on later. */
function pauseBefore(op: usize): usize {
  store<u64>(L.RIP, load<u64>(L.BLOCK_RIP) + load<u16>(op, Record.START));
  store<i32>(L.BUDGET, load<i32>(L.BUDGET) + <i32>load<u8>(op, Record.REMAINING));
  return 0;
}

function moveOne<T>(op: usize): void {
  const value = read<T>(sourceAddress<T>(op));
  write<T>(targetAddress<T>(op, true), value);
  advance<T>(op, L.RSI, step<T>());
  advance<T>(op, L.RDI, step<T>());
}
/** As many elements as one copy within two pages can do. @returns 0 when it cannot */
function moveMany<T>(op: usize, count: u64): u64 {
  if (load<u32>(L.SYSTEM_FLAGS) & Flag.DF || !(load<u32>(L.MODE) & Mode.FLAT) || addressSize(op) == 1) return 0;
  const from = sourceAddress<T>(op);
  const to = targetAddress<T>(op, true);
  const n = min(count, min(untilPageEnd<T>(from), untilPageEnd<T>(to)));
  if (n < 2) return 0;
  const source = hostForRead(from);
  const target = hostForWrite(to);
  const bytes = <usize>n * sizeof<T>();
  // An overlap ahead of the source repeats a pattern: element by element.
  if (!source || !target || (target > source && target < source + bytes)) return 0;
  memory.copy(target, source, bytes);
  advance<T>(op, L.RSI, <i64>bytes);
  advance<T>(op, L.RDI, <i64>bytes);
  return n;
}
function storeOne<T>(op: usize): void {
  write<T>(targetAddress<T>(op, true), load<T>(L.RAX));
  advance<T>(op, L.RDI, step<T>());
}
function storeMany<T>(op: usize, count: u64): u64 {
  if (load<u32>(L.SYSTEM_FLAGS) & Flag.DF || !(load<u32>(L.MODE) & Mode.FLAT) || addressSize(op) == 1) return 0;
  const to = targetAddress<T>(op, true);
  const n = min(count, untilPageEnd<T>(to));
  if (n < 2) return 0;
  const target = hostForWrite(to);
  if (!target) return 0;
  const value = load<T>(L.RAX);
  const bytes = <usize>n * sizeof<T>();
  if (sizeof<T>() == 1) memory.fill(target, <u8>value, bytes);
  else for (let i: usize = 0; i < bytes; i += sizeof<T>()) store<T>(target + i, value);
  advance<T>(op, L.RDI, <i64>bytes);
  return n;
}

function movs<T>(op: usize): usize {
  if (!repeated(op)) { moveOne<T>(op); return next(op); }
  const round = roundSize();
  let done: u32 = 0;
  for (let count = index(op, L.RCX); count; count = index(op, L.RCX)) {
    let n = moveMany<T>(op, min(count, <u64>round));
    if (!n) { moveOne<T>(op); n = 1; }
    setIndex(op, L.RCX, count - n);
    done += <u32>n;
    if (done >= round) { if (account(done) && count != n) return pauseBefore(op); done = 0; }
  }
  return next(op);
}
function stos<T>(op: usize): usize {
  if (!repeated(op)) { storeOne<T>(op); return next(op); }
  const round = roundSize();
  let done: u32 = 0;
  for (let count = index(op, L.RCX); count; count = index(op, L.RCX)) {
    let n = storeMany<T>(op, min(count, <u64>round));
    if (!n) { storeOne<T>(op); n = 1; }
    setIndex(op, L.RCX, count - n);
    done += <u32>n;
    if (done >= round) { if (account(done) && count != n) return pauseBefore(op); done = 0; }
  }
  return next(op);
}
function loadOne<T>(op: usize): void {
  setRegister<T>(L.RAX, read<T>(sourceAddress<T>(op)));
  advance<T>(op, L.RSI, step<T>());
}
function compareOne<T>(op: usize): void {
  const a = read<T>(sourceAddress<T>(op));
  const b = read<T>(targetAddress<T>(op, false));
  flagsSub<T>(a, b, <T>(a - b));
  advance<T>(op, L.RSI, step<T>());
  advance<T>(op, L.RDI, step<T>());
}
function scanOne<T>(op: usize): void {
  const a = load<T>(L.RAX);
  const b = read<T>(targetAddress<T>(op, false));
  flagsSub<T>(a, b, <T>(a - b));
  advance<T>(op, L.RDI, step<T>());
}
const enum Kind { LODS, CMPS, SCAS }

function repeat<T>(op: usize, kind: Kind): usize {
  if (!repeated(op)) { once<T>(op, kind); return next(op); }
  const whileEqual = (load<u8>(op, Record.PREFIXES) & Prefix.REP) != 0;
  const round = roundSize();
  let done: u32 = 0;
  for (let count = index(op, L.RCX); count; count = index(op, L.RCX)) {
    once<T>(op, kind);
    setIndex(op, L.RCX, count - 1);
    if (kind != Kind.LODS && zero() != whileEqual) break;
    if (++done == round) { if (account(done) && count != 1) return pauseBefore(op); done = 0; }
  }
  return next(op);
}
@inline function once<T>(op: usize, kind: Kind): void {
  if (kind == Kind.LODS) loadOne<T>(op);
  else if (kind == Kind.CMPS) compareOne<T>(op);
  else scanOne<T>(op);
}

/** One element a visit: a device may want attention in between. */
function ins<T>(op: usize): usize {
  checkPort(load<u16>(L.RDX), sizeof<T>());
  if (repeated(op) && index(op, L.RCX) == 0) return leaveAfter(op);
  const address = targetAddress<T>(op, true);
  probeWrite(address, sizeof<T>());
  write<T>(address, <T>pioRead(load<u16>(L.RDX), sizeof<T>()));
  advance<T>(op, L.RDI, step<T>());
  return afterPort(op);
}
function outs<T>(op: usize): usize {
  checkPort(load<u16>(L.RDX), sizeof<T>());
  if (repeated(op) && index(op, L.RCX) == 0) return leaveAfter(op);
  const value = <u32>read<T>(sourceAddress<T>(op));
  pioWrite(load<u16>(L.RDX), sizeof<T>(), value);
  advance<T>(op, L.RSI, step<T>());
  return afterPort(op);
}
function afterPort(op: usize): usize {
  if (!repeated(op)) return leaveAfter(op);
  setIndex(op, L.RCX, index(op, L.RCX) - 1);
  if (index(op, L.RCX) == 0) return leaveAfter(op);
  store<u64>(L.RIP, load<u64>(L.BLOCK_RIP) + load<u16>(op, Record.START));
  return 0;
}

function defineStringsOf<T>(size: u32): void {
  define(Op.MOVS, Form.NONE, size, (op: usize): usize => movs<T>(op));
  define(Op.STOS, Form.NONE, size, (op: usize): usize => stos<T>(op));
  define(Op.LODS, Form.NONE, size, (op: usize): usize => repeat<T>(op, Kind.LODS));
  define(Op.CMPS, Form.NONE, size, (op: usize): usize => repeat<T>(op, Kind.CMPS));
  define(Op.SCAS, Form.NONE, size, (op: usize): usize => repeat<T>(op, Kind.SCAS));
}

export function defineStrings(): void {
  defineStringsOf<u8>(0);
  defineStringsOf<u16>(1);
  defineStringsOf<u32>(2);
  defineStringsOf<u64>(3);
  define(Op.INS, Form.NONE, 0, (op: usize): usize => ins<u8>(op));
  define(Op.INS, Form.NONE, 1, (op: usize): usize => ins<u16>(op));
  define(Op.INS, Form.NONE, 2, (op: usize): usize => ins<u32>(op));
  define(Op.INS, Form.NONE, 3, (op: usize): usize => ins<u32>(op));
  define(Op.OUTS, Form.NONE, 0, (op: usize): usize => outs<u8>(op));
  define(Op.OUTS, Form.NONE, 1, (op: usize): usize => outs<u16>(op));
  define(Op.OUTS, Form.NONE, 2, (op: usize): usize => outs<u32>(op));
  define(Op.OUTS, Form.NONE, 3, (op: usize): usize => outs<u32>(op));
}
