import * as L from '../layout';
import { define, defineAnySize } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Form, Record, RecordBit } from '../decode/record';
import { cpuid, hypercall, random } from '../host';
import { Flag, isLong, isVm86 } from '../mode';
import { probeRead, read } from '../mmu/access';
import { Vector, raiseUd } from '../system/fault';
import { Source, interrupt, interrupt8086, interruptReturn } from '../system/transfer';
import { setInterruptFlag, staysIn8086 } from '../system/virtual-flags';
import { requireCpl0 } from '../system/control';
import { arithmeticFlags, carry, overflow, setArithmeticFlags } from './flags';
import { lookAround } from './loop';
import { addressOf, cutToAddressSize, immediateOf, leaveAfter, next, ripAfter, segmentOf, setRegister, targetOf } from './operands';
import { segmentLinear } from '../system/segments';

function setFlag(flag: u32, on: bool): void { setArithmeticFlags(on ? arithmeticFlags() | flag : arithmeticFlags() & ~flag); }

/** INT n and its kin: RIP is already behind them when the frame is made, and in front again if that faults. */
function softwareInterrupt(op: usize, vector: u32, source: u32): usize {
  store<u64>(L.RIP, ripAfter(op));
  interrupt(vector, source, false, 0);
  return 0;
}
function interruptNumbered(op: usize): usize {
  const vector = <u32>immediateOf<u8>(op);
  if (!isVm86() || !staysIn8086(vector)) return softwareInterrupt(op, vector, Source.INSTRUCTION);
  store<u64>(L.RIP, ripAfter(op));
  interrupt8086(vector);
  return 0;
}

function halt(op: usize): usize {
  requireCpl0();
  store<u32>(L.ACTIVITY, 1);
  lookAround();
  return leaveAfter(op);
}
function yieldTurn(op: usize): usize {
  store<u32>(L.EVENTS, load<u32>(L.EVENTS) | L.EVENT_YIELD);
  lookAround();
  return leaveAfter(op);
}
function randomInto(op: usize): usize {
  const size = load<u8>(op, Record.SIZE);
  const value = <u64>random() | (<u64>random() << 32);
  if (size == 1) store<u16>(targetOf(op), <u16>value);
  else if (size == 2) setRegister<u32>(targetOf(op), <u32>value);
  else store<u64>(targetOf(op), value);
  setArithmeticFlags(Flag.CF);
  return next(op);
}
function translate(op: usize): usize {
  const offset = cutToAddressSize(op, load<u64>(L.RBX) + <u64>load<u8>(L.RAX));
  let address = offset;
  if (isLong()) {
    if (load<u8>(op, Record.SEGMENT) >= 4) address += load<u64>(segmentOf(op), L.SEGMENT_BASE);
  } else {
    address = segmentLinear(segmentOf(op), <u32>offset, 1, false);
  }
  store<u8>(L.RAX, read<u8>(address));
  return next(op);
}

export function defineMiscellaneous(): void {
  defineAnySize(Op.CLC, Form.NONE, (op: usize): usize => { setFlag(Flag.CF, false); return next(op); });
  defineAnySize(Op.STC, Form.NONE, (op: usize): usize => { setFlag(Flag.CF, true); return next(op); });
  defineAnySize(Op.CMC, Form.NONE, (op: usize): usize => { setFlag(Flag.CF, !carry()); return next(op); });
  defineAnySize(Op.CLD, Form.NONE, (op: usize): usize => { store<u32>(L.SYSTEM_FLAGS, load<u32>(L.SYSTEM_FLAGS) & ~Flag.DF); return next(op); });
  defineAnySize(Op.STD, Form.NONE, (op: usize): usize => { store<u32>(L.SYSTEM_FLAGS, load<u32>(L.SYSTEM_FLAGS) | Flag.DF); return next(op); });
  defineAnySize(Op.CLI, Form.NONE, (op: usize): usize => { setInterruptFlag(false); return next(op); });
  defineAnySize(Op.STI, Form.NONE, (op: usize): usize => {
    const before = load<u32>(L.SYSTEM_FLAGS);
    setInterruptFlag(true);
    if (~before & load<u32>(L.SYSTEM_FLAGS) & Flag.IF) {
      if (load<u8>(op, Record.BITS) & RecordBit.SHADOW_LEAVES) store<u32>(L.SHADOW, L.SHADOW_STI);
      if (load<u32>(L.EVENTS)) lookAround();
    }
    return next(op);
  });
  defineAnySize(Op.LAHF, Form.NONE, (op: usize): usize => { store<u8>(L.RAX, <u8>(arithmeticFlags() | 2), 1); return next(op); });
  defineAnySize(Op.SAHF, Form.NONE, (op: usize): usize => {
    setArithmeticFlags((load<u8>(L.RAX, 1) & 0xd5) | (overflow() ? Flag.OF : 0));
    return next(op);
  });
  defineAnySize(Op.HLT, Form.NONE, halt);
  defineAnySize(Op.PAUSE, Form.NONE, yieldTurn);
  defineAnySize(Op.FENCE, Form.R, (op: usize): usize => next(op));
  defineAnySize(Op.PREFETCH, Form.M, (op: usize): usize => next(op));
  defineAnySize(Op.CLFLUSH, Form.M, (op: usize): usize => { probeRead(addressOf(op), 1); return next(op); });
  defineAnySize(Op.UD, Form.NONE, (op: usize): usize => { raiseUd(); return 0; });
  defineAnySize(Op.VMCALL, Form.R, (op: usize): usize => { hypercall(); return leaveAfter(op); });
  defineAnySize(Op.CPUID, Form.NONE, (op: usize): usize => {
    cpuid(load<u32>(L.RAX), load<u32>(L.RCX));
    setRegister<u32>(L.RAX, load<u32>(L.CPUID_OUT));
    setRegister<u32>(L.RBX, load<u32>(L.CPUID_OUT, 4));
    setRegister<u32>(L.RCX, load<u32>(L.CPUID_OUT, 8));
    setRegister<u32>(L.RDX, load<u32>(L.CPUID_OUT, 12));
    return next(op);
  });
  defineAnySize(Op.RDRAND, Form.R, randomInto);
  defineAnySize(Op.RDSEED, Form.R, randomInto);
  defineAnySize(Op.XLAT, Form.NONE, translate);
  defineAnySize(Op.INT, Form.RI, interruptNumbered);
  defineAnySize(Op.INT3, Form.NONE, (op: usize): usize => softwareInterrupt(op, Vector.BP, Source.INSTRUCTION));
  defineAnySize(Op.INTO, Form.NONE, (op: usize): usize => (overflow() ? softwareInterrupt(op, Vector.OF, Source.INSTRUCTION) : leaveAfter(op)));
  defineAnySize(Op.INT1, Form.NONE, (op: usize): usize => softwareInterrupt(op, Vector.DB, Source.EVENT));
  define(Op.IRET, Form.NONE, 1, (op: usize): usize => { interruptReturnFrom<u16>(op); return 0; });
  define(Op.IRET, Form.NONE, 2, (op: usize): usize => { interruptReturnFrom<u32>(op); return 0; });
  define(Op.IRET, Form.NONE, 3, (op: usize): usize => { interruptReturnFrom<u64>(op); return 0; });
}
function interruptReturnFrom<T>(op: usize): void {
  // A task that returns is left behind its IRET.
  store<u64>(L.RIP, ripAfter(op));
  interruptReturn<T>();
}
