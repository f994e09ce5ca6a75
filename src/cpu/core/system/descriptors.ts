import * as L from '../layout';
import { readSystem, writeSystem } from '../mmu/access';
import { updateContext } from '../mmu/spaces';
import { cpl, isCanonical, isProtected, isVm86, longModeActive, updateMode } from '../mode';
import { Vector, raiseGp, raiseWithCode } from './fault';

/** Segment descriptors and their loading (Intel SDM vol. 3, 3.4 and 5). */
export namespace Type {
  /** Attribute bits, as SEGMENT_ATTRIBUTES has them. */
  export const ACCESSED: u32 = 1;
  /** Writable data, readable code. */
  export const READ_WRITE: u32 = 2;
  /** Expand-down data, conforming code. */
  export const CONFORMING: u32 = 4;
  export const CODE: u32 = 8;
  export const SEGMENT: u32 = 0x10;
  export const PRESENT: u32 = 0x80;
  export const LONG: u32 = 0x2000;
  export const BIG: u32 = 0x4000;
  export const GRANULAR: u32 = 0x8000;
}

@inline export function attributesOf(descriptor: u64): u32 { return <u32>(descriptor >> 40) & 0xf0ff; }
@inline export function dplOf(descriptor: u64): u32 { return <u32>(descriptor >> 45) & 3; }
@inline export function presentIn(descriptor: u64): bool { return <bool>((descriptor >> 47) & 1); }
@inline export function typeOf(descriptor: u64): u32 { return <u32>(descriptor >> 40) & 0x1f; }
@inline export function isCode(descriptor: u64): bool { return (typeOf(descriptor) & 0x18) == 0x18; }
@inline export function isConforming(descriptor: u64): bool { return (typeOf(descriptor) & 0x1c) == 0x1c; }
@inline export function isLongCode(descriptor: u64): bool { return (descriptor & (<u64>Type.LONG << 40)) != 0; }
export function baseOf(descriptor: u64): u64 { return ((descriptor >> 16) & 0xffffff) | ((descriptor >> 32) & 0xff000000); }
export function limitOf(descriptor: u64): u32 {
  const limit = <u32>(descriptor & 0xffff) | (<u32>(descriptor >> 32) & 0xf0000);
  return descriptor & (<u64>Type.GRANULAR << 40) ? (limit << 12) | 0xfff : limit;
}

/** The linear address of a selector's descriptor, 0 when it lies outside its table. */
export function descriptorAddress(selector: u32, bytes: u32 = 8): u64 {
  const offset = selector & 0xfff8;
  if (selector & 4) {
    if (load<u32>(L.LDTR, L.SEGMENT_UNUSABLE) || offset + bytes - 1 > load<u32>(L.LDTR, L.SEGMENT_LIMIT)) return 0;
    return load<u64>(L.LDTR, L.SEGMENT_BASE) + offset;
  }
  if (offset + bytes - 1 > load<u32>(L.GDT_LIMIT)) return 0;
  return load<u64>(L.GDT_BASE) + offset;
}

/** The descriptor of a selector that must have one. */
export function fetchDescriptor(selector: u32, vector: u32 = Vector.GP): u64 {
  const address = descriptorAddress(selector);
  if (!address) raiseWithCode(vector, selector & 0xfffc);
  return readSystem<u64>(address);
}

export function markAccessed(selector: u32, descriptor: u64): void {
  if (descriptor & (<u64>1 << 40)) return;
  writeSystem<u8>(descriptorAddress(selector) + 5, <u8>(descriptor >> 40) | 1);
}

/** Fills a segment register's hidden part. */
export function fillSegment(segment: usize, selector: u32, descriptor: u64): void {
  store<u64>(segment, baseOf(descriptor), L.SEGMENT_BASE);
  store<u32>(segment, limitOf(descriptor), L.SEGMENT_LIMIT);
  store<u32>(segment, attributesOf(descriptor) | (descriptor & (<u64>Type.SEGMENT << 40) ? Type.ACCESSED : 0), L.SEGMENT_ATTRIBUTES);
  store<u16>(segment, <u16>selector, L.SEGMENT_SELECTOR);
  store<u32>(segment, 0, L.SEGMENT_UNUSABLE);
}

export function setNull(segment: usize, selector: u32): void {
  store<u64>(segment, 0, L.SEGMENT_BASE);
  store<u32>(segment, 0, L.SEGMENT_LIMIT);
  // A null SS in long mode keeps the privilege level as its DPL.
  store<u32>(segment, segment == L.SS ? cpl() << 5 : 0, L.SEGMENT_ATTRIBUTES);
  store<u16>(segment, <u16>selector, L.SEGMENT_SELECTOR);
  store<u32>(segment, 1, L.SEGMENT_UNUSABLE);
}

