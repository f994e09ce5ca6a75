import * as L from '../layout';
import { dropFromStack, flagsChanged, flagsWritable, peek, probePush, push, setStackPointer, stackPointer } from '../exec/stack';
import { readFlags, writeFlags } from '../exec/flags';
import { ripAfter } from '../exec/operands';
import { read, readSystem, write, wrap } from '../mmu/access';
import { updateContext } from '../mmu/spaces';
import { Privilege } from '../mmu/tlb';
import { Cr0, Cr4, Flag, Mode, cpl, isCanonical, isProtected, isVm86, longModeActive, updateMode } from '../mode';
import {
  Type, baseOf, descriptorAddress, dplOf, dropPrivilegedSegments, fetchDescriptor, fillSegment, isCode, isConforming, isLongCode, limitOf,
  loadRealSegment, markAccessed, presentIn, setNull, typeOf,
} from './descriptors';
import { enterDebugHandler } from './debug';
import { Vector, beginDelivery, endDelivery, raiseGp, raiseWithCode } from './fault';
import { switchTask, TaskSwitch } from './task';
import { flagsForVirtualProgram, virtualStackFlags, virtualizedFlags } from './virtual-flags';

/** Transfers of control between segments and privilege levels (Intel SDM vol. 3, chapters 5 and 6). */

/** Checks a code segment for a direct jump or call. */
function checkDirectCode(selector: u32, descriptor: u64): void {
  const error = selector & 0xfffc;
  const dpl = dplOf(descriptor);
  if (isConforming(descriptor)) {
    if (dpl > cpl()) raiseGp(error);
  } else if ((selector & 3) > cpl() || dpl != cpl()) {
    raiseGp(error);
  }
  if (!presentIn(descriptor)) raiseWithCode(Vector.NP, error);
  if (longModeActive() && isLongCode(descriptor) && descriptor & (<u64>Type.BIG << 40)) raiseGp(error);
}

/** RIP in the new code segment: canonical, or within the limit. */
function checkTarget(descriptor: u64, offset: u64): void {
  if (longModeActive() && isLongCode(descriptor)) {
    if (!isCanonical(offset)) raiseGp(0);
  } else if (offset > <u64>limitOf(descriptor)) {
    raiseGp(0);
  }
}

function enterCode(selector: u32, descriptor: u64, level: u32, rip: u64): void {
  markAccessed(selector, descriptor);
  fillSegment(L.CS, (selector & 0xfffc) | level, descriptor);
  store<u32>(L.CPL, level);
  updateMode();
  updateContext();
  store<u64>(L.RIP, rip);
}

export function farJump(op: usize, selector: u32, offset: u64): void {
  if (!isProtected()) {
    checkRealTarget(offset);
    enterReal(selector, offset);
    return;
  }
  if (!(selector & 0xfffc)) raiseGp(0);
  const descriptor = fetchDescriptor(selector);
  if (isCode(descriptor)) {
    checkDirectCode(selector, descriptor);
    checkTarget(descriptor, offset);
    enterCode(selector, descriptor, cpl(), offset);
    return;
  }
  throughGate(op, selector, descriptor, false, 0);
}

/** In real mode the limit stays what it is, in virtual-8086 mode it is 64 KiB. */
function checkRealTarget(offset: u64): void {
  if (offset > <u64>load<u32>(L.CS, L.SEGMENT_LIMIT)) raiseGp(0);
}
function enterReal(selector: u32, offset: u64): void {
  loadRealSegment(L.CS, selector);
  if (!isVm86()) store<u32>(L.CS, 0x9b, L.SEGMENT_ATTRIBUTES);
  store<u64>(L.RIP, offset & 0xffffffff);
  updateMode();
}

export function farCall(op: usize, selector: u32, offset: u64, size: u32): void {
  const rip = ripAfter(op);
  if (!isProtected()) {
    checkRealTarget(offset);
    pushFar(size, load<u16>(L.CS, L.SEGMENT_SELECTOR), rip);
    enterReal(selector, offset);
    return;
  }
  if (!(selector & 0xfffc)) raiseGp(0);
  const descriptor = fetchDescriptor(selector);
  if (!isCode(descriptor)) {
    throughGate(op, selector, descriptor, true, size);
    return;
  }
  checkDirectCode(selector, descriptor);
  checkTarget(descriptor, offset);
  pushFar(size, load<u16>(L.CS, L.SEGMENT_SELECTOR), rip);
  enterCode(selector, descriptor, cpl(), offset);
}

