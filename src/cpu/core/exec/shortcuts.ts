import * as L from '../layout';
import { Address, Record } from '../decode/record';
import { handlerOf, Handler } from '../decode/handlers';
import { jumpTo } from '../decode/blocks';
import { Op } from '../decode/operation';
import { isCanonical } from '../mode';
import { slotOffset, tagOf } from '../mmu/tlb';
import { jump } from './branch';
import { conditionAmong, flagsCompare, flagsLogic } from './flags';
import { applied, applied1, immediateOf, next, rawAddress, ripAfter, setRegister, sourceOf, targetOf } from './operands';

/**
 * What the loop does itself of operations that access memory, branch or are done along with the next record: the way
 * that they nearly always go. Each declines the rest, which the operation's function then does from the start: so
 * nothing has been changed before, and nothing that can fault, that a device sees, or that writes to code is ever done
 * here. Memory operands need no segment (`decode/select.ts`).
 */

/** The function of the operation at `op` does it. */
export function decline(op: usize): usize {
  store<u32>(L.CURRENT_OP, <u32>op);
  return call_indirect<usize>(functionOf(op) - Handler.HOT_LIMIT, op);
}
function functionOf(op: usize): u32 {
  return handlerOf(load<u16>(op, Record.OPERATION), load<u8>(op, Record.FORM), load<u8>(op, Record.SIZE));
}

@inline export function plainAddress(op: usize): u64 {
  const raw = rawAddress(op);
  return load<u8>(op, Record.ADDRESS) == Address.PLAIN64 ? raw : raw & 0xffffffff;
}
@inline function basedAddress(op: usize): u64 {
  return load<u64>(load<u16>(op, Record.BASE)) + <u64><i64>load<i32>(op, Record.DISPLACEMENT);
}

@inline export function slotFor(address: u64): usize { return slotOffset(address, load<u32>(L.CONTEXT)); }
/** Whether the slot has another page than that of all of `T` at `address`. */
@inline export function readMisses<T>(slot: usize, address: u64): bool {
  return load<u64>(slot, L.TLB_READ) != tagOf(address + (sizeof<T>() - 1), load<u64>(L.CONTEXT));
}
@inline function writeMisses<T>(slot: usize, address: u64): bool {
  return load<u64>(slot, L.TLB_WRITE) != tagOf(address + (sizeof<T>() - 1), load<u64>(L.CONTEXT));
}
/** The host's address. */
@inline export function readHost(slot: usize, address: u64): usize { return <usize>(<u32>address + load<u32>(slot, L.TLB_READ + 8)); }
@inline function writeHost(slot: usize, address: u64): usize { return <usize>(<u32>address + load<u32>(slot, L.TLB_WRITE + 8)); }

@inline function movRMAt<F, T>(op: usize, address: u64): usize {
  const slot = slotFor(address);
  if (readMisses<F>(slot, address)) return decline(op);
  setRegister<T>(targetOf(op), <T>load<F>(readHost(slot, address)));
  return next(op);
}
/** MOV, and MOVZX and MOVSX from F to T. */
@inline export function movRM<F, T>(op: usize): usize { return movRMAt<F, T>(op, plainAddress(op)); }
@inline export function movRMBased<F, T>(op: usize): usize { return movRMAt<F, T>(op, basedAddress(op)); }

@inline function movMRAt<T>(op: usize, address: u64): usize {
  const slot = slotFor(address);
  if (writeMisses<T>(slot, address)) return decline(op);
  store<T>(writeHost(slot, address), load<T>(sourceOf(op)));
  return next(op);
}
@inline export function movMR<T>(op: usize): usize { return movMRAt<T>(op, plainAddress(op)); }
@inline export function movMRBased<T>(op: usize): usize { return movMRAt<T>(op, basedAddress(op)); }
@inline export function movMI<T>(op: usize): usize {
  const address = plainAddress(op);
  const slot = slotFor(address);
  if (writeMisses<T>(slot, address)) return decline(op);
  store<T>(writeHost(slot, address), immediateOf<T>(op));
  return next(op);
}

@inline export function lea<T>(op: usize): usize { setRegister<T>(targetOf(op), <T>rawAddress(op)); return next(op); }
@inline export function leaBased<T>(op: usize): usize { setRegister<T>(targetOf(op), <T>basedAddress(op)); return next(op); }

