import { Attr, Enc, Sz } from '../encodings';
import { OpcodeMap, entryAt, groupEntryAt } from '../tables';

/** What the files beside this one are written with: entries of the opcode maps and groups. */

export const RMW: u32 = Attr.LOCKABLE | Attr.WRITES;
export const W: u32 = Attr.WRITES;
export const LAST: u32 = Attr.LAST;
export const JUMP: u32 = Attr.LAST | Attr.LINKS;
export const NOT64: u32 = Attr.NOT64;
export const STACK: u32 = Attr.STACK;
export const GROUP: u32 = Attr.GROUP;

/** Operands of a group's entry: memory, a register, either. */
export const MEMORY: u32 = 1;
export const REGISTER: u32 = 2;
export const BOTH: u32 = 3;

@inline function pack(op: u32, enc: u32, size: u32, attrs: u32): u32 { return op | (enc << 10) | (size << 16) | attrs; }

/** With a mandatory prefix: 0 none, 1 66, 2 F3, 3 F2. */
export function sse(map: u32, prefix: u32, opcode: u32, op: u32, enc: u32, size: u32, attrs: u32 = 0): void {
  store<u32>(entryAt(map, opcode, prefix), pack(op, enc, size, attrs));
}
function all(map: u32, opcode: u32, op: u32, enc: u32, size: u32, attrs: u32): void {
  for (let prefix: u32 = 0; prefix < 4; prefix++) sse(map, prefix, opcode, op, enc, size, attrs);
}
export function one(opcode: u32, op: u32, enc: u32, size: u32, attrs: u32 = 0): void { all(OpcodeMap.ONE, opcode, op, enc, size, attrs); }
export function two(opcode: u32, op: u32, enc: u32, size: u32, attrs: u32 = 0): void { all(OpcodeMap.TWO, opcode, op, enc, size, attrs); }
export function v(prefix: u32, opcode: u32, op: u32, enc: u32, size: u32, attrs: u32 = 0): void { sse(OpcodeMap.TWO, prefix, opcode, op, enc, size, attrs); }
/** PS and PD forms of moves and logic. */
export function both(opcode: u32, op: u32, enc: u32, attrs: u32 = 0): void {
  v(0, opcode, op, enc, Sz.X16, attrs);
  v(1, opcode, op, enc, Sz.X16, attrs);
}
/** MMX without a prefix, XMM with 66. */
export function packed(map: u32, opcode: u32, op: u32): void {
  sse(map, 0, opcode, op, Enc.P_Q, Sz.X8);
  sse(map, 1, opcode, op, Enc.V_W, Sz.X16);
}

export function groupPrefixed(g: u32, reg: u32, which: u32, prefix: u32, op: u32, enc: u32, size: u32, attrs: u32 = 0): void {
  for (let isRegister: u32 = 0; isRegister < 2; isRegister++) {
    if (which & (1 << isRegister)) store<u32>(groupEntryAt(g, reg, isRegister, prefix), pack(op, enc, size, attrs));
  }
}
export function group(g: u32, reg: u32, which: u32, op: u32, enc: u32, size: u32, attrs: u32 = 0): void {
  for (let prefix: u32 = 0; prefix < 4; prefix++) groupPrefixed(g, reg, which, prefix, op, enc, size, attrs);
}
