import * as L from '../layout';
import { readFlags, writeFlags } from '../exec/flags';
import { flagsChanged, push } from '../exec/stack';
import { probeRead, probeWrite, readSystem, writeSystem } from '../mmu/access';
import { beginSystemAccess, endSystemAccess } from '../mmu/spaces';
import { Cr0, Flag, updateMode } from '../mode';
import { loadPageTables } from './control';
import {
  Type, attributesOf, baseOf, descriptorAddress, dplOf, fetchDescriptor, fillSegment, isCode, isConforming, limitOf, loadRealSegment,
  markAccessed, presentIn, setCpl, setNull, typeOf,
} from './descriptors';
import { Dr6, disableLocalBreakpoints, raiseDebug } from './debug';
import { Vector, raiseGp, raiseWithCode } from './fault';

/** Task switches between 16-bit and 32-bit task state segments (Intel SDM vol. 3, chapter 7). */
export namespace TaskSwitch {
  export const JUMP: u32 = 0;
  export const CALL: u32 = 1;
  export const INTERRUPT: u32 = 2;
  export const RETURN: u32 = 3;
}

/** Descriptor types. The busy ones have bit 1 set, the 32-bit ones bit 3. */
const AVAILABLE: u32 = 1;
const BUSY: u32 = 2;
const WIDE: u32 = 8;

/** Offsets in a 32-bit TSS (figure 7-2). */
const CR3_AT: u32 = 28;
const EIP_AT: u32 = 32;
const EFLAGS_AT: u32 = 36;
const REGISTERS_AT: u32 = 40;
const SEGMENTS_AT: u32 = 72;
const LDT_AT: u32 = 96;
const TRAP_AT: u32 = 100;
const MINIMUM: u32 = 103;
/** Offsets in a 16-bit TSS (figure 7-10). */
const IP_AT: u32 = 14;
const FLAGS_AT: u32 = 16;
const REGISTERS16_AT: u32 = 18;
const SEGMENTS16_AT: u32 = 34;
const LDT16_AT: u32 = 42;
const MINIMUM16: u32 = 43;

/** The selectors of the new task, by the number of the segment register. */
const selectors = new StaticArray<u32>(6);

/**
 * Switches to the task of a TSS selector. What is wrong with the TSS itself is the old task's fault; from the moment
 * that its registers are loaded, faults are the new task's.
 * @param returnRip where the old task goes on
 * @param error what an exception pushes on the new task's stack, when `hasError`
 */
export function switchTask(selector: u32, kind: u32, returnRip: u64, hasError: bool = false, error: u32 = 0): void {
  const back = kind == TaskSwitch.RETURN;
  const nested = kind == TaskSwitch.CALL || kind == TaskSwitch.INTERRUPT;
  const descriptor = checkedDescriptor(selector, back);
  const wide = (typeOf(descriptor) & WIDE) != 0;
  const fresh = baseOf(descriptor);
  const saved = beginSystemAccess();
  probeRead(fresh, (wide ? MINIMUM : MINIMUM16) + 1);
  if (nested) probeWrite(fresh, 2);
  endSystemAccess(saved);

  const oldSelector = <u32>load<u16>(L.TR, L.SEGMENT_SELECTOR);
  saveTask(back ? readFlags() & ~Flag.NT : readFlags(), returnRip);
  if (!nested) setBusy(oldSelector, false);
  if (!back) setBusy(selector, true);
  if (nested) writeSystem<u16>(fresh, <u16>oldSelector);

  fillSegment(L.TR, selector, descriptor);
  store<u32>(L.TR, attributesOf(descriptor) | BUSY, L.SEGMENT_ATTRIBUTES);
  store<u64>(L.CR0, load<u64>(L.CR0) | Cr0.TS);
  disableLocalBreakpoints();
  const trap = wide && (readSystem<u8>(fresh + TRAP_AT) & 1) != 0;
  loadTask(fresh, wide, nested);
  if (hasError) {
    if (wide) push<u32>(error);
    else push<u16>(<u16>error);
  }
  if (<u32>load<u64>(L.RIP) > load<u32>(L.CS, L.SEGMENT_LIMIT)) raiseGp(0);
  if (trap) raiseDebug(Dr6.BT);
}