/** CS and RIP, or neither. */
function pushFar(size: u32, selector: u32, rip: u64): void {
  // The second push is the deeper one: make sure of it first.
  probePush(2 << size, 1 << size);
  pushSized(size, selector);
  pushSized(size, rip);
}
function pushSized(size: u32, value: u64): void {
  if (size == 1) push<u16>(<u16>value);
  else if (size == 2) push<u32>(<u32>value);
  else push<u64>(value);
}

/** Call gates and tasks. In long mode only 64-bit call gates exist. */
function throughGate(op: usize, selector: u32, gate: u64, isCall: bool, size: u32): void {
  const error = selector & 0xfffc;
  const type = typeOf(gate);
  const dpl = dplOf(gate);
  const long = longModeActive();
  if (dpl < cpl() || dpl < (selector & 3)) raiseGp(error);
  if (!long && (type == 1 || type == 9)) {
    if (!presentIn(gate)) raiseWithCode(Vector.NP, error);
    switchTask(selector, isCall ? TaskSwitch.CALL : TaskSwitch.JUMP, ripAfter(op));
    return;
  }
  if (!long && type == 5) {
    if (!presentIn(gate)) raiseWithCode(Vector.NP, error);
    switchTask(<u32>(gate >> 16) & 0xffff, isCall ? TaskSwitch.CALL : TaskSwitch.JUMP, ripAfter(op));
    return;
  }
  if (long ? type != 12 : type != 4 && type != 12) raiseGp(error);
  if (!presentIn(gate)) raiseWithCode(Vector.NP, error);
  let offset = (gate & 0xffff) | ((gate >> 32) & 0xffff0000);
  if (type == 4) offset &= 0xffff;
  if (long) {
    const address = descriptorAddress(selector, 16);
    if (!address) raiseGp(error);
    const high = readSystem<u64>(address + 8);
    if ((high >> 40) & 0x1f) raiseGp(error);
    offset |= high << 32;
  }
  const target = <u32>(gate >> 16) & 0xffff;
  if (!(target & 0xfffc)) raiseGp(0);
  const descriptor = fetchDescriptor(target);
  if (!isCode(descriptor) || dplOf(descriptor) > cpl()) raiseGp(target & 0xfffc);
  if (!presentIn(descriptor)) raiseWithCode(Vector.NP, target & 0xfffc);
  if (long && (!isLongCode(descriptor) || descriptor & (<u64>Type.BIG << 40))) raiseGp(target & 0xfffc);
  const returnRip = ripAfter(op);
  const gateSize: u32 = long ? 3 : type == 12 ? 2 : 1;
  const toInner = isCall && !isConforming(descriptor) && dplOf(descriptor) < cpl();
  if (!isCall) {
    if (!isConforming(descriptor) && dplOf(descriptor) != cpl()) raiseGp(target & 0xfffc);
    checkTarget(descriptor, offset);
    enterCode(target, descriptor, cpl(), offset);
    return;
  }
  checkTarget(descriptor, offset);
  if (!toInner) {
    pushFar(gateSize, load<u16>(L.CS, L.SEGMENT_SELECTOR), returnRip);
    enterCode(target, descriptor, cpl(), offset);
    return;
  }
  const level = dplOf(descriptor);
  const oldSs = <u32>load<u16>(L.SS, L.SEGMENT_SELECTOR);
  const oldRsp = load<u64>(L.RSP);
  const oldCs = <u32>load<u16>(L.CS, L.SEGMENT_SELECTOR);
  const parameters: u32 = long ? 0 : <u32>(gate >> 32) & 31;
  const outer = load<u64>(L.CONTEXT);
  NewStack.prepare(level, 0, gateSize);
  const inner = load<u64>(L.CONTEXT);
  NewStack.push(oldSs);
  NewStack.push(oldRsp);
  for (let i = parameters; i > 0; i--) {
    // The parameters are read as the caller may.
    store<u64>(L.CONTEXT, outer);
    const value = gateSize == 2 ? <u64>peek<u32>((i - 1) * 4) : <u64>peek<u16>((i - 1) * 2);
    store<u64>(L.CONTEXT, inner);
    NewStack.push(value);
  }
  NewStack.push(oldCs);
  NewStack.push(returnRip);
  markAccessed(target, descriptor);
  NewStack.commit(level);
  enterCode(target, descriptor, level, offset);
}

/**
 * The stack of an inner level while things are pushed on it: nothing of the vCPU changes before `commit`, so that a
 * fault on the way leaves it as it was.
 */
