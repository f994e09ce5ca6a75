import * as L from '../layout';
import { Attr, Enc, Sz } from './encodings';
import { Op } from './operations';

/**
 * The opcode maps. An entry is 32 bits: operation (10), encoding (6), size (5), attributes (11). Each opcode has four,
 * by mandatory prefix: none, 66, F3, F2. The VEX maps will be maps 4 and up with the same entries.
 */
export namespace OpcodeMap {
  export const ONE: u32 = 0;
  export const TWO: u32 = 1;
  export const X38: u32 = 2;
  export const X3A: u32 = 3;
}

export const enum Group { NONE, G1, G1A, G2, G2_1, G2_C, G3, G3_64, G4, G5, G6, G7, G8, G9, G11, G12, G13, G14, G15, G16 }

@inline export function entryOf(map: u32, opcode: u32, prefix: u32): u32 {
  return load<u32>(L.OPCODES + <usize>(((map * 256 + opcode) * 4 + prefix) * 4));
}
@inline export function groupEntryOf(group: u32, reg: u32, isRegister: u32, prefix: u32): u32 {
  return load<u32>(L.GROUPS + <usize>((((group * 8 + reg) * 2 + isRegister) * 4 + prefix) * 4));
}

@inline function pack(op: u32, enc: u32, size: u32, attrs: u32): u32 { return op | (enc << 10) | (size << 16) | attrs; }

function put(map: u32, opcode: u32, prefix: u32, entry: u32): void {
  store<u32>(L.OPCODES + <usize>(((map * 256 + opcode) * 4 + prefix) * 4), entry);
}
function all(map: u32, opcode: u32, op: u32, enc: u32, size: u32, attrs: u32 = 0): void {
  for (let prefix: u32 = 0; prefix < 4; prefix++) put(map, opcode, prefix, pack(op, enc, size, attrs));
}
function one(opcode: u32, op: u32, enc: u32, size: u32, attrs: u32 = 0): void { all(OpcodeMap.ONE, opcode, op, enc, size, attrs); }
function two(opcode: u32, op: u32, enc: u32, size: u32, attrs: u32 = 0): void { all(OpcodeMap.TWO, opcode, op, enc, size, attrs); }
/** With a mandatory prefix: 0 none, 1 66, 2 F3, 3 F2. */
function sse(map: u32, prefix: u32, opcode: u32, op: u32, enc: u32, size: u32, attrs: u32 = 0): void {
  put(map, opcode, prefix, pack(op, enc, size, attrs));
}
const MEMORY: u32 = 1;
const REGISTER: u32 = 2;
const BOTH: u32 = 3;
function group(g: u32, reg: u32, which: u32, op: u32, enc: u32, size: u32, attrs: u32 = 0): void {
  for (let isRegister: u32 = 0; isRegister < 2; isRegister++) {
    if (!(which & (1 << isRegister))) continue;
    for (let prefix: u32 = 0; prefix < 4; prefix++) {
      store<u32>(L.GROUPS + <usize>((((g * 8 + reg) * 2 + isRegister) * 4 + prefix) * 4), pack(op, enc, size, attrs));
    }
  }
}
function groupPrefixed(g: u32, reg: u32, which: u32, prefix: u32, op: u32, enc: u32, size: u32, attrs: u32 = 0): void {
  for (let isRegister: u32 = 0; isRegister < 2; isRegister++) {
    if (!(which & (1 << isRegister))) continue;
    store<u32>(L.GROUPS + <usize>((((g * 8 + reg) * 2 + isRegister) * 4 + prefix) * 4), pack(op, enc, size, attrs));
  }
}

const RMW: u32 = Attr.LOCKABLE | Attr.WRITES;
const W: u32 = Attr.WRITES;
const LAST: u32 = Attr.LAST;
const JUMP: u32 = Attr.LAST | Attr.LINKS;
const NOT64: u32 = Attr.NOT64;
const STACK: u32 = Attr.STACK;
const GROUP: u32 = Attr.GROUP;

export function fillOpcodeTables(): void {
  fillOneByte();
  fillTwoByte();
  fillGroups();
  fillSseMoves();
  fillSseArithmetic();
  fillPacked();
  fillThreeByte();
}

