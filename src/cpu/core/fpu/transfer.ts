import * as L from '../layout';
import { addressOf, immediateOf, next, readOperand } from '../exec/operands';
import { probePieces, probeWrite, read, wrap, write } from '../mmu/access';
import {
  Exception, QUIET_BIT, Rounding, isSignaling, raise, raised, raiseNarrowDenormal, resultSe, resultSig, roundingControl, setResult,
} from './float80';
import { Format, bcdHigh, fromBcd, narrow, toBcd, toInteger, widen } from './convert';
import { setInteger } from './integral';
import {
  begin, free, isEmpty, overflows, pop, pushResult, put, putResult, register, seOf, settle, settleStore, sigOf, underflow, willStore,
} from './stack';

/** Loads, stores, exchanges and constants. */

/** Pushes what was loaded into the result. */
function finishLoad(op: usize): usize {
  overflows();
  if (settle(op)) pushResult();
  return next(op);
}
/** Singles and doubles become numbers: a signaling NaN turns quiet, a denormal is noticed. */
function finishFloat(op: usize): usize {
  const se = resultSe;
  const sig = resultSig;
  if (!overflows()) {
    if (isSignaling(se, sig)) {
      raise(Exception.INVALID);
      setResult(se, sig | QUIET_BIT);
    }
    raiseNarrowDenormal();
  }
  // A denormal is loaded even when that exception is not masked (as on AMD's processors).
  if (settle(op) || !(raised & Exception.INVALID)) pushResult();
  return next(op);
}
export function loadSingle(op: usize): usize {
  begin();
  widen(<u64>readOperand<u32>(op), Format.SINGLE_FRACTION, Format.SINGLE_BIAS);
  return finishFloat(op);
}
export function loadDouble(op: usize): usize {
  begin();
  widen(readOperand<u64>(op), Format.DOUBLE_FRACTION, Format.DOUBLE_BIAS);
  return finishFloat(op);
}
export function loadExtended(op: usize): usize {
  begin();
  const address = addressOf(op);
  probePieces(address, 8, 10, false);
  const sig = read<u64>(address);
  setResult(<u32>read<u16>(wrap(address + 8)), sig);
  return finishLoad(op);
}
export function loadInteger<T>(op: usize): usize {
  begin();
  setInteger(<i64>readOperand<T>(op));
  return finishLoad(op);
}
export function loadBcd(op: usize): usize {
  begin();
  const address = addressOf(op);
  probePieces(address, 8, 10, false);
  const digits = read<u64>(address);
  fromBcd(digits, <u32>read<u16>(wrap(address + 8)));
  return finishLoad(op);
}
/** FLD ST(i). */
export function loadRegister(op: usize): usize {
  begin();
  const from = register(immediateOf<u32>(op));
  if (isEmpty(from)) underflow();
  else if (!overflows()) setResult(seOf(from), sigOf(from));
  if (settle(op)) pushResult();
  return next(op);
}

/** Bits of the default NaN in narrow formats. */
const SINGLE_INDEFINITE: u64 = 0xffc00000;
const DOUBLE_INDEFINITE: u64 = 0xfff8000000000000;

