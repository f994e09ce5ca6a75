import { Attr, Enc, Sz } from '../encodings';
import { Op } from '../operation';
import { Group, OpcodeMap } from '../tables';
import { GROUP, JUMP, LAST, NOT64, RMW, STACK, W, one, sse, two } from './entries';

export function fillOneByte(): void {
  for (let i: u32 = 0; i < 8; i++) {
    const op = Op.ADD + i;
    const attrs = op == Op.CMP ? 0 : RMW;
    one(i * 8 + 0, op, Enc.E_G, Sz.B, attrs);
    one(i * 8 + 1, op, Enc.E_G, Sz.V, attrs);
    one(i * 8 + 2, op, Enc.G_E, Sz.B);
    one(i * 8 + 3, op, Enc.G_E, Sz.V);
    one(i * 8 + 4, op, Enc.A_I, Sz.B);
    one(i * 8 + 5, op, Enc.A_I, Sz.V);
  }
  for (let s: u32 = 0; s < 4; s++) {
    // Bits 3–4 of the opcode are the segment register; POP CS does not exist.
    one(0x06 + s * 8, Op.PUSHSEG, Enc.SEG, Sz.STACK, NOT64 | STACK);
    if (s != 1) one(0x07 + s * 8, Op.POPSEG, Enc.SEG, Sz.STACK, NOT64 | STACK | LAST | (s == 2 ? Attr.SHADOWS : 0));
  }
  one(0x27, Op.DAA, Enc.NONE, Sz.NONE, NOT64);
  one(0x2f, Op.DAS, Enc.NONE, Sz.NONE, NOT64);
  one(0x37, Op.AAA, Enc.NONE, Sz.NONE, NOT64);
  one(0x3f, Op.AAS, Enc.NONE, Sz.NONE, NOT64);
  for (let r: u32 = 0; r < 8; r++) {
    one(0x40 + r, Op.INC, Enc.O, Sz.V, NOT64);
    one(0x48 + r, Op.DEC, Enc.O, Sz.V, NOT64);
    one(0x50 + r, Op.PUSH, Enc.O, Sz.STACK, STACK);
    one(0x58 + r, Op.POP, Enc.O, Sz.STACK, STACK);
    one(0x90 + r, Op.XCHG, Enc.O_A, Sz.V);
    one(0xb0 + r, Op.MOV, Enc.O_I, Sz.B);
    one(0xb8 + r, Op.MOV, Enc.O_I, Sz.V);
  }
  one(0x60, Op.PUSHA, Enc.NONE, Sz.V, NOT64 | STACK);
  one(0x61, Op.POPA, Enc.NONE, Sz.V, NOT64 | STACK);
  one(0x62, Op.BOUND, Enc.G_M, Sz.V, NOT64);
  one(0x63, Op.MOVSXD, Enc.G_ED, Sz.V);
  one(0x68, Op.PUSH, Enc.I, Sz.STACK, STACK);
  one(0x69, Op.IMUL3, Enc.G_E_I, Sz.V);
  one(0x6a, Op.PUSH, Enc.IB, Sz.STACK, STACK);
  one(0x6b, Op.IMUL3, Enc.G_E_IB, Sz.V);
  one(0x6c, Op.INS, Enc.NONE, Sz.B, LAST);
  one(0x6d, Op.INS, Enc.NONE, Sz.Z, LAST);
  one(0x6e, Op.OUTS, Enc.NONE, Sz.B, LAST);
  one(0x6f, Op.OUTS, Enc.NONE, Sz.Z, LAST);
  for (let c: u32 = 0; c < 16; c++) {
    one(0x70 + c, Op.JO + c, Enc.JB, Sz.STACK, JUMP);
    two(0x80 + c, Op.JO + c, Enc.J, Sz.STACK, JUMP);
    two(0x90 + c, Op.SETO + c, Enc.E, Sz.B, W);
    two(0x40 + c, Op.CMOVO + c, Enc.G_E, Sz.V);
  }
  one(0x80, Group.G1, Enc.E_I, Sz.B, GROUP);
  one(0x81, Group.G1, Enc.E_I, Sz.V, GROUP);
  one(0x82, Group.G1, Enc.E_I, Sz.B, GROUP | NOT64);
  one(0x83, Group.G1, Enc.E_IB, Sz.V, GROUP);
  one(0x84, Op.TEST, Enc.E_G, Sz.B);
  one(0x85, Op.TEST, Enc.E_G, Sz.V);
  one(0x86, Op.XCHG, Enc.E_G, Sz.B, RMW);
  one(0x87, Op.XCHG, Enc.E_G, Sz.V, RMW);
  one(0x88, Op.MOV, Enc.E_G, Sz.B, W);
  one(0x89, Op.MOV, Enc.E_G, Sz.V, W);
  one(0x8a, Op.MOV, Enc.G_E, Sz.B);
  one(0x8b, Op.MOV, Enc.G_E, Sz.V);
  one(0x8c, Op.MOVFROMSEG, Enc.E_S, Sz.V, W);
  one(0x8d, Op.LEA, Enc.G_M, Sz.V, Attr.NO_ACCESS);
  one(0x8e, Op.MOVTOSEG, Enc.S_E, Sz.W, LAST);
  one(0x8f, Group.G1A, Enc.E, Sz.STACK, GROUP);
  sse(OpcodeMap.ONE, 2, 0x90, Op.PAUSE, Enc.O_A, Sz.V, LAST);
  one(0x98, Op.CBW, Enc.NONE, Sz.V);
  one(0x99, Op.CWD, Enc.NONE, Sz.V);
  one(0x9a, Op.CALLF, Enc.FAR, Sz.V, NOT64 | LAST);
  one(0x9b, Op.WAIT, Enc.NONE, Sz.NONE);
  one(0x9c, Op.PUSHF, Enc.NONE, Sz.STACK, STACK);
  one(0x9d, Op.POPF, Enc.NONE, Sz.STACK, STACK | LAST);
  one(0x9e, Op.SAHF, Enc.NONE, Sz.NONE);
  one(0x9f, Op.LAHF, Enc.NONE, Sz.NONE);
  one(0xa0, Op.MOV, Enc.A_MOFFS, Sz.B);
  one(0xa1, Op.MOV, Enc.A_MOFFS, Sz.V);
  one(0xa2, Op.MOV, Enc.MOFFS_A, Sz.B, W);
  one(0xa3, Op.MOV, Enc.MOFFS_A, Sz.V, W);
  for (let i: u32 = 0; i < 2; i++) {
    const size = i ? Sz.V : Sz.B;
    one(0xa4 + i, Op.MOVS, Enc.NONE, size);
    one(0xa6 + i, Op.CMPS, Enc.NONE, size);
    one(0xa8 + i, Op.TEST, Enc.A_I, size);
    one(0xaa + i, Op.STOS, Enc.NONE, size);
    one(0xac + i, Op.LODS, Enc.NONE, size);
    one(0xae + i, Op.SCAS, Enc.NONE, size);
    one(0xc0 + i, Group.G2, Enc.E_UIB, size, GROUP);
    one(0xd0 + i, Group.G2_1, Enc.E, size, GROUP);
    one(0xd2 + i, Group.G2_C, Enc.E, size, GROUP);
    one(0xc6 + i, Group.G11, Enc.E_I, size, GROUP);
    one(0xf6 + i, Group.G3, Enc.E, size, GROUP);
    one(0xe4 + i, Op.IN, Enc.UIB, i ? Sz.Z : Sz.B, LAST);
    one(0xe6 + i, Op.OUT, Enc.UIB, i ? Sz.Z : Sz.B, LAST);
    one(0xec + i, Op.IN, Enc.NONE, i ? Sz.Z : Sz.B, LAST);
    one(0xee + i, Op.OUT, Enc.NONE, i ? Sz.Z : Sz.B, LAST);
  }
  one(0xc2, Op.RET, Enc.IW, Sz.STACK, STACK | LAST);
  one(0xc3, Op.RET, Enc.NONE, Sz.STACK, STACK | LAST);
  one(0xc4, Op.LOADSEG, Enc.G_M, Sz.V, NOT64 | LAST);
  one(0xc5, Op.LOADSEG, Enc.G_M, Sz.V, NOT64 | LAST);
  one(0xc8, Op.ENTER, Enc.IW_UIB, Sz.STACK, STACK);
  one(0xc9, Op.LEAVE, Enc.NONE, Sz.STACK, STACK);
  one(0xca, Op.RETF, Enc.IW, Sz.V, STACK | LAST);
  one(0xcb, Op.RETF, Enc.NONE, Sz.V, STACK | LAST);
  one(0xcc, Op.INT3, Enc.NONE, Sz.NONE, LAST);
  one(0xcd, Op.INT, Enc.UIB, Sz.NONE, LAST);
  one(0xce, Op.INTO, Enc.NONE, Sz.NONE, LAST | NOT64);
  one(0xcf, Op.IRET, Enc.NONE, Sz.V, STACK | LAST);
  one(0xd4, Op.AAM, Enc.UIB, Sz.NONE, NOT64);
  one(0xd5, Op.AAD, Enc.UIB, Sz.NONE, NOT64);
  one(0xd6, Op.SETALC, Enc.NONE, Sz.NONE, NOT64);
  one(0xd7, Op.XLAT, Enc.NONE, Sz.B);
  for (let i: u32 = 0; i < 8; i++) one(0xd8 + i, Op.FPU_M + i * 8, Enc.FPU, Sz.NONE);
  one(0xe0, Op.LOOPNE, Enc.JB, Sz.STACK, JUMP);
  one(0xe1, Op.LOOPE, Enc.JB, Sz.STACK, JUMP);
  one(0xe2, Op.LOOP, Enc.JB, Sz.STACK, JUMP);
  one(0xe3, Op.JCXZ, Enc.JB, Sz.STACK, JUMP);
  one(0xe8, Op.CALL, Enc.J, Sz.STACK, STACK | JUMP);
  one(0xe9, Op.JMP, Enc.J, Sz.STACK, JUMP);
  one(0xea, Op.JMPF, Enc.FAR, Sz.V, NOT64 | LAST);
  one(0xeb, Op.JMP, Enc.JB, Sz.STACK, JUMP);
  one(0xf1, Op.INT1, Enc.NONE, Sz.NONE, LAST);
  one(0xf4, Op.HLT, Enc.NONE, Sz.NONE, LAST);
  one(0xf5, Op.CMC, Enc.NONE, Sz.NONE);
  one(0xf8, Op.CLC, Enc.NONE, Sz.NONE);
  one(0xf9, Op.STC, Enc.NONE, Sz.NONE);
  one(0xfa, Op.CLI, Enc.NONE, Sz.NONE);
  one(0xfb, Op.STI, Enc.NONE, Sz.NONE);
  one(0xfc, Op.CLD, Enc.NONE, Sz.NONE);
  one(0xfd, Op.STD, Enc.NONE, Sz.NONE);
  one(0xfe, Group.G4, Enc.E, Sz.B, GROUP);
  one(0xff, Group.G5, Enc.E, Sz.V, GROUP);
}
