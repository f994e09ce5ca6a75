import * as L from '../layout';
import { Block, jumpTo } from '../decode/blocks';
import { declareFlags, FlagBit } from '../decode/flow';
import { define, defineAnySize } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Form, Prefix, Record, RecordBit } from '../decode/record';
import { isCanonical, isLong } from '../mode';
import { farCall, farJump, farReturn } from '../system/transfer';
import { condition } from './flags';
import { addressOf, immediateOf, leaveAfter, next, readOperand, ripAfter, setRegister, targetOf } from './operands';
import { checkStackPointer, dropFromStack, peek, probePush, push, setStackPointer, stackPointer } from './stack';
import { requestLink } from './loop';
import { raiseGp, rewind } from '../system/fault';
import { probePieces, read, wrap } from '../mmu/access';

/**
 * Goes to `distance` bytes from the block's start: straight to the successor's first record when it is linked and the
 * budget allows, else out of the block with RIP stored.
 */
@inline export function follow(op: usize, link: usize, distance: i64): usize {
  return followTo(op, link, cutRip(op, load<u64>(L.BLOCK_RIP) + distance));
}
@inline function followTo(op: usize, link: usize, target: u64): usize {
  const first: usize = load<u32>(op + link);
  if (first) {
    const left = load<i32>(L.BUDGET) - <i32>load<u16>(first - (Block.HEADER - Block.COUNT));
    if (left >= 0) {
      store<i32>(L.BUDGET, left);
      store<u64>(L.BLOCK_RIP, target);
      return first;
    }
    store<u64>(L.RIP, target);
    return 0;
  }
  return unlinked(op, link, target);
}
/** Goes by the jump cache, and asks for a link where one may be. */
function unlinked(op: usize, link: usize, target: u64): usize {
  if (requestLink(op, link, target)) {
    store<u64>(L.RIP, target);
    return leaveFor(op, target);
  }
  return jumpTo(op, target);
}

/** The branch at `op` leaves its block for `target`, which is RIP: #GP of the branch when that lies outside the code. */
export function leaveFor(op: usize, target: u64): usize {
  if (isLong() ? !isCanonical(target) : <u32>target > load<u32>(L.CS, L.SEGMENT_LIMIT)) refuseTarget(op);
  return 0;
}
/** Takes back what a near branch has done so far (Intel SDM vol. 2: its target is checked before anything changes). */
function refuseTarget(op: usize): void {
  const bytes: u64 = 1 << load<u8>(op, Record.SIZE);
  switch (<i32>load<u16>(op, Record.OPERATION)) {
    // No branch: what comes behind it faults.
    case Op.END: return;
    case Op.CALL: case Op.CALLI: setStackPointer(stackPointer() + bytes); break;
    case Op.RET: setStackPointer(stackPointer() - bytes - immediateOf<u16>(op)); break;
    case Op.LOOP: case Op.LOOPE: case Op.LOOPNE: count(op, 1); break;
  }
  store<u32>(L.CURRENT_OP, <u32>op);
  raiseGp(0);
}
/** RIP as the operand size of the branch cuts it. */
@inline function cutRip(op: usize, target: u64): u64 {
  const size = load<u8>(op, Record.SIZE);
  return size == 3 ? target : size == 1 ? target & 0xffff : size == 2 ? target & 0xffffffff : target;
}
/** RIP behind the branch, whatever its operand size is. */
@inline function ripNotTaken(op: usize): u64 {
  const rip = ripAfter(op);
  return load<u8>(op, Record.SIZE) == 3 ? rip : rip & 0xffffffff;
}

@inline export function jump(op: usize): usize { return follow(op, Record.LINK_TAKEN, load<i64>(op, Record.IMMEDIATE)); }
@inline export function jumpIf(op: usize, taken: bool): usize {
  return taken ? jump(op) : followTo(op, Record.LINK_NEXT, ripNotTaken(op));
}
function call<T>(op: usize): usize {
  push<T>(<T>ripAfter(op));
  return jump(op);
}
@inline function goTo(op: usize, target: u64): usize { store<u64>(L.RIP, target); return leaveFor(op, target); }
function ret<T>(op: usize): usize {
  const target = peek<T>(0);
  dropFromStack(sizeof<T>() + <u32>immediateOf<u16>(op));
  return goTo(op, <u64>target);
}
/** The stack is tried before the target is, and not written. */
function refuseCall(): void {
  probePush(8, 8);
  raiseGp(0);
}
@inline function callIndirect<T>(op: usize, target: T): usize {
  if (sizeof<T>() == 8 && !isCanonical(<u64>target)) refuseCall();
  push<T>(<T>ripAfter(op));
  return goTo(op, <u64>target);
}

