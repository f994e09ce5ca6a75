import * as L from '../layout';

/**
 * Software TLBs, one for each kind of access, direct mapped. An entry is 16 bytes:
 *
 *     +0 u64  linear page address | context      +8 u32  what to add to a linear address to get the host's
 *
 * A context is a 12-bit number that stands for (address space, privilege): see `spaces.ts`. Entries of another address
 * space or privilege simply do not match. The tag is compared with the address of the access's *last* byte: an access
 * that crosses the page never matches. Pages that are MMIO, that hold decoded code (writes) or a data breakpoint are
 * never entered, nor is anything under alignment checks: they take the slow path each time.
 */
export namespace Privilege {
  export const USER: u32 = 0;
  /** Supervisor, kept from user pages by SMAP. */
  export const SUPERVISOR: u32 = 1;
  /** Supervisor that may use user pages. */
  export const SUPERVISOR_ANY: u32 = 2;
  /** User whose accesses have to be aligned (CR0.AM and RFLAGS.AC). */
  export const USER_ALIGNED: u32 = 3;
}

/** Where in each of the TLBs the entry of an address is. */
@inline export function slotOffset(address: u64, context: u32): usize {
  return <usize>((<u32>(address >> 8) ^ (context << 4)) & ((L.TLB_ENTRIES - 1) << 4));
}
@inline export function slotOf(tlb: usize, address: u64, context: u32): usize { return tlb + slotOffset(address, context); }

/** What the slot's tag is when it has the page of an access whose last byte is at `lastByte`. */
@inline export function tagOf(lastByte: u64, context: u64): u64 { return (lastByte & ~0xfff) | context; }
@inline export function hostOf(slot: usize, address: u64): usize { return <usize>(<u32>address + load<u32>(slot, 8)); }

export function clearAllTlbs(): void {
  memory.fill(L.TLB_READ, 0xff, L.TLB_ENTRIES * 16 * 3);
  memory.fill(L.JUMP_CACHE, 0xff, L.JUMP_ENTRIES * 16);
}

@inline export function enter(tlb: usize, address: u64, host: usize, context: u32): void {
  const entry = slotOf(tlb, address, context);
  store<u64>(entry, (address & ~0xfff) | context);
  store<u32>(entry, <u32>host - <u32>address, 8);
}

/** The host's address that a context's entry gives, 0 when there is none. */
@inline export function lookUp(tlb: usize, address: u64, context: u32): usize {
  const entry = slotOf(tlb, address, context);
  return load<u64>(entry) == tagOf(address, context) ? hostOf(entry, address) : 0;
}

/** Drops a page's entries of an address space, whose contexts begin at `base`. */
export function dropPage(address: u64, base: u32): void {
  for (let privilege: u32 = 0; privilege < 4; privilege++) {
    drop(L.TLB_READ, address, base | privilege);
    drop(L.TLB_WRITE, address, base | privilege);
    drop(L.TLB_EXECUTE, address, base | privilege);
  }
}
function drop(tlb: usize, address: u64, context: u32): void {
  if (lookUp(tlb, address, context)) store<i64>(slotOf(tlb, address, context), -1);
}

/** Part of each jump cache entry's key, so that all become unreachable at once. */
export let jumpEpoch: u32 = 0;
const JUMP_EPOCHS: u32 = 1 << 13;

export function forgetJumps(): void {
  jumpEpoch++;
  if (jumpEpoch == JUMP_EPOCHS) {
    jumpEpoch = 0;
    memory.fill(L.JUMP_CACHE, 0xff, L.JUMP_ENTRIES * 16);
  }
}

/** Writes to the RAM page at `host` (page aligned) have to be seen from now on: it holds decoded code. */
export function forgetWritable(host: usize): void {
  for (let i: usize = 0; i < <usize>L.TLB_ENTRIES; i++) {
    const entry: usize = L.TLB_WRITE + (i << 4);
    const tag = load<u64>(entry);
    if (((<u32>tag & ~0xfff) + load<u32>(entry, 8)) == <u32>host) store<i64>(entry, -1);
  }
}