namespace NewStack {
  let pointer: u64 = 0;
  let base: u64 = 0;
  let mask: u64 = 0;
  let limit: u64 = 0;
  let expandDown = false;
  let selector: u32 = 0;
  let descriptor: u64 = 0;
  let size: u32 = 0;
  let long = false;
  let error: u32 = 0;

  /** From the task state segment. @param ist 1 to 7, or 0 for the level's own stack */
  export function prepare(level: u32, ist: u32, pushSize: u32): void {
    const tss = load<u64>(L.TR, L.SEGMENT_BASE);
    const tssLimit = load<u32>(L.TR, L.SEGMENT_LIMIT);
    const tssSelector = <u32>load<u16>(L.TR, L.SEGMENT_SELECTOR) & 0xfffc;
    size = pushSize;
    long = longModeActive();
    if (long) {
      const at: u32 = ist ? 0x24 + (ist - 1) * 8 : 4 + level * 8;
      if (at + 7 > tssLimit) raiseWithCode(Vector.TS, tssSelector);
      pointer = readSystem<u64>(tss + at);
      useLong(level);
      return;
    }
    if (load<u32>(L.TR, L.SEGMENT_ATTRIBUTES) & 8) {
      const at: u32 = 4 + level * 8;
      if (at + 5 > tssLimit) raiseWithCode(Vector.TS, tssSelector);
      pointer = <u64>readSystem<u32>(tss + at);
      selector = <u32>readSystem<u16>(tss + at + 4);
    } else {
      const at: u32 = 2 + level * 4;
      if (at + 3 > tssLimit) raiseWithCode(Vector.TS, tssSelector);
      pointer = <u64>readSystem<u16>(tss + at);
      selector = <u32>readSystem<u16>(tss + at + 2);
    }
    error = selector & 0xfffc;
    if (!error) raiseWithCode(Vector.TS, 0);
    descriptor = fetchDescriptor(selector, Vector.TS);
    if ((selector & 3) != level || dplOf(descriptor) != level || (typeOf(descriptor) & 0x1a) != 0x12) raiseWithCode(Vector.TS, error);
    if (!presentIn(descriptor)) raiseWithCode(Vector.SS, error);
    base = baseOf(descriptor);
    limit = limitOf(descriptor);
    expandDown = (typeOf(descriptor) & 4) != 0;
    mask = descriptor & (<u64>Type.BIG << 40) ? 0xffffffff : 0xffff;
    useLevel(level);
  }
  /** In long mode: a stack pointer that is given, at a level. */
  export function useLong(level: u32): void {
    if (!isCanonical(pointer)) raiseWithCode(Vector.SS, 0);
    long = true;
    selector = level;
    base = 0;
    mask = -1;
    useLevel(level);
  }
  /** The current stack. */
  export function keep(pushSize: u32): void {
    size = pushSize;
    long = longModeActive();
    pointer = stackPointer();
    error = 0;
    if (long) {
      pointer = load<u64>(L.RSP);
      useLong(cpl());
      return;
    }
    base = load<u64>(L.SS, L.SEGMENT_BASE);
    limit = load<u32>(L.SS, L.SEGMENT_LIMIT);
    expandDown = (load<u32>(L.SS, L.SEGMENT_ATTRIBUTES) & 0xc) == 4;
    mask = load<u32>(L.MODE) & Mode.STACK32 ? 0xffffffff : 0xffff;
    useLevel(cpl());
  }
  export function align16(): void { pointer &= ~15; }

  /** The pushes are the inner level's accesses. CONTEXT is made anew from CPL in any case. */
  function useLevel(level: u32): void {
    if (level == 3) return;
    const kept = load<u64>(L.CR4) & Cr4.SMAP && !(load<u32>(L.SYSTEM_FLAGS) & Flag.AC);
    store<u64>(L.CONTEXT, load<u32>(L.CONTEXT_BASE) | (kept ? Privilege.SUPERVISOR : Privilege.SUPERVISOR_ANY));
  }
  export function push(value: u64): void {
    const bytes: u32 = 1 << size;
    pointer = (pointer - bytes) & mask;
    if (!long) {
      const last = pointer + bytes - 1;
      const bad = expandDown ? pointer <= limit || last > mask : last > limit;
      if (bad) raiseWithCode(Vector.SS, error);
    }
    const address = long ? pointer : (base + pointer) & 0xffffffff;
    if (size == 1) write<u16>(address, <u16>value);
    else if (size == 2) write<u32>(address, <u32>value);
    else write<u64>(address, value);
  }
  export function setPointer(value: u64): void { pointer = value; }
  /** SS and the stack pointer become the new ones. */
  export function commit(level: u32): void {
    store<u32>(L.CPL, level);
    if (long) {
      setNull(L.SS, level);
    } else {
      markAccessed(selector, descriptor);
      fillSegment(L.SS, selector, descriptor);
    }
    commitPointer();
  }
  export function commitPointer(): void {
    if (mask == 0xffff) store<u16>(L.RSP, <u16>pointer);
    else store<u64>(L.RSP, pointer & mask);
  }
}

