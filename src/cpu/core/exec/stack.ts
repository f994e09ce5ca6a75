import * as L from '../layout';
import { define, defineAnySize } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Form, Record } from '../decode/record';
import { probeWrite, read, write } from '../mmu/access';
import { updateContext } from '../mmu/spaces';
import { Flag, Mode, cpl, isCanonical, isLong, isProtected, isVm86, updateMode } from '../mode';
import { Vector, raiseWithCode } from '../system/fault';
import { loadSegment } from '../system/descriptors';
import { stackLinear } from '../system/segments';
import { flagsForVirtualProgram, virtualStackFlags, virtualizedFlags } from '../system/virtual-flags';
import { readFlags, writeFlags } from './flags';
import { addressAt, immediateOf, leaveAfter, next, readOperand, setRegister, sourceOf, targetOf, writeOperand } from './operands';
import { lookAround } from './loop';

/** The stack pointer as SS.B cuts it. */
@inline export function stackPointer(): u64 {
  if (isLong()) return load<u64>(L.RSP);
  return load<u32>(L.MODE) & Mode.STACK32 ? <u64>load<u32>(L.RSP) : <u64>load<u16>(L.RSP);
}
@inline export function setStackPointer(value: u64): void {
  if (isLong()) store<u64>(L.RSP, value);
  else if (load<u32>(L.MODE) & Mode.STACK32) store<u64>(L.RSP, value & 0xffffffff);
  else store<u16>(L.RSP, <u16>value);
}
@inline function cut(value: u64): u64 {
  if (isLong()) return value;
  return load<u32>(L.MODE) & Mode.STACK32 ? value & 0xffffffff : value & 0xffff;
}

@inline export function push<T>(value: T): void {
  if (isLong()) {
    const address = load<u64>(L.RSP) - sizeof<T>();
    write<T>(address, value);
    store<u64>(L.RSP, address);
  } else {
    pushSegmented<T>(value);
  }
}
function pushSegmented<T>(value: T): void {
  const offset = cut(stackPointer() - sizeof<T>());
  write<T>(stackLinear(<u32>offset, sizeof<T>(), true), value);
  setStackPointer(offset);
}
/** Raises what a push of `bytes` bytes would raise that ends `distance` bytes below the stack pointer. */
export function probePush(distance: u32, bytes: u32): void {
  const offset = cut(stackPointer() - distance);
  probeWrite(isLong() ? offset : stackLinear(<u32>offset, bytes, true), bytes);
}
/** The value at `distance` bytes above the stack pointer, which stays. */
export function peek<T>(distance: u32): T {
  if (isLong()) return read<T>(load<u64>(L.RSP) + distance);
  return read<T>(stackLinear(<u32>cut(stackPointer() + distance), sizeof<T>(), false));
}
@inline export function pop<T>(): T {
  if (isLong()) {
    const value = read<T>(load<u64>(L.RSP));
    store<u64>(L.RSP, load<u64>(L.RSP) + sizeof<T>());
    return value;
  }
  const value = peek<T>(0);
  setStackPointer(cut(stackPointer() + sizeof<T>()));
  return value;
}
@inline export function dropFromStack(bytes: u32): void { setStackPointer(cut(stackPointer() + bytes)); }

/** Of operations whose record names another segment: a non-canonical stack pointer is #SS all the same. */
export function checkStackPointer(): void {
  const last = load<u64>(L.RSP) - 1;
  if (isLong() && <u64>((<i64>last << 16) >> 16) != last) raiseWithCode(Vector.SS, 0);
}

@inline export function pushR<T>(op: usize): usize { push<T>(load<T>(targetOf(op))); return next(op); }
/** POP SP gives the popped value, not the incremented pointer. */
@inline export function popR<T>(op: usize): usize {
  const value = pop<T>();
  setRegister<T>(targetOf(op), value);
  return next(op);
}
/** The address is computed with the incremented stack pointer (Intel SDM vol. 2, POP). */
function popM<T>(op: usize): usize {
  const rsp = load<u64>(L.RSP);
  if (isLong() && !isCanonical(rsp)) raiseWithCode(Vector.SS, 0);
  const value = peek<T>(0);
  write<T>(addressAt(op, load<u16>(op, Record.BASE) == L.RSP ? sizeof<T>() : 0), value);
  dropFromStack(sizeof<T>());
  return next(op);
}
function pushSegmentRegister<T>(op: usize): usize {
  const selector = load<u16>(sourceOf(op), L.SEGMENT_SELECTOR);
  push<T>(<T>selector);
  return next(op);
}
function popSegmentRegister<T>(op: usize): usize {
  const selector = <u32>peek<T>(0) & 0xffff;
  loadSegment(sourceOf(op), selector);
  dropFromStack(sizeof<T>());
  if (sourceOf(op) == L.SS) store<u32>(L.SHADOW, L.SHADOW_STACK);
  return leaveAfter(op);
}
function pushAll<T>(op: usize): usize {
  const pointer = stackPointer();
  const bytes = sizeof<T>();
  for (let r: u32 = 0; r < 8; r++) {
    const offset = <u32>cut(pointer - (r + 1) * bytes);
    const address = stackLinear(offset, bytes, true);
    if (r == 0) {
      // All or nothing.
      probeWrite(address, bytes);
      probeWrite(stackLinear(<u32>cut(pointer - 8 * bytes), bytes, true), bytes);
    }
    write<T>(address, r == 4 ? <T>pointer : load<T>(L.REGS + r * 8));
  }
  setStackPointer(cut(pointer - 8 * bytes));
  return next(op);
}
function popAll<T>(op: usize): usize {
  const pointer = stackPointer();
  const bytes = sizeof<T>();
  // All or nothing.
  peek<T>(0);
  peek<T>(7 * bytes);
  for (let r: u32 = 0; r < 8; r++) {
    const value = peek<T>(r * bytes);
    if (r != 3) setRegister<T>(L.REGS + (7 - r) * 8, value);
  }
  setStackPointer(cut(pointer + 8 * bytes));
  return next(op);
}

