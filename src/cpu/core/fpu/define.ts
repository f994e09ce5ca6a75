import * as L from '../layout';
import { defineAnySize } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Form } from '../decode/record';
import { immediateOf, next, readOperand, writeOperand } from '../exec/operands';
import { Cr0 } from '../mode';
import { Vector, raise, raiseUd } from '../system/fault';
import { restoreEnvironment, restoreState, saveState, storeEnvironment } from './environment';
import {
  arctangents, changeSign, examine, exponentials, extracts, logarithms, logarithmsPlusOne, remainders, roundsToIntegral, scales, squareRoots,
  trigonometrics,
} from './functions';
import {
  arithmeticAndPop, arithmeticToOther, arithmeticToTop, comparing, comparingFlags, comparingZero, conditionalMove, withDouble, withInt16,
  withInt32, withSingle,
} from './operate';
import { begin, beginNoWait } from './stack';
import { Status, checkX87Exceptions, initializeX87, setControlWord, statusWord } from './state';
import {
  exchange, freeRegister, loadBcd, loadConstant, loadDouble, loadExtended, loadInteger, loadRegister, loadSingle, moveAndPop, rotate, storeBcd,
  storeDouble, storeExtended, storeInteger, storeRegister, storeSingle,
} from './transfer';
import { Trigonometric } from './transcendental';

/** The x87 instructions by escape byte and ModRM (Intel SDM vol. 2, appendix A.5). */

/** @param escape D8 to DF by its low three bits @param reg ModRM.reg */
function memory(escape: u32, reg: u32, handler: (op: usize) => usize): void { defineAnySize(Op.FPU_M + escape * 8 + reg, Form.M, handler); }
function registers(escape: u32, reg: u32, handler: (op: usize) => usize): void { defineAnySize(Op.FPU_R + escape * 8 + reg, Form.NONE, handler); }

/** FNOP. */
function nothing(op: usize): usize {
  begin();
  return next(op);
}
function invalidOpcode(op: usize): usize {
  raiseUd();
  return op;
}

function signs(op: usize): usize {
  switch (immediateOf<u32>(op)) {
    case 0: return changeSign(op, false);
    case 1: return changeSign(op, true);
    case 4: return comparingZero(op);
    case 5: return examine(op);
    default: return invalidOpcode(op);
  }
}
function functionsF0(op: usize): usize {
  switch (immediateOf<u32>(op)) {
    case 0: return exponentials(op);
    case 1: return logarithms(op);
    case 2: return trigonometrics(op, Trigonometric.TANGENT);
    case 3: return arctangents(op);
    case 4: return extracts(op);
    case 5: return remainders(op, true);
    case 6: return rotate(op, -1);
    default: return rotate(op, 1);
  }
}
function functionsF8(op: usize): usize {
  switch (immediateOf<u32>(op)) {
    case 0: return remainders(op, false);
    case 1: return logarithmsPlusOne(op);
    case 2: return squareRoots(op);
    case 3: return trigonometrics(op, Trigonometric.BOTH);
    case 4: return roundsToIntegral(op);
    case 5: return scales(op);
    case 6: return trigonometrics(op, Trigonometric.SINE);
    default: return trigonometrics(op, Trigonometric.COSINE);
  }
}
function control(op: usize): usize {
  switch (immediateOf<u32>(op)) {
    // FENI, FDISI and FSETPM: the 8087's and 80287's.
    case 0: case 1: case 4:
      beginNoWait();
      return next(op);
    case 2:
      // FNCLEX.
      beginNoWait();
      store<u32>(L.X87_STATUS, load<u32>(L.X87_STATUS) & Status.CONDITIONS);
      return next(op);
    case 3:
      beginNoWait();
      initializeX87();
      return next(op);
    default: return invalidOpcode(op);
  }
}
/** FWAIT: #NM only when CR0.MP joins in. */
function wait(op: usize): usize {
  if ((load<u64>(L.CR0) & (Cr0.MP | Cr0.TS)) == (Cr0.MP | Cr0.TS)) raise(Vector.NM);
  checkX87Exceptions();
  return next(op);
}

