import * as L from '../layout';

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

export const enum Group { NONE, G1, G1A, G2, G2_1, G2_C, G3, G4, G5, G6, G7, G8, G9, G11, G12, G13, G14, G15 }

/** @param prefix 0 for none, 1 for 66, 2 for F3, 3 for F2 */
@inline export function entryAt(map: u32, opcode: u32, prefix: u32): usize {
  return L.OPCODES + <usize>(((map * 256 + opcode) * 4 + prefix) * 4);
}
/** @param isRegister 1 when ModRM.mod is 3 */
@inline export function groupEntryAt(group: u32, reg: u32, isRegister: u32, prefix: u32): usize {
  return L.GROUPS + <usize>((((group * 8 + reg) * 2 + isRegister) * 4 + prefix) * 4);
}
