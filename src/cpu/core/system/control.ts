import * as L from '../layout';
import { defineAnySize } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Form, Record } from '../decode/record';
import { hostTsc, readCr8, writeCr8 } from '../host';
import { addressOf, immediateOf, leaveAfter, next, readOperand, setRegister, sourceOf, targetOf } from '../exec/operands';
import { read, wrap } from '../mmu/access';
import {
  enterAddressSpace, flushAll, flushNonGlobal, flushPcid, invalidatePage, invalidatePageOf, updateContext,
} from '../mmu/spaces';
import { clearAllTlbs } from '../mmu/tlb';
import { PHYSICAL_BITS, loadPdptes } from '../mmu/walk';
import { Cr0, Cr4, Efer, Flag, Mode, cpl, isCanonical, isLong, longModeActive, updateMode } from '../mode';
import { Dr6, generalDetect, raiseDebug } from './debug';
import { raiseGp, raiseUd } from './fault';
import { XCR0_SUPPORTED, setPkru } from './xstate';

/** Control and debug registers (Intel SDM vol. 3, 2.5). */

export function requireCpl0(): void { if (cpl() != 0 && load<u64>(L.CR0) & Cr0.PE) raiseGp(0); }

export function writeCr0(value: u64): void {
  const cr0 = (value & 0xe005003f) | Cr0.ET;
  const old = load<u64>(L.CR0);
  if (value >> 32 || cr0 & Cr0.PG && !(cr0 & Cr0.PE) || cr0 & Cr0.NW && !(cr0 & Cr0.CD)) raiseGp(0);
  let efer = load<u64>(L.EFER);
  if (cr0 & Cr0.PG && !(old & Cr0.PG) && efer & Efer.LME) {
    // To long mode: PAE is a must, and CS must not be a 64-bit segment yet.
    if (!(load<u64>(L.CR4) & Cr4.PAE) || load<u32>(L.CS, L.SEGMENT_ATTRIBUTES) & 0x2000) raiseGp(0);
    efer |= Efer.LMA;
  } else if (!(cr0 & Cr0.PG) && old & Cr0.PG && efer & Efer.LMA) {
    if (isLong()) raiseGp(0);
    efer &= ~Efer.LMA;
  }
  if (!(cr0 & Cr0.PG) && load<u64>(L.CR4) & Cr4.PCIDE) raiseGp(0);
  if ((cr0 ^ old) & (Cr0.PG | Cr0.CD | Cr0.NW)) checkPdptes(cr0, load<u64>(L.CR3), load<u64>(L.CR4), efer);
  store<u64>(L.EFER, efer);
  store<u64>(L.CR0, cr0);
  if ((cr0 ^ old) & (Cr0.PG | Cr0.WP)) flushAll();
  updateMode();
  updateContext();
}

/** Loads the page-directory-pointer entries where PAE paging has them in registers, or #GP. */
function checkPdptes(cr0: u64, cr3: u64, cr4: u64, efer: u64): void {
  if (cr0 & Cr0.PG && cr4 & Cr4.PAE && !(efer & Efer.LMA) && !loadPdptes(cr3)) raiseGp(0);
}

/** CR3 outside long mode: MOV CR3 and task switches. */
export function loadPageTables(cr3: u64): void {
  checkPdptes(load<u64>(L.CR0), cr3, load<u64>(L.CR4), load<u64>(L.EFER));
  store<u64>(L.CR3, cr3);
  enterAddressSpace(false);
}

function writeCr3(value: u64): void {
  if (!longModeActive()) {
    loadPageTables(value & 0xffffffff);
    return;
  }
  // With PCIDs, bit 63 says that what is known of the new one stays.
  const keep = (load<u64>(L.CR4) & Cr4.PCIDE) != 0 && value >> 63 != 0;
  const cr3 = keep ? value & ~(<u64>1 << 63) : value;
  if (cr3 >> PHYSICAL_BITS) raiseGp(0);
  store<u64>(L.CR3, cr3);
  enterAddressSpace(keep);
}

/** What changes translations: all of them are forgotten (Intel SDM vol. 3, 4.10.4.1). */
const TRANSLATES: u64 = Cr4.PSE | Cr4.PAE | Cr4.PGE | Cr4.SMEP | Cr4.PKE | Cr4.PKS;

