import * as L from '../layout';
import { conditionFlags, declareFlags } from '../decode/flow';
import { define, defineAnySize, defineWords } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Form, Record } from '../decode/record';
import { inPlace, probeWrite, read, write } from '../mmu/access';
import { condition } from './flags';
import { addressOf, cutToAddressSize, immediateOf, next, rawAddress, readOperand, setRegister, sourceOf, targetOf, writeOperand } from './operands';

@inline export function movRR<T>(op: usize): usize { setRegister<T>(targetOf(op), load<T>(sourceOf(op))); return next(op); }
@inline export function movRI<T>(op: usize): usize { setRegister<T>(targetOf(op), immediateOf<T>(op)); return next(op); }
@inline export function movRM<T>(op: usize): usize { setRegister<T>(targetOf(op), readOperand<T>(op)); return next(op); }
@inline export function movMR<T>(op: usize): usize { writeOperand<T>(op, load<T>(sourceOf(op))); return next(op); }
@inline export function movMI<T>(op: usize): usize { writeOperand<T>(op, immediateOf<T>(op)); return next(op); }

/** From type F to type T, extended as F's signedness says. */
@inline export function extendRR<F, T>(op: usize): usize { setRegister<T>(targetOf(op), <T>load<F>(sourceOf(op))); return next(op); }
@inline export function extendRM<F, T>(op: usize): usize { setRegister<T>(targetOf(op), <T>readOperand<F>(op)); return next(op); }

@inline export function lea<T>(op: usize): usize { setRegister<T>(targetOf(op), <T>cutToAddressSize(op, rawAddress(op))); return next(op); }

function xchgRR<T>(op: usize): usize {
  const a = load<T>(targetOf(op));
  const b = load<T>(sourceOf(op));
  setRegister<T>(targetOf(op), b);
  setRegister<T>(sourceOf(op), a);
  return next(op);
}
function xchgMR<T>(op: usize): usize {
  const address = addressOf(op);
  const host = inPlace<T>(address);
  const value = load<T>(sourceOf(op));
  if (host) {
    setRegister<T>(sourceOf(op), load<T>(host));
    store<T>(host, value);
  } else {
    probeWrite(address, sizeof<T>());
    const old = read<T>(address);
    write<T>(address, value);
    setRegister<T>(sourceOf(op), old);
  }
  return next(op);
}

@inline export function cmovRR<T>(op: usize, code: u32): usize {
  // A 32-bit register loses its upper half even when nothing is moved.
  setRegister<T>(targetOf(op), condition(code) ? load<T>(sourceOf(op)) : load<T>(targetOf(op)));
  return next(op);
}
@inline export function cmovRM<T>(op: usize, code: u32): usize {
  const value = readOperand<T>(op);
  setRegister<T>(targetOf(op), condition(code) ? value : load<T>(targetOf(op)));
  return next(op);
}
@inline function codeOf(op: usize, first: u32): u32 { return <u32>load<u16>(op, Record.OPERATION) - first; }

export function defineExtensions<F>(id: u32): void {
  define(id, Form.RR, 1, (op: usize): usize => extendRR<F, u16>(op));
  define(id, Form.RR, 2, (op: usize): usize => extendRR<F, u32>(op));
  define(id, Form.RR, 3, (op: usize): usize => extendRR<F, u64>(op));
  define(id, Form.RM, 1, (op: usize): usize => extendRM<F, u16>(op));
  define(id, Form.RM, 2, (op: usize): usize => extendRM<F, u32>(op));
  define(id, Form.RM, 3, (op: usize): usize => extendRM<F, u64>(op));
}

