import * as L from '../layout';
import { Cr0, Cr4, Efer } from '../mode';
import { raisePageFault } from '../system/fault';
import { Privilege, coverLargePage } from './tlb';

export namespace Access {
  export const READ: u32 = 0;
  export const WRITE: u32 = 1;
  export const EXECUTE: u32 = 2;
}

/** Physical address bits that this processor has (CPUID 0x80000008). */
export const PHYSICAL_BITS: u32 = 40;
const ADDRESS: u64 = ((1 << 40) - 1) & ~0xfff;
const RESERVED_HIGH: u64 = 0x000f_ff00_0000_0000;

const P: u64 = 1;
const RW: u64 = 2;
const US: u64 = 4;
const A: u64 = 0x20;
const D: u64 = 0x40;
const PS: u64 = 0x80;
const NX: u64 = 1 << 63;

/** Bits of the page-fault error code (Intel SDM vol. 3, 4.7). */
const ERROR_PRESENT: u32 = 1;
const ERROR_WRITE: u32 = 2;
const ERROR_USER: u32 = 4;
const ERROR_RESERVED: u32 = 8;
const ERROR_FETCH: u32 = 16;
const ERROR_KEY: u32 = 32;

/** The host's address of the RAM at `gpa`, 0 where no RAM is. */
@inline export function ramAt(gpa: u64): usize {
  return gpa < load<u64>(L.RAM_SIZE) ? <usize>(L.RAM + <u32>gpa) : 0;
}

function readEntry(gpa: u64, size: u32): u64 {
  const host = ramAt(gpa);
  if (!host) return 0;
  return size == 8 ? load<u64>(host) : <u64>load<u32>(host);
}

function setBits(gpa: u64, bits: u32): void {
  const host = ramAt(gpa);
  if (host) store<u32>(host, load<u32>(host) | bits);
}

let walkAddress: u64 = 0;
let walkAccess: u32 = 0;
let walkPrivilege: u32 = 0;

function refuse(bits: u32): void {
  let error = bits;
  if (walkAccess == Access.WRITE) error |= ERROR_WRITE;
  if (walkPrivilege == Privilege.USER) error |= ERROR_USER;
  if (walkAccess == Access.EXECUTE && (load<u64>(L.EFER) & Efer.NXE || load<u64>(L.CR4) & Cr4.SMEP)) error |= ERROR_FETCH;
  raisePageFault(walkAddress, error);
}


/**
 * Walks the page tables for a linear address and checks the access against them, setting accessed and dirty bits
 * (Intel SDM vol. 3, chapter 4). Raises #PF.
 * @returns the guest physical address
 */
export function walk(address: u64, access: u32, privilege: u32): u64 {
  const cr0 = load<u64>(L.CR0);
  if (!(cr0 & Cr0.PG)) {
    return address & 0xffffffff;
  }
  walkAddress = address;
  walkAccess = access;
  walkPrivilege = privilege;
  const cr4 = load<u64>(L.CR4);
  if (cr4 & Cr4.PAE) return walkPae(address, access, privilege, cr0, cr4);
  return walkLegacy(address, access, privilege, cr0, cr4);
}

function walkPae(address: u64, access: u32, privilege: u32, cr0: u64, cr4: u64): u64 {
  const efer = load<u64>(L.EFER);
  const nxe = (efer & Efer.NXE) != 0;
  const reserved: u64 = nxe ? RESERVED_HIGH : RESERVED_HIGH | NX;
  const long = (efer & Efer.LMA) != 0;
  let table = load<u64>(L.CR3) & (long ? ADDRESS : 0xffff_ffe0);
  let rights: u64 = RW | US;
  let noExecute: u64 = 0;
  let shift: u32 = long ? 39 : 30;
  let entry: u64 = 0;
  let at: u64 = 0;
  for (;;) {
    const mask: u64 = !long && shift == 30 ? 3 : 0x1ff;
    at = table + (((address >> shift) & mask) << 3);
    entry = readEntry(at, 8);
    if (!(entry & P)) refuse(0);
    if (!long && shift == 30) {
      // A page-directory-pointer entry of PAE paging has no rights.
      table = entry & ADDRESS;
      shift = 21;
      continue;
    }
    if (entry & reserved) refuse(ERROR_PRESENT | ERROR_RESERVED);
    rights &= entry;
    noExecute |= entry & NX;
    if (shift == 12) break;
    if (entry & PS) {
      if (shift == 39) refuse(ERROR_PRESENT | ERROR_RESERVED);
      if (entry & (((<u64>1 << shift) - 1) & ~0x1fff)) refuse(ERROR_PRESENT | ERROR_RESERVED);
      break;
    }
    if (!(entry & A)) setBits(at, <u32>A);
    table = entry & ADDRESS;
    shift -= 9;
  }
  checkRights(rights, noExecute != 0, access, privilege, cr0, cr4);
  if (cr4 & (Cr4.PKE | Cr4.PKS) && long && access != Access.EXECUTE) {
    const key = <u32>(entry >> 59) & 15;
    if (rights & US) {
      if (cr4 & Cr4.PKE) checkKey(load<u32>(L.PKRU), key, access, privilege, cr0);
    } else if (cr4 & Cr4.PKS) {
      checkKey(load<u32>(L.PKRS), key, access, privilege, cr0);
    }
  }
  return finish(address, entry, at, shift, rights, access, cr0, privilege);
}

