import * as L from '../layout';
import { Record } from '../decode/record';
import { noteWrite, holdsCode } from '../decode/blocks';
import { apicRead, apicWrite, mmioRead, mmioReadHigh, mmioWrite, mmioWriteHigh } from '../host';
import { Mode, isCanonical, longModeActive } from '../mode';
import { watchAccess, watchesPage } from '../system/debug';
import { Vector, raiseWithCode, requireAlone } from '../system/fault';
import { beginSystemAccess, endSystemAccess, enterTranslation, globalTranslation } from './spaces';
import { Privilege, hostOf, slotOf, tagOf } from './tlb';
import { Access, ramAt, walk, walkedGlobal } from './walk';

/** Linear memory of the guest. All of these raise #PF, #GP or #SS; none has changed anything when it does. */

@inline export function read<T>(address: u64): T {
  const context = load<u64>(L.CONTEXT);
  const entry = slotOf(L.TLB_READ, address, <u32>context);
  if (load<u64>(entry) == tagOf(address + (sizeof<T>() - 1), context)) {
    return load<T>(hostOf(entry, address));
  }
  return readSlow<T>(address);
}

@inline export function write<T>(address: u64, value: T): void {
  const context = load<u64>(L.CONTEXT);
  const entry = slotOf(L.TLB_WRITE, address, <u32>context);
  if (load<u64>(entry) == tagOf(address + (sizeof<T>() - 1), context)) {
    store<T>(hostOf(entry, address), value);
  } else {
    writeSlow<T>(address, value);
  }
}

/** The host's address of `sizeof<T>()` bytes that may be read and written in place, 0 when it must be done slowly. */
@inline export function inPlace<T>(address: u64): usize {
  const context = load<u64>(L.CONTEXT);
  const entry = slotOf(L.TLB_WRITE, address, <u32>context);
  if (load<u64>(entry) == tagOf(address + (sizeof<T>() - 1), context)) return hostOf(entry, address);
  return inPlaceSlow(address, sizeof<T>());
}

/** The host's address for reading up to the page's end, 0 for MMIO. */
export function hostForRead(address: u64): usize {
  const context = load<u64>(L.CONTEXT);
  const entry = slotOf(L.TLB_READ, address, <u32>context);
  if (load<u64>(entry) == tagOf(address, context)) return hostOf(entry, address);
  if (watchesPage(address) || hasToBeAligned()) return 0;
  return ramAt(translate(address, Access.READ));
}

/** The host's address for writing up to the page's end, 0 for what must be written slowly. */
export function hostForWrite(address: u64): usize {
  const context = load<u64>(L.CONTEXT);
  const entry = slotOf(L.TLB_WRITE, address, <u32>context);
  if (load<u64>(entry) == tagOf(address, context)) return hostOf(entry, address);
  return hasToBeAligned() ? 0 : inPlaceSlow(address, 1);
}

/** Non-canonical addresses: #SS for what goes by SS, #GP for the rest (Intel SDM vol. 1, 3.3.7.1). */
function checkCanonical(address: u64): void {
  if (isCanonical(address)) return;
  refuse();
}
function refuse(): void {
  const op: usize = load<u32>(L.CURRENT_OP);
  const stack = op && load<u8>(op, Record.SEGMENT) == 2;
  raiseWithCode(stack ? Vector.SS : Vector.GP, 0);
}

/** Translates and, where it may, enters the page into the TLB of its kind. @returns the guest physical address */
export function translate(address: u64, access: u32): u64 {
  if (longModeActive()) checkCanonical(address);
  const tlb: usize = access == Access.READ ? L.TLB_READ : access == Access.WRITE ? L.TLB_WRITE : L.TLB_EXECUTE;
  const known = globalTranslation(tlb, address);
  if (known) return <u64>(known - L.RAM);
  store<u64>(L.TLB_MISSES, load<u64>(L.TLB_MISSES) + 1);
  const privilege = load<u32>(L.CONTEXT) & 3;
  const gpa = walk(address, access, privilege == Privilege.USER_ALIGNED ? Privilege.USER : privilege);
  const host = ramAt(gpa);
  if (host && !watchesPage(address) && !(access == Access.WRITE && holdsCode(gpa))) enterTranslation(tlb, address, host, walkedGlobal);
  return gpa;
}

