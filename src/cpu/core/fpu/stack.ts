import * as L from '../layout';
import { cutToAddressSize, rawAddress, segmentOf } from '../exec/operands';
import { Form, Record } from '../decode/record';
import { Cr0 } from '../mode';
import { Vector, raise as raiseFault } from '../system/fault';
import { Exception, clearRaised, raise, raised, resultSe, resultSig, setDefaultNaN } from './float80';
import { Status, checkX87Exceptions } from './state';

/**
 * The register stack, and the frame of every instruction: `begin`, then memory, then computing, then `settle`, which
 * is the first to change anything that the guest sees.
 */

/** #NM, and #MF for what is pending. */
@inline export function begin(): void {
  if (load<u64>(L.CR0) & (Cr0.EM | Cr0.TS)) raiseFault(Vector.NM);
  checkX87Exceptions();
  clearRaised();
}
/** For the instructions that do not wait. */
@inline export function beginNoWait(): void { if (load<u64>(L.CR0) & (Cr0.EM | Cr0.TS)) raiseFault(Vector.NM); }

/** Address of ST(i). */
@inline export function register(i: u32): usize { return L.X87 + ((load<u32>(L.X87_TOP) + i) & 7) * 16; }
@inline export function seOf(at: usize): u32 { return load<u16>(at, 8); }
@inline export function sigOf(at: usize): u64 { return load<u64>(at); }
@inline function bitOf(at: usize): u32 { return 1 << <u32>((at - L.X87) >> 4); }
@inline export function isEmpty(at: usize): bool { return !(load<u32>(L.X87_TAGS) & bitOf(at)); }

export function put(at: usize, se: u32, sig: u64): void {
  store<u64>(at, sig);
  store<u16>(at, <u16>se, 8);
  store<u32>(L.X87_TAGS, load<u32>(L.X87_TAGS) | bitOf(at));
}
@inline export function putResult(at: usize): void { put(at, resultSe, resultSig); }
export function pop(): void {
  free(register(0));
  store<u32>(L.X87_TOP, (load<u32>(L.X87_TOP) + 1) & 7);
}
export function push(se: u32, sig: u64): void {
  store<u32>(L.X87_TOP, (load<u32>(L.X87_TOP) - 1) & 7);
  put(register(0), se, sig);
}
@inline export function pushResult(): void { push(resultSe, resultSig); }
export function free(at: usize): void { store<u32>(L.X87_TAGS, load<u32>(L.X87_TAGS) & ~bitOf(at)); }

/** An empty register was to be read: the result is the default NaN. */
export function underflow(): void {
  raise(Exception.INVALID | Exception.STACK);
  setDefaultNaN();
}
/** The register above the top is in use: the result is the default NaN. @returns whether it is so */
export function overflows(): bool {
  if (isEmpty(register(7))) return false;
  raise(Exception.INVALID | Exception.STACK | Exception.ROUNDED_UP);
  setDefaultNaN();
  return true;
}

/** Where the last instruction was, and its operand: of all but the control instructions (SDM vol. 1, 8.1.8). */
function notePointers(op: usize): void {
  store<u64>(L.X87_IP, load<u64>(L.BLOCK_RIP) + load<u16>(op, Record.START));
  store<u32>(L.X87_CS, load<u16>(L.CS, L.SEGMENT_SELECTOR));
  store<u32>(L.X87_OPCODE, load<u16>(op, Record.THIRD));
  if (load<u8>(op, Record.FORM) != Form.M) return;
  store<u64>(L.X87_DP, cutToAddressSize(op, rawAddress(op)));
  store<u32>(L.X87_DS, load<u16>(segmentOf(op), L.SEGMENT_SELECTOR));
}

/** Found before computing: what is not masked of these leaves the operands as they are, and nothing else is reported. */
const BEFORE: u32 = Exception.INVALID | Exception.DENORMAL | Exception.ZERO_DIVIDE;

function report(op: usize, stopping: u32): bool {
  notePointers(op);
  let flags = raised;
  const unmasked = flags & ~load<u32>(L.X87_CONTROL) & Exception.ALL;
  if (unmasked & BEFORE) flags &= flags & Exception.STACK ? <u32>-1 : BEFORE;
  const status = (load<u32>(L.X87_STATUS) & ~Status.C1) | flags;
  store<u32>(L.X87_STATUS, unmasked ? status | Status.SUMMARY : status);
  return !(unmasked & stopping);
}
/** Reports what was raised. @returns whether a register takes the result */
export function settle(op: usize): bool { return report(op, BEFORE); }
/** The same for results in memory: one that cannot be represented is not stored at all. */
export function settleStore(op: usize): bool { return report(op, BEFORE | Exception.OVERFLOW | Exception.UNDERFLOW); }
/** Whether `settleStore` is going to say that memory takes the result. */
export function willStore(): bool {
  return !(raised & ~load<u32>(L.X87_CONTROL) & (BEFORE | Exception.OVERFLOW | Exception.UNDERFLOW));
}

/** Reports like `settle` for instructions that leave C1 as it is but for stack faults. */
export function settleKeepingC1(op: usize): bool {
  const before = load<u32>(L.X87_STATUS) & Status.C1;
  const done = settle(op);
  if (!(raised & Exception.STACK)) store<u32>(L.X87_STATUS, load<u32>(L.X87_STATUS) | before);
  return done;
}

export function setConditions(conditions: u32): void {
  store<u32>(L.X87_STATUS, (load<u32>(L.X87_STATUS) & ~Status.CONDITIONS) | conditions);
}
