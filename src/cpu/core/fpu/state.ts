import * as L from '../layout';
import { Cr0 } from '../mode';
import { Vector, raise } from '../system/fault';

/** Control, status and tag words. ES and B follow the exceptions and their masks; TOP is kept apart. */

export namespace Status {
  export const C0: u32 = 0x100;
  export const C1: u32 = 0x200;
  export const C2: u32 = 0x400;
  export const C3: u32 = 0x4000;
  export const CONDITIONS: u32 = 0x4700;
  /** ES and B. */
  export const SUMMARY: u32 = 0x8080;
  export const TOP: u32 = 0x3800;
}

/** All exceptions masked, 64-bit precision, to nearest. */
const INITIAL_CONTROL: u32 = 0x37f;
/** Bit 6 reads as one, bits 7, 13, 14 and 15 as zero. */
const CONTROL_MASK: u32 = 0x1f3f;
const CONTROL_ALWAYS: u32 = 0x40;

/**
 * An unmasked x87 exception is waiting: the next waiting instruction meets it as #MF. With CR0.NE clear the processor
 * would ask for IRQ 13 by FERR# instead; no machine here wires that, and the instruction goes on as with IGNNE# held.
 */
@inline export function checkX87Exceptions(): void {
  if (load<u32>(L.X87_STATUS) & 0x80 && load<u64>(L.CR0) & Cr0.NE) raise(Vector.MF);
}

/** FNINIT. */
export function initializeX87(): void {
  store<u32>(L.X87_CONTROL, INITIAL_CONTROL);
  store<u32>(L.X87_STATUS, 0);
  store<u32>(L.X87_TAGS, 0);
  store<u32>(L.X87_TOP, 0);
  store<u64>(L.X87_IP, 0);
  store<u64>(L.X87_DP, 0);
  store<u32>(L.X87_OPCODE, 0);
  store<u32>(L.X87_CS, 0);
  store<u32>(L.X87_DS, 0);
}

export function setControlWord(value: u32): void {
  store<u32>(L.X87_CONTROL, (value & CONTROL_MASK) | CONTROL_ALWAYS);
  updateSummary();
}

/** The status word with TOP in its place. */
@inline export function statusWord(): u32 { return load<u32>(L.X87_STATUS) | (load<u32>(L.X87_TOP) << 11); }
/** The control word comes first, where both are loaded. */
export function setStatusWord(value: u32): void {
  store<u32>(L.X87_TOP, (value >> 11) & 7);
  store<u32>(L.X87_STATUS, value & ~Status.TOP & 0xffff);
  updateSummary();
}
/** ES and B say whether an unmasked exception is pending. */
export function updateSummary(): void {
  const status = load<u32>(L.X87_STATUS);
  const pending = (status & ~load<u32>(L.X87_CONTROL) & 0x3f) != 0;
  store<u32>(L.X87_STATUS, pending ? status | Status.SUMMARY : status & ~Status.SUMMARY);
}

/** The tag word as the 8087 has it, two bits a register: valid, zero, special, empty. */
export function fullTagWord(): u32 {
  const used = load<u32>(L.X87_TAGS);
  let word: u32 = 0;
  for (let i: u32 = 0; i < 8; i++) word |= (used & (1 << i) ? contentTag(L.X87 + i * 16) : 3) << (i * 2);
  return word;
}
function contentTag(register: usize): u32 {
  const e = load<u16>(register, 8) & 0x7fff;
  const sig = load<u64>(register);
  if (e == 0) return sig == 0 ? 1 : 2;
  return e == 0x7fff || <i64>sig >= 0 ? 2 : 0;
}
/** Only which registers are empty counts. */
export function setFullTagWord(word: u32): void {
  let used: u32 = 0;
  for (let i: u32 = 0; i < 8; i++) if (((word >> (i * 2)) & 3) != 3) used |= 1 << i;
  store<u32>(L.X87_TAGS, used);
}