export function farReturn<T>(drop: u32): void {
  const bytes: u32 = sizeof<T>();
  const offset = <u64>peek<T>(0);
  const selector = <u32>peek<T>(bytes) & 0xffff;
  if (!isProtected()) {
    checkRealTarget(offset);
    dropFromStack(2 * bytes + drop);
    enterReal(selector, offset);
    return;
  }
  const descriptor = returnCode(selector);
  const level = selector & 3;
  checkTarget(descriptor, offset);
  if (level == cpl()) {
    dropFromStack(2 * bytes + drop);
    enterCode(selector, descriptor, level, offset);
    return;
  }
  const newRsp = <u64>peek<T>(2 * bytes + drop);
  const newSs = <u32>peek<T>(3 * bytes + drop) & 0xffff;
  const ssDescriptor = returnStack(newSs, level, descriptor);
  enterCode(selector, descriptor, level, offset);
  enterStack(newSs, ssDescriptor, level);
  setStackPointer(newRsp + drop);
  dropPrivilegedSegments();
  updateMode();
}

/** The code segment that RET or IRET goes to. */
function returnCode(selector: u32): u64 {
  if (!(selector & 0xfffc)) raiseGp(0);
  const error = selector & 0xfffc;
  const descriptor = fetchDescriptor(selector);
  const level = selector & 3;
  if (!isCode(descriptor) || level < cpl()) raiseGp(error);
  if (isConforming(descriptor) ? dplOf(descriptor) > level : dplOf(descriptor) != level) raiseGp(error);
  if (!presentIn(descriptor)) raiseWithCode(Vector.NP, error);
  return descriptor;
}
/** @returns 0 for a null SS, which 64-bit code may have below level 3 */
function returnStack(selector: u32, level: u32, code: u64): u64 {
  const error = selector & 0xfffc;
  if (!error) {
    if (!longModeActive() || !isLongCode(code) || level == 3 || (selector & 3) != level) raiseGp(0);
    return 0;
  }
  const descriptor = fetchDescriptor(selector);
  if ((selector & 3) != level || (typeOf(descriptor) & 0x1a) != 0x12 || dplOf(descriptor) != level) raiseGp(error);
  if (!presentIn(descriptor)) raiseWithCode(Vector.SS, error);
  return descriptor;
}
function enterStack(selector: u32, descriptor: u64, level: u32): void {
  if (!descriptor) { setNull(L.SS, selector); return; }
  markAccessed(selector, descriptor);
  fillSegment(L.SS, selector, descriptor);
  updateMode();
}

export function interruptReturn<T>(): void {
  store<u32>(L.NMI_BLOCKED, 0);
  const bytes: u32 = sizeof<T>();
  if (!isProtected()) {
    returnToReal<T>();
    return;
  }
  const flagsNow = readFlags();
  const long = longModeActive();
  if (flagsNow & Flag.NT) {
    if (long) raiseGp(0);
    switchTask(<u32>readSystem<u16>(load<u64>(L.TR, L.SEGMENT_BASE)), TaskSwitch.RETURN, load<u64>(L.RIP));
    return;
  }
  const offset = <u64>peek<T>(0);
  const selector = <u32>peek<T>(bytes) & 0xffff;
  const flags = <u32>peek<T>(2 * bytes);
  if (flags & Flag.VM && cpl() == 0 && !long && bytes == 4) {
    returnToVm86(offset, selector, flags);
    return;
  }
  const descriptor = returnCode(selector);
  const level = selector & 3;
  checkTarget(descriptor, offset);
  let mask = flagsWritable(bytes == 2 ? 1 : 2) | (bytes > 2 ? Flag.RF : 0);
  if (cpl() == 0 && bytes > 2) mask |= Flag.VIF | Flag.VIP;
  const outer = level != cpl();
  // In 64-bit mode SS and RSP are always popped.
  if (!outer && !(load<u32>(L.MODE) & 2)) {
    dropFromStack(3 * bytes);
    enterCode(selector, descriptor, level, offset);
  } else {
    const newRsp = <u64>peek<T>(3 * bytes);
    const newSs = <u32>peek<T>(4 * bytes) & 0xffff;
    const ssDescriptor = returnStack(newSs, level, descriptor);
    enterCode(selector, descriptor, level, offset);
    enterStack(newSs, ssDescriptor, level);
    setStackPointer(newRsp);
    if (outer) dropPrivilegedSegments();
  }
  writeFlags((flags & mask) | (flagsNow & ~mask));
  flagsChanged();
}