/** Adds to the counter register as the address size says. @returns its value then */
function count(op: usize, by: i32): u64 {
  const size = load<u8>(op, Record.PREFIXES) >> Prefix.ADDRESS_SHIFT;
  if (size == 3) store<u64>(L.RCX, load<u64>(L.RCX) + <i64>by);
  else if (size == 2) setRegister<u32>(L.RCX, load<u32>(L.RCX) + by);
  else store<u16>(L.RCX, load<u16>(L.RCX) + <u16>by);
  return counter(op);
}
@inline function countDown(op: usize): u64 { return count(op, -1); }
function counter(op: usize): u64 {
  const size = load<u8>(op, Record.PREFIXES) >> Prefix.ADDRESS_SHIFT;
  return size == 3 ? load<u64>(L.RCX) : size == 2 ? <u64>load<u32>(L.RCX) : <u64>load<u16>(L.RCX);
}

/** The offset; the selector behind it can be read then. */
function farOffset<T>(op: usize): u64 {
  const address = addressOf(op);
  probePieces(address, sizeof<T>(), sizeof<T>() + 2, false);
  return <u64>read<T>(address);
}
function farSelector<T>(op: usize): u32 { return <u32>read<u16>(wrap(addressOf(op) + sizeof<T>())); }

function defineNear<T>(size: u32): void {
  define(Op.CALL, Form.NONE, size, (op: usize): usize => call<T>(op));
  define(Op.CALLI, Form.R, size, (op: usize): usize => callIndirect<T>(op, load<T>(targetOf(op))));
  define(Op.CALLI, Form.M, size, (op: usize): usize => { const target = readOperand<T>(op); checkStackPointer(); return callIndirect<T>(op, target); });
  define(Op.JMPI, Form.R, size, (op: usize): usize => goTo(op, <u64>load<T>(targetOf(op))));
  define(Op.JMPI, Form.M, size, (op: usize): usize => goTo(op, <u64>readOperand<T>(op)));
  define(Op.RET, Form.NONE, size, (op: usize): usize => ret<T>(op));
  define(Op.RET, Form.RI, size, (op: usize): usize => ret<T>(op));
  define(Op.CALLFI, Form.M, size, (op: usize): usize => { const offset = farOffset<T>(op); farCall(op, farSelector<T>(op), offset, size_of<T>()); return 0; });
  define(Op.JMPFI, Form.M, size, (op: usize): usize => { const offset = farOffset<T>(op); farJump(op, farSelector<T>(op), offset); return 0; });
  define(Op.CALLF, Form.NONE, size, (op: usize): usize => { farCall(op, load<u16>(op, Record.IMMEDIATE + 4), <u64>load<u32>(op, Record.IMMEDIATE), size_of<T>()); return 0; });
  define(Op.JMPF, Form.NONE, size, (op: usize): usize => { farJump(op, load<u16>(op, Record.IMMEDIATE + 4), <u64>load<u32>(op, Record.IMMEDIATE)); return 0; });
  define(Op.RETF, Form.NONE, size, (op: usize): usize => { farReturn<T>(0); return 0; });
  define(Op.RETF, Form.RI, size, (op: usize): usize => { farReturn<T>(immediateOf<u16>(op)); return 0; });
}
@inline function size_of<T>(): u32 { return sizeof<T>() == 2 ? 1 : sizeof<T>() == 4 ? 2 : 3; }

export function defineBranches(): void {
  defineAnySize(Op.END, Form.NONE, (op: usize): usize => follow(op, Record.LINK_TAKEN, load<i64>(op, Record.IMMEDIATE)));
  // In place of a record whose code has been written to: it was counted in advance and has not run.
  defineAnySize(Op.STOP, Form.NONE, (op: usize): usize => {
    if (load<u16>(op, Record.OPERATION) == Op.END) { store<u64>(L.RIP, load<u64>(L.BLOCK_RIP) + load<u16>(op, Record.START)); return 0; }
    store<u32>(L.CURRENT_OP, <u32>op);
    rewind();
    return 0;
  });
  for (let code: u32 = 0; code < 16; code++) {
    defineAnySize(Op.JO + code, Form.NONE, (op: usize): usize => jumpIf(op, condition(<u32>load<u16>(op, Record.OPERATION) - Op.JO)));
  }
  defineAnySize(Op.JMP, Form.NONE, (op: usize): usize => jump(op));
  defineAnySize(Op.LOOP, Form.NONE, (op: usize): usize => jumpIf(op, countDown(op) != 0));
  defineAnySize(Op.LOOPE, Form.NONE, (op: usize): usize => { const more = countDown(op) != 0; return jumpIf(op, more && condition(4)); });
  defineAnySize(Op.LOOPNE, Form.NONE, (op: usize): usize => { const more = countDown(op) != 0; return jumpIf(op, more && condition(5)); });
  defineAnySize(Op.JCXZ, Form.NONE, (op: usize): usize => jumpIf(op, counter(op) == 0));
  defineNear<u16>(1);
  defineNear<u32>(2);
  defineNear<u64>(3);
}
