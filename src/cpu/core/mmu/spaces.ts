import * as L from '../layout';
import { Cr0, Cr4, Flag } from '../mode';
import { Privilege, clearAllTlbs, dropPage, enter, forgetJumps, lookUp } from './tlb';

/**
 * Address spaces and what invalidates their TLB entries (Intel SDM vol. 3, 4.10). Each vCPU keeps the entries of its
 * last SPACE_COUNT PCIDs; a space has four contexts, one for each privilege. Forgetting a space is to take new
 * contexts for it. One more space holds global translations: entries of other spaces are filled from there.
 */

/** Spaces that 12-bit contexts can tell apart. */
const CONTEXT_SPACES: u32 = 1023;
const NO_PCID: u32 = 0xffff_ffff;

let nextContexts: u32 = 0;
/** Counts how often all contexts have been given away and taken back. */
let epoch: u32 = 1;

function takeContexts(): u32 {
  if (nextContexts == CONTEXT_SPACES) {
    clearAllTlbs();
    nextContexts = 0;
    epoch++;
    forgetSpaces();
  }
  return nextContexts++ << 2;
}

/** No translation is kept, global ones neither. The space in use has to be made anew. */
function forgetSpaces(): void {
  for (let i: u32 = 0; i < <u32>L.SPACE_COUNT; i++) store<u32>(spaceAt(i), NO_PCID, L.SPACE_PCID);
  setRange(L.GLOBAL_RANGE, -1, 0);
  setRange(L.GLOBAL_LARGE_RANGE, -1, 0);
  store<u32>(L.GLOBAL_CONTEXTS, nextContexts++ << 2);
  store<u32>(L.CONTEXT_EPOCH, epoch);
}

@inline function spaceAt(n: u32): usize { return L.SPACES + n * L.SPACE_SIZE; }
@inline function currentSpace(): usize { return load<u32>(L.CURRENT_SPACE); }
function currentPcid(): u32 { return load<u64>(L.CR4) & Cr4.PCIDE ? load<u32>(L.CR3) & 0xfff : 0; }

function findSpace(pcid: u32): usize {
  for (let i: u32 = 0; i < <u32>L.SPACE_COUNT; i++) if (load<u32>(spaceAt(i), L.SPACE_PCID) == pcid) return spaceAt(i);
  return 0;
}

/** An empty space for a PCID at `space`. */
function renew(space: usize, pcid: u32): void {
  const contexts = takeContexts();
  store<u32>(space, pcid, L.SPACE_PCID);
  store<u32>(space, contexts, L.SPACE_CONTEXTS);
  setRange(space + L.SPACE_LARGE_RANGE, -1, 0);
}

function use(space: usize): void {
  store<u32>(L.CURRENT_SPACE, <u32>space);
  store<u32>(L.CONTEXT_BASE, load<u32>(space, L.SPACE_CONTEXTS));
  updateContext();
}

/** CR3 has been loaded. @param keep whether what is known of its PCID stays (bit 63 of the value) */
export function enterAddressSpace(keep: bool): void {
  const pcid = currentPcid();
  let space = findSpace(pcid);
  if (!space) {
    const next = load<u32>(L.NEXT_SPACE);
    store<u32>(L.NEXT_SPACE, (next + 1) % L.SPACE_COUNT);
    space = spaceAt(next);
    renew(space, pcid);
  } else if (!keep) {
    renew(space, pcid);
  }
  use(space);
}

/** All translations of this vCPU. */
export function flushAll(): void {
  if (nextContexts + 2 > CONTEXT_SPACES) {
    clearAllTlbs();
    nextContexts = 0;
    epoch++;
  }
  forgetSpaces();
  enterAddressSpace(false);
}

/** All translations but global ones. */
export function flushNonGlobal(): void {
  for (let i: u32 = 0; i < <u32>L.SPACE_COUNT; i++) store<u32>(spaceAt(i), NO_PCID, L.SPACE_PCID);
  enterAddressSpace(false);
}

/** The translations of one PCID but global ones. */
export function flushPcid(pcid: u32): void {
  const space = findSpace(pcid);
  if (!space) return;
  if (space == currentSpace()) enterAddressSpace(false);
  else store<u32>(space, NO_PCID, L.SPACE_PCID);
}

