import * as L from '../layout';
import { defineAnySize } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Form } from '../decode/record';
import { hostReadMsr, hostTsc, hostWriteMsr } from '../host';
import { leaveAfter, next, setRegister, targetOf } from '../exec/operands';
import { flushAll } from '../mmu/spaces';
import { Cr0, Cr4, Efer, cpl, updateMode } from '../mode';
import { requireCpl0 } from './control';
import { raiseGp } from './fault';

/** Model-specific registers that execution itself uses; all others are the host's. */
const enum Msr {
  TSC = 0x10,
  SYSENTER_CS = 0x174,
  SYSENTER_ESP = 0x175,
  SYSENTER_EIP = 0x176,
  PKRS = 0x6e1,
  DEBUGCTL = 0x1d9,
  EFER = 0xc000_0080,
  STAR = 0xc000_0081,
  LSTAR = 0xc000_0082,
  CSTAR = 0xc000_0083,
  SFMASK = 0xc000_0084,
  FS_BASE = 0xc000_0100,
  GS_BASE = 0xc000_0101,
  KERNEL_GS_BASE = 0xc000_0102,
  TSC_AUX = 0xc000_0103,
}
const EFER_BITS: u64 = Efer.SCE | Efer.LME | Efer.LMA | Efer.NXE;

export function readTsc(): u64 { return <u64>hostTsc() + load<u64>(L.TSC_OFFSET); }

function storageOf(index: u32): usize {
  switch (index) {
    case Msr.SYSENTER_CS: return L.MSR_SYSENTER_CS;
    case Msr.SYSENTER_ESP: return L.MSR_SYSENTER_ESP;
    case Msr.SYSENTER_EIP: return L.MSR_SYSENTER_EIP;
    case Msr.DEBUGCTL: return L.MSR_DEBUGCTL;
    case Msr.STAR: return L.MSR_STAR;
    case Msr.LSTAR: return L.MSR_LSTAR;
    case Msr.CSTAR: return L.MSR_CSTAR;
    case Msr.SFMASK: return L.MSR_SFMASK;
    case Msr.FS_BASE: return L.FS + L.SEGMENT_BASE;
    case Msr.GS_BASE: return L.GS + L.SEGMENT_BASE;
    case Msr.KERNEL_GS_BASE: return L.MSR_KERNEL_GS_BASE;
    case Msr.TSC_AUX: return L.MSR_TSC_AUX;
    case Msr.EFER: return L.EFER;
    default: return 0;
  }
}

export function readMsr(index: u32): u64 {
  if (index == Msr.TSC) return readTsc();
  if (index == Msr.PKRS) return load<u32>(L.PKRS);
  const at = storageOf(index);
  if (at) return load<u64>(at);
  if (!hostReadMsr(index)) raiseGp(0);
  return load<u64>(L.MSR_VALUE);
}

export function writeMsr(index: u32, value: u64): void {
  if (index == Msr.PKRS) {
    if (value >> 32) raiseGp(0);
    store<u32>(L.PKRS, <u32>value);
    flushAll();
    return;
  }
  if (index == Msr.EFER) {
    const old = load<u64>(L.EFER);
    if (value & ~EFER_BITS || (value ^ old) & Efer.LME && load<u64>(L.CR0) & Cr0.PG) raiseGp(0);
    store<u64>(L.EFER, (value & ~Efer.LMA) | (old & Efer.LMA));
    if ((value ^ old) & Efer.NXE) flushAll();
    return;
  }
  const at = storageOf(index);
  if (at) {
    const address = index != Msr.STAR && index != Msr.SFMASK && index != Msr.TSC_AUX && index != Msr.SYSENTER_CS;
    if (address && <u64>((<i64>value << 16) >> 16) != value) raiseGp(0);
    if (index == Msr.TSC_AUX && value >> 32) raiseGp(0);
    store<u64>(at, index == Msr.SFMASK ? value & 0xffffffff : value);
    return;
  }
  store<u64>(L.MSR_VALUE, value);
  if (!hostWriteMsr(index)) raiseGp(0);
}

function checkTimeStamp(): void {
  if (load<u64>(L.CR4) & Cr4.TSD && cpl() != 0 && load<u64>(L.CR0) & Cr0.PE) raiseGp(0);
}
function giveTsc(): void {
  const tsc = readTsc();
  store<u64>(L.RAX, tsc & 0xffffffff);
  store<u64>(L.RDX, tsc >> 32);
}

export function defineMsrs(): void {
  defineAnySize(Op.RDMSR, Form.NONE, (op: usize): usize => {
    requireCpl0();
    const value = readMsr(load<u32>(L.RCX));
    store<u64>(L.RAX, value & 0xffffffff);
    store<u64>(L.RDX, value >> 32);
    return next(op);
  });
  defineAnySize(Op.WRMSR, Form.NONE, (op: usize): usize => {
    requireCpl0();
    writeMsr(load<u32>(L.RCX), <u64>load<u32>(L.RAX) | (<u64>load<u32>(L.RDX) << 32));
    return leaveAfter(op);
  });
  defineAnySize(Op.RDTSC, Form.NONE, (op: usize): usize => { checkTimeStamp(); giveTsc(); return next(op); });
  defineAnySize(Op.RDTSCP, Form.R, (op: usize): usize => {
    checkTimeStamp();
    giveTsc();
    setRegister<u32>(L.RCX, load<u32>(L.MSR_TSC_AUX));
    return next(op);
  });
  defineAnySize(Op.RDPID, Form.R, (op: usize): usize => { store<u64>(targetOf(op), load<u64>(L.MSR_TSC_AUX)); return next(op); });
  // There are no performance counters.
  defineAnySize(Op.RDPMC, Form.NONE, (op: usize): usize => { raiseGp(0); return 0; });
}