function fillOneByte(): void {
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
  one(0x6d, Op.INS, Enc.NONE, Sz.V, LAST);
  one(0x6e, Op.OUTS, Enc.NONE, Sz.B, LAST);
  one(0x6f, Op.OUTS, Enc.NONE, Sz.V, LAST);
  for (let c: u32 = 0; c < 16; c++) {
    one(0x70 + c, Op.JO + c, Enc.JB, Sz.BRANCH, JUMP);
    two(0x80 + c, Op.JO + c, Enc.J, Sz.BRANCH, JUMP);
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
  for (let prefix: u32 = 0; prefix < 4; prefix++) sse(OpcodeMap.ONE, prefix, 0x90, prefix == 2 ? Op.PAUSE : Op.XCHG, prefix == 2 ? Enc.NONE : Enc.O_A, Sz.V, prefix == 2 ? LAST : 0);
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
    one(0xe4 + i, Op.IN, Enc.UIB, i ? Sz.V : Sz.B, LAST);
    one(0xe6 + i, Op.OUT, Enc.UIB, i ? Sz.V : Sz.B, LAST);
    one(0xec + i, Op.IN, Enc.NONE, i ? Sz.V : Sz.B, LAST);
    one(0xee + i, Op.OUT, Enc.NONE, i ? Sz.V : Sz.B, LAST);
  }
  one(0xc2, Op.RET, Enc.IW, Sz.BRANCH, STACK | LAST);
  one(0xc3, Op.RET, Enc.NONE, Sz.BRANCH, STACK | LAST);
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
  one(0xe0, Op.LOOPNE, Enc.JB, Sz.BRANCH, JUMP);
  one(0xe1, Op.LOOPE, Enc.JB, Sz.BRANCH, JUMP);
  one(0xe2, Op.LOOP, Enc.JB, Sz.BRANCH, JUMP);
  one(0xe3, Op.JCXZ, Enc.JB, Sz.BRANCH, JUMP);
  one(0xe8, Op.CALL, Enc.J, Sz.BRANCH, STACK | JUMP);
  one(0xe9, Op.JMP, Enc.J, Sz.BRANCH, JUMP);
  one(0xea, Op.JMPF, Enc.FAR, Sz.V, NOT64 | LAST);
  one(0xeb, Op.JMP, Enc.JB, Sz.BRANCH, JUMP);
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

function fillTwoByte(): void {
  two(0x00, Group.G6, Enc.E, Sz.W, GROUP);
  two(0x01, Group.G7, Enc.E, Sz.NONE, GROUP);
  two(0x02, Op.LAR, Enc.G_E, Sz.V, Attr.PROTECTED | Attr.NO_ACCESS);
  two(0x03, Op.LSL, Enc.G_E, Sz.V, Attr.PROTECTED | Attr.NO_ACCESS);
  two(0x05, Op.SYSCALL, Enc.NONE, Sz.NONE, LAST);
  two(0x06, Op.CLTS, Enc.NONE, Sz.NONE, LAST);
  two(0x07, Op.SYSRET, Enc.NONE, Sz.V, LAST);
  two(0x08, Op.INVD, Enc.NONE, Sz.NONE, LAST);
  two(0x09, Op.WBINVD, Enc.NONE, Sz.NONE, LAST);
  two(0x0b, Op.UD, Enc.NONE, Sz.NONE, LAST);
  two(0x0d, Op.PREFETCH, Enc.M, Sz.NONE, Attr.NO_ACCESS);
  for (let i: u32 = 0x18; i < 0x20; i++) two(i, Op.NOP, Enc.E, Sz.V, Attr.NO_ACCESS);
  two(0x20, Op.MOVFROMCR, Enc.R_C, Sz.MODE);
  two(0x21, Op.MOVFROMDR, Enc.R_D, Sz.MODE);
  two(0x22, Op.MOVTOCR, Enc.C_R, Sz.MODE, LAST);
  two(0x23, Op.MOVTODR, Enc.D_R, Sz.MODE, LAST);
  two(0x30, Op.WRMSR, Enc.NONE, Sz.NONE, LAST);
  two(0x31, Op.RDTSC, Enc.NONE, Sz.NONE);
  two(0x32, Op.RDMSR, Enc.NONE, Sz.NONE);
  two(0x33, Op.RDPMC, Enc.NONE, Sz.NONE);
  two(0x34, Op.SYSENTER, Enc.NONE, Sz.NONE, LAST);
  two(0x35, Op.SYSEXIT, Enc.NONE, Sz.V, LAST);
  two(0xa0, Op.PUSHSEG, Enc.SEG, Sz.STACK, STACK);
  two(0xa1, Op.POPSEG, Enc.SEG, Sz.STACK, STACK | LAST);
  two(0xa2, Op.CPUID, Enc.NONE, Sz.NONE);
  two(0xa3, Op.BT, Enc.E_G, Sz.V);
  two(0xa4, Op.SHLD, Enc.E_G_UIB, Sz.V, W);
  two(0xa5, Op.SHLDC, Enc.E_G, Sz.V, W);
  two(0xa8, Op.PUSHSEG, Enc.SEG, Sz.STACK, STACK);
  two(0xa9, Op.POPSEG, Enc.SEG, Sz.STACK, STACK | LAST);
  two(0xab, Op.BTS, Enc.E_G, Sz.V, RMW);
  two(0xac, Op.SHRD, Enc.E_G_UIB, Sz.V, W);
  two(0xad, Op.SHRDC, Enc.E_G, Sz.V, W);
  two(0xae, Group.G15, Enc.M, Sz.NONE, GROUP);
  two(0xaf, Op.IMUL2, Enc.G_E, Sz.V);
  two(0xb0, Op.CMPXCHG, Enc.E_G, Sz.B, RMW);
  two(0xb1, Op.CMPXCHG, Enc.E_G, Sz.V, RMW);
  two(0xb2, Op.LOADSEG, Enc.G_M, Sz.V, LAST);
  two(0xb3, Op.BTR, Enc.E_G, Sz.V, RMW);
  two(0xb4, Op.LOADSEG, Enc.G_M, Sz.V, LAST);
  two(0xb5, Op.LOADSEG, Enc.G_M, Sz.V, LAST);
  two(0xb6, Op.MOVZX8, Enc.G_EB, Sz.V);
  two(0xb7, Op.MOVZX16, Enc.G_EW, Sz.V);
  sse(OpcodeMap.TWO, 2, 0xb8, Op.POPCNT, Enc.G_E, Sz.V);
  two(0xb9, Op.UD, Enc.G_E, Sz.V, Attr.NO_ACCESS | LAST);
  two(0xba, Group.G8, Enc.E_UIB, Sz.V, GROUP);
  two(0xbb, Op.BTC, Enc.E_G, Sz.V, RMW);
  two(0xbc, Op.BSF, Enc.G_E, Sz.V);
  two(0xbd, Op.BSR, Enc.G_E, Sz.V);
  two(0xbe, Op.MOVSX8, Enc.G_EB, Sz.V);
  two(0xbf, Op.MOVSX16, Enc.G_EW, Sz.V);
  two(0xc0, Op.XADD, Enc.E_G, Sz.B, RMW);
  two(0xc1, Op.XADD, Enc.E_G, Sz.V, RMW);
  sse(OpcodeMap.TWO, 0, 0xc3, Op.MOV, Enc.E_G, Sz.Y, W);
  two(0xc7, Group.G9, Enc.E, Sz.V, GROUP);
  for (let r: u32 = 0; r < 8; r++) two(0xc8 + r, Op.BSWAP, Enc.O, Sz.V);
  two(0xff, Op.UD, Enc.G_E, Sz.V, Attr.NO_ACCESS | LAST);
}

function fillGroups(): void {
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
  group(Group.G5, 2, BOTH, Op.CALLI, Enc.E, Sz.BRANCH, LAST | STACK);
  group(Group.G5, 3, MEMORY, Op.CALLFI, Enc.M, Sz.V, LAST);
  group(Group.G5, 4, BOTH, Op.JMPI, Enc.E, Sz.BRANCH, LAST);
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
  group(Group.G9, 6, REGISTER, Op.RDRAND, Enc.E, Sz.V);
  group(Group.G9, 7, REGISTER, Op.RDSEED, Enc.E, Sz.V);
  groupPrefixed(Group.G9, 7, REGISTER, 2, Op.RDPID, Enc.E, Sz.MODE);
  group(Group.G15, 0, MEMORY, Op.FXSAVE, Enc.M, Sz.Y, W | Attr.NO_ACCESS);
  group(Group.G15, 1, MEMORY, Op.FXRSTOR, Enc.M, Sz.Y, Attr.NO_ACCESS);
  group(Group.G15, 2, MEMORY, Op.LDMXCSR, Enc.M, Sz.D);
  group(Group.G15, 3, MEMORY, Op.STMXCSR, Enc.M, Sz.D, W);
  group(Group.G15, 4, MEMORY, Op.XSAVE, Enc.M, Sz.Y, W | Attr.NO_ACCESS);
  group(Group.G15, 5, MEMORY, Op.XRSTOR, Enc.M, Sz.Y, Attr.NO_ACCESS);
  group(Group.G15, 6, MEMORY, Op.XSAVEOPT, Enc.M, Sz.Y, W | Attr.NO_ACCESS);
  group(Group.G15, 7, MEMORY, Op.CLFLUSH, Enc.M, Sz.NONE, Attr.NO_ACCESS);
  for (let r: u32 = 5; r < 8; r++) group(Group.G15, r, REGISTER, Op.FENCE, Enc.E, Sz.NONE, Attr.NO_ACCESS);
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

/** PS and PD forms of moves and logic. */
function both(opcode: u32, op: u32, enc: u32, attrs: u32 = 0): void {
  sse(OpcodeMap.TWO, 0, opcode, op, enc, Sz.X16, attrs);
  sse(OpcodeMap.TWO, 1, opcode, op, enc, Sz.X16, attrs);
}
function v(prefix: u32, opcode: u32, op: u32, enc: u32, size: u32, attrs: u32 = 0): void { sse(OpcodeMap.TWO, prefix, opcode, op, enc, size, attrs); }

function fillSseMoves(): void {
  both(0x10, Op.MOVUPS, Enc.V_W);
  both(0x11, Op.MOVUPS, Enc.W_V, W);
  v(2, 0x10, Op.MOVSS, Enc.V_W, Sz.X4);
  v(2, 0x11, Op.MOVSS, Enc.W_V, Sz.X4, W);
  v(3, 0x10, Op.MOVSD, Enc.V_W, Sz.X8);
  v(3, 0x11, Op.MOVSD, Enc.W_V, Sz.X8, W);
  for (let p: u32 = 0; p < 2; p++) {
    v(p, 0x12, Op.MOVLPS, Enc.V_W, Sz.X8);
    v(p, 0x13, Op.MOVLPS, Enc.W_V, Sz.X8, W);
    v(p, 0x16, Op.MOVHPS, Enc.V_W, Sz.X8);
    v(p, 0x17, Op.MOVHPS, Enc.W_V, Sz.X8, W);
  }
  v(2, 0x12, Op.MOVSLDUP, Enc.V_W, Sz.X16);
  v(3, 0x12, Op.MOVDDUP, Enc.V_W, Sz.X8);
  v(2, 0x16, Op.MOVSHDUP, Enc.V_W, Sz.X16);
  v(0, 0x14, Op.UNPCKLPS, Enc.V_W, Sz.X16);
  v(1, 0x14, Op.UNPCKLPD, Enc.V_W, Sz.X16);
  v(0, 0x15, Op.UNPCKHPS, Enc.V_W, Sz.X16);
  v(1, 0x15, Op.UNPCKHPD, Enc.V_W, Sz.X16);
  both(0x28, Op.MOVAPS, Enc.V_W);
  both(0x29, Op.MOVAPS, Enc.W_V, W);
  both(0x2b, Op.MOVNT, Enc.W_V, W);
  both(0x50, Op.MOVMSKPS, Enc.G_W);
  v(1, 0x50, Op.MOVMSKPD, Enc.G_W, Sz.X16);
  v(0, 0x6e, Op.MOVD, Enc.P_E, Sz.Y);
  v(1, 0x6e, Op.MOVD, Enc.V_E, Sz.Y);
  v(0, 0x7e, Op.MOVD2R, Enc.E_P, Sz.Y, W);
  v(1, 0x7e, Op.MOVD2R, Enc.E_V, Sz.Y, W);
  v(2, 0x7e, Op.MOVQ, Enc.V_W, Sz.X8);
  v(1, 0xd6, Op.MOVQ, Enc.W_V, Sz.X8, W);
  v(0, 0x6f, Op.MOVQ, Enc.P_Q, Sz.X8);
  v(1, 0x6f, Op.MOVAPS, Enc.V_W, Sz.X16);
  v(2, 0x6f, Op.MOVUPS, Enc.V_W, Sz.X16);
  v(0, 0x7f, Op.MOVQ, Enc.Q_P, Sz.X8, W);
  v(1, 0x7f, Op.MOVAPS, Enc.W_V, Sz.X16, W);
  v(2, 0x7f, Op.MOVUPS, Enc.W_V, Sz.X16, W);
  v(0, 0xe7, Op.MOVQ, Enc.Q_P, Sz.X8, W);
  v(1, 0xe7, Op.MOVNT, Enc.W_V, Sz.X16, W);
  v(3, 0xf0, Op.MOVUPS, Enc.V_W, Sz.X16);
  v(2, 0xd6, Op.MOVQ2DQ, Enc.V_Q, Sz.X8);
  v(3, 0xd6, Op.MOVDQ2Q, Enc.P_W, Sz.X8);
  v(0, 0xf7, Op.MASKMOVQ, Enc.P_Q, Sz.X8);
  v(1, 0xf7, Op.MASKMOVDQU, Enc.V_W, Sz.X16);
  v(0, 0xd7, Op.PMOVMSKB, Enc.G_Q, Sz.X8);
  v(1, 0xd7, Op.PMOVMSKB, Enc.G_W, Sz.X16);
  v(0, 0xc4, Op.PINSRW, Enc.P_E_UIB, Sz.X2);
  v(1, 0xc4, Op.PINSRW, Enc.V_E_UIB, Sz.X2);
  v(0, 0xc5, Op.PEXTRW, Enc.G_Q_UIB, Sz.X8);
  v(1, 0xc5, Op.PEXTRW, Enc.G_W_UIB, Sz.X16);
  v(0, 0x77, Op.EMMS, Enc.NONE, Sz.NONE);
}

/** The four forms PS, PD, SS, SD of an arithmetic operation. */
function four(opcode: u32, ps: u32): void {
  v(0, opcode, ps, Enc.V_W, Sz.X16);
  v(1, opcode, ps + 1, Enc.V_W, Sz.X16);
  v(2, opcode, ps + 2, Enc.V_W, Sz.X4);
  v(3, opcode, ps + 3, Enc.V_W, Sz.X8);
}

function fillSseArithmetic(): void {
  four(0x51, Op.SQRTPS);
  v(0, 0x52, Op.RSQRTPS, Enc.V_W, Sz.X16);
  v(2, 0x52, Op.RSQRTSS, Enc.V_W, Sz.X4);
  v(0, 0x53, Op.RCPPS, Enc.V_W, Sz.X16);
  v(2, 0x53, Op.RCPSS, Enc.V_W, Sz.X4);
  both(0x54, Op.ANDPS, Enc.V_W);
  both(0x55, Op.ANDNPS, Enc.V_W);
  both(0x56, Op.ORPS, Enc.V_W);
  both(0x57, Op.XORPS, Enc.V_W);
  four(0x58, Op.ADDPS);
  four(0x59, Op.MULPS);
  four(0x5c, Op.SUBPS);
  four(0x5d, Op.MINPS);
  four(0x5e, Op.DIVPS);
  four(0x5f, Op.MAXPS);
  v(0, 0x5a, Op.CVTPS2PD, Enc.V_W, Sz.X8);
  v(1, 0x5a, Op.CVTPD2PS, Enc.V_W, Sz.X16);
  v(2, 0x5a, Op.CVTSS2SD, Enc.V_W, Sz.X4);
  v(3, 0x5a, Op.CVTSD2SS, Enc.V_W, Sz.X8);
  v(0, 0x5b, Op.CVTDQ2PS, Enc.V_W, Sz.X16);
  v(1, 0x5b, Op.CVTPS2DQ, Enc.V_W, Sz.X16);
  v(2, 0x5b, Op.CVTTPS2DQ, Enc.V_W, Sz.X16);
  v(1, 0xe6, Op.CVTTPD2DQ, Enc.V_W, Sz.X16);
  v(2, 0xe6, Op.CVTDQ2PD, Enc.V_W, Sz.X8);
  v(3, 0xe6, Op.CVTPD2DQ, Enc.V_W, Sz.X16);
  v(0, 0x2a, Op.CVTPI2PS, Enc.V_Q, Sz.X8);
  v(1, 0x2a, Op.CVTPI2PD, Enc.V_Q, Sz.X8);
  v(2, 0x2a, Op.CVTSI2SS, Enc.V_E, Sz.Y);
  v(3, 0x2a, Op.CVTSI2SD, Enc.V_E, Sz.Y);
  v(0, 0x2c, Op.CVTTPS2PI, Enc.P_W, Sz.X8);
  v(1, 0x2c, Op.CVTTPD2PI, Enc.P_W, Sz.X16);
  v(2, 0x2c, Op.CVTTSS2SI, Enc.G_W, Sz.X4);
  v(3, 0x2c, Op.CVTTSD2SI, Enc.G_W, Sz.X8);
  v(0, 0x2d, Op.CVTPS2PI, Enc.P_W, Sz.X8);
  v(1, 0x2d, Op.CVTPD2PI, Enc.P_W, Sz.X16);
  v(2, 0x2d, Op.CVTSS2SI, Enc.G_W, Sz.X4);
  v(3, 0x2d, Op.CVTSD2SI, Enc.G_W, Sz.X8);
  v(0, 0x2e, Op.UCOMISS, Enc.V_W, Sz.X4);
  v(1, 0x2e, Op.UCOMISD, Enc.V_W, Sz.X8);
  v(0, 0x2f, Op.COMISS, Enc.V_W, Sz.X4);
  v(1, 0x2f, Op.COMISD, Enc.V_W, Sz.X8);
  v(1, 0x7c, Op.HADDPD, Enc.V_W, Sz.X16);
  v(3, 0x7c, Op.HADDPS, Enc.V_W, Sz.X16);
  v(1, 0x7d, Op.HSUBPD, Enc.V_W, Sz.X16);
  v(3, 0x7d, Op.HSUBPS, Enc.V_W, Sz.X16);
  v(1, 0xd0, Op.ADDSUBPD, Enc.V_W, Sz.X16);
  v(3, 0xd0, Op.ADDSUBPS, Enc.V_W, Sz.X16);
  v(0, 0xc2, Op.CMPPS, Enc.V_W_UIB, Sz.X16);
  v(1, 0xc2, Op.CMPPD, Enc.V_W_UIB, Sz.X16);
  v(2, 0xc2, Op.CMPSS, Enc.V_W_UIB, Sz.X4);
  v(3, 0xc2, Op.CMPSD, Enc.V_W_UIB, Sz.X8);
  v(0, 0xc6, Op.SHUFPS, Enc.V_W_UIB, Sz.X16);
  v(1, 0xc6, Op.SHUFPD, Enc.V_W_UIB, Sz.X16);
}

/** MMX without a prefix, XMM with 66. */
function packed(map: u32, opcode: u32, op: u32): void {
  sse(map, 0, opcode, op, Enc.P_Q, Sz.X8);
  sse(map, 1, opcode, op, Enc.V_W, Sz.X16);
}
function p2(opcode: u32, op: u32): void { packed(OpcodeMap.TWO, opcode, op); }

function fillPacked(): void {
  p2(0x60, Op.PUNPCKLBW); p2(0x61, Op.PUNPCKLWD); p2(0x62, Op.PUNPCKLDQ); p2(0x63, Op.PACKSSWB);
  p2(0x64, Op.PCMPGTB); p2(0x65, Op.PCMPGTW); p2(0x66, Op.PCMPGTD); p2(0x67, Op.PACKUSWB);
  p2(0x68, Op.PUNPCKHBW); p2(0x69, Op.PUNPCKHWD); p2(0x6a, Op.PUNPCKHDQ); p2(0x6b, Op.PACKSSDW);
  // The low halves of MMX operands are 4 bytes in memory.
  v(0, 0x60, Op.PUNPCKLBW, Enc.P_Q, Sz.X4); v(0, 0x61, Op.PUNPCKLWD, Enc.P_Q, Sz.X4); v(0, 0x62, Op.PUNPCKLDQ, Enc.P_Q, Sz.X4);
  v(1, 0x6c, Op.PUNPCKLQDQ, Enc.V_W, Sz.X16); v(1, 0x6d, Op.PUNPCKHQDQ, Enc.V_W, Sz.X16);
  v(0, 0x70, Op.PSHUFW, Enc.P_Q_UIB, Sz.X8); v(1, 0x70, Op.PSHUFD, Enc.V_W_UIB, Sz.X16);
  v(2, 0x70, Op.PSHUFHW, Enc.V_W_UIB, Sz.X16); v(3, 0x70, Op.PSHUFLW, Enc.V_W_UIB, Sz.X16);
  p2(0x74, Op.PCMPEQB); p2(0x75, Op.PCMPEQW); p2(0x76, Op.PCMPEQD);
  p2(0xd1, Op.PSRLW); p2(0xd2, Op.PSRLD); p2(0xd3, Op.PSRLQ); p2(0xd4, Op.PADDQ); p2(0xd5, Op.PMULLW);
  p2(0xd8, Op.PSUBUSB); p2(0xd9, Op.PSUBUSW); p2(0xda, Op.PMINUB); p2(0xdb, Op.PAND);
  p2(0xdc, Op.PADDUSB); p2(0xdd, Op.PADDUSW); p2(0xde, Op.PMAXUB); p2(0xdf, Op.PANDN);
  p2(0xe0, Op.PAVGB); p2(0xe1, Op.PSRAW); p2(0xe2, Op.PSRAD); p2(0xe3, Op.PAVGW); p2(0xe4, Op.PMULHUW); p2(0xe5, Op.PMULHW);
  p2(0xe8, Op.PSUBSB); p2(0xe9, Op.PSUBSW); p2(0xea, Op.PMINSW); p2(0xeb, Op.POR);
  p2(0xec, Op.PADDSB); p2(0xed, Op.PADDSW); p2(0xee, Op.PMAXSW); p2(0xef, Op.PXOR);
  p2(0xf1, Op.PSLLW); p2(0xf2, Op.PSLLD); p2(0xf3, Op.PSLLQ); p2(0xf4, Op.PMULUDQ); p2(0xf5, Op.PMADDWD); p2(0xf6, Op.PSADBW);
  p2(0xf8, Op.PSUBB); p2(0xf9, Op.PSUBW); p2(0xfa, Op.PSUBD); p2(0xfb, Op.PSUBQ);
  p2(0xfc, Op.PADDB); p2(0xfd, Op.PADDW); p2(0xfe, Op.PADDD);
}

function p38(opcode: u32, op: u32): void { packed(OpcodeMap.X38, opcode, op); }
function x38(opcode: u32, op: u32, size: u32 = Sz.X16): void { sse(OpcodeMap.X38, 1, opcode, op, Enc.V_W, size); }
function x3a(opcode: u32, op: u32, size: u32 = Sz.X16): void { sse(OpcodeMap.X3A, 1, opcode, op, Enc.V_W_UIB, size); }

function fillThreeByte(): void {
  p38(0x00, Op.PSHUFB); p38(0x01, Op.PHADDW); p38(0x02, Op.PHADDD); p38(0x03, Op.PHADDSW); p38(0x04, Op.PMADDUBSW);
  p38(0x05, Op.PHSUBW); p38(0x06, Op.PHSUBD); p38(0x07, Op.PHSUBSW); p38(0x08, Op.PSIGNB); p38(0x09, Op.PSIGNW);
  p38(0x0a, Op.PSIGND); p38(0x0b, Op.PMULHRSW); p38(0x1c, Op.PABSB); p38(0x1d, Op.PABSW); p38(0x1e, Op.PABSD);
  x38(0x10, Op.PBLENDVB); x38(0x14, Op.BLENDVPS); x38(0x15, Op.BLENDVPD); x38(0x17, Op.PTEST);
  x38(0x20, Op.PMOVSXBW, Sz.X8); x38(0x21, Op.PMOVSXBD, Sz.X4); x38(0x22, Op.PMOVSXBQ, Sz.X2);
  x38(0x23, Op.PMOVSXWD, Sz.X8); x38(0x24, Op.PMOVSXWQ, Sz.X4); x38(0x25, Op.PMOVSXDQ, Sz.X8);
  x38(0x28, Op.PMULDQ); x38(0x29, Op.PCMPEQQ); x38(0x2a, Op.MOVNTDQA); x38(0x2b, Op.PACKUSDW);
  x38(0x30, Op.PMOVZXBW, Sz.X8); x38(0x31, Op.PMOVZXBD, Sz.X4); x38(0x32, Op.PMOVZXBQ, Sz.X2);
  x38(0x33, Op.PMOVZXWD, Sz.X8); x38(0x34, Op.PMOVZXWQ, Sz.X4); x38(0x35, Op.PMOVZXDQ, Sz.X8);
  x38(0x37, Op.PCMPGTQ); x38(0x38, Op.PMINSB); x38(0x39, Op.PMINSD); x38(0x3a, Op.PMINUW); x38(0x3b, Op.PMINUD);
  x38(0x3c, Op.PMAXSB); x38(0x3d, Op.PMAXSD); x38(0x3e, Op.PMAXUW); x38(0x3f, Op.PMAXUD); x38(0x40, Op.PMULLD); x38(0x41, Op.PHMINPOSUW);
  sse(OpcodeMap.X38, 1, 0x82, Op.INVPCID, Enc.G_M, Sz.MODE, LAST | Attr.NO_ACCESS);
  for (let prefix: u32 = 0; prefix < 2; prefix++) {
    sse(OpcodeMap.X38, prefix, 0xf0, Op.MOVBE, Enc.G_M, Sz.V);
    sse(OpcodeMap.X38, prefix, 0xf1, Op.MOVBE, Enc.E_G, Sz.V, W);
  }
  sse(OpcodeMap.X38, 3, 0xf0, Op.CRC32, Enc.G_EB, Sz.Y);
  sse(OpcodeMap.X38, 3, 0xf1, Op.CRC32, Enc.G_E, Sz.V);
  sse(OpcodeMap.X3A, 0, 0x0f, Op.PALIGNR, Enc.P_Q_UIB, Sz.X8);
  x3a(0x08, Op.ROUNDPS); x3a(0x09, Op.ROUNDPD); x3a(0x0a, Op.ROUNDSS, Sz.X4); x3a(0x0b, Op.ROUNDSD, Sz.X8);
  x3a(0x0c, Op.BLENDPS); x3a(0x0d, Op.BLENDPD); x3a(0x0e, Op.PBLENDW); x3a(0x0f, Op.PALIGNR);
  x3a(0x21, Op.INSERTPS, Sz.X4); x3a(0x40, Op.DPPS); x3a(0x41, Op.DPPD); x3a(0x42, Op.MPSADBW);
  x3a(0x60, Op.PCMPESTRM); x3a(0x61, Op.PCMPESTRI); x3a(0x62, Op.PCMPISTRM); x3a(0x63, Op.PCMPISTRI);
  sse(OpcodeMap.X3A, 1, 0x14, Op.PEXTRB, Enc.E_V_UIB, Sz.X1, W);
  sse(OpcodeMap.X3A, 1, 0x15, Op.PEXTRW, Enc.E_V_UIB, Sz.X2, W);
  sse(OpcodeMap.X3A, 1, 0x16, Op.PEXTRD, Enc.E_V_UIB, Sz.Y, W);
  sse(OpcodeMap.X3A, 1, 0x17, Op.EXTRACTPS, Enc.E_V_UIB, Sz.X4, W);
  sse(OpcodeMap.X3A, 1, 0x20, Op.PINSRB, Enc.V_E_UIB, Sz.X1);
  sse(OpcodeMap.X3A, 1, 0x22, Op.PINSRD, Enc.V_E_UIB, Sz.Y);
}