function writeCr4(value: u64): void {
  if (value & ~Cr4.ALL) raiseGp(0);
  const old = load<u64>(L.CR4);
  if (longModeActive() && !(value & Cr4.PAE)) raiseGp(0);
  if (value & Cr4.PCIDE && !(old & Cr4.PCIDE) && (!longModeActive() || load<u64>(L.CR3) & 0xfff)) raiseGp(0);
  if ((value ^ old) & (Cr4.PSE | Cr4.PAE | Cr4.PGE | Cr4.SMEP)) checkPdptes(load<u64>(L.CR0), load<u64>(L.CR3), value, load<u64>(L.EFER));
  store<u64>(L.CR4, value);
  if ((value ^ old) & TRANSLATES || old & ~value & Cr4.PCIDE) flushAll();
  updateContext();
}

function invalidatePcid(op: usize): usize {
  requireCpl0();
  const address = addressOf(op);
  const pcid = read<u64>(address);
  const linear = read<u64>(wrap(address + 8));
  const kind = isLong() ? load<u64>(targetOf(op)) : <u64>load<u32>(targetOf(op));
  if (kind > 3 || pcid >> 12) raiseGp(0);
  if (kind < 2 && pcid && !(load<u64>(L.CR4) & Cr4.PCIDE)) raiseGp(0);
  if (kind == 0 && !isCanonical(linear)) raiseGp(0);
  switch (<u32>kind) {
    case 0: invalidatePageOf(<u32>pcid, linear); break;
    case 1: flushPcid(<u32>pcid); break;
    case 2: flushAll(); break;
    default: flushNonGlobal(); break;
  }
  return leaveAfter(op);
}

/** In the register's own width; 32 bits outside 64-bit mode. */
@inline function given(op: usize): u64 { return isLong() ? load<u64>(targetOf(op)) : <u64>load<u32>(targetOf(op)); }
function give(op: usize, value: u64): void { store<u64>(targetOf(op), isLong() ? value : value & 0xffffffff); }

function checkDebugRegister(n: u32): u32 {
  if (n == 4 || n == 5) {
    if (load<u64>(L.CR4) & Cr4.DE) raiseUd();
    n += 2;
  }
  requireCpl0();
  if (generalDetect()) {
    store<u32>(L.SYSTEM_FLAGS, load<u32>(L.SYSTEM_FLAGS) | Flag.RF);
    raiseDebug(Dr6.BD);
  }
  return n;
}