/** In real mode, and from virtual-8086 mode to itself. */
function returnToReal<T>(): void {
  const bytes: u32 = sizeof<T>();
  const virtual = virtualStackFlags<T>();
  const offset = <u64>peek<T>(0);
  const selector = <u32>peek<T>(bytes) & 0xffff;
  const flags = <u32>peek<T>(2 * bytes);
  checkRealTarget(offset);
  const mask = flagsWritable(bytes == 2 ? 1 : 2) | (bytes > 2 ? Flag.RF : 0);
  const result = virtual ? virtualizedFlags(flags, mask) : (flags & mask) | (readFlags() & ~mask);
  dropFromStack(3 * bytes);
  enterReal(selector, offset);
  writeFlags(result);
  flagsChanged();
}

function returnToVm86(offset: u64, selector: u32, flags: u32): void {
  const esp = peek<u32>(12);
  const ss = peek<u32>(16), es = peek<u32>(20), ds = peek<u32>(24), fs = peek<u32>(28), gs = peek<u32>(32);
  writeFlags(flags);
  store<u32>(L.CPL, 3);
  updateMode();
  loadRealSegment(L.CS, selector & 0xffff);
  loadRealSegment(L.SS, ss & 0xffff);
  loadRealSegment(L.ES, es & 0xffff);
  loadRealSegment(L.DS, ds & 0xffff);
  loadRealSegment(L.FS, fs & 0xffff);
  loadRealSegment(L.GS, gs & 0xffff);
  store<u64>(L.RSP, <u64>esp);
  store<u64>(L.RIP, offset);
  flagsChanged();
}

export namespace Source {
  /** An exception of the processor, an external interrupt, INT1: gates' DPL does not count. */
  export const EVENT: u32 = 0;
  /** INT n, INT3, INTO. */
  export const INSTRUCTION: u32 = 1;
}

/**
 * Delivers an interrupt or exception through the IDT. RIP is where the handler returns to. Raises what goes wrong;
 * nothing has changed then, except by a task switch.
 */
export function interrupt(vector: u32, source: u32, hasError: bool, error: u32): void {
  // The handler is not stepped through, and the step's trap does not come on top.
  store<u32>(L.STEPPING, 0);
  store<u32>(L.ACTIVITY, 0);
  beginDelivery(source == Source.EVENT);
  if (vector == Vector.DB && source == Source.EVENT) enterDebugHandler();
  if (load<u64>(L.CR0) & Cr0.PE) throughIdt(vector, source, hasError, error);
  else throughVectorTable(vector, load<u64>(L.IDT_BASE), load<u32>(L.IDT_LIMIT));
  endDelivery();
}

