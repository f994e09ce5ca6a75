import { Record } from '../decode/record';
import { Op } from '../decode/operation';
import { condition, setArithmeticFlags } from '../exec/flags';
import { immediateOf, next, readOperand } from '../exec/operands';
import { Exception, raise, resultSe, resultSig } from './float80';
import { add, divide, multiply, subtract } from './arithmetic';
import { Relation, compare } from './compare';
import { Format, widen } from './convert';
import { setInteger } from './integral';
import { begin, isEmpty, pop, put, putResult, register, seOf, setConditions, settle, settleKeepingC1, sigOf, underflow } from './stack';

/** The two-operand arithmetic and comparing instructions of D8, DA, DC and DE, and those of DB, DD and DF. */

function compute(kind: u32, ase: u32, asig: u64, bse: u32, bsig: u64): void {
  switch (kind) {
    case 0: add(ase, asig, bse, bsig); break;
    case 1: multiply(ase, asig, bse, bsig); break;
    case 4: subtract(ase, asig, bse, bsig); break;
    case 5: subtract(bse, bsig, ase, asig); break;
    case 6: divide(ase, asig, bse, bsig); break;
    default: divide(bse, bsig, ase, asig); break;
  }
}

/** ST(0) with what was loaded into the result. */
function withLoaded(op: usize): usize {
  const top = register(0);
  const kind = kindOf(op);
  const se = resultSe;
  const sig = resultSig;
  if (kind == 2 || kind == 3) {
    let relation = Relation.UNORDERED;
    if (isEmpty(top)) underflow();
    else relation = compare(seOf(top), sigOf(top), se, sig, false);
    finishCompare(op, relation, kind - 2);
    return next(op);
  }
  if (isEmpty(top)) underflow();
  else compute(kind, seOf(top), sigOf(top), se, sig);
  if (settle(op)) putResult(top);
  return next(op);
}

function finishCompare(op: usize, relation: u32, pops: u32): void {
  const done = settle(op);
  setConditions(relation << 8);
  if (!done) return;
  for (let i: u32 = 0; i < pops; i++) pop();
}

export function withSingle(op: usize): usize {
  begin();
  widen(<u64>readOperand<u32>(op), Format.SINGLE_FRACTION, Format.SINGLE_BIAS);
  return withLoaded(op);
}
export function withDouble(op: usize): usize {
  begin();
  widen(readOperand<u64>(op), Format.DOUBLE_FRACTION, Format.DOUBLE_BIAS);
  return withLoaded(op);
}
export function withInt32(op: usize): usize {
  begin();
  setInteger(<i64>readOperand<i32>(op));
  return withLoaded(op);
}
export function withInt16(op: usize): usize {
  begin();
  setInteger(<i64>readOperand<i16>(op));
  return withLoaded(op);
}

/** ModRM.reg of the operation: FPU_M and FPU_R count from multiples of eight. */
@inline function kindOf(op: usize): u32 {
  const operation = <u32>load<u16>(op, Record.OPERATION);
  return (operation - (operation >= <u32>Op.FPU_R ? <u32>Op.FPU_R : <u32>Op.FPU_M)) & 7;
}

function arithmetic(op: usize, toTop: bool, pops: bool): usize {
  begin();
  const top = register(0);
  const other = register(immediateOf<u32>(op));
  if (isEmpty(top) || isEmpty(other)) underflow();
  else compute(kindOf(op), seOf(top), sigOf(top), seOf(other), sigOf(other));
  if (settle(op)) {
    putResult(toTop ? top : other);
    if (pops) pop();
  }
  return next(op);
}
/** ST(0) is the destination. */
export function arithmeticToTop(op: usize): usize { return arithmetic(op, true, false); }
export function arithmeticToOther(op: usize): usize { return arithmetic(op, false, false); }
export function arithmeticAndPop(op: usize): usize { return arithmetic(op, false, true); }

export function comparing(op: usize, quiet: bool, pops: u32): usize {
  begin();
  const relation = relate(immediateOf<u32>(op), quiet);
  finishCompare(op, relation, pops);
  return next(op);
}
/** ST(0) and ST(i). */
function relate(i: u32, quiet: bool): u32 {
  const top = register(0);
  const other = register(i);
  if (isEmpty(top) || isEmpty(other)) {
    raise(Exception.INVALID | Exception.STACK);
    return Relation.UNORDERED;
  }
  return compare(seOf(top), sigOf(top), seOf(other), sigOf(other), quiet);
}

/** FCOMI and FUCOMI: the relation goes to RFLAGS, even when an exception is not masked (as on AMD's processors). */
export function comparingFlags(op: usize, quiet: bool, pops: u32): usize {
  begin();
  const relation = relate(immediateOf<u32>(op), quiet);
  const done = settleKeepingC1(op);
  setArithmeticFlags(relation);
  if (done && pops) pop();
  return next(op);
}

/** FTST. */
export function comparingZero(op: usize): usize {
  begin();
  const top = register(0);
  let relation = Relation.UNORDERED;
  if (isEmpty(top)) underflow();
  else relation = compare(seOf(top), sigOf(top), 0, 0, false);
  finishCompare(op, relation, 0);
  return next(op);
}

/** FCMOVcc. @param code the condition by its encoding */
export function conditionalMove(op: usize, code: u32): usize {
  begin();
  const top = register(0);
  const other = register(immediateOf<u32>(op));
  if (isEmpty(top) || isEmpty(other)) {
    underflow();
    if (settle(op)) putResult(top);
    return next(op);
  }
  settleKeepingC1(op);
  if (condition(code)) put(top, seOf(other), sigOf(other));
  return next(op);
}
