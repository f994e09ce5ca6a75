import * as L from '../layout';

/** What instructions do, apart from the shape and size of their operands. */
export const enum Op {
  INVALID,
  END, STOP,
  // The order of the first eight is that of their encoding.
  ADD, OR, ADC, SBB, AND, SUB, XOR, CMP,
  TEST, INC, DEC, NOT, NEG,
  MOV, XCHG, LEA, MOVZX8, MOVZX16, MOVSX8, MOVSX16, MOVSXD, BSWAP, XADD, CMPXCHG, CMPXCHG8B, CMPXCHG16B, MOVBE, CRC32,
  // Shifts by an immediate, in the order of their encoding, then by one and by CL.
  ROL, ROR, RCL, RCR, SHL, SHR, SAL, SAR,
  ROL1, ROR1, RCL1, RCR1, SHL1, SHR1, SAL1, SAR1,
  ROLC, RORC, RCLC, RCRC, SHLC, SHRC, SALC, SARC,
  SHLD, SHRD, SHLDC, SHRDC,
  BT, BTS, BTR, BTC, BSF, BSR, POPCNT,
  MUL, IMUL, DIV, IDIV, IMUL2, IMUL3,
  CBW, CWD,
  DAA, DAS, AAA, AAS, AAM, AAD, SETALC,
  PUSH, POP, PUSHA, POPA, PUSHF, POPF, ENTER, LEAVE, PUSHSEG, POPSEG,
  // In the order of the condition codes.
  JO, JNO, JB, JAE, JE, JNE, JBE, JA, JS, JNS, JP, JNP, JL, JGE, JLE, JG,
  SETO, SETNO, SETB, SETAE, SETE, SETNE, SETBE, SETA, SETS, SETNS, SETP, SETNP, SETL, SETGE, SETLE, SETG,
  CMOVO, CMOVNO, CMOVB, CMOVAE, CMOVE, CMOVNE, CMOVBE, CMOVA, CMOVS, CMOVNS, CMOVP, CMOVNP, CMOVL, CMOVGE, CMOVLE, CMOVG,
  JMP, JMPI, JMPF, JMPFI, CALL, CALLI, CALLF, CALLFI, RET, RETF, IRET, LOOP, LOOPE, LOOPNE, JCXZ,
  INT, INT3, INT1, INTO, BOUND,
  MOVS, CMPS, STOS, LODS, SCAS, INS, OUTS, XLAT, IN, OUT,
  CLC, STC, CMC, CLD, STD, CLI, STI, LAHF, SAHF,
  NOP, PAUSE, HLT, FENCE, UD, CPUID, RDTSC, RDTSCP, RDPMC, RDMSR, WRMSR, RDRAND, RDSEED, RDPID,
  MOVFROMSEG, MOVTOSEG, LOADSEG, LGDT, LIDT, SGDT, SIDT, LLDT, LTR, SLDT, STR, SMSW, LMSW, LAR, LSL, VERR, VERW, ARPL,
  MOVFROMCR, MOVTOCR, MOVFROMDR, MOVTODR, CLTS, INVD, WBINVD, INVLPG, INVPCID, SWAPGS, SYSCALL, SYSRET, SYSENTER, SYSEXIT,
  CLAC, STAC, RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE, XGETBV, XSETBV, RDPKRU, WRPKRU, MONITOR, MWAIT, VMCALL,
  FXSAVE, FXRSTOR, XSAVE, XRSTOR, XSAVEOPT, LDMXCSR, STMXCSR, CLFLUSH, PREFETCH, WAIT, EMMS,
  // x87: escape byte × 8 + ModRM.reg, with a memory operand and without; ModRM.rm is the immediate.
  FPU_M, FPU_M_LAST = FPU_M + 63,
  FPU_R, FPU_R_LAST = FPU_R + 63,
  // SSE and MMX; see exec/vector.
  MOVAPS, MOVUPS, MOVSS, MOVSD, MOVLPS, MOVHPS, MOVHLPS, MOVLHPS, MOVQ, MOVD, MOVD2R, MOVDDUP, MOVSLDUP, MOVSHDUP, MOVNT, MOVQ2DQ, MOVDQ2Q,
  MASKMOVQ, MASKMOVDQU, MOVMSKPS, MOVMSKPD, PMOVMSKB, LDDQU,
  ADDPS, ADDPD, ADDSS, ADDSD, SUBPS, SUBPD, SUBSS, SUBSD, MULPS, MULPD, MULSS, MULSD, DIVPS, DIVPD, DIVSS, DIVSD,
  MINPS, MINPD, MINSS, MINSD, MAXPS, MAXPD, MAXSS, MAXSD, SQRTPS, SQRTPD, SQRTSS, SQRTSD, RCPPS, RCPSS, RSQRTPS, RSQRTSS,
  ADDSUBPS, ADDSUBPD, HADDPS, HADDPD, HSUBPS, HSUBPD, CMPPS, CMPPD, CMPSS, CMPSD, COMISS, COMISD, UCOMISS, UCOMISD,
  ANDPS, ANDNPS, ORPS, XORPS, SHUFPS, SHUFPD, UNPCKLPS, UNPCKHPS, UNPCKLPD, UNPCKHPD,
  CVTPS2PD, CVTPD2PS, CVTSS2SD, CVTSD2SS, CVTDQ2PS, CVTPS2DQ, CVTTPS2DQ, CVTDQ2PD, CVTPD2DQ, CVTTPD2DQ,
  CVTSI2SS, CVTSI2SD, CVTSS2SI, CVTSD2SI, CVTTSS2SI, CVTTSD2SI,
  CVTPI2PS, CVTPI2PD, CVTPS2PI, CVTPD2PI, CVTTPS2PI, CVTTPD2PI,
  ROUNDPS, ROUNDPD, ROUNDSS, ROUNDSD, DPPS, DPPD, BLENDPS, BLENDPD, BLENDVPS, BLENDVPD, PBLENDW, PBLENDVB, INSERTPS, EXTRACTPS, MPSADBW,
  PINSRB, PINSRW, PINSRD, PEXTRB, PEXTRW, PEXTRD, PTEST, MOVNTDQA, PHMINPOSUW, PCMPESTRM, PCMPESTRI, PCMPISTRM, PCMPISTRI,
  PUNPCKLBW, PUNPCKLWD, PUNPCKLDQ, PUNPCKLQDQ, PUNPCKHBW, PUNPCKHWD, PUNPCKHDQ, PUNPCKHQDQ, PACKSSWB, PACKSSDW, PACKUSWB, PACKUSDW,
  PADDB, PADDW, PADDD, PADDQ, PADDSB, PADDSW, PADDUSB, PADDUSW, PSUBB, PSUBW, PSUBD, PSUBQ, PSUBSB, PSUBSW, PSUBUSB, PSUBUSW,
  PMULLW, PMULHW, PMULHUW, PMULUDQ, PMULDQ, PMULLD, PMADDWD, PMADDUBSW, PMULHRSW, PSADBW, PAVGB, PAVGW,
  PMINUB, PMINUW, PMINUD, PMINSB, PMINSW, PMINSD, PMAXUB, PMAXUW, PMAXUD, PMAXSB, PMAXSW, PMAXSD,
  PAND, PANDN, POR, PXOR, PCMPEQB, PCMPEQW, PCMPEQD, PCMPEQQ, PCMPGTB, PCMPGTW, PCMPGTD, PCMPGTQ,
  PSLLW, PSLLD, PSLLQ, PSRLW, PSRLD, PSRLQ, PSRAW, PSRAD, PSLLDQ, PSRLDQ,
  PSHUFB, PSHUFD, PSHUFLW, PSHUFHW, PSHUFW, PALIGNR, PABSB, PABSW, PABSD, PSIGNB, PSIGNW, PSIGND,
  PHADDW, PHADDD, PHADDSW, PHSUBW, PHSUBD, PHSUBSW,
  PMOVSXBW, PMOVSXBD, PMOVSXBQ, PMOVSXWD, PMOVSXWQ, PMOVSXDQ, PMOVZXBW, PMOVZXBD, PMOVZXBQ, PMOVZXWD, PMOVZXWQ, PMOVZXDQ,
  COUNT,
}