@inline function hasToBeAligned(): bool { return (load<u32>(L.CONTEXT) & 3) == Privilege.USER_ALIGNED; }

/** #AC, the last fault that an access can meet (Intel SDM vol. 3, 6.15, interrupt 17). */
@inline function checkAlignment(address: u64, size: u32): void {
  if (hasToBeAligned() && size <= 8 && <u32>address & (size - 1)) raiseWithCode(Vector.AC, 0);
}

/** For instruction fetches. @returns the guest physical address */
export function translateExecute(address: u64): u64 {
  const context = load<u64>(L.CONTEXT);
  const entry = slotOf(L.TLB_EXECUTE, address, <u32>context);
  if (load<u64>(entry) == tagOf(address, context)) return <u64>(<u32>address + load<u32>(entry, 8) - L.RAM);
  return translate(address, Access.EXECUTE);
}

@inline function crosses(address: u64, size: u32): bool { return (<u32>address & 0xfff) + size > 0x1000; }

/** Of a linear address the part that exists: 32 bits outside long mode. */
@inline export function wrap(address: u64): u64 { return longModeActive() ? address : address & 0xffffffff; }

/** Of an access that crosses into another page: both ends are canonical, or nothing is translated at all. */
function checkEnd(address: u64, size: u32): void {
  if (longModeActive()) checkCanonical(address + size - 1);
  // Flat segments are not checked otherwise.
  const mode = load<u32>(L.MODE);
  if ((mode & Mode.CODE) != Mode.CODE64 && mode & Mode.FLAT && address + size - 1 > 0xffffffff) refuse();
}

function inPlaceSlow(address: u64, size: u32): usize {
  if (crosses(address, size)) {
    probeWrite(address, size);
    return 0;
  }
  const gpa = translate(address, Access.WRITE);
  checkAlignment(address, size);
  if (holdsCode(gpa) || watchesPage(address)) return 0;
  return ramAt(gpa);
}

/** Raises what a write of `size` bytes would raise, before its instruction changes anything. */
export function probeWrite(address: u64, size: u32): void {
  if (crosses(address, size)) checkEnd(address, size);
  if (!ramAt(translate(address, Access.WRITE))) requireAlone();
  if (crosses(address, size)) translate(wrap(address + size - 1) & ~0xfff, Access.WRITE);
  checkAlignment(address, size);
}

/** Raises what a read of `size` bytes would raise. */
export function probeRead(address: u64, size: u32): void {
  if (crosses(address, size)) checkEnd(address, size);
  translate(address, Access.READ);
  if (crosses(address, size)) translate(wrap(address + size - 1) & ~0xfff, Access.READ);
  checkAlignment(address, size);
}

/**
 * The same for an operand that the processor accesses in pieces, of which the first has `first` bytes: that may have no
 * page where a later one would leave the segment.
 */
export function probePieces(address: u64, first: u32, size: u32, writes: bool): void {
  if (writes) {
    probeWrite(address, first);
    probeWrite(wrap(address + first), size - first);
  } else {
    probeRead(address, first);
    probeRead(wrap(address + first), size - first);
  }
}

function readPhysical(gpa: u64, size: u32): u64 {
  const host = ramAt(gpa);
  if (host) {
    if (size == 1) return load<u8>(host);
    if (size == 2) return load<u16>(host);
    if (size == 4) return load<u32>(host);
    return load<u64>(host);
  }
  requireAlone();
  if (size == 8) return readPhysical(gpa, 4) | (readHigh(gpa + 4) << 32);
  if (onApicPage(gpa)) {
    const offset = <u32>gpa & 0xfff;
    return <u64>((apicRead(offset & ~3) >> ((offset & 3) * 8)) & <u32>(0xffffffff >> (32 - size * 8)));
  }
  return <u64>mmioRead(<f64>gpa, size);
}

function writePhysical(gpa: u64, size: u32, value: u64): void {
  const host = ramAt(gpa);
  if (host) {
    if (size == 1) store<u8>(host, <u8>value);
    else if (size == 2) store<u16>(host, <u16>value);
    else if (size == 4) store<u32>(host, <u32>value);
    else store<u64>(host, value);
    if (holdsCode(gpa)) noteWrite(gpa, size);
    return;
  }
  requireAlone();
  if (size == 8) {
    writePhysical(gpa, 4, value & 0xffffffff);
    writeHigh(gpa + 4, value >> 32);
  } else if (onApicPage(gpa)) {
    apicWrite(<u32>gpa & 0xffc, <u32>value);
  } else {
    mmioWrite(<f64>gpa, size, <u32>value);
  }
}

