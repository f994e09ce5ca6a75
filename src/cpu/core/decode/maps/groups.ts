import { Attr, Enc, Sz } from '../encodings';
import { Op } from '../operation';
import { Group } from '../tables';
import { BOTH, GROUP, LAST, MEMORY, REGISTER, RMW, STACK, W, group, groupPrefixed, two } from './entries';

export function fillGroups(): void {
  for (let r: u32 = 0; r < 8; r++) {
    group(Group.G1, r, BOTH, Op.ADD + r, 0, 0, Op.ADD + r == Op.CMP ? 0 : RMW);
    group(Group.G2, r, BOTH, Op.ROL + r, 0, 0, W);
    group(Group.G2_1, r, BOTH, Op.ROL1 + r, 0, 0, W);
    group(Group.G2_C, r, BOTH, Op.ROLC + r, 0, 0, W);
  }
  group(Group.G1A, 0, BOTH, Op.POP, 0, 0, W | STACK);
  // TEST takes an immediate, unlike the rest of its group: the size is the opcode's.
  group(Group.G3, 0, BOTH, Op.TEST, Enc.E_I, 0);
  group(Group.G3, 1, BOTH, Op.TEST, Enc.E_I, 0);
  group(Group.G3, 2, BOTH, Op.NOT, 0, 0, RMW);
  group(Group.G3, 3, BOTH, Op.NEG, 0, 0, RMW);
  group(Group.G3, 4, BOTH, Op.MUL, 0, 0);
  group(Group.G3, 5, BOTH, Op.IMUL, 0, 0);
  group(Group.G3, 6, BOTH, Op.DIV, 0, 0);
  group(Group.G3, 7, BOTH, Op.IDIV, 0, 0);
  group(Group.G4, 0, BOTH, Op.INC, 0, 0, RMW);
  group(Group.G4, 1, BOTH, Op.DEC, 0, 0, RMW);
  group(Group.G5, 0, BOTH, Op.INC, Enc.E, Sz.V, RMW);
  group(Group.G5, 1, BOTH, Op.DEC, Enc.E, Sz.V, RMW);
  group(Group.G5, 2, BOTH, Op.CALLI, Enc.E, Sz.STACK, LAST | STACK);
  group(Group.G5, 3, MEMORY, Op.CALLFI, Enc.M, Sz.V, LAST);
  group(Group.G5, 4, BOTH, Op.JMPI, Enc.E, Sz.STACK, LAST);
  group(Group.G5, 5, MEMORY, Op.JMPFI, Enc.M, Sz.V, LAST);
  group(Group.G5, 6, BOTH, Op.PUSH, Enc.E, Sz.STACK, STACK);
  group(Group.G11, 0, BOTH, Op.MOV, 0, 0, W);
  group(Group.G6, 0, REGISTER, Op.SLDT, Enc.E, Sz.V, Attr.PROTECTED);
  group(Group.G6, 0, MEMORY, Op.SLDT, Enc.E, Sz.W, Attr.PROTECTED | W);
  group(Group.G6, 1, REGISTER, Op.STR, Enc.E, Sz.V, Attr.PROTECTED);
  group(Group.G6, 1, MEMORY, Op.STR, Enc.E, Sz.W, Attr.PROTECTED | W);
  group(Group.G6, 2, BOTH, Op.LLDT, Enc.E, Sz.W, Attr.PROTECTED | LAST);
  group(Group.G6, 3, BOTH, Op.LTR, Enc.E, Sz.W, Attr.PROTECTED | LAST);
  group(Group.G6, 4, BOTH, Op.VERR, Enc.E, Sz.W, Attr.PROTECTED);
  group(Group.G6, 5, BOTH, Op.VERW, Enc.E, Sz.W, Attr.PROTECTED);
  group(Group.G7, 0, MEMORY, Op.SGDT, Enc.M, Sz.MODE, W);
  group(Group.G7, 1, MEMORY, Op.SIDT, Enc.M, Sz.MODE, W);
  group(Group.G7, 2, MEMORY, Op.LGDT, Enc.M, Sz.MODE, LAST);
  group(Group.G7, 3, MEMORY, Op.LIDT, Enc.M, Sz.MODE, LAST);
  group(Group.G7, 4, REGISTER, Op.SMSW, Enc.E, Sz.V);
  group(Group.G7, 4, MEMORY, Op.SMSW, Enc.E, Sz.W, W);
  group(Group.G7, 6, BOTH, Op.LMSW, Enc.E, Sz.W, LAST);
  group(Group.G7, 7, MEMORY, Op.INVLPG, Enc.M, Sz.NONE, LAST | Attr.NO_ACCESS);
  group(Group.G8, 4, BOTH, Op.BT, 0, 0);
  group(Group.G8, 5, BOTH, Op.BTS, 0, 0, RMW);
  group(Group.G8, 6, BOTH, Op.BTR, 0, 0, RMW);
  group(Group.G8, 7, BOTH, Op.BTC, 0, 0, RMW);
  group(Group.G9, 1, MEMORY, Op.CMPXCHG8B, Enc.M, Sz.Y, RMW);
  for (let prefix: u32 = 0; prefix < 2; prefix++) {
    groupPrefixed(Group.G9, 6, REGISTER, prefix, Op.RDRAND, Enc.E, Sz.V);
    groupPrefixed(Group.G9, 7, REGISTER, prefix, Op.RDSEED, Enc.E, Sz.V);
  }
  groupPrefixed(Group.G9, 7, REGISTER, 2, Op.RDPID, Enc.E, Sz.MODE);
  groupPrefixed(Group.G15, 0, MEMORY, 0, Op.FXSAVE, Enc.M, Sz.Y, W | Attr.NO_ACCESS);
  groupPrefixed(Group.G15, 1, MEMORY, 0, Op.FXRSTOR, Enc.M, Sz.Y, Attr.NO_ACCESS);
  groupPrefixed(Group.G15, 2, MEMORY, 0, Op.LDMXCSR, Enc.M, Sz.D);
  groupPrefixed(Group.G15, 3, MEMORY, 0, Op.STMXCSR, Enc.M, Sz.D, W);
  groupPrefixed(Group.G15, 4, MEMORY, 0, Op.XSAVE, Enc.M, Sz.Y, W | Attr.NO_ACCESS);
  groupPrefixed(Group.G15, 5, MEMORY, 0, Op.XRSTOR, Enc.M, Sz.Y, Attr.NO_ACCESS);
  groupPrefixed(Group.G15, 6, MEMORY, 0, Op.XSAVEOPT, Enc.M, Sz.Y, W | Attr.NO_ACCESS);
  groupPrefixed(Group.G15, 7, MEMORY, 0, Op.CLFLUSH, Enc.M, Sz.NONE, Attr.NO_ACCESS);
  for (let r: u32 = 5; r < 8; r++) groupPrefixed(Group.G15, r, REGISTER, 0, Op.FENCE, Enc.E, Sz.NONE, Attr.NO_ACCESS);
  groupPrefixed(Group.G15, 0, REGISTER, 2, Op.RDFSBASE, Enc.E, Sz.Y, Attr.ONLY64);
  groupPrefixed(Group.G15, 1, REGISTER, 2, Op.RDGSBASE, Enc.E, Sz.Y, Attr.ONLY64);
  groupPrefixed(Group.G15, 2, REGISTER, 2, Op.WRFSBASE, Enc.E, Sz.Y, Attr.ONLY64 | LAST);
  groupPrefixed(Group.G15, 3, REGISTER, 2, Op.WRGSBASE, Enc.E, Sz.Y, Attr.ONLY64 | LAST);
  // Shifts of vectors by an immediate: MMX without a prefix, XMM with 66.
  vectorShift(Group.G12, 2, Op.PSRLW);
  vectorShift(Group.G12, 4, Op.PSRAW);
  vectorShift(Group.G12, 6, Op.PSLLW);
  vectorShift(Group.G13, 2, Op.PSRLD);
  vectorShift(Group.G13, 4, Op.PSRAD);
  vectorShift(Group.G13, 6, Op.PSLLD);
  vectorShift(Group.G14, 2, Op.PSRLQ);
  vectorShift(Group.G14, 6, Op.PSLLQ);
  groupPrefixed(Group.G14, 3, REGISTER, 1, Op.PSRLDQ, Enc.W_UIB, Sz.X16);
  groupPrefixed(Group.G14, 7, REGISTER, 1, Op.PSLLDQ, Enc.W_UIB, Sz.X16);
  two(0x71, Group.G12, Enc.W_UIB, Sz.X16, GROUP);
  two(0x72, Group.G13, Enc.W_UIB, Sz.X16, GROUP);
  two(0x73, Group.G14, Enc.W_UIB, Sz.X16, GROUP);
}

function vectorShift(g: u32, reg: u32, op: u32): void {
  groupPrefixed(g, reg, REGISTER, 0, op, Enc.Q_UIB, Sz.X8);
  groupPrefixed(g, reg, REGISTER, 1, op, Enc.W_UIB, Sz.X16);
}