@inline export function binaryRM<K, T>(op: usize): usize {
  const address = plainAddress(op);
  const slot = slotFor(address);
  if (readMisses<T>(slot, address)) return decline(op);
  const target = targetOf(op);
  setRegister<T>(target, applied<K, T>(load<T>(target), load<T>(readHost(slot, address))));
  return next(op);
}
@inline function modify<K, T>(op: usize, b: T): usize {
  const address = plainAddress(op);
  const slot = slotFor(address);
  if (writeMisses<T>(slot, address)) return decline(op);
  const host = writeHost(slot, address);
  store<T>(host, applied<K, T>(load<T>(host), b));
  return next(op);
}
@inline export function binaryMR<K, T>(op: usize): usize { return modify<K, T>(op, load<T>(sourceOf(op))); }
@inline export function binaryMI<K, T>(op: usize): usize { return modify<K, T>(op, immediateOf<T>(op)); }

/** CMP and TEST of memory with `b`: the first operand is in memory. */
@inline function compareM<K, T>(op: usize, b: T): usize {
  const address = plainAddress(op);
  const slot = slotFor(address);
  if (readMisses<T>(slot, address)) return decline(op);
  applied<K, T>(load<T>(readHost(slot, address)), b);
  return next(op);
}
@inline export function compareMR<K, T>(op: usize): usize { return compareM<K, T>(op, load<T>(sourceOf(op))); }
@inline export function compareMI<K, T>(op: usize): usize { return compareM<K, T>(op, immediateOf<T>(op)); }
@inline export function compareRM<K, T>(op: usize): usize {
  const address = plainAddress(op);
  const slot = slotFor(address);
  if (readMisses<T>(slot, address)) return decline(op);
  applied<K, T>(load<T>(targetOf(op)), load<T>(readHost(slot, address)));
  return next(op);
}

/** Whether the Jcc at `op`, after a comparison with this outcome, is taken: zero, borrow and less are bits 0 to 2. */
@inline function decided(op: usize, outcome: u32): bool { return <bool>((<u32>load<u8>(op, Record.OUTCOMES) >> outcome) & 1); }

/** CMP of `a` and `b` at `op`, with a Jcc behind it. S is T with a sign. @returns whether it is taken */
@inline export function compareTakes<S, T>(op: usize, a: T, b: T): bool {
  flagsCompare<T>(a, b);
  return decided(next(op), <u32>(a == b) | (<u32>(a < b) << 1) | (<u32>(<S>a < <S>b) << 2));
}
@inline export function compareRRTakes<S, T>(op: usize): bool { return compareTakes<S, T>(op, load<T>(targetOf(op)), load<T>(sourceOf(op))); }
@inline export function compareRITakes<S, T>(op: usize): bool { return compareTakes<S, T>(op, load<T>(targetOf(op)), immediateOf<T>(op)); }

/** The same of TEST. */
@inline export function testTakes<S, T>(op: usize, a: T, b: T): bool {
  const result = <T>(a & b);
  flagsLogic<T>(result);
  return decided(next(op), <u32>(result == 0) | (<u32>(<S>result < 0) << 2));
}
@inline export function testRRTakes<S, T>(op: usize): bool { return testTakes<S, T>(op, load<T>(targetOf(op)), load<T>(sourceOf(op))); }
@inline export function testRITakes<S, T>(op: usize): bool { return testTakes<S, T>(op, load<T>(targetOf(op)), immediateOf<T>(op)); }

/** Whether the JE or JNE at `op` is taken after an operation with this result. */
@inline function zeroTakes<T>(op: usize, result: T): bool {
  return (result == 0) == (load<u16>(op, Record.OPERATION) == <u16>Op.JE);
}
/** An operation on registers, with JE or JNE behind it. */
@inline export function binaryRRTakes<K, T>(op: usize): bool {
  const target = targetOf(op);
  const result = applied<K, T>(load<T>(target), load<T>(sourceOf(op)));
  setRegister<T>(target, result);
  return zeroTakes<T>(next(op), result);
}
@inline export function binaryRITakes<K, T>(op: usize): bool {
  const target = targetOf(op);
  const result = applied<K, T>(load<T>(target), immediateOf<T>(op));
  setRegister<T>(target, result);
  return zeroTakes<T>(next(op), result);
}
@inline export function unaryRTakes<K, T>(op: usize): bool {
  const target = targetOf(op);
  const result = applied1<K, T>(load<T>(target));
  setRegister<T>(target, result);
  return zeroTakes<T>(next(op), result);
}