/** The upper half of 8 bytes whose lower half is no RAM. */
function readHigh(gpa: u64): u64 {
  return isOnBus(gpa) ? <u64>mmioReadHigh(<f64>gpa) : readPhysical(gpa, 4);
}
function writeHigh(gpa: u64, value: u64): void {
  if (isOnBus(gpa)) mmioWriteHigh(<f64>gpa, <u32>value);
  else writePhysical(gpa, 4, value);
}
function isOnBus(gpa: u64): bool {
  return !ramAt(gpa) && !onApicPage(gpa);
}

function onApicPage(gpa: u64): bool {
  return (gpa & ~0xfff) == load<u64>(L.APIC_PAGE);
}

export function readSlow<T>(address: u64): T { return <T>readAny(address, sizeof<T>()); }
export function writeSlow<T>(address: u64, value: T): void { writeAny(address, sizeof<T>(), <u64>value); }

function readAny(address: u64, size: u32): u64 {
  if (!crosses(address, size)) {
    const gpa = translate(address, Access.READ);
    checkAlignment(address, size);
    if (watchesPage(address)) watchAccess(address, size, false);
    return readPhysical(gpa, size);
  }
  const first: u32 = 0x1000 - (<u32>address & 0xfff);
  checkEnd(address, size);
  const low = translate(address, Access.READ);
  const high = translate(wrap(address + first), Access.READ);
  checkAlignment(address, size);
  if (watchesPage(address) || watchesPage(address + first)) watchAccess(address, size, false);
  let value: u64 = 0;
  for (let i: u32 = 0; i < size; i++) {
    const gpa = i < first ? low + i : high + (i - first);
    value |= readPhysical(gpa, 1) << (i * 8);
  }
  return value;
}

function writeAny(address: u64, size: u32, value: u64): void {
  if (!crosses(address, size)) {
    const gpa = translate(address, Access.WRITE);
    checkAlignment(address, size);
    if (watchesPage(address)) watchAccess(address, size, true);
    writePhysical(gpa, size, value);
    return;
  }
  const first: u32 = 0x1000 - (<u32>address & 0xfff);
  checkEnd(address, size);
  const low = translate(address, Access.WRITE);
  const high = translate(wrap(address + first), Access.WRITE);
  checkAlignment(address, size);
  if (watchesPage(address) || watchesPage(address + first)) watchAccess(address, size, true);
  for (let i: u32 = 0; i < size; i++) {
    const gpa = i < first ? low + i : high + (i - first);
    writePhysical(gpa, 1, (value >> (i * 8)) & 0xff);
  }
}

/** The processor's own accesses, as a supervisor at any CPL. */
export function readSystem<T>(address: u64): T {
  const saved = beginSystemAccess();
  const value = read<T>(wrap(address));
  endSystemAccess(saved);
  return value;
}
export function writeSystem<T>(address: u64, value: T): void {
  const saved = beginSystemAccess();
  write<T>(wrap(address), value);
  endSystemAccess(saved);
}

/** 16 bytes, as vector operations move them. */
export function readVector(address: u64): v128 {
  const context = load<u64>(L.CONTEXT);
  const entry = slotOf(L.TLB_READ, address, <u32>context);
  if (load<u64>(entry) == tagOf(address + 15, context)) return v128.load(hostOf(entry, address));
  probeRead(address, 16);
  return i64x2.replace_lane(i64x2.splat(readSlow<u64>(address)), 1, readSlow<u64>(wrap(address + 8)));
}
export function writeVector(address: u64, value: v128): void {
  const context = load<u64>(L.CONTEXT);
  const entry = slotOf(L.TLB_WRITE, address, <u32>context);
  if (load<u64>(entry) == tagOf(address + 15, context)) {
    v128.store(hostOf(entry, address), value);
    return;
  }
  probeWrite(address, 16);
  writeSlow<u64>(address, i64x2.extract_lane(value, 0));
  writeSlow<u64>(wrap(address + 8), i64x2.extract_lane(value, 1));
}
