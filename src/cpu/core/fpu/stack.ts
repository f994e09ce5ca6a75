import * as L from '../layout';
import { Record } from '../decode/record';
import { Cr0 } from '../mode';
import { Vector, raise } from '../system/fault';
import { Exception, begin, give, giveDefault, raised, resultExp, resultSig, roundedUp, signal } from './float80';
import { checkX87Exceptions, updateSummary } from './state';

/** The x87 register stack. */
const C1: u32 = 0x200;

@inline export function physical(i: u32): usize { return L.X87 + <usize>(((load<u32>(L.X87_TOP) + i) & 7) * 16); }
@inline export function inUse(i: u32): bool { return <bool>((load<u32>(L.X87_TAGS) >> ((load<u32>(L.X87_TOP) + i) & 7)) & 1); }
export function setInUse(i: u32, used: bool): void {
  const bit: u32 = 1 << ((load<u32>(L.X87_TOP) + i) & 7);
  store<u32>(L.X87_TAGS, used ? load<u32>(L.X87_TAGS) | bit : load<u32>(L.X87_TAGS) & ~bit);
}
@inline export function sigOf(register: usize): u64 { return load<u64>(register); }
@inline export function expOf(register: usize): u32 { return load<u16>(register, 8); }
@inline export function put(register: usize, exp: u32, sig: u64): void { store<u64>(register, sig); store<u16>(register, <u16>exp, 8); }

export function requireX87(): void { if (load<u64>(L.CR0) & (Cr0.EM | Cr0.TS)) raise(Vector.NM); }

/** What all computing instructions begin with. */
export function startX87(op: usize): void {
  requireX87();
  checkX87Exceptions();
  store<u64>(L.X87_IP, load<u64>(L.BLOCK_RIP) + load<u16>(op, Record.START));
  store<u32>(L.X87_CS, load<u16>(L.CS, L.SEGMENT_SELECTOR));
  store<u32>(L.X87_OPCODE, load<u16>(op, Record.THIRD) & 0x7ff);
  begin();
}

/** Merges what was raised into the status word. @returns false when an unmasked exception forbids storing a result */
export function settle(): bool {
  let status = load<u32>(L.X87_STATUS) & ~C1;
  status |= raised & 0x7f;
  if (roundedUp) status |= C1;
  store<u32>(L.X87_STATUS, status);
  updateSummary();
  return !(raised & ~load<u32>(L.X87_CONTROL) & (Exception.INVALID | Exception.DENORMAL | Exception.ZERO));
}
/** For instructions that must not write memory when they overflow or underflow unmasked. */
export function settleStore(): bool {
  return settle() && !(raised & ~load<u32>(L.X87_CONTROL) & (Exception.OVERFLOW | Exception.UNDERFLOW));
}
/** An operand is empty: the default result, if invalid is masked. */
export function underflow(): void {
  begin();
  signal(Exception.STACK);
  giveDefault();
}
/** Stores the result into ST(i) if it may be. @returns whether it was */
export function store80(i: u32): bool {
  const exp = resultExp, sig = resultSig;
  if (!settle()) return false;
  put(physical(i), exp, sig);
  setInUse(i, true);
  return true;
}
/** Pushes the result. A full stack is an overflow: invalid, C1 set. */
export function pushResult(): void {
  // An empty operand has been met before the full stack.
  const full = inUse(7) && !(raised & Exception.STACK);
  if (full) {
    begin();
    signal(Exception.STACK);
    giveDefault();
  }
  const exp = resultExp, sig = resultSig;
  const ok = settle();
  if (full) store<u32>(L.X87_STATUS, load<u32>(L.X87_STATUS) | C1);
  if (!ok) return;
  store<u32>(L.X87_TOP, (load<u32>(L.X87_TOP) - 1) & 7);
  put(physical(0), exp, sig);
  setInUse(0, true);
}
/** Instructions that replace ST(0) and push: when the stack is full, both become the default. @returns whether they have */
export function refusePush(): bool {
  if (inUse(0) && !inUse(7)) return false;
  const full = inUse(0);
  underflow();
  if (!settle()) return true;
  if (full) store<u32>(L.X87_STATUS, load<u32>(L.X87_STATUS) | C1);
  put(physical(0), resultExp, resultSig);
  setInUse(0, true);
  store<u32>(L.X87_TOP, (load<u32>(L.X87_TOP) - 1) & 7);
  put(physical(0), resultExp, resultSig);
  setInUse(0, true);
  return true;
}
export function popStack(): void {
  setInUse(0, false);
  store<u32>(L.X87_TOP, (load<u32>(L.X87_TOP) + 1) & 7);
}