/**
 * Handlers: a function of the table takes a record's address, executes it and returns the next record, 0 to leave the
 * block with RIP stored. Values below HOT_LIMIT name cases of the loop in `exec/loop.ts`.
 */
export namespace Handler {
  export const HOT_LIMIT: u32 = 256;
}

@inline function slot(operation: u32, form: u32, size: u32): usize {
  return L.HANDLERS + <usize>(((operation * 8 + form) * 4 + size) * 2);
}

export function define(operation: u32, form: u32, size: u32, handler: (op: usize) => usize): void {
  store<u16>(slot(operation, form, size), <u16>(Handler.HOT_LIMIT + handler.index));
}

/** For operations without an operand size, or that look at it themselves. */
export function defineAnySize(operation: u32, form: u32, handler: (op: usize) => usize): void {
  for (let size: u32 = 0; size < 4; size++) define(operation, form, size, handler);
}

/** For all word sizes: 16, 32 and 64 bits. */
export function defineWords(operation: u32, form: u32, w: (op: usize) => usize, d: (op: usize) => usize, q: (op: usize) => usize): void {
  define(operation, form, 1, w);
  define(operation, form, 2, d);
  define(operation, form, 3, q);
}

/** Executed by a case of the loop. */
export function defineHot(operation: u32, form: u32, size: u32, hot: u32): void {
  store<u16>(slot(operation, form, size), <u16>hot);
}

/** 0 when nothing executes this form. */
@inline export function handlerOf(operation: u32, form: u32, size: u32): u32 { return load<u16>(slot(operation, form, size)); }
export function defineAnySizeHot(operation: u32, form: u32, hot: u32): void {
  for (let size: u32 = 0; size < 4; size++) defineHot(operation, form, size, hot);
}