function pushFlags<T>(op: usize): usize {
  const virtual = virtualStackFlags<T>();
  const flags = readFlags() & ~(Flag.RF | Flag.VM);
  push<T>(<T>(virtual ? flagsForVirtualProgram(flags) : flags));
  return next(op);
}
/** What POPF and IRET may change at a privilege level (Intel SDM vol. 2, POPF). */
export function flagsWritable(size: u32): u32 {
  let mask: u32 = Flag.ARITHMETIC | Flag.TF | Flag.DF | Flag.NT;
  if (size > 1) mask |= Flag.AC | Flag.ID;
  const level = isProtected() ? cpl() : isVm86() ? 3 : 0;
  if (level == 0) mask |= Flag.IOPL;
  if (level <= (load<u32>(L.SYSTEM_FLAGS) & Flag.IOPL) >> 12) mask |= Flag.IF;
  return mask;
}
/** After any write of RFLAGS that may have changed more than arithmetic flags. */
export function flagsChanged(): void {
  updateMode();
  updateContext();
  lookAround();
}
function popFlags<T>(op: usize): usize {
  const virtual = virtualStackFlags<T>();
  const value = <u32>peek<T>(0);
  const mask = flagsWritable(sizeof<T>() == 2 ? 1 : 2);
  let result = virtual ? virtualizedFlags(value, mask) : (value & mask) | (readFlags() & ~mask);
  dropFromStack(sizeof<T>());
  if (sizeof<T>() > 2) result &= ~Flag.RF;
  writeFlags(result);
  flagsChanged();
  return leaveAfter(op);
}

function enter<T>(op: usize): usize {
  const operand = immediateOf<u32>(op);
  const size = operand & 0xffff;
  const level = (operand >> 16) & 31;
  const bytes = sizeof<T>();
  const pointer = stackPointer();
  let frame = cut(pointer - bytes);
  writeStack<T>(frame, <T>load<u64>(L.RBP));
  const newBase = frame;
  let from = cut(load<u64>(L.RBP));
  for (let i: u32 = 1; i < level; i++) {
    from = cut(from - bytes);
    frame = cut(frame - bytes);
    writeStack<T>(frame, readStack<T>(from));
  }
  if (level) {
    frame = cut(frame - bytes);
    writeStack<T>(frame, <T>newBase);
  }
  frame = cut(frame - size);
  // The whole frame has to be writable.
  if (isLong()) probeWrite(frame, bytes);
  else probeWrite(stackLinear(<u32>frame, bytes, true), bytes);
  setRegister<T>(L.RBP, <T>newBase);
  setStackPointer(frame);
  return next(op);
}
function writeStack<T>(offset: u64, value: T): void { write<T>(isLong() ? offset : stackLinear(<u32>offset, sizeof<T>(), true), value); }
function readStack<T>(offset: u64): T { return read<T>(isLong() ? offset : stackLinear(<u32>offset, sizeof<T>(), false)); }
function leave<T>(op: usize): usize {
  const base = cut(load<u64>(L.RBP));
  const value = readStack<T>(base);
  setStackPointer(cut(base + sizeof<T>()));
  setRegister<T>(L.RBP, value);
  return next(op);
}

function defineStackOf<T>(size: u32): void {
  define(Op.PUSH, Form.R, size, (op: usize): usize => pushR<T>(op));
  define(Op.PUSH, Form.RI, size, (op: usize): usize => { push<T>(immediateOf<T>(op)); return next(op); });
  define(Op.PUSH, Form.M, size, (op: usize): usize => {
    const value = readOperand<T>(op);
    checkStackPointer();
    push<T>(value);
    return next(op);
  });
  define(Op.POP, Form.R, size, (op: usize): usize => popR<T>(op));
  define(Op.POP, Form.M, size, (op: usize): usize => popM<T>(op));
  define(Op.PUSHSEG, Form.NONE, size, (op: usize): usize => pushSegmentRegister<T>(op));
  define(Op.POPSEG, Form.NONE, size, (op: usize): usize => popSegmentRegister<T>(op));
  define(Op.PUSHF, Form.NONE, size, (op: usize): usize => pushFlags<T>(op));
  define(Op.POPF, Form.NONE, size, (op: usize): usize => popFlags<T>(op));
  define(Op.ENTER, Form.NONE, size, (op: usize): usize => enter<T>(op));
  define(Op.LEAVE, Form.NONE, size, (op: usize): usize => leave<T>(op));
}

export function defineStack(): void {
  defineStackOf<u16>(1);
  defineStackOf<u32>(2);
  defineStackOf<u64>(3);
  define(Op.PUSHA, Form.NONE, 1, (op: usize): usize => pushAll<u16>(op));
  define(Op.PUSHA, Form.NONE, 2, (op: usize): usize => pushAll<u32>(op));
  define(Op.POPA, Form.NONE, 1, (op: usize): usize => popAll<u16>(op));
  define(Op.POPA, Form.NONE, 2, (op: usize): usize => popAll<u32>(op));
}
