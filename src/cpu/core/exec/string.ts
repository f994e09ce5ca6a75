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

/** The most iterations between two looks around. */
const ROUND: u64 = 4096;
/**
 * Iterations that may be done now: one where single-step or a breakpoint may follow each. Each counts as an
 * instruction; what the block counted in advance for the instruction itself pays for the first.
 */
@inline function roundOf(count: u64): u64 {
  if (load<u32>(L.MODE) & Mode.SINGLE) return min<u64>(count, 1);
  return min(count, min(ROUND, <u64>max(load<i32>(L.BUDGET), 0) + 1));
}
/** Counts `n` iterations, of which this is the first when none is `done`. */
@inline function charge(n: u64, done: u64): void { store<i32>(L.BUDGET, load<i32>(L.BUDGET) - <i32>(done ? n : n - 1)); }

/** How many elements fit from both pointers to the ends of their pages, going up. */
@inline function untilPageEnd<T>(address: u64): u64 { return (0x1000 - (address & 0xfff)) / sizeof<T>(); }

/** After a round of a repeated instruction: goes on behind it, or leaves the block in front of it to look around. */
function afterRound(op: usize, finished: bool): usize {
  if (finished) return next(op);
  store<u64>(L.RIP, load<u64>(L.BLOCK_RIP) + load<u16>(op, Record.START));
  store<i32>(L.BUDGET, load<i32>(L.BUDGET) + <i32>load<u8>(op, Record.REMAINING) - 1);
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
  const count = index(op, L.RCX);
  const round = roundOf(count);
  for (let done: u64 = 0; done < round;) {
    let n = moveMany<T>(op, round - done);
    if (!n) { moveOne<T>(op); n = 1; }
    charge(n, done);
    done += n;
    setIndex(op, L.RCX, count - done);
  }
  return afterRound(op, round == count);
}
function stos<T>(op: usize): usize {
  if (!repeated(op)) { storeOne<T>(op); return next(op); }
  const count = index(op, L.RCX);
  const round = roundOf(count);
  for (let done: u64 = 0; done < round;) {
    let n = storeMany<T>(op, round - done);
    if (!n) { storeOne<T>(op); n = 1; }
    charge(n, done);
    done += n;
    setIndex(op, L.RCX, count - done);
  }
  return afterRound(op, round == count);
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

/** A bit for each byte, set in the elements in which two vectors are equal. */
@inline function equalBytes<T>(a: v128, b: v128): u32 {
  if (sizeof<T>() == 1) return <u32>i8x16.bitmask(i8x16.eq(a, b));
  if (sizeof<T>() == 2) return <u32>i8x16.bitmask(i16x8.eq(a, b));
  if (sizeof<T>() == 4) return <u32>i8x16.bitmask(i32x4.eq(a, b));
  return <u32>i8x16.bitmask(i64x2.eq(a, b));
}
@inline function splat<T>(value: T): v128 {
  if (sizeof<T>() == 1) return i8x16.splat(<i8>value);
  if (sizeof<T>() == 2) return i16x8.splat(<i16>value);
  if (sizeof<T>() == 4) return i32x4.splat(<i32>value);
  return i64x2.splat(<i64>value);
}

/**
 * Passes over elements of CMPS and SCAS that do not end the repetition, 16 bytes at a time within two pages. The last
 * of `count` is not among them: its flags are wanted.
 * @returns how many
 */
function skipMany<T>(op: usize, kind: Kind, count: u64, whileEqual: bool): u64 {
  if (load<u32>(L.SYSTEM_FLAGS) & Flag.DF || !(load<u32>(L.MODE) & Mode.FLAT) || addressSize(op) == 1) return 0;
  let n = count - 1;
  let a: usize = 0;
  if (kind == Kind.CMPS) {
    const from = sourceAddress<T>(op);
    n = min(n, untilPageEnd<T>(from));
    if (n * sizeof<T>() < 16) return 0;
    a = hostForRead(from);
    if (!a) return 0;
  }
  const to = targetAddress<T>(op, false);
  n = min(n, untilPageEnd<T>(to));
  if (n * sizeof<T>() < 16) return 0;
  const b = hostForRead(to);
  if (!b) return 0;
  const value = splat<T>(load<T>(L.RAX));
  const ends: u32 = whileEqual ? 0xffff : 0;
  const bytes = <usize>n * sizeof<T>();
  let at: usize = 0;
  for (; at + 16 <= bytes; at += 16) {
    const mask = equalBytes<T>(kind == Kind.CMPS ? v128.load(a + at) : value, v128.load(b + at)) ^ ends;
    if (mask) {
      at += <usize>ctz(mask);
      break;
    }
  }
  if (kind == Kind.CMPS) advance<T>(op, L.RSI, <i64>at);
  advance<T>(op, L.RDI, <i64>at);
  return at / sizeof<T>();
}

function repeat<T>(op: usize, kind: Kind): usize {
  if (!repeated(op)) { once<T>(op, kind); return next(op); }
  const whileEqual = (load<u8>(op, Record.PREFIXES) & Prefix.REP) != 0;
  const count = index(op, L.RCX);
  const round = roundOf(count);
  for (let done: u64 = 0; done < round;) {
    if (kind != Kind.LODS && round - done > 16 / sizeof<T>()) {
      const skipped = skipMany<T>(op, kind, round - done, whileEqual);
      if (skipped) {
        charge(skipped, done);
        done += skipped;
        setIndex(op, L.RCX, count - done);
      }
    }
    once<T>(op, kind);
    charge(1, done);
    done++;
    setIndex(op, L.RCX, count - done);
    if (kind != Kind.LODS && zero() != whileEqual) return next(op);
  }
  return afterRound(op, round == count);
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
  define(Op.OUTS, Form.NONE, 0, (op: usize): usize => outs<u8>(op));
  define(Op.OUTS, Form.NONE, 1, (op: usize): usize => outs<u16>(op));
  define(Op.OUTS, Form.NONE, 2, (op: usize): usize => outs<u32>(op));
}