function defineMemory(): void {
  for (let reg: u32 = 0; reg < 8; reg++) {
    memory(0, reg, withSingle);
    memory(2, reg, withInt32);
    memory(4, reg, withDouble);
    memory(6, reg, withInt16);
  }
  memory(1, 0, loadSingle);
  memory(1, 2, (op: usize): usize => storeSingle(op, false));
  memory(1, 3, (op: usize): usize => storeSingle(op, true));
  memory(1, 4, restoreEnvironment);
  memory(1, 5, (op: usize): usize => { begin(); setControlWord(readOperand<u16>(op)); return next(op); });
  memory(1, 6, storeEnvironment);
  memory(1, 7, (op: usize): usize => { beginNoWait(); writeOperand<u16>(op, <u16>load<u32>(L.X87_CONTROL)); return next(op); });
  memory(3, 0, (op: usize): usize => loadInteger<i32>(op));
  memory(3, 1, (op: usize): usize => storeInteger<i32>(op, true, true));
  memory(3, 2, (op: usize): usize => storeInteger<i32>(op, false, false));
  memory(3, 3, (op: usize): usize => storeInteger<i32>(op, true, false));
  memory(3, 5, loadExtended);
  memory(3, 7, storeExtended);
  memory(5, 0, loadDouble);
  memory(5, 1, (op: usize): usize => storeInteger<i64>(op, true, true));
  memory(5, 2, (op: usize): usize => storeDouble(op, false));
  memory(5, 3, (op: usize): usize => storeDouble(op, true));
  memory(5, 4, restoreState);
  memory(5, 6, saveState);
  memory(5, 7, (op: usize): usize => { beginNoWait(); writeOperand<u16>(op, <u16>statusWord()); return next(op); });
  memory(7, 0, (op: usize): usize => loadInteger<i16>(op));
  memory(7, 1, (op: usize): usize => storeInteger<i16>(op, true, true));
  memory(7, 2, (op: usize): usize => storeInteger<i16>(op, false, false));
  memory(7, 3, (op: usize): usize => storeInteger<i16>(op, true, false));
  memory(7, 4, loadBcd);
  memory(7, 5, (op: usize): usize => loadInteger<i64>(op));
  memory(7, 6, storeBcd);
  memory(7, 7, (op: usize): usize => storeInteger<i64>(op, true, false));
}

function defineRegisters(): void {
  for (let reg: u32 = 0; reg < 8; reg++) {
    if (reg == 2 || reg == 3) continue;
    registers(0, reg, arithmeticToTop);
    registers(4, reg, arithmeticToOther);
    registers(6, reg, arithmeticAndPop);
  }
  // FCOM and FCOMP, by each of their opcodes.
  registers(0, 2, (op: usize): usize => comparing(op, false, 0));
  registers(0, 3, (op: usize): usize => comparing(op, false, 1));
  registers(4, 2, (op: usize): usize => comparing(op, false, 0));
  registers(4, 3, (op: usize): usize => comparing(op, false, 1));
  registers(6, 2, (op: usize): usize => comparing(op, false, 1));
  registers(6, 3, (op: usize): usize => (immediateOf<u32>(op) == 1 ? comparing(op, false, 2) : invalidOpcode(op)));
  registers(1, 0, loadRegister);
  registers(1, 1, exchange);
  registers(1, 2, (op: usize): usize => (immediateOf<u32>(op) == 0 ? nothing(op) : invalidOpcode(op)));
  registers(1, 3, moveAndPop);
  registers(1, 4, signs);
  registers(1, 5, (op: usize): usize => (immediateOf<u32>(op) == 7 ? invalidOpcode(op) : loadConstant(op)));
  registers(1, 6, functionsF0);
  registers(1, 7, functionsF8);
  registers(2, 0, (op: usize): usize => conditionalMove(op, 2));
  registers(2, 1, (op: usize): usize => conditionalMove(op, 4));
  registers(2, 2, (op: usize): usize => conditionalMove(op, 6));
  registers(2, 3, (op: usize): usize => conditionalMove(op, 10));
  registers(2, 5, (op: usize): usize => (immediateOf<u32>(op) == 1 ? comparing(op, true, 2) : invalidOpcode(op)));
  registers(3, 0, (op: usize): usize => conditionalMove(op, 3));
  registers(3, 1, (op: usize): usize => conditionalMove(op, 5));
  registers(3, 2, (op: usize): usize => conditionalMove(op, 7));
  registers(3, 3, (op: usize): usize => conditionalMove(op, 11));
  registers(3, 4, control);
  registers(3, 5, (op: usize): usize => comparingFlags(op, true, 0));
  registers(3, 6, (op: usize): usize => comparingFlags(op, false, 0));
  registers(5, 0, (op: usize): usize => freeRegister(op, false));
  registers(5, 1, exchange);
  registers(5, 2, (op: usize): usize => storeRegister(op, false));
  registers(5, 3, (op: usize): usize => storeRegister(op, true));
  registers(5, 4, (op: usize): usize => comparing(op, true, 0));
  registers(5, 5, (op: usize): usize => comparing(op, true, 1));
  registers(7, 0, (op: usize): usize => freeRegister(op, true));
  registers(7, 1, exchange);
  registers(7, 2, (op: usize): usize => storeRegister(op, true));
  registers(7, 3, (op: usize): usize => storeRegister(op, true));
  registers(7, 4, (op: usize): usize => {
    if (immediateOf<u32>(op) != 0) raiseUd();
    beginNoWait();
    store<u16>(L.RAX, <u16>statusWord());
    return next(op);
  });
  registers(7, 5, (op: usize): usize => comparingFlags(op, true, 1));
  registers(7, 6, (op: usize): usize => comparingFlags(op, false, 1));
}

export function defineFpu(): void {
  defineMemory();
  defineRegisters();
  defineAnySize(Op.WAIT, Form.NONE, wait);
}
