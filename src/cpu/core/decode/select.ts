import * as L from '../layout';
import { Mode } from '../mode';
import { FlagBit } from './flow';
import { Variant, handlerOf, hotCaseOf } from './handlers';
import { Op } from './operation';
import { Address, Form, Prefix, Record, RecordBit } from './record';

/**
 * Chooses what executes each record of a block: a case of the loop where one takes the record as it is, else the
 * function. A fused case does the next record along, which stays what it is: it is executed on its own when the fused
 * case declines, and by nobody else than the interpreter is it seen differently.
 */
export function selectHandlers(first: usize, count: u32, mode: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const record = first + i * Record.BYTE_SIZE;
    const hot = mode & Mode.SINGLE ? 0 : hotCase(record, i + 1 < count ? record + Record.BYTE_SIZE : 0, mode);
    if (hot) store<u16>(record, <u16>hot, Record.HANDLER);
  }
}

@inline function operationOf(record: usize): u32 { return load<u16>(record, Record.OPERATION); }

function hotCase(record: usize, following: usize, mode: u32): u32 {
  const operation = operationOf(record);
  const form = <u32>load<u8>(record, Record.FORM);
  const size = <u32>load<u8>(record, Record.SIZE);
  const address = load<u8>(record, Record.ADDRESS);
  const accesses = form >= Form.RM && operation != <u32>Op.LEA && operation != <u32>Op.NOP;
  if (accesses && address > Address.PLAIN32) return 0;
  if (operation == <u32>Op.LEA && !leaIsPlain(record, size)) return 0;
  if (usesStack(operation) && !flatStack(size, mode)) return 0;
  if (isShift(operation) && form == Form.RI && !(load<u8>(record, Record.IMMEDIATE) & (size == 3 ? 63 : 31))) return 0;
  if (operation >= <u32>Op.SETO && operation <= <u32>Op.CMOVG) {
    const outcomes = outcomesOf(operation, false);
    if (!outcomes) return 0;
    store<u8>(record, outcomes, Record.OUTCOMES);
  }

  if (following && fuses(record, following)) {
    const hot = hotCaseOf(Variant.FUSED, operation, form, size);
    if (hot) return hot;
  }
  if (load<u8>(record, Record.FLAGS_DEFINED) && !load<u8>(record, Record.FLAGS_NEEDED)) {
    if (clears(record, operation, form)) return hotCaseOf(Variant.PLAIN, Op.MOV, Form.RI, size);
    const hot = hotCaseOf(Variant.QUIET, operation, form, size);
    if (hot) return hot;
  }
  if (form >= Form.RM && address == Address.PLAIN64 && load<u16>(record, Record.INDEX) == L.ZERO) {
    const hot = hotCaseOf(Variant.BASED, operation, form, size);
    if (hot) return hot;
  }
  return hotCaseOf(Variant.PLAIN, operation, form, size);
}

/** XOR and SUB of a register with itself are a move of zero, which their record has for an immediate. */
@inline function clears(record: usize, operation: u32, form: u32): bool {
  return (operation == <u32>Op.XOR || operation == <u32>Op.SUB) && form == Form.RR &&
    load<u16>(record, Record.TARGET) == load<u16>(record, Record.SOURCE);
}

/** Whether the result is the low part of what the operands add up to. */
function leaIsPlain(record: usize, size: u32): bool {
  return <u32>load<u8>(record, Record.PREFIXES) >> Prefix.ADDRESS_SHIFT >= size;
}

function usesStack(operation: u32): bool {
  switch (operation) {
    case Op.PUSH: case Op.POP: case Op.CALL: case Op.CALLI: case Op.RET: case Op.LEAVE: return true;
    default: return false;
  }
}
/** Addresses on the stack need neither checks nor a base, and are as wide as what is pushed. */
function flatStack(size: u32, mode: u32): bool {
  if ((mode & Mode.CODE) == Mode.CODE64) return size == 3;
  return size == 2 && (mode & (Mode.FLAT | Mode.STACK32)) == (Mode.FLAT | Mode.STACK32);
}
@inline function isShift(operation: u32): bool { return operation >= <u32>Op.ROL && operation <= <u32>Op.SAR; }

/** Of a Jcc, SETcc or CMOVcc: see `Record.OUTCOMES`. After TEST, which never overflows, the sign alone tells less. */
function outcomesOf(operation: u32, afterTest: bool): u8 {
  let outcomes: u32;
  switch (((operation - <u32>Op.JO) & 15) >> 1) {
    case 1: outcomes = 0b11001100; break; // B: borrow
    case 2: outcomes = 0b10101010; break; // E: zero
    case 3: outcomes = 0b11101110; break; // BE
    case 4: if (!afterTest) return 0; outcomes = 0b11110000; break; // S
    case 6: outcomes = 0b11110000; break; // L: less
    case 7: outcomes = 0b11111010; break; // LE
    default: return 0;
  }
  return <u8>((operation - <u32>Op.JO) & 1 ? ~outcomes : outcomes);
}

/** Whether the two records may be done in one case, if there is one for the first. */
function fuses(record: usize, following: usize): bool {
  const operation = operationOf(record);
  const next = operationOf(following);
  switch (operation) {
    case Op.CMP: case Op.TEST: {
      if (next < <u32>Op.JO || next > <u32>Op.JG) return false;
      const outcomes = outcomesOf(next, operation == <u32>Op.TEST);
      store<u8>(following, outcomes, Record.OUTCOMES);
      return outcomes != 0;
    }
    case Op.ADD: case Op.SUB: case Op.AND: case Op.DEC:
      return next == <u32>Op.JE || next == <u32>Op.JNE;
    case Op.PUSH: case Op.POP:
      return next == operation && load<u16>(following, Record.FORM) == load<u16>(record, Record.FORM) &&
        load<u16>(record, Record.TARGET) != L.RSP && load<u16>(following, Record.TARGET) != L.RSP;
    default:
      return false;
  }
}
