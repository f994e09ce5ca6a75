/**
 * How an instruction's bytes name its operands, in the SDM's letters: E is ModRM.rm (register or memory), M is
 * ModRM.rm that must be memory, G is ModRM.reg, O the opcode's low three bits, A the accumulator, I an immediate, V/W vector registers, P/Q MMX.
 */
export const enum Enc {
  NONE,
  E_G, G_E, E_I, E_IB, E_UIB, E, G_E_I, G_E_IB, E_G_UIB,
  A_I, O, O_I, O_A, I, IB, UIB, IW, IW_UIB, J, JB, A_MOFFS, MOFFS_A, FAR,
  G_EB, G_EW, G_ED, M, G_M, M_G, S_E, E_S, C_R, R_C, D_R, R_D,
  V_W, W_V, V_M, M_V, M_P, V_W_UIB, P_Q, Q_P, P_Q_UIB, V_E, E_V, P_E, E_P, V_Q, P_W, G_W, G_Q, E_V_UIB, V_E_UIB, P_E_UIB, W_UIB, Q_UIB,
  G_W_UIB, G_Q_UIB,
  SEG,
  FPU,
}

/** Operand sizes. From X1 on: bytes of a vector instruction's memory operand, and no operand size. */
export const enum Sz {
  B, W, D, Q,
  /** 16, 32 or 64 bits by prefixes. */
  V,
  /** 16 or 32 bits by prefixes: ports. */
  Z,
  /** 32 or 64 bits. */
  Y,
  /**
   * As V, but 64 bits where V would be 32 in 64-bit mode: the stack and near branches. That an operand size prefix makes
   * near branches 16 bits wide in 64-bit mode, too, is as AMD's processors have it; Intel's ignore it.
   */
  STACK,
  /** 32 bits, 64 in 64-bit mode: control registers. */
  MODE,
  NONE,
  X1, X2, X4, X8, X10, X16,
}

export namespace Attr {
  export const LAST: u32 = 1 << 21;
  export const LOCKABLE: u32 = 1 << 22;
  export const WRITES: u32 = 1 << 23;
  export const NOT64: u32 = 1 << 24;
  export const ONLY64: u32 = 1 << 25;
  export const GROUP: u32 = 1 << 26;
  export const STACK: u32 = 1 << 27;
  export const LINKS: u32 = 1 << 28;
  export const NO_ACCESS: u32 = 1 << 29;
  /** #UD outside protected mode. */
  export const PROTECTED: u32 = 1 << 30;
  /** Interrupts wait until after the next instruction. */
  export const SHADOWS: u32 = 1 << 31;
}
