/**
 * One decoded instruction in a block, 40 bytes. Everything that execution, or a translator of hot blocks, has to know
 * about the instruction is here; nobody looks at its bytes again. Registers are given by their address in the state,
 * so that AL and AH, or a register and a vector register, need no distinction.
 */
export namespace Record {
  /** What executes it: a case of the loop below HOT_LIMIT, else a function in the table. u16 */
  export const HANDLER: usize = 0;
  /** Address of the first operand, if a register. u16 */
  export const TARGET: usize = 2;
  /** Address of the second operand, if a register. u16 */
  export const SOURCE: usize = 4;
  /** Address of a third register operand (VEX.vvvv), or of the segment's base. u16 */
  export const THIRD: usize = 6;
  /**
   * SETcc and CMOVcc on registers, Jcc after CMP or TEST: bit (zero | borrow << 1 | less << 2) says whether the
   * condition holds after a comparison with that outcome; 0 when these three do not decide it. u8
   */
  export const OUTCOMES: usize = 6;
  /** Addresses of the memory operand's base and index: ZERO when absent, BLOCK_RIP when relative to it. u16 */
  export const BASE: usize = 8;
  export const INDEX: usize = 10;
  /** i32 */
  export const DISPLACEMENT: usize = 12;
  /** Direct branches: first record of the successor not taken and taken, 0 while not linked. u32 */
  export const LINK_NEXT: usize = 8;
  export const LINK_TAKEN: usize = 12;
  /** Immediate; for direct branches the target's distance from the block's first byte. i64 */
  export const IMMEDIATE: usize = 16;
  /** 0 to 3. u8 */
  export const SCALE: usize = 24;
  /** How the address is made: `Address`. u8 */
  export const ADDRESS: usize = 25;
  /** Number of the memory operand's segment register; 2 for stack operations. u8 */
  export const SEGMENT: usize = 26;
  /** Bytes of the memory operand. u8 */
  export const BYTES: usize = 27;
  /** Length of the instruction. u8 */
  export const LENGTH: usize = 28;
  /** Instructions of the block from this one on. u8 */
  export const REMAINING: usize = 29;
  /** Distance of the instruction's first byte from the block's. u16 */
  export const START: usize = 30;
  /** `Op`. u16 */
  export const OPERATION: usize = 32;
  /** `Form`. u8 */
  export const FORM: usize = 34;
  /** log2 of the operand size. u8 */
  export const SIZE: usize = 35;
  /** `Prefix`. u8 */
  export const PREFIXES: usize = 36;
  /** Arithmetic flags that it sets or clears, and that it or a later instruction reads: `FlagBit`. u8 */
  export const FLAGS_DEFINED: usize = 37;
  export const FLAGS_NEEDED: usize = 38;
  /** `RecordBit`. u8 */
  export const BITS: usize = 39;
  export const BYTE_SIZE: usize = 40;
}

export namespace Address {
  /** base + index · 2^scale + displacement, 64 bits. */
  export const PLAIN64: u8 = 0;
  /** The same modulo 2^32. */
  export const PLAIN32: u8 = 1;
  /** Modulo 2^16 or 2^32, then a segment base is added without checks (FS and GS in 64-bit mode). */
  export const BASED: u8 = 2;
  /** With a segment's limit and rights. */
  export const CHECKED: u8 = 3;
  /** The record's immediate is the offset (MOV with a 64-bit direct address). */
  export const OFFSET64: u8 = 4;
}

export namespace Prefix {
  export const REP: u8 = 1;
  export const REPNE: u8 = 2;
  export const LOCK: u8 = 4;
  export const OPERAND: u8 = 8;
  /** log2 of the address size, shifted: 1 is 16 bits, 2 is 32, 3 is 64. */
  export const ADDRESS_SHIFT: u8 = 4;
}

export namespace RecordBit {
  /** The memory operand is written. */
  export const WRITES: u8 = 1;
  /** It ends its block. */
  export const LAST: u8 = 2;
  /** LINK_NEXT and LINK_TAKEN are in use. */
  export const LINKS: u8 = 4;
  /** Interrupts wait until after the next instruction. */
  export const SHADOWS: u8 = 8;
  /** The same, and the next instruction is in another block. */
  export const SHADOW_LEAVES: u8 = 16;
  /** The memory operand is only probed or computed: no access of its own. */
  export const NO_ACCESS: u8 = 32;
}

/** Shapes of operands: what TARGET and SOURCE and the memory operand mean. An immediate may be there in any. */
export namespace Form {
  export const NONE: u32 = 0;
  export const R: u32 = 1;
  export const RR: u32 = 2;
  export const RI: u32 = 3;
  export const RM: u32 = 4;
  export const MR: u32 = 5;
  export const MI: u32 = 6;
  export const M: u32 = 7;
}