@inline export function setR(op: usize): usize {
  store<u8>(targetOf(op), <u8>conditionAmong(load<u8>(op, Record.OUTCOMES)));
  return next(op);
}
/** Without a branch, for its condition is often hard to foretell. */
@inline export function cmovRR<T>(op: usize): usize {
  const target = targetOf(op);
  const old = load<T>(target);
  const chosen = <T>(0 - <T>conditionAmong(load<u8>(op, Record.OUTCOMES)));
  setRegister<T>(target, <T>(old ^ ((old ^ load<T>(sourceOf(op))) & chosen)));
  return next(op);
}

/** The stack pointer less `bytes`, as wide as T. */
@inline function below<T>(bytes: u32): u64 { return <u64><T>(load<T>(L.RSP) - <T>bytes); }

@inline export function pushR<T>(op: usize): usize {
  const address = below<T>(sizeof<T>());
  const slot = slotFor(address);
  if (writeMisses<T>(slot, address)) return decline(op);
  store<T>(writeHost(slot, address), load<T>(targetOf(op)));
  store<u64>(L.RSP, address);
  return next(op);
}
@inline export function popR<T>(op: usize): usize {
  const address = <u64>load<T>(L.RSP);
  const slot = slotFor(address);
  if (readMisses<T>(slot, address)) return decline(op);
  const value = load<T>(readHost(slot, address));
  store<u64>(L.RSP, <u64><T>(load<T>(L.RSP) + sizeof<T>()));
  setRegister<T>(targetOf(op), value);
  return next(op);
}
/** Two registers; neither is the stack pointer. */
@inline export function pushTwo(op: usize): usize {
  const address = below<u64>(16);
  const slot = slotFor(address);
  if (writeMisses<v128>(slot, address)) return decline(op);
  const host = writeHost(slot, address);
  store<u64>(host, load<u64>(targetOf(op)), 8);
  store<u64>(host, load<u64>(targetOf(next(op))));
  store<u64>(L.RSP, address);
  return next(next(op));
}
@inline export function popTwo(op: usize): usize {
  const address = load<u64>(L.RSP);
  const slot = slotFor(address);
  if (readMisses<v128>(slot, address)) return decline(op);
  const host = readHost(slot, address);
  store<u64>(targetOf(op), load<u64>(host));
  store<u64>(targetOf(next(op)), load<u64>(host, 8));
  store<u64>(L.RSP, address + 16);
  return next(next(op));
}

@inline export function leave<T>(op: usize): usize {
  const address = <u64>load<T>(L.RBP);
  const slot = slotFor(address);
  if (readMisses<T>(slot, address)) return decline(op);
  store<u64>(L.RSP, <u64><T>(load<T>(L.RBP) + sizeof<T>()));
  setRegister<T>(L.RBP, load<T>(readHost(slot, address)));
  return next(op);
}

@inline export function call<T>(op: usize): usize {
  const address = below<T>(sizeof<T>());
  const slot = slotFor(address);
  if (writeMisses<T>(slot, address)) return decline(op);
  store<T>(writeHost(slot, address), <T>ripAfter(op));
  store<u64>(L.RSP, address);
  return jump(op);
}
@inline export function ret<T>(op: usize): usize {
  const address = <u64>load<T>(L.RSP);
  const slot = slotFor(address);
  if (readMisses<T>(slot, address)) return decline(op);
  store<u64>(L.RSP, <u64><T>(load<T>(L.RSP) + sizeof<T>()));
  return jumpTo(op, <u64>load<T>(readHost(slot, address)));
}
@inline export function jumpR<T>(op: usize): usize { return jumpTo(op, <u64>load<T>(targetOf(op))); }
@inline export function jumpM<T>(op: usize): usize {
  const address = plainAddress(op);
  const slot = slotFor(address);
  if (readMisses<T>(slot, address)) return decline(op);
  return jumpTo(op, <u64>load<T>(readHost(slot, address)));
}
@inline function callTo<T>(op: usize, target: T): usize {
  const address = below<T>(sizeof<T>());
  const slot = slotFor(address);
  if (writeMisses<T>(slot, address) || sizeof<T>() == 8 && !isCanonical(<u64>target)) return decline(op);
  store<T>(writeHost(slot, address), <T>ripAfter(op));
  store<u64>(L.RSP, address);
  return jumpTo(op, <u64>target);
}
@inline export function callR<T>(op: usize): usize { return callTo<T>(op, load<T>(targetOf(op))); }
@inline export function callM<T>(op: usize): usize {
  const address = plainAddress(op);
  const slot = slotFor(address);
  if (readMisses<T>(slot, address)) return decline(op);
  return callTo<T>(op, load<T>(readHost(slot, address)));
}
