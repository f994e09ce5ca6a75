import * as L from '../layout';
import { next } from '../exec/operands';
import {
  MAX_EXPONENT, BIAS, Exception,
  exponentOf, isNaN80, isUnsupported, isZero, normalSignificand, raise, resultSe, resultSig, setDefaultNaN, setResult,
} from './float80';
import { squareRoot } from './arithmetic';
import { extract, roundToIntegral, scale } from './integral';
import { INCOMPLETE, NO_QUOTIENT, quotient, remainder } from './remainder';
import { begin, isEmpty, pop, push, put, putResult, register, seOf, setConditions, settle, sigOf, underflow } from './stack';
import { Status } from './state';
import {
  Trigonometric, arctangent2, exponentialMinusOne, otherSe, otherSig, timesLog2, timesLog2PlusOne, trigonometric,
} from './transcendental';

/** The instructions of D9 E0–FF that compute. */

/** FCHS and FABS: only the sign, of whatever it is. */
export function changeSign(op: usize, clears: bool): usize {
  begin();
  const top = register(0);
  if (isEmpty(top)) underflow();
  else setResult(clears ? seOf(top) & 0x7fff : seOf(top) ^ 0x8000, sigOf(top));
  if (settle(op)) putResult(top);
  return next(op);
}

/** FXAM. */
export function examine(op: usize): usize {
  begin();
  const top = register(0);
  const se = seOf(top);
  const sig = sigOf(top);
  let conditions: u32;
  if (isEmpty(top)) conditions = Status.C3 | Status.C0;
  else if (isUnsupported(se, sig)) conditions = 0;
  else if (isNaN80(se, sig)) conditions = Status.C0;
  else if (exponentOf(se) == MAX_EXPONENT) conditions = Status.C2 | Status.C0;
  else if (exponentOf(se)) conditions = Status.C2;
  else conditions = sig ? Status.C3 | Status.C2 : Status.C3;
  settle(op);
  setConditions(conditions | (se & 0x8000 ? Status.C1 : 0));
  return next(op);
}

/** One operand, one result, both in ST(0). */
export function unary(op: usize, compute: (se: u32, sig: u64) => void): usize {
  begin();
  const top = register(0);
  if (isEmpty(top)) underflow();
  else compute(seOf(top), sigOf(top));
  if (settle(op)) putResult(top);
  return next(op);
}
export function squareRoots(op: usize): usize { return unary(op, squareRoot); }
export function roundsToIntegral(op: usize): usize { return unary(op, roundToIntegral); }
export function exponentials(op: usize): usize { return unary(op, exponentialMinusOne); }

/** ST(0) and ST(1) give ST(0). */
export function scales(op: usize): usize {
  begin();
  const top = register(0);
  const other = register(1);
  if (isEmpty(top) || isEmpty(other)) underflow();
  else scale(seOf(top), sigOf(top), seOf(other), sigOf(other));
  if (settle(op)) putResult(top);
  return next(op);
}
/** ST(0) and ST(1) give ST(1), which becomes the top. */
function intoSecond(op: usize, compute: (xse: u32, xsig: u64, yse: u32, ysig: u64) => void): usize {
  begin();
  const top = register(0);
  const other = register(1);
  if (isEmpty(top) || isEmpty(other)) underflow();
  else compute(seOf(top), sigOf(top), seOf(other), sigOf(other));
  if (settle(op)) {
    putResult(other);
    pop();
  }
  return next(op);
}
export function logarithms(op: usize): usize { return intoSecond(op, timesLog2); }
export function logarithmsPlusOne(op: usize): usize { return intoSecond(op, timesLog2PlusOne); }
export function arctangents(op: usize): usize { return intoSecond(op, arctangent2); }

/** FPREM and FPREM1: three bits of the quotient in C0, C3 and C1, or C2 when there is more to reduce. Without a quotient C0 and C3 stay. */
export function remainders(op: usize, nearest: bool): usize {
  begin();
  const top = register(0);
  const other = register(1);
  let bits = NO_QUOTIENT;
  if (isEmpty(top) || isEmpty(other)) {
    underflow();
  } else {
    remainder(seOf(top), sigOf(top), seOf(other), sigOf(other), nearest);
    bits = quotient;
  }
  const done = settle(op);
  if (done) putResult(top);
  if (bits == NO_QUOTIENT || !done) {
    store<u32>(L.X87_STATUS, load<u32>(L.X87_STATUS) & ~Status.C2);
  } else if (bits == INCOMPLETE) {
    setConditions(Status.C2);
  } else {
    setConditions((bits & 4 ? Status.C0 : 0) | (bits & 2 ? Status.C3 : 0) | (bits & 1 ? Status.C1 : 0));
  }
  return next(op);
}

/** FXTRACT: ST(0) becomes the exponent, the significand is pushed. */
export function extracts(op: usize): usize {
  begin();
  const top = register(0);
  let se = seOf(top);
  let sig = sigOf(top);
  if (isEmpty(top)) {
    underflow();
    se = resultSe;
    sig = resultSig;
  } else if (!isEmpty(register(7))) {
    raise(Exception.INVALID | Exception.STACK | Exception.ROUNDED_UP);
    setDefaultNaN();
    se = resultSe;
    sig = resultSig;
  } else {
    extract(se, sig);
    if (isUnsupported(se, sig) || isNaN80(se, sig)) {
      se = resultSe;
      sig = resultSig;
    } else if (exponentOf(se) != MAX_EXPONENT && !isZero(se, sig)) {
      sig = normalSignificand(sig);
      se = (se & 0x8000) | BIAS;
    }
  }
  if (settle(op)) {
    putResult(top);
    push(se, sig);
  }
  return next(op);
}

/** FSIN, FCOS, FSINCOS and FPTAN. */
export function trigonometrics(op: usize, kind: u32): usize {
  begin();
  const top = register(0);
  const pushes = kind >= Trigonometric.BOTH;
  let complete = true;
  let fault = false;
  if (isEmpty(top)) {
    underflow();
    fault = true;
  } else if (pushes && !isEmpty(register(7))) {
    raise(Exception.INVALID | Exception.STACK | Exception.ROUNDED_UP);
    setDefaultNaN();
    fault = true;
  } else {
    complete = trigonometric(kind, seOf(top), sigOf(top));
  }
  const first = resultSe;
  const firstSig = resultSig;
  const done = settle(op);
  store<u32>(L.X87_STATUS, (load<u32>(L.X87_STATUS) & ~Status.C2) | (complete ? 0 : Status.C2));
  if (!done || !complete) return next(op);
  if (!pushes) {
    put(top, first, firstSig);
  } else if (kind == Trigonometric.TANGENT) {
    put(top, first, firstSig);
    push(fault ? first : otherSe, fault ? firstSig : otherSig);
  } else {
    put(top, fault ? first : otherSe, fault ? firstSig : otherSig);
    push(first, firstSig);
  }
  return next(op);
}
