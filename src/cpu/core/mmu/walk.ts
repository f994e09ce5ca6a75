import * as L from '../layout';
import { Cr0, Cr4, Efer } from '../mode';
import { holdsCode, noteWrite } from '../decode/blocks';
import { raisePageFault } from '../system/fault';
import { coverLargePage } from './spaces';
import { Privilege } from './tlb';

export namespace Access {
  export const READ: u32 = 0;
  export const WRITE: u32 = 1;
  export const EXECUTE: u32 = 2;
}

/** Physical address bits that this processor has (CPUID 0x80000008). */
export const PHYSICAL_BITS: u32 = 40;
const ADDRESS: u64 = ((1 << 40) - 1) & ~0xfff;
const RESERVED_HIGH: u64 = 0x000f_ff00_0000_0000;
/** Of PAE paging outside long mode: bits 62 to 52, too. */
const RESERVED_PAE: u64 = 0x7fff_ff00_0000_0000;
/** Of its page-directory-pointer entries (table 4-8). */
const RESERVED_PDPTE: u64 = 0xffff_ff00_0000_01e6;

const P: u64 = 1;
const RW: u64 = 2;
const US: u64 = 4;
const A: u64 = 0x20;
const D: u64 = 0x40;
const PS: u64 = 0x80;
const G: u64 = 0x100;
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
  if (!host) return;
  store<u32>(host, load<u32>(host) | bits);
  if (holdsCode(gpa)) noteWrite(gpa, 4);
}

let walkAddress: u64 = 0;
let walkAccess: u32 = 0;
let walkPrivilege: u32 = 0;
/** Whether the last walk ended at a global page. */
export let walkedGlobal: bool = false;

function refuse(bits: u32): void {
  let error = bits;
  if (walkAccess == Access.WRITE) error |= ERROR_WRITE;
  if (walkPrivilege == Privilege.USER) error |= ERROR_USER;
  const cr4 = load<u64>(L.CR4);
  const told = cr4 & Cr4.SMEP || cr4 & Cr4.PAE && load<u64>(L.EFER) & Efer.NXE;
  if (walkAccess == Access.EXECUTE && told) error |= ERROR_FETCH;
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
    walkedGlobal = false;
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
  const long = (efer & Efer.LMA) != 0;
  const reserved = (long ? RESERVED_HIGH : RESERVED_PAE) | (nxe ? 0 : NX);
  let table = load<u64>(L.CR3) & ADDRESS;
  let rights: u64 = RW | US;
  let noExecute: u64 = 0;
  let shift: u32 = long ? 39 : 21;
  let entry: u64 = 0;
  let at: u64 = 0;
  if (!long) {
    // A page-directory-pointer entry of PAE paging has no rights, and was checked when it was loaded.
    entry = load<u64>(L.PDPTES + ((<usize>(address >> 30) & 3) << 3));
    if (!(entry & P)) refuse(0);
    table = entry & ADDRESS;
  }
  for (;;) {
    at = table + (((address >> shift) & 0x1ff) << 3);
    entry = readEntry(at, 8);
    if (!(entry & P)) refuse(0);
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
  const keyed = long && access != Access.EXECUTE && (cr4 & (rights & US ? Cr4.PKE : Cr4.PKS)) != 0;
  const disabled = load<u32>(rights & US ? L.PKRU : L.PKRS);
  const key: u32 = keyed && keyRefuses(disabled, <u32>(entry >> 59) & 15, access, privilege, cr0) ? ERROR_KEY : 0;
  checkRights(rights, noExecute != 0, access, privilege, cr0, cr4, key);
  if (key) refuse(ERROR_PRESENT | ERROR_KEY);
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
    checkRights(rights, false, access, privilege, cr0, cr4, 0);
    const high = ((entry >> 13) & 0xff) << 32;
    return finish(address, (entry & 0xffc0_0fff) | high, at, 22, rights, access, cr0, privilege);
  }
  if (!(entry & A)) setBits(at, <u32>A);
  at = (entry & 0xffff_f000) + <u64>(((linear >> 12) & 0x3ff) << 2);
  entry = readEntry(at, 4);
  if (!(entry & P)) refuse(0);
  rights &= entry;
  checkRights(rights, false, access, privilege, cr0, cr4, 0);
  return finish(address, entry, at, 12, rights, access, cr0, privilege);
}

/** Intel SDM vol. 3, 4.6.1. @param key ERROR_KEY when the protection key refuses the access, too */
function checkRights(rights: u64, noExecute: bool, access: u32, privilege: u32, cr0: u64, cr4: u64, key: u32): void {
  const userPage = (rights & US) != 0;
  let refused = access == Access.EXECUTE && noExecute;
  if (privilege == Privilege.USER) {
    refused = refused || !userPage || access == Access.WRITE && !(rights & RW);
  } else {
    if (access == Access.EXECUTE) refused = refused || userPage && (cr4 & Cr4.SMEP) != 0;
    else refused = userPage && privilege == Privilege.SUPERVISOR;
    if (access == Access.WRITE) refused = refused || !(rights & RW) && (cr0 & Cr0.WP) != 0;
  }
  if (refused) refuse(ERROR_PRESENT | key);
}

/** Protection keys (4.6.2): two bits a key, access disable and write disable. */
function keyRefuses(disabled: u32, key: u32, access: u32, privilege: u32, cr0: u64): bool {
  const bits = (disabled >> (key * 2)) & 3;
  if (bits & 1) return true;
  return (bits & 2) != 0 && access == Access.WRITE && (privilege == Privilege.USER || (cr0 & Cr0.WP) != 0);
}

function finish(address: u64, entry: u64, at: u64, shift: u32, rights: u64, access: u32, cr0: u64, privilege: u32): u64 {
  const wanted: u64 = access == Access.WRITE ? A | D : A;
  if ((entry & wanted) != wanted) setBits(at, <u32>wanted);
  const inside = (<u64>1 << shift) - 1;
  walkedGlobal = (entry & G) != 0 && (load<u64>(L.CR4) & Cr4.PGE) != 0;
  if (shift > 12) coverLargePage(address & ~inside, inside + 1, walkedGlobal);
  return (entry & ADDRESS & ~inside) | (address & inside);
}

/**
 * Loads the four page-directory-pointer entries of PAE paging from where CR3 points to (4.4.1).
 * @returns false when a present one has reserved bits set; nothing is loaded then
 */
export function loadPdptes(cr3: u64): bool {
  const table = cr3 & 0xffff_ffe0;
  for (let i: u32 = 0; i < 4; i++) {
    const entry = readEntry(table + i * 8, 8);
    if (entry & P && entry & RESERVED_PDPTE) return false;
  }
  for (let i: u32 = 0; i < 4; i++) store<u64>(L.PDPTES + i * 8, readEntry(table + i * 8, 8));
  return true;
}