/** Real and virtual-8086 mode: base is selector · 16. */
export function loadRealSegment(segment: usize, selector: u32): void {
  store<u64>(segment, <u64>(selector << 4), L.SEGMENT_BASE);
  store<u16>(segment, <u16>selector, L.SEGMENT_SELECTOR);
  store<u32>(segment, 0, L.SEGMENT_UNUSABLE);
  if (isVm86()) {
    store<u32>(segment, 0xffff, L.SEGMENT_LIMIT);
    store<u32>(segment, 0xf3, L.SEGMENT_ATTRIBUTES);
  } else {
    // The limit stays: this is how "unreal mode" comes about.
    store<u32>(segment, 0x93, L.SEGMENT_ATTRIBUTES);
  }
}

/** MOV, POP, LDS, … into DS, ES, FS, GS or SS. */
export function loadSegment(segment: usize, selector: u32): void {
  if (!isProtected()) {
    loadRealSegment(segment, selector);
    updateMode();
    return;
  }
  const rpl = selector & 3;
  const stack = segment == L.SS;
  if (!(selector & 0xfffc)) {
    if (stack && (!(load<u32>(L.MODE) & 2) || cpl() == 3 || rpl != cpl())) raiseGp(0);
    setNull(segment, selector);
    updateMode();
    return;
  }
  const descriptor = fetchDescriptor(selector);
  const type = typeOf(descriptor);
  const error = selector & 0xfffc;
  if (stack) {
    if (rpl != cpl() || (type & 0x1a) != 0x12 || dplOf(descriptor) != cpl()) raiseGp(error);
    if (!presentIn(descriptor)) raiseWithCode(Vector.SS, error);
  } else {
    // Data or readable code; conforming code at any level.
    if (!(type & Type.SEGMENT) || (type & 0xa) == 8) raiseGp(error);
    if ((type & 0xc) != 0xc && (rpl > dplOf(descriptor) || cpl() > dplOf(descriptor))) raiseGp(error);
    if (!presentIn(descriptor)) raiseWithCode(Vector.NP, error);
  }
  markAccessed(selector, descriptor);
  fillSegment(segment, selector, descriptor);
  updateMode();
}

/** On a return to an outer level, data segments that it must not have become null. */
export function dropPrivilegedSegments(): void {
  dropIfPrivileged(L.ES);
  dropIfPrivileged(L.DS);
  dropIfPrivileged(L.FS);
  dropIfPrivileged(L.GS);
}
function dropIfPrivileged(segment: usize): void {
  const attributes = load<u32>(segment, L.SEGMENT_ATTRIBUTES);
  if (load<u32>(segment, L.SEGMENT_UNUSABLE) || (attributes & 0x1c) == 0x1c || ((attributes >> 5) & 3) >= cpl()) return;
  // FS and GS keep their base: in 64-bit mode it is not the selector's.
  store<u32>(segment, 0, L.SEGMENT_ATTRIBUTES);
  store<u16>(segment, 0, L.SEGMENT_SELECTOR);
  store<u32>(segment, 1, L.SEGMENT_UNUSABLE);
}

/** Sets CPL and what depends on it. */
export function setCpl(level: u32): void {
  store<u32>(L.CPL, level);
  updateContext();
}

/** LDTR and TR: in long mode their descriptors have 16 bytes. */
export function loadSystemSegment(segment: usize, selector: u32, wantedType: u32): void {
  if (!(selector & 0xfffc)) {
    if (segment == L.TR) raiseGp(0);
    setNull(segment, selector);
    return;
  }
  const error = selector & 0xfffc;
  const long = longModeActive();
  if (selector & 4) raiseGp(error);
  const address = descriptorAddress(selector, long ? 16 : 8);
  if (!address) raiseGp(error);
  const descriptor = readSystem<u64>(address);
  const type = typeOf(descriptor);
  if (type != wantedType && !(segment == L.TR && !long && type == 1)) raiseGp(error);
  let high: u64 = 0;
  if (long) {
    high = readSystem<u64>(address + 8);
    // The upper half's type is zero, so that it is no descriptor itself.
    if ((high >> 40) & 0x1f) raiseGp(error);
  }
  if (!presentIn(descriptor)) raiseWithCode(Vector.NP, error);
  const base = baseOf(descriptor) | (high << 32);
  if (long && !isCanonical(base)) raiseGp(error);
  // TR becomes busy.
  if (segment == L.TR) writeSystem<u8>(address + 5, <u8>(descriptor >> 40) | 2);
  fillSegment(segment, selector, descriptor);
  store<u32>(segment, attributesOf(descriptor) | (segment == L.TR ? 2 : 0), L.SEGMENT_ATTRIBUTES);
  store<u64>(segment, base, L.SEGMENT_BASE);
}