export function defineMoves(): void {
  define(Op.MOV, Form.RR, 0, (op: usize): usize => movRR<u8>(op));
  defineWords(Op.MOV, Form.RR, (op: usize): usize => movRR<u16>(op), (op: usize): usize => movRR<u32>(op), (op: usize): usize => movRR<u64>(op));
  define(Op.MOV, Form.RI, 0, (op: usize): usize => movRI<u8>(op));
  defineWords(Op.MOV, Form.RI, (op: usize): usize => movRI<u16>(op), (op: usize): usize => movRI<u32>(op), (op: usize): usize => movRI<u64>(op));
  define(Op.MOV, Form.RM, 0, (op: usize): usize => movRM<u8>(op));
  defineWords(Op.MOV, Form.RM, (op: usize): usize => movRM<u16>(op), (op: usize): usize => movRM<u32>(op), (op: usize): usize => movRM<u64>(op));
  define(Op.MOV, Form.MR, 0, (op: usize): usize => movMR<u8>(op));
  defineWords(Op.MOV, Form.MR, (op: usize): usize => movMR<u16>(op), (op: usize): usize => movMR<u32>(op), (op: usize): usize => movMR<u64>(op));
  define(Op.MOV, Form.MI, 0, (op: usize): usize => movMI<u8>(op));
  defineWords(Op.MOV, Form.MI, (op: usize): usize => movMI<u16>(op), (op: usize): usize => movMI<u32>(op), (op: usize): usize => movMI<u64>(op));
  define(Op.XCHG, Form.RR, 0, (op: usize): usize => xchgRR<u8>(op));
  defineWords(Op.XCHG, Form.RR, (op: usize): usize => xchgRR<u16>(op), (op: usize): usize => xchgRR<u32>(op), (op: usize): usize => xchgRR<u64>(op));
  define(Op.XCHG, Form.MR, 0, (op: usize): usize => xchgMR<u8>(op));
  defineWords(Op.XCHG, Form.MR, (op: usize): usize => xchgMR<u16>(op), (op: usize): usize => xchgMR<u32>(op), (op: usize): usize => xchgMR<u64>(op));
  defineWords(Op.LEA, Form.RM, (op: usize): usize => lea<u16>(op), (op: usize): usize => lea<u32>(op), (op: usize): usize => lea<u64>(op));
  defineExtensions<u8>(Op.MOVZX8);
  defineExtensions<u16>(Op.MOVZX16);
  defineExtensions<i8>(Op.MOVSX8);
  defineExtensions<i16>(Op.MOVSX16);
  defineExtensions<i32>(Op.MOVSXD);
  // Without REX.W it is a plain move.
  define(Op.MOVSXD, Form.RR, 2, (op: usize): usize => movRR<u32>(op));
  define(Op.MOVSXD, Form.RM, 2, (op: usize): usize => movRM<u32>(op));
  defineWords(Op.BSWAP, Form.R,
    // Undefined for 16 bits; processors give zero.
    (op: usize): usize => { store<u16>(targetOf(op), 0); return next(op); },
    (op: usize): usize => { setRegister<u32>(targetOf(op), bswap<u32>(load<u32>(targetOf(op)))); return next(op); },
    (op: usize): usize => { store<u64>(targetOf(op), bswap<u64>(load<u64>(targetOf(op)))); return next(op); });
  defineWords(Op.MOVBE, Form.RM,
    (op: usize): usize => { store<u16>(targetOf(op), bswap<u16>(readOperand<u16>(op))); return next(op); },
    (op: usize): usize => { setRegister<u32>(targetOf(op), bswap<u32>(readOperand<u32>(op))); return next(op); },
    (op: usize): usize => { store<u64>(targetOf(op), bswap<u64>(readOperand<u64>(op))); return next(op); });
  defineWords(Op.MOVBE, Form.MR,
    (op: usize): usize => { writeOperand<u16>(op, bswap<u16>(load<u16>(sourceOf(op)))); return next(op); },
    (op: usize): usize => { writeOperand<u32>(op, bswap<u32>(load<u32>(sourceOf(op)))); return next(op); },
    (op: usize): usize => { writeOperand<u64>(op, bswap<u64>(load<u64>(sourceOf(op)))); return next(op); });
  for (let code: u32 = 0; code < 16; code++) {
    declareFlags(Op.CMOVO + code, 0, conditionFlags(code));
    declareFlags(Op.SETO + code, 0, conditionFlags(code));
    defineWords(Op.CMOVO + code, Form.RR,
      (op: usize): usize => cmovRR<u16>(op, codeOf(op, Op.CMOVO)), (op: usize): usize => cmovRR<u32>(op, codeOf(op, Op.CMOVO)), (op: usize): usize => cmovRR<u64>(op, codeOf(op, Op.CMOVO)));
    defineWords(Op.CMOVO + code, Form.RM,
      (op: usize): usize => cmovRM<u16>(op, codeOf(op, Op.CMOVO)), (op: usize): usize => cmovRM<u32>(op, codeOf(op, Op.CMOVO)), (op: usize): usize => cmovRM<u64>(op, codeOf(op, Op.CMOVO)));
    define(Op.SETO + code, Form.R, 0, (op: usize): usize => { store<u8>(targetOf(op), <u8>condition(codeOf(op, Op.SETO))); return next(op); });
    define(Op.SETO + code, Form.M, 0, (op: usize): usize => { writeOperand<u8>(op, <u8>condition(codeOf(op, Op.SETO))); return next(op); });
  }
  defineAnySize(Op.NOP, Form.NONE, (op: usize): usize => next(op));
  defineAnySize(Op.NOP, Form.R, (op: usize): usize => next(op));
  defineAnySize(Op.NOP, Form.M, (op: usize): usize => next(op));
  define(Op.CBW, Form.NONE, 1, (op: usize): usize => { store<i16>(L.RAX, <i16>load<i8>(L.RAX)); return next(op); });
  define(Op.CBW, Form.NONE, 2, (op: usize): usize => { setRegister<u32>(L.RAX, <u32><i32>load<i16>(L.RAX)); return next(op); });
  define(Op.CBW, Form.NONE, 3, (op: usize): usize => { store<i64>(L.RAX, <i64>load<i32>(L.RAX)); return next(op); });
  define(Op.CWD, Form.NONE, 1, (op: usize): usize => { store<i16>(L.RDX, load<i16>(L.RAX) >> 15); return next(op); });
  define(Op.CWD, Form.NONE, 2, (op: usize): usize => { setRegister<u32>(L.RDX, <u32>(load<i32>(L.RAX) >> 31)); return next(op); });
  define(Op.CWD, Form.NONE, 3, (op: usize): usize => { store<i64>(L.RDX, load<i64>(L.RAX) >> 63); return next(op); });
  for (let id: u32 = Op.MOV; id <= <u32>Op.BSWAP; id++) declareFlags(id, 0, 0);
  declareFlags(Op.NOP, 0, 0);
  declareFlags(Op.CBW, 0, 0);
  declareFlags(Op.CWD, 0, 0);
}
