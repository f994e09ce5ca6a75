import {
  encoded,
  withPkgLength,
  type Expression,
  type Statement,
  type SuperName,
  type TermArg,
  type TermObj,
  type Variable,
} from './encoding.js';
import { nameString } from './name-string.js';

const LOCAL0_OP = 0x60;
const ARG0_OP = 0x68;
const STORE_OP = 0x70;
const AND_OP = 0x7b;
const OR_OP = 0x7d;
const NOT_OP = 0x80;
const NOTIFY_OP = 0x86;
const CREATE_DWORD_FIELD_OP = 0x8a;
const LAND_OP = 0x90;
const LOR_OP = 0x91;
const LNOT_OP = 0x92;
const LEQUAL_OP = 0x93;
const LGREATER_OP = 0x94;
const LLESS_OP = 0x95;
const IF_OP = 0xa0;
const ELSE_OP = 0xa1;
const RETURN_OP = 0xa4;
/** NullName as a Target: the result goes nowhere but to whoever evaluates the expression. */
const NO_TARGET = 0x00;

/** `ArgN`. @param index 0 to 6 @throws RangeError for others */
export function argument(index: number): Variable {
  return variable(ARG0_OP, index, 6);
}

/** `LocalN`. @param index 0 to 7 @throws RangeError for others */
export function local(index: number): Variable {
  return variable(LOCAL0_OP, index, 7);
}

function variable(first: number, index: number, last: number): Variable {
  if (!(Number.isInteger(index) && index >= 0 && index <= last)) {
    throw new RangeError(`there are variables 0 to ${last}, not ${index}`);
  }
  return encoded(first + index);
}

/** The call of a method that is already defined with as many arguments (ACPI 6.5, 20.2.5, MethodInvocation). */
export function call(path: string, ...args: readonly TermArg[]): Expression {
  return encoded(nameString(path), ...args);
}

/** `target = value`. */
export function store(value: TermArg, target: SuperName): Expression {
  return encoded(STORE_OP, value, target);
}

/** `left & right`, stored to `target` if there is one. */
export function and(left: TermArg, right: TermArg, target?: SuperName): Expression {
  return encoded(AND_OP, left, right, target ?? NO_TARGET);
}

/** `left | right`, stored to `target` if there is one. */
export function or(left: TermArg, right: TermArg, target?: SuperName): Expression {
  return encoded(OR_OP, left, right, target ?? NO_TARGET);
}

/** `~operand`, stored to `target` if there is one. */
export function not(operand: TermArg, target?: SuperName): Expression {
  return encoded(NOT_OP, operand, target ?? NO_TARGET);
}

/** `left && right` */
export function lAnd(left: TermArg, right: TermArg): Expression {
  return encoded(LAND_OP, left, right);
}

/** `left || right` */
export function lOr(left: TermArg, right: TermArg): Expression {
  return encoded(LOR_OP, left, right);
}

/** `!operand` */
export function lNot(operand: TermArg): Expression {
  return encoded(LNOT_OP, operand);
}

/** `left == right` */
export function lEqual(left: TermArg, right: TermArg): Expression {
  return encoded(LEQUAL_OP, left, right);
}

/** `left > right` */
export function lGreater(left: TermArg, right: TermArg): Expression {
  return encoded(LGREATER_OP, left, right);
}

/** `left < right` */
export function lLess(left: TermArg, right: TermArg): Expression {
  return encoded(LLESS_OP, left, right);
}

/** `CreateDWordField (source, byteIndex, path)`: a name for 32 bits of a buffer (20.2.5.2). */
export function createDWordField(source: TermArg, byteIndex: TermArg, path: string): Statement {
  return encoded(CREATE_DWORD_FIELD_OP, source, byteIndex, nameString(path));
}

/** `Notify (object, value)` (20.2.5.3). */
export function notify(object: SuperName, value: TermArg): Statement {
  return encoded(NOTIFY_OP, object, value);
}

/** `If (predicate) {…} Else {…}`; without `otherwise` there is no Else (20.2.5.3). */
export function ifElse(
  predicate: TermArg,
  then: readonly TermObj[],
  otherwise: readonly TermObj[] = [],
): Statement {
  const positive = withPkgLength<'statement'>(IF_OP, predicate, ...then);
  return otherwise.length === 0 ? positive : encoded(positive, withPkgLength(ELSE_OP, ...otherwise));
}

/** `Return (value)` (20.2.5.3). */
export function returnValue(value: TermArg): Statement {
  return encoded(RETURN_OP, value);
}
