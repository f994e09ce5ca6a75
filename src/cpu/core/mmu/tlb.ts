import * as L from '../layout';
import { Cr4, Flag } from '../mode';

/**
 * Software TLBs, one for each kind of access, direct mapped. An entry is 16 bytes:
 *
 *     +0 u64  linear page address | context      +8 u32  what to add to a linear address to get the host's
 *
 * A context is a 12-bit number that stands for (vCPU, address space as of its last flush, privilege), so that an entry
 * of another privilege, vCPU or time simply does not match. The tag is compared with the address of the access's
 * *last* byte: an access that crosses the page never matches. Pages that are MMIO, that hold decoded code (writes) or
 * a data breakpoint are never entered: they take the slow path each time.
 */
export namespace Privilege {
  export const USER: u32 = 0;
  /** Supervisor, kept from user pages by SMAP. */
  export const SUPERVISOR: u32 = 1;
  /** Supervisor that may use user pages. */
  export const SUPERVISOR_ANY: u32 = 2;
}

const CONTEXT_SPACES: u32 = 1023;

let nextSpace: u32 = 0;
let epoch: u32 = 1;

@inline export function slotOf(tlb: usize, address: u64, context: u32): usize {
  return tlb + <usize>(((<u32>(address >> 12) ^ context) & (L.TLB_ENTRIES - 1)) << 4);
}

/** What the slot's tag is when it has the page of an access whose last byte is at `lastByte`. */
@inline export function tagOf(lastByte: u64, context: u64): u64 { return (lastByte & ~0xfff) | context; }
@inline export function hostOf(slot: usize, address: u64): usize { return <usize>(<u32>address + load<u32>(slot, 8)); }

export function clearAllTlbs(): void {
  memory.fill(L.TLB_READ, 0xff, L.TLB_ENTRIES * 16 * 3);
  memory.fill(L.JUMP_CACHE, 0xff, L.JUMP_ENTRIES * 16);
}

/** Everything that this vCPU's TLBs hold becomes unreachable. */
export function flushTlb(): void {
  if (nextSpace == CONTEXT_SPACES) {
    clearAllTlbs();
    nextSpace = 0;
    epoch++;
  }
  store<u32>(L.CONTEXT_BASE, nextSpace << 2);
  store<u32>(L.CONTEXT_EPOCH, epoch);
  nextSpace++;
  store<u64>(L.LARGE_FIRST, -1);
  store<u64>(L.LARGE_LAST, 0);
  updateContext();
}

/** Another vCPU's state has been put in place: its contexts may have been given to others meanwhile. */
export function checkContextEpoch(): void {
  if (load<u32>(L.CONTEXT_EPOCH) != epoch) flushTlb();
}

/** Call after any change of CPL, RFLAGS.AC, CR4.SMAP. */
export function updateContext(): void {
  let privilege: u32 = Privilege.USER;
  if (load<u32>(L.CPL) != 3) {
    const kept = load<u64>(L.CR4) & Cr4.SMAP && !(load<u32>(L.SYSTEM_FLAGS) & Flag.AC);
    privilege = kept ? Privilege.SUPERVISOR : Privilege.SUPERVISOR_ANY;
  }
  store<u64>(L.CONTEXT, load<u32>(L.CONTEXT_BASE) | privilege);
}

/** Accesses of the processor itself to descriptor tables and task segments are a supervisor's at any CPL. @returns what to give to `endSystemAccess` */
@inline export function beginSystemAccess(): u64 {
  const saved = load<u64>(L.CONTEXT);
  if ((saved & 3) == Privilege.USER) {
    store<u64>(L.CONTEXT, saved | (load<u64>(L.CR4) & Cr4.SMAP ? Privilege.SUPERVISOR : Privilege.SUPERVISOR_ANY));
  }
  return saved;
}
@inline export function endSystemAccess(saved: u64): void { store<u64>(L.CONTEXT, saved); }

function drop(tlb: usize, address: u64, context: u32): void {
  store<i64>(slotOf(tlb, address, context), -1);
}

/** INVLPG. */
export function invalidatePage(address: u64): void {
  if (address >= load<u64>(L.LARGE_FIRST) && address <= load<u64>(L.LARGE_LAST)) {
    flushTlb();
    return;
  }
  const base = load<u32>(L.CONTEXT_BASE);
  for (let privilege: u32 = 0; privilege < 3; privilege++) {
    drop(L.TLB_READ, address, base | privilege);
    drop(L.TLB_WRITE, address, base | privilege);
    drop(L.TLB_EXECUTE, address, base | privilege);
  }
  forgetJumps();
}

/** Part of each jump cache entry's key, so that all become unreachable at once. */
export let jumpEpoch: u32 = 0;
const JUMP_EPOCHS: u32 = 1 << 13;

function forgetJumps(): void {
  jumpEpoch++;
  if (jumpEpoch == JUMP_EPOCHS) {
    jumpEpoch = 0;
    memory.fill(L.JUMP_CACHE, 0xff, L.JUMP_ENTRIES * 16);
  }
}

export function coverLargePage(first: u64, size: u64): void {
  if (first < load<u64>(L.LARGE_FIRST)) store<u64>(L.LARGE_FIRST, first);
  if (first + size - 1 > load<u64>(L.LARGE_LAST)) store<u64>(L.LARGE_LAST, first + size - 1);
}

@inline export function enter(tlb: usize, address: u64, host: usize): void {
  const context = load<u32>(L.CONTEXT);
  const entry = slotOf(tlb, address, context);
  store<u64>(entry, (address & ~0xfff) | context);
  store<u32>(entry, <u32>host - <u32>address, 8);
}

/** Writes to the RAM page at `host` (page aligned) have to be seen from now on: it holds decoded code. */
export function forgetWritable(host: usize): void {
  for (let i: usize = 0; i < <usize>L.TLB_ENTRIES; i++) {
    const entry: usize = L.TLB_WRITE + (i << 4);
    const tag = load<u64>(entry);
    if (((<u32>tag & ~0xfff) + load<u32>(entry, 8)) == <u32>host) store<i64>(entry, -1);
  }
}