/** The new task's TSS descriptor, which has to be available, or busy when it is returned to. */
function checkedDescriptor(selector: u32, back: bool): u64 {
  const error = selector & 0xfffc;
  const vector = back ? Vector.TS : Vector.GP;
  if (selector & 4 || !error) raiseWithCode(vector, error);
  const descriptor = fetchDescriptor(selector, vector);
  const type = typeOf(descriptor);
  if ((type & ~WIDE) != (back ? AVAILABLE | BUSY : AVAILABLE)) raiseWithCode(vector, error);
  if (!presentIn(descriptor)) raiseWithCode(Vector.NP, error);
  if (limitOf(descriptor) < (type & WIDE ? MINIMUM : MINIMUM16)) raiseWithCode(Vector.TS, error);
  return descriptor;
}

/** Saves the registers in the current TSS. */
function saveTask(flags: u32, rip: u64): void {
  const tss = load<u64>(L.TR, L.SEGMENT_BASE);
  const wide = (load<u32>(L.TR, L.SEGMENT_ATTRIBUTES) & WIDE) != 0;
  // The last field that is written is GS, or DS.
  const last = wide ? LDT_AT - 1 : LDT16_AT - 1;
  if (load<u32>(L.TR, L.SEGMENT_LIMIT) < last) raiseWithCode(Vector.TS, load<u16>(L.TR, L.SEGMENT_SELECTOR) & 0xfffc);
  const saved = beginSystemAccess();
  probeWrite(tss + (wide ? EIP_AT : IP_AT), last + 1 - (wide ? EIP_AT : IP_AT));
  endSystemAccess(saved);
  if (wide) {
    writeSystem<u32>(tss + EIP_AT, <u32>rip);
    writeSystem<u32>(tss + EFLAGS_AT, flags);
    for (let r: u32 = 0; r < 8; r++) writeSystem<u32>(tss + REGISTERS_AT + r * 4, load<u32>(L.REGS + r * 8));
    for (let s: u32 = 0; s < 6; s++) writeSystem<u16>(tss + SEGMENTS_AT + s * 4, selectorOf(s));
  } else {
    writeSystem<u16>(tss + IP_AT, <u16>rip);
    writeSystem<u16>(tss + FLAGS_AT, <u16>flags);
    for (let r: u32 = 0; r < 8; r++) writeSystem<u16>(tss + REGISTERS16_AT + r * 2, load<u16>(L.REGS + r * 8));
    for (let s: u32 = 0; s < 4; s++) writeSystem<u16>(tss + SEGMENTS16_AT + s * 2, selectorOf(s));
  }
}
@inline function selectorOf(n: u32): u16 { return load<u16>(L.SEGMENTS + n * L.SEGMENT_SIZE, L.SEGMENT_SELECTOR); }

/** Loads all registers of the new task, whose TSS is at `tss`. */
function loadTask(tss: u64, wide: bool, nested: bool): void {
  let cr3 = load<u64>(L.CR3);
  let flags: u32;
  let ldt: u32;
  if (wide) {
    cr3 = <u64>readSystem<u32>(tss + CR3_AT);
    store<u64>(L.RIP, <u64>readSystem<u32>(tss + EIP_AT));
    flags = readSystem<u32>(tss + EFLAGS_AT);
    ldt = readSystem<u16>(tss + LDT_AT);
    for (let r: u32 = 0; r < 8; r++) store<u64>(L.REGS + r * 8, <u64>readSystem<u32>(tss + REGISTERS_AT + r * 4));
    for (let s: u32 = 0; s < 6; s++) selectors[s] = readSystem<u16>(tss + SEGMENTS_AT + s * 4);
  } else {
    store<u64>(L.RIP, <u64>readSystem<u16>(tss + IP_AT));
    flags = readSystem<u16>(tss + FLAGS_AT);
    ldt = readSystem<u16>(tss + LDT16_AT);
    for (let r: u32 = 0; r < 8; r++) store<u64>(L.REGS + r * 8, <u64>readSystem<u16>(tss + REGISTERS16_AT + r * 2));
    for (let s: u32 = 0; s < 6; s++) selectors[s] = s < 4 ? readSystem<u16>(tss + SEGMENTS16_AT + s * 2) : 0;
  }
  if (nested) flags |= Flag.NT;
  // From here on faults belong to the new task. What it has no valid segment for stays unusable.
  store<u32>(L.CURRENT_OP, 0);
  writeFlags(flags);
  for (let s: u32 = 0; s < 6; s++) setNull(L.SEGMENTS + s * L.SEGMENT_SIZE, selectors[s]);
  setNull(L.LDTR, ldt);
  if (load<u64>(L.CR0) & Cr0.PG && cr3 != load<u64>(L.CR3)) loadPageTables(cr3);
  loadLdt(ldt);
  if (flags & Flag.VM) {
    updateMode();
    setCpl(3);
    for (let s: u32 = 0; s < 6; s++) loadRealSegment(L.SEGMENTS + s * L.SEGMENT_SIZE, selectors[s]);
  } else {
    loadTaskCode(selectors[1]);
    loadTaskStack(selectors[2]);
    loadTaskData(L.ES, selectors[0]);
    loadTaskData(L.DS, selectors[3]);
    loadTaskData(L.FS, selectors[4]);
    loadTaskData(L.GS, selectors[5]);
  }
  flagsChanged();
}

