import * as L from '../layout';
import { readFlags, writeFlags } from '../exec/flags';
import { flagsChanged } from '../exec/stack';
import { probeWrite, readSystem, writeSystem } from '../mmu/access';
import { beginSystemAccess, endSystemAccess, flushTlb } from '../mmu/tlb';
import { Cr0, Flag, updateMode } from '../mode';
import {
  attributesOf, baseOf, descriptorAddress, fetchDescriptor, fillSegment, limitOf, loadRealSegment, loadSegment, loadSystemSegment, presentIn,
  setCpl, setNull, typeOf,
} from './descriptors';
import { Vector, raiseGp, raiseWithCode } from './fault';

/** Hardware task switches between 32-bit task state segments (Intel SDM vol. 3, 7.3). */
export namespace TaskSwitch {
  export const JUMP: u32 = 0;
  export const CALL: u32 = 1;
  export const INTERRUPT: u32 = 2;
  export const RETURN: u32 = 3;
}

/** Offsets in a 32-bit TSS. */
const CR3_AT: u32 = 28;
const EIP_AT: u32 = 32;
const EFLAGS_AT: u32 = 36;
const REGISTERS_AT: u32 = 40;
const SEGMENTS_AT: u32 = 72;
const LDT_AT: u32 = 96;
const MINIMUM: u32 = 103;

export function switchTask(selector: u32, kind: u32, returnRip: u64): void {
  const error = selector & 0xfffc;
  const back = kind == TaskSwitch.RETURN;
  const vector = back ? Vector.TS : Vector.GP;
  if (selector & 4 || !error) raiseWithCode(vector, error);
  const descriptor = fetchDescriptor(selector, vector);
  // Only 32-bit task state segments: available, or busy when it is returned to.
  if (typeOf(descriptor) != (back ? 11 : 9)) raiseWithCode(vector, error);
  if (!presentIn(descriptor)) raiseWithCode(Vector.NP, error);
  if (limitOf(descriptor) < MINIMUM) raiseWithCode(Vector.TS, error);

  const old = load<u64>(L.TR, L.SEGMENT_BASE);
  const oldSelector = load<u16>(L.TR, L.SEGMENT_SELECTOR);
  const fresh = baseOf(descriptor);
  const saved = beginSystemAccess();
  probeWrite(old, 104);
  probeWrite(fresh, 104);
  endSystemAccess(saved);

  let flags = readFlags();
  if (back) flags &= ~Flag.NT;
  writeSystem<u32>(old + EIP_AT, <u32>returnRip);
  writeSystem<u32>(old + EFLAGS_AT, flags);
  for (let r: u32 = 0; r < 8; r++) writeSystem<u32>(old + REGISTERS_AT + r * 4, load<u32>(L.REGS + r * 8));
  for (let s: u32 = 0; s < 6; s++) writeSystem<u16>(old + SEGMENTS_AT + s * 4, load<u16>(L.SEGMENTS + s * L.SEGMENT_SIZE, L.SEGMENT_SELECTOR));

  if (kind == TaskSwitch.JUMP || back) setBusy(oldSelector, false);
  if (!back) setBusy(selector, true);
  if (kind == TaskSwitch.CALL || kind == TaskSwitch.INTERRUPT) writeSystem<u16>(fresh, oldSelector);

  const cr3 = readSystem<u32>(fresh + CR3_AT);
  const eip = readSystem<u32>(fresh + EIP_AT);
  let newFlags = readSystem<u32>(fresh + EFLAGS_AT);
  const ldt = <u32>readSystem<u16>(fresh + LDT_AT);
  if (kind == TaskSwitch.CALL || kind == TaskSwitch.INTERRUPT) newFlags |= Flag.NT;
  for (let r: u32 = 0; r < 8; r++) store<u64>(L.REGS + r * 8, <u64>readSystem<u32>(fresh + REGISTERS_AT + r * 4));
  const selectors0 = readSystem<u16>(fresh + SEGMENTS_AT), selectors1 = readSystem<u16>(fresh + SEGMENTS_AT + 4), selectors2 = readSystem<u16>(fresh + SEGMENTS_AT + 8);
  const selectors3 = readSystem<u16>(fresh + SEGMENTS_AT + 12), selectors4 = readSystem<u16>(fresh + SEGMENTS_AT + 16), selectors5 = readSystem<u16>(fresh + SEGMENTS_AT + 20);

  fillSegment(L.TR, selector, descriptor);
  store<u32>(L.TR, attributesOf(descriptor) | 2, L.SEGMENT_ATTRIBUTES);
  store<u64>(L.CR0, load<u64>(L.CR0) | Cr0.TS);
  if (load<u64>(L.CR0) & Cr0.PG && <u64>cr3 != load<u64>(L.CR3)) {
    store<u64>(L.CR3, <u64>cr3);
    flushTlb();
  }
  store<u64>(L.RIP, <u64>eip);
  // From here on faults belong to the new task.
  store<u32>(L.CURRENT_OP, 0);
  writeFlags(newFlags);
  updateMode();
  if (newFlags & Flag.VM) {
    store<u32>(L.CPL, 3);
    loadRealSegment(L.ES, selectors0);
    loadRealSegment(L.CS, selectors1);
    loadRealSegment(L.SS, selectors2);
    loadRealSegment(L.DS, selectors3);
    loadRealSegment(L.FS, selectors4);
    loadRealSegment(L.GS, selectors5);
    flagsChanged();
    return;
  }
  setNull(L.LDTR, 0);
  if (ldt & 0xfffc) loadSystemSegment(L.LDTR, ldt, 2);
  const code = fetchDescriptor(selectors1, Vector.TS);
  if ((typeOf(code) & 0x18) != 0x18) raiseWithCode(Vector.TS, selectors1 & 0xfffc);
  if (!presentIn(code)) raiseWithCode(Vector.NP, selectors1 & 0xfffc);
  setCpl(selectors1 & 3);
  fillSegment(L.CS, selectors1, code);
  updateMode();
  loadSegment(L.SS, selectors2);
  loadSegment(L.ES, selectors0);
  loadSegment(L.DS, selectors3);
  loadSegment(L.FS, selectors4);
  loadSegment(L.GS, selectors5);
  flagsChanged();
}

function setBusy(selector: u32, busy: bool): void {
  const address = descriptorAddress(selector) + 5;
  const byte = readSystem<u8>(address);
  writeSystem<u8>(address, busy ? byte | 2 : byte & ~2);
}