export function defineControl(): void {
  defineAnySize(Op.MOVFROMCR, Form.R, (op: usize): usize => {
    requireCpl0();
    switch (immediateOf<u32>(op)) {
      case 0: give(op, load<u64>(L.CR0)); break;
      case 2: give(op, load<u64>(L.CR2)); break;
      case 3: give(op, load<u64>(L.CR3)); break;
      case 4: give(op, load<u64>(L.CR4)); break;
      default: give(op, <u64>readCr8()); break;
    }
    return next(op);
  });
  defineAnySize(Op.MOVTOCR, Form.R, (op: usize): usize => {
    requireCpl0();
    const value = given(op);
    switch (immediateOf<u32>(op)) {
      case 0: writeCr0(value); break;
      case 2: store<u64>(L.CR2, value); break;
      case 3: writeCr3(value); break;
      case 4: writeCr4(value); break;
      default:
        if (value >> 4) raiseGp(0);
        writeCr8(<u32>value);
        break;
    }
    return leaveAfter(op);
  });
  defineAnySize(Op.MOVFROMDR, Form.R, (op: usize): usize => {
    const n = checkDebugRegister(immediateOf<u32>(op));
    give(op, load<u64>(L.DR + n * 8));
    return next(op);
  });
  defineAnySize(Op.MOVTODR, Form.R, (op: usize): usize => {
    const n = checkDebugRegister(immediateOf<u32>(op));
    const value = given(op);
    if (n >= 6 && value >> 32) raiseGp(0);
    if (n == 6) store<u64>(L.DR6, (value & 0xe00f) | 0xffff0ff0);
    else if (n == 7) store<u64>(L.DR7, (value & 0xffff2bff) | 0x400);
    else store<u64>(L.DR + n * 8, value);
    // Watched pages must leave the TLBs.
    clearAllTlbs();
    return leaveAfter(op);
  });
  defineAnySize(Op.SMSW, Form.R, (op: usize): usize => {
    checkUmip();
    if (load<u8>(op, Record.SIZE) == 1) store<u16>(targetOf(op), load<u16>(L.CR0));
    else if (load<u8>(op, Record.SIZE) == 2) setRegister<u32>(targetOf(op), load<u32>(L.CR0));
    else store<u64>(targetOf(op), load<u64>(L.CR0));
    return next(op);
  });
  defineAnySize(Op.LMSW, Form.R, (op: usize): usize => { loadMsw(load<u16>(targetOf(op))); return leaveAfter(op); });
  defineAnySize(Op.LMSW, Form.M, (op: usize): usize => { requireCpl0(); loadMsw(readOperand<u16>(op)); return leaveAfter(op); });
  defineAnySize(Op.CLTS, Form.NONE, (op: usize): usize => { requireCpl0(); store<u64>(L.CR0, load<u64>(L.CR0) & ~Cr0.TS); return leaveAfter(op); });
  defineAnySize(Op.INVD, Form.NONE, (op: usize): usize => { requireCpl0(); return leaveAfter(op); });
  defineAnySize(Op.WBINVD, Form.NONE, (op: usize): usize => { requireCpl0(); return leaveAfter(op); });
  defineAnySize(Op.INVLPG, Form.M, (op: usize): usize => { requireCpl0(); invalidatePage(addressOf(op)); return leaveAfter(op); });
  defineAnySize(Op.INVPCID, Form.RM, invalidatePcid);
  defineAnySize(Op.CLAC, Form.R, (op: usize): usize => { setAc(false); return leaveAfter(op); });
  defineAnySize(Op.STAC, Form.R, (op: usize): usize => { setAc(true); return leaveAfter(op); });
  defineAnySize(Op.XGETBV, Form.R, (op: usize): usize => {
    if (!(load<u64>(L.CR4) & Cr4.OSXSAVE)) raiseUd();
    if (load<u32>(L.RCX)) raiseGp(0);
    setRegister<u32>(L.RAX, load<u32>(L.XCR0));
    setRegister<u32>(L.RDX, 0);
    return leaveAfter(op);
  });
  defineAnySize(Op.XSETBV, Form.R, (op: usize): usize => {
    if (!(load<u64>(L.CR4) & Cr4.OSXSAVE)) raiseUd();
    requireCpl0();
    const value = <u64>load<u32>(L.RAX) | (<u64>load<u32>(L.RDX) << 32);
    if (load<u32>(L.RCX) || value & ~XCR0_SUPPORTED || !(value & 1)) raiseGp(0);
    store<u64>(L.XCR0, value);
    return leaveAfter(op);
  });
  defineAnySize(Op.RDPKRU, Form.R, (op: usize): usize => {
    if (!(load<u64>(L.CR4) & Cr4.PKE)) raiseUd();
    if (load<u32>(L.RCX)) raiseGp(0);
    setRegister<u32>(L.RAX, load<u32>(L.PKRU));
    setRegister<u32>(L.RDX, 0);
    return leaveAfter(op);
  });
  defineAnySize(Op.WRPKRU, Form.R, (op: usize): usize => {
    if (!(load<u64>(L.CR4) & Cr4.PKE)) raiseUd();
    if (load<u32>(L.RCX) || load<u32>(L.RDX)) raiseGp(0);
    setPkru(load<u32>(L.RAX));
    return leaveAfter(op);
  });
}

/** UMIP keeps SGDT, SIDT, SLDT, STR and SMSW from user code. */
export function checkUmip(): void { if (load<u64>(L.CR4) & Cr4.UMIP && cpl() != 0) raiseGp(0); }

function loadMsw(value: u32): void {
  requireCpl0();
  // LMSW sets PE but never clears it.
  writeCr0((load<u64>(L.CR0) & ~0xe) | (value & 0xf));
}
function setAc(on: bool): void {
  if (!(load<u64>(L.CR0) & Cr0.PE) || cpl() != 0) raiseUd();
  const flags = load<u32>(L.SYSTEM_FLAGS);
  store<u32>(L.SYSTEM_FLAGS, on ? flags | Flag.AC : flags & ~Flag.AC);
  updateContext();
}