/** INVLPG: one page of the current PCID, and of all if it is global. */
export function invalidatePage(address: u64): void {
  if (inRange(L.GLOBAL_LARGE_RANGE, address)) {
    flushAll();
    return;
  }
  if (inRange(L.GLOBAL_RANGE, address)) {
    // The others may have copies of the global translation.
    for (let i: u32 = 0; i < <u32>L.SPACE_COUNT; i++) if (spaceAt(i) != currentSpace()) store<u32>(spaceAt(i), NO_PCID, L.SPACE_PCID);
    dropPage(address, load<u32>(L.GLOBAL_CONTEXTS));
  }
  invalidateIn(currentSpace(), address);
}

/** INVPCID of one address. */
export function invalidatePageOf(pcid: u32, address: u64): void {
  const space = findSpace(pcid);
  if (space) invalidateIn(space, address);
}
function invalidateIn(space: usize, address: u64): void {
  if (inRange(space + L.SPACE_LARGE_RANGE, address)) {
    flushPcid(load<u32>(space, L.SPACE_PCID));
    return;
  }
  dropPage(address, load<u32>(space, L.SPACE_CONTEXTS));
  forgetJumps();
}

/** Another vCPU's state has been put in place: its contexts may have been given to others meanwhile. */
export function checkContextEpoch(): void {
  if (load<u32>(L.CONTEXT_EPOCH) != epoch) flushAll();
}

/** Call after any change of CPL, RFLAGS.AC, CR0.AM, CR4.SMAP. */
export function updateContext(): void {
  const ac = (load<u32>(L.SYSTEM_FLAGS) & Flag.AC) != 0;
  let privilege: u32;
  if (load<u32>(L.CPL) == 3) privilege = ac && load<u64>(L.CR0) & Cr0.AM ? Privilege.USER_ALIGNED : Privilege.USER;
  else privilege = !ac && load<u64>(L.CR4) & Cr4.SMAP ? Privilege.SUPERVISOR : Privilege.SUPERVISOR_ANY;
  store<u64>(L.CONTEXT, load<u32>(L.CONTEXT_BASE) | privilege);
}

/**
 * Accesses of the processor itself to descriptor tables and task segments are a supervisor's at any CPL, and SMAP holds
 * for them whatever AC says (4.6). @returns what to give to `endSystemAccess`
 */
@inline export function beginSystemAccess(): u64 {
  const saved = load<u64>(L.CONTEXT);
  store<u64>(L.CONTEXT, (saved & ~3) | (load<u64>(L.CR4) & Cr4.SMAP ? Privilege.SUPERVISOR : Privilege.SUPERVISOR_ANY));
  return saved;
}
@inline export function endSystemAccess(saved: u64): void { store<u64>(L.CONTEXT, saved); }

/** Enters a translation for the current privilege. Nothing is found there by accesses that have to be aligned. */
export function enterTranslation(tlb: usize, address: u64, host: usize, isGlobal: bool): void {
  const context = load<u32>(L.CONTEXT);
  if ((context & 3) == Privilege.USER_ALIGNED && tlb != L.TLB_EXECUTE) return;
  enter(tlb, address, host, context);
  if (!isGlobal) return;
  enter(tlb, address, host, load<u32>(L.GLOBAL_CONTEXTS) | (context & 3));
  cover(L.GLOBAL_RANGE, address & ~0xfff, 0x1000);
}

/** The host's address that a global translation gives, which is entered for the current space; 0 when there is none. */
export function globalTranslation(tlb: usize, address: u64): usize {
  const context = load<u32>(L.CONTEXT);
  const host = lookUp(tlb, address, load<u32>(L.GLOBAL_CONTEXTS) | (context & 3));
  if (host) enter(tlb, address, host, context);
  return host;
}

/** A page larger than 4 KiB is in use: its entries are scattered, so that INVLPG inside forgets more. */
export function coverLargePage(first: u64, size: u64, isGlobal: bool): void {
  cover(isGlobal ? L.GLOBAL_LARGE_RANGE : currentSpace() + L.SPACE_LARGE_RANGE, first, size);
}

/** Ranges of linear addresses: first and last, eight bytes each. */
function setRange(range: usize, first: u64, last: u64): void {
  store<u64>(range, first);
  store<u64>(range, last, 8);
}
@inline function inRange(range: usize, address: u64): bool { return address >= load<u64>(range) && address <= load<u64>(range, 8); }
function cover(range: usize, first: u64, size: u64): void {
  if (first < load<u64>(range)) store<u64>(range, first);
  if (first + size - 1 > load<u64>(range, 8)) store<u64>(range, first + size - 1, 8);
}