function walkLegacy(address: u64, access: u32, privilege: u32, cr0: u64, cr4: u64): u64 {
  const linear = <u32>address;
  let at = (load<u64>(L.CR3) & 0xffff_f000) + <u64>((linear >> 22) << 2);
  let entry = readEntry(at, 4);
  if (!(entry & P)) refuse(0);
  let rights: u64 = entry & (RW | US);
  if (entry & PS && cr4 & Cr4.PSE) {
    // Bits 20–13 extend the address to 40 bits, bit 21 is reserved (PSE-36).
    if (entry & 0x20_0000) refuse(ERROR_PRESENT | ERROR_RESERVED);
    checkRights(rights, false, access, privilege, cr0, cr4);
    const high = ((entry >> 13) & 0xff) << 32;
    return finish(address, (entry & 0xffc0_0fff) | high, at, 22, rights, access, cr0, privilege);
  }
  if (!(entry & A)) setBits(at, <u32>A);
  at = (entry & 0xffff_f000) + <u64>(((linear >> 12) & 0x3ff) << 2);
  entry = readEntry(at, 4);
  if (!(entry & P)) refuse(0);
  rights &= entry;
  checkRights(rights, false, access, privilege, cr0, cr4);
  return finish(address, entry, at, 12, rights, access, cr0, privilege);
}

/** Intel SDM vol. 3, 4.6.1. */
function checkRights(rights: u64, noExecute: bool, access: u32, privilege: u32, cr0: u64, cr4: u64): void {
  const userPage = (rights & US) != 0;
  if (privilege == Privilege.USER) {
    if (!userPage) refuse(ERROR_PRESENT);
    if (access == Access.WRITE && !(rights & RW)) refuse(ERROR_PRESENT);
  } else {
    if (access == Access.EXECUTE) {
      if (userPage && cr4 & Cr4.SMEP) refuse(ERROR_PRESENT);
    } else if (userPage && privilege == Privilege.SUPERVISOR) {
      refuse(ERROR_PRESENT);
    }
    if (access == Access.WRITE && !(rights & RW) && cr0 & Cr0.WP) refuse(ERROR_PRESENT);
  }
  if (access == Access.EXECUTE && noExecute) refuse(ERROR_PRESENT);
}

/** Protection keys (4.6.2): two bits a key, access disable and write disable. */
function checkKey(disabled: u32, key: u32, access: u32, privilege: u32, cr0: u64): void {
  const bits = (disabled >> (key * 2)) & 3;
  if (bits & 1) refuse(ERROR_PRESENT | ERROR_KEY);
  if (bits & 2 && access == Access.WRITE && (privilege == Privilege.USER || cr0 & Cr0.WP)) refuse(ERROR_PRESENT | ERROR_KEY);
}

function finish(address: u64, entry: u64, at: u64, shift: u32, rights: u64, access: u32, cr0: u64, privilege: u32): u64 {
  const wanted: u64 = access == Access.WRITE ? A | D : A;
  if ((entry & wanted) != wanted) setBits(at, <u32>wanted);
  const inside = (<u64>1 << shift) - 1;
  if (shift > 12) coverLargePage(address & ~inside, inside + 1);
  return (entry & ADDRESS & ~inside) | (address & inside);
}