/** Table 7-1: what the descriptors of a new task are checked for. */
function loadLdt(selector: u32): void {
  const error = selector & 0xfffc;
  if (!error) return;
  if (selector & 4) raiseWithCode(Vector.TS, error);
  const descriptor = fetchDescriptor(selector, Vector.TS);
  if (typeOf(descriptor) != 2 || !presentIn(descriptor)) raiseWithCode(Vector.TS, error);
  fillSegment(L.LDTR, selector, descriptor);
  store<u32>(L.LDTR, attributesOf(descriptor), L.SEGMENT_ATTRIBUTES);
}
function loadTaskCode(selector: u32): void {
  const error = selector & 0xfffc;
  const rpl = selector & 3;
  if (!error) raiseWithCode(Vector.TS, 0);
  const descriptor = fetchDescriptor(selector, Vector.TS);
  const dpl = dplOf(descriptor);
  if (!isCode(descriptor) || (isConforming(descriptor) ? dpl > rpl : dpl != rpl)) raiseWithCode(Vector.TS, error);
  if (!presentIn(descriptor)) raiseWithCode(Vector.NP, error);
  markAccessed(selector, descriptor);
  fillSegment(L.CS, selector, descriptor);
  updateMode();
  setCpl(rpl);
}
function loadTaskStack(selector: u32): void {
  const error = selector & 0xfffc;
  const level = load<u32>(L.CPL);
  if (!error) raiseWithCode(Vector.TS, 0);
  const descriptor = fetchDescriptor(selector, Vector.TS);
  if ((selector & 3) != level || dplOf(descriptor) != level || (typeOf(descriptor) & 0x1a) != 0x12) raiseWithCode(Vector.TS, error);
  if (!presentIn(descriptor)) raiseWithCode(Vector.SS, error);
  markAccessed(selector, descriptor);
  fillSegment(L.SS, selector, descriptor);
  updateMode();
}
function loadTaskData(segment: usize, selector: u32): void {
  const error = selector & 0xfffc;
  if (!error) return;
  const descriptor = fetchDescriptor(selector, Vector.TS);
  const type = typeOf(descriptor);
  if (!(type & Type.SEGMENT) || (type & 0xa) == Type.CODE) raiseWithCode(Vector.TS, error);
  const dpl = dplOf(descriptor);
  if (!isConforming(descriptor) && ((selector & 3) > dpl || load<u32>(L.CPL) > dpl)) raiseWithCode(Vector.TS, error);
  if (!presentIn(descriptor)) raiseWithCode(Vector.NP, error);
  markAccessed(selector, descriptor);
  fillSegment(segment, selector, descriptor);
  updateMode();
}

function setBusy(selector: u32, busy: bool): void {
  const address = descriptorAddress(selector) + 5;
  const byte = readSystem<u8>(address);
  writeSystem<u8>(address, busy ? byte | <u8>BUSY : byte & ~<u8>BUSY);
}