/** Writes a value and reports: the write comes first, as it may fault. */
function finishStore<T>(op: usize, value: T, pops: bool): usize {
  const address = addressOf(op);
  if (willStore()) write<T>(address, value);
  else probeWrite(address, sizeof<T>());
  if (settleStore(op) && pops) pop();
  return next(op);
}
export function storeSingle(op: usize, pops: bool): usize {
  begin();
  const top = register(0);
  let value = SINGLE_INDEFINITE;
  if (isEmpty(top)) underflow();
  else value = narrow(seOf(top), sigOf(top), Format.SINGLE_FRACTION, Format.SINGLE_BIAS);
  return finishStore<u32>(op, <u32>value, pops);
}
export function storeDouble(op: usize, pops: bool): usize {
  begin();
  const top = register(0);
  let value = DOUBLE_INDEFINITE;
  if (isEmpty(top)) underflow();
  else value = narrow(seOf(top), sigOf(top), Format.DOUBLE_FRACTION, Format.DOUBLE_BIAS);
  return finishStore<u64>(op, value, pops);
}
function storeTenBytes(op: usize, first: u64, last: u32): usize {
  const address = addressOf(op);
  probePieces(address, 8, 10, true);
  if (willStore()) {
    write<u64>(address, first);
    write<u16>(wrap(address + 8), <u16>last);
  }
  if (settleStore(op)) pop();
  return next(op);
}
export function storeExtended(op: usize): usize {
  begin();
  const top = register(0);
  if (isEmpty(top)) underflow();
  else setResult(seOf(top), sigOf(top));
  return storeTenBytes(op, resultSig, resultSe);
}
export function storeBcd(op: usize): usize {
  begin();
  const top = register(0);
  if (isEmpty(top)) {
    underflow();
    return storeTenBytes(op, 0xc000000000000000, 0xffff);
  }
  const digits = toBcd(seOf(top), sigOf(top));
  return storeTenBytes(op, digits, bcdHigh);
}
export function storeInteger<T>(op: usize, pops: bool, truncates: bool): usize {
  begin();
  const top = register(0);
  const bits: u32 = sizeof<T>() * 8;
  let value = <i64>-1 << (bits - 1);
  if (isEmpty(top)) underflow();
  else value = toInteger(seOf(top), sigOf(top), bits, truncates ? Rounding.ZERO : roundingControl());
  return finishStore<T>(op, <T>value, pops);
}
/** FST ST(i). */
export function storeRegister(op: usize, pops: bool): usize {
  begin();
  const top = register(0);
  if (isEmpty(top)) underflow();
  else setResult(seOf(top), sigOf(top));
  if (settle(op)) {
    putResult(register(immediateOf<u32>(op)));
    if (pops) pop();
  }
  return next(op);
}

/** D9 D8+i, FSTP's alias that does not look whether ST(0) is empty: what is empty is not moved. */
export function moveAndPop(op: usize): usize {
  begin();
  const top = register(0);
  settle(op);
  if (!isEmpty(top)) put(register(immediateOf<u32>(op)), seOf(top), sigOf(top));
  pop();
  return next(op);
}

/** FXCH: what is empty becomes the default NaN first. */
export function exchange(op: usize): usize {
  begin();
  const top = register(0);
  const other = register(immediateOf<u32>(op));
  const topEmpty = isEmpty(top);
  const otherEmpty = isEmpty(other);
  if (topEmpty || otherEmpty) underflow();
  if (!settle(op)) return next(op);
  const se = topEmpty ? resultSe : seOf(top);
  const sig = topEmpty ? resultSig : sigOf(top);
  if (otherEmpty) putResult(top);
  else put(top, seOf(other), sigOf(other));
  put(other, se, sig);
  return next(op);
}

export function freeRegister(op: usize, pops: bool): usize {
  begin();
  settle(op);
  free(register(immediateOf<u32>(op)));
  if (pops) pop();
  return next(op);
}
/** FINCSTP and FDECSTP. */
export function rotate(op: usize, by: i32): usize {
  begin();
  settle(op);
  store<u32>(L.X87_TOP, (load<u32>(L.X87_TOP) + by) & 7);
  return next(op);
}

/** Constants between two numbers: the lower one, and whether nearest is the upper one. */
export function loadConstant(op: usize): usize {
  begin();
  switch (immediateOf<u32>(op)) {
    case 0: setResult(0x3fff, 0x8000000000000000); break;
    case 1: rounded(0x4000, 0xd49a784bcd1b8afe, false); break;
    case 2: rounded(0x3fff, 0xb8aa3b295c17f0bb, true); break;
    case 3: rounded(0x4000, 0xc90fdaa22168c234, true); break;
    case 4: rounded(0x3ffd, 0x9a209a84fbcff798, true); break;
    case 5: rounded(0x3ffe, 0xb17217f7d1cf79ab, true); break;
    default: setResult(0, 0); break;
  }
  return finishLoad(op);
}
function rounded(se: u32, below: u64, nearestAbove: bool): void {
  const rounding = roundingControl();
  setResult(se, below + <u64>(rounding == Rounding.UP || rounding == Rounding.NEAREST && nearestAbove));
}