function throughIdt(vector: u32, source: u32, hasError: bool, error: u32): void {
  const long = longModeActive();
  const code = vector * 8 + 2;
  const bytes: u32 = long ? 16 : 8;
  if (vector * bytes + bytes - 1 > load<u32>(L.IDT_LIMIT)) raiseGp(code);
  const address = load<u64>(L.IDT_BASE) + vector * bytes;
  const gate = readSystem<u64>(address);
  const high: u64 = long ? readSystem<u64>(address + 8) : 0;
  const type = typeOf(gate);
  const isTask = type == 5 && !long;
  if (!isTask && type != 14 && type != 15 && (long || type != 6 && type != 7)) raiseGp(code);
  if (source == Source.INSTRUCTION && dplOf(gate) < cpl()) raiseGp(code);
  if (!presentIn(gate)) raiseWithCode(Vector.NP, code);
  if (isTask) {
    switchTask(<u32>(gate >> 16) & 0xffff, TaskSwitch.INTERRUPT, load<u64>(L.RIP), hasError, error);
    return;
  }
  const selector = <u32>(gate >> 16) & 0xffff;
  if (!(selector & 0xfffc)) raiseGp(0);
  const descriptor = fetchDescriptor(selector);
  const dpl = dplOf(descriptor);
  if (!isCode(descriptor) || dpl > cpl()) raiseGp(selector & 0xfffc);
  if (long && (!isLongCode(descriptor) || descriptor & (<u64>Type.BIG << 40))) raiseGp(selector & 0xfffc);
  if (!presentIn(descriptor)) raiseWithCode(Vector.NP, selector & 0xfffc);
  let offset = (gate & 0xffff) | ((gate >> 32) & 0xffff0000) | (high << 32);
  const size: u32 = long ? 3 : type >= 14 ? 2 : 1;
  if (size == 1) offset &= 0xffff;

  const flags = readFlags();
  const fromVm86 = isVm86();
  const level = isConforming(descriptor) ? cpl() : dpl;
  if (fromVm86 && level != 0) raiseGp(selector & 0xfffc);
  const ist: u32 = long ? <u32>(gate >> 32) & 7 : 0;
  const inner = level < cpl();
  if (inner || ist) NewStack.prepare(level, ist, size);
  else NewStack.keep(size);
  if (long) NewStack.align16();
  if (fromVm86) {
    NewStack.push(load<u16>(L.GS, L.SEGMENT_SELECTOR));
    NewStack.push(load<u16>(L.FS, L.SEGMENT_SELECTOR));
    NewStack.push(load<u16>(L.DS, L.SEGMENT_SELECTOR));
    NewStack.push(load<u16>(L.ES, L.SEGMENT_SELECTOR));
  }
  if (long || inner) {
    NewStack.push(load<u16>(L.SS, L.SEGMENT_SELECTOR));
    NewStack.push(load<u64>(L.RSP));
  }
  NewStack.push(flags);
  NewStack.push(load<u16>(L.CS, L.SEGMENT_SELECTOR));
  NewStack.push(load<u64>(L.RIP));
  if (hasError) NewStack.push(error);
  checkTarget(descriptor, offset);
  markAccessed(selector, descriptor);

  if (fromVm86) {
    setNull(L.ES, 0);
    setNull(L.DS, 0);
    setNull(L.FS, 0);
    setNull(L.GS, 0);
  }
  // Interrupt gates, whose type is even, turn interrupts off.
  let cleared: u32 = Flag.TF | Flag.NT | Flag.RF | Flag.VM;
  if (!(type & 1)) cleared |= Flag.IF;
  store<u32>(L.SYSTEM_FLAGS, load<u32>(L.SYSTEM_FLAGS) & ~cleared);
  if (inner) NewStack.commit(level);
  else NewStack.commitPointer();
  enterCode(selector, descriptor, level, offset);
}

/** Through the table of far pointers of real mode. */
function throughVectorTable(vector: u32, base: u64, limit: u32): void {
  if (vector * 4 + 3 > limit) raiseGp(vector * 8 + 2);
  const entry = readSystem<u32>(base + vector * 4);
  pushRealFrame(readFlags());
  store<u32>(L.SYSTEM_FLAGS, load<u32>(L.SYSTEM_FLAGS) & ~(Flag.IF | Flag.TF | Flag.AC | Flag.RF));
  enterReal(entry >> 16, <u64>(entry & 0xffff));
}
/** FLAGS, CS and IP, or nothing. */
function pushRealFrame(flags: u32): void {
  NewStack.keep(1);
  NewStack.push(flags);
  NewStack.push(load<u16>(L.CS, L.SEGMENT_SELECTOR));
  NewStack.push(load<u64>(L.RIP));
  NewStack.commitPointer();
}

/**
 * INT n of virtual-8086 mode that the redirection bitmap leaves to the 8086 program: through the vector table at
 * linear address 0 (Intel SDM vol. 3, 20.3.3, methods 5 and 6).
 */
export function interrupt8086(vector: u32): void {
  store<u32>(L.STEPPING, 0);
  const entry = read<u32>(<u64>(vector * 4));
  const flags = readFlags();
  const virtual = (flags & Flag.IOPL) != Flag.IOPL;
  pushRealFrame(virtual ? flagsForVirtualProgram(flags) : flags);
  const cleared = Flag.TF | (virtual ? Flag.VIF : Flag.IF);
  store<u32>(L.SYSTEM_FLAGS, load<u32>(L.SYSTEM_FLAGS) & ~cleared);
  enterReal(entry >> 16, <u64>(entry & 0xffff));
}
