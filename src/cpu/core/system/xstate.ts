import * as L from '../layout';
import { defineAnySize } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Form, Record } from '../decode/record';
import { addressOf, next, readOperand, writeOperand } from '../exec/operands';
import { setControlWord, setStatusWord, statusWord } from '../fpu/state';
import { probeRead, probeWrite, read, write } from '../mmu/access';
import { flushAll } from '../mmu/spaces';
import { Cr0, Cr4, isCanonical, isLong } from '../mode';
import { checkSse } from '../vector/operands';
import { Vector, raise, raiseGp, raiseUd } from './fault';

/** FXSAVE, XSAVE and their kin (Intel SDM vol. 1, 10.5 and 13). */

const X87: u64 = 1;
const SSE: u64 = 2;
const PKRU: u64 = 1 << 9;
/** AVX comes with x86-64-v3. */
export const XCR0_SUPPORTED: u64 = X87 | SSE | PKRU;
export const MXCSR_MASK: u32 = 0xffff;
const HEADER: u64 = 512;
/** Where PKRU is, as CPUID leaf 0xD tells: right behind the header. */
const PKRU_OFFSET: u64 = 576;
const PKRU_SIZE: u32 = 8;

function checkFxsave(): void {
  if (load<u64>(L.CR0) & Cr0.EM) raiseUd();
  if (load<u64>(L.CR0) & Cr0.TS) raise(Vector.NM);
}
function checkXsave(): void {
  if (!(load<u64>(L.CR4) & Cr4.OSXSAVE)) raiseUd();
  if (load<u64>(L.CR0) & Cr0.TS) raise(Vector.NM);
}

/** Whether an address is canonical goes before; the first page is tried before the end of the area is looked at. */
function checkArea(address: u64, bytes: u32, alignment: u64, writes: bool): void {
  const misaligned = (address & (alignment - 1)) != 0;
  if (misaligned && !(isLong() && !isCanonical(address))) raiseGp(0);
  probe(address, 1, writes);
  probe(address, bytes, writes);
}
@inline function probe(address: u64, bytes: u32, writes: bool): void {
  if (writes) probeWrite(address, bytes);
  else probeRead(address, bytes);
}

function saveX87(address: u64, wide: bool): void {
  write<u16>(address, <u16>load<u32>(L.X87_CONTROL));
  write<u16>(address + 2, <u16>statusWord());
  write<u16>(address + 4, <u16>load<u32>(L.X87_TAGS));
  // Instruction and operand pointers are zero unless an exception is pending (AMD APM vol. 2, 11.4.4).
  const pending = (load<u32>(L.X87_STATUS) & 0x80) != 0;
  write<u16>(address + 6, <u16>(pending ? load<u32>(L.X87_OPCODE) : 0));
  if (wide || !pending) {
    write<u64>(address + 8, pending ? load<u64>(L.X87_IP) : 0);
    write<u64>(address + 16, pending ? load<u64>(L.X87_DP) : 0);
  } else {
    write<u64>(address + 8, <u64>load<u32>(L.X87_IP) | (<u64>load<u32>(L.X87_CS) << 32));
    write<u64>(address + 16, <u64>load<u32>(L.X87_DP) | (<u64>load<u32>(L.X87_DS) << 32));
  }
  const top = load<u32>(L.X87_TOP);
  for (let i: u32 = 0; i < 8; i++) {
    const register: usize = L.X87 + ((top + i) & 7) * 16;
    write<u64>(address + 32 + i * 16, load<u64>(register));
    write<u64>(address + 40 + i * 16, <u64>load<u16>(register, 8));
  }
}
/** Pointers have the 48 bits of addresses. */
@inline function canonical(pointer: u64): u64 { return <u64>((<i64>pointer << 16) >> 16); }
function loadX87(address: u64, wide: bool): void {
  setControlWord(read<u16>(address));
  setStatusWord(read<u16>(address + 2));
  store<u32>(L.X87_TAGS, read<u8>(address + 4));
  store<u32>(L.X87_OPCODE, read<u16>(address + 6) & 0x7ff);
  const ip = read<u64>(address + 8), dp = read<u64>(address + 16);
  store<u64>(L.X87_IP, wide ? canonical(ip) : ip & 0xffffffff);
  store<u64>(L.X87_DP, wide ? canonical(dp) : dp & 0xffffffff);
  if (!wide) {
    store<u32>(L.X87_CS, <u32>(ip >> 32) & 0xffff);
    store<u32>(L.X87_DS, <u32>(dp >> 32) & 0xffff);
  }
  const top = load<u32>(L.X87_TOP);
  for (let i: u32 = 0; i < 8; i++) {
    const register: usize = L.X87 + ((top + i) & 7) * 16;
    store<u64>(register, read<u64>(address + 32 + i * 16));
    store<u64>(register, <u64>read<u16>(address + 40 + i * 16), 8);
  }
}
@inline function vectorCount(): u32 { return isLong() ? 16 : 8; }
function saveVectors(address: u64): void {
  for (let i: u32 = 0; i < vectorCount(); i++) {
    const register: usize = L.VECTORS + i * L.VECTOR_SIZE;
    write<u64>(address + 160 + i * 16, load<u64>(register));
    write<u64>(address + 168 + i * 16, load<u64>(register, 8));
  }
}
function loadVectors(address: u64): void {
  for (let i: u32 = 0; i < vectorCount(); i++) {
    const register: usize = L.VECTORS + i * L.VECTOR_SIZE;
    store<u64>(register, read<u64>(address + 160 + i * 16));
    store<u64>(register, read<u64>(address + 168 + i * 16), 8);
  }
}
function saveMxcsr(address: u64): void {
  write<u32>(address + 24, load<u32>(L.MXCSR));
  write<u32>(address + 28, MXCSR_MASK);
}
function loadMxcsr(address: u64): void {
  const value = read<u32>(address + 24);
  if (value & ~MXCSR_MASK) raiseGp(0);
  store<u32>(L.MXCSR, value);
}

function fxsave(op: usize): usize {
  checkFxsave();
  const address = addressOf(op);
  checkArea(address, 512, 16, true);
  const wide = load<u8>(op, Record.SIZE) == 3;
  saveX87(address, wide);
  saveMxcsr(address);
  if (load<u64>(L.CR4) & Cr4.OSFXSR) saveVectors(address);
  return next(op);
}
function fxrstor(op: usize): usize {
  checkFxsave();
  const address = addressOf(op);
  checkArea(address, 512, 16, false);
  loadMxcsr(address);
  loadX87(address, load<u8>(op, Record.SIZE) == 3);
  if (load<u64>(L.CR4) & Cr4.OSFXSR) loadVectors(address);
  return next(op);
}

@inline function requested(): u64 { return (<u64>load<u32>(L.RAX) | (<u64>load<u32>(L.RDX) << 32)) & load<u64>(L.XCR0); }

/** Whether a component is in its initial configuration. */
function x87Initial(): bool {
  if (load<u32>(L.X87_CONTROL) != 0x37f || statusWord() || load<u32>(L.X87_TAGS) || load<u32>(L.X87_OPCODE) || load<u64>(L.X87_IP) || load<u64>(L.X87_DP)) return false;
  for (let i: usize = 0; i < 16; i++) if (load<u64>(L.X87 + i * 8)) return false;
  return true;
}
function sseInitial(): bool {
  for (let i: u32 = 0; i < vectorCount(); i++) {
    const register: usize = L.VECTORS + i * L.VECTOR_SIZE;
    if (load<u64>(register) | load<u64>(register, 8)) return false;
  }
  return true;
}
/** Bytes of the area that are used for these components. */
@inline function areaSize(components: u64): u32 { return <u32>PKRU_OFFSET + (components & PKRU ? PKRU_SIZE : 0); }

export function setPkru(value: u32): void {
  if (value == load<u32>(L.PKRU)) return;
  store<u32>(L.PKRU, value);
  // TLB entries have been checked against the old rights.
  flushAll();
}

function xsave(op: usize, optimized: bool): usize {
  checkXsave();
  const address = addressOf(op);
  const components = requested();
  checkArea(address, areaSize(components), 64, true);
  const inUse = (x87Initial() ? 0 : X87) | (sseInitial() ? 0 : SSE) | (load<u32>(L.PKRU) ? PKRU : 0);
  const written = optimized ? components & inUse : components;
  if (written & X87) saveX87(address, load<u8>(op, Record.SIZE) == 3);
  if (components & SSE) saveMxcsr(address);
  if (written & SSE) saveVectors(address);
  if (written & PKRU) write<u64>(address + PKRU_OFFSET, load<u32>(L.PKRU));
  const old = read<u64>(address + HEADER);
  write<u64>(address + HEADER, (old & ~components) | (components & inUse));
  return next(op);
}
function xrstor(op: usize): usize {
  checkXsave();
  const address = addressOf(op);
  const components = requested();
  checkArea(address, areaSize(components), 64, false);
  const present = read<u64>(address + HEADER);
  if (present & ~load<u64>(L.XCR0) || read<u64>(address + HEADER + 8) || read<u64>(address + HEADER + 16)) raiseGp(0);
  if (components & SSE) loadMxcsr(address);
  if (components & X87) {
    if (present & X87) loadX87(address, load<u8>(op, Record.SIZE) == 3);
    else {
      memory.fill(L.X87, 0, 0xb0);
      store<u32>(L.X87_CONTROL, 0x37f);
    }
  }
  if (components & SSE) {
    if (present & SSE) loadVectors(address);
    else for (let i: u32 = 0; i < vectorCount(); i++) memory.fill(L.VECTORS + i * L.VECTOR_SIZE, 0, 16);
  }
  // Last: the area may be in a page that the new rights keep from its reader.
  if (components & PKRU) setPkru(present & PKRU ? read<u32>(address + PKRU_OFFSET) : 0);
  return next(op);
}

export function defineXstate(): void {
  defineAnySize(Op.FXSAVE, Form.M, fxsave);
  defineAnySize(Op.FXRSTOR, Form.M, fxrstor);
  defineAnySize(Op.XSAVE, Form.M, (op: usize): usize => xsave(op, false));
  defineAnySize(Op.XSAVEOPT, Form.M, (op: usize): usize => xsave(op, true));
  defineAnySize(Op.XRSTOR, Form.M, xrstor);
  defineAnySize(Op.LDMXCSR, Form.M, (op: usize): usize => {
    checkSse();
    const value = readOperand<u32>(op);
    if (value & ~MXCSR_MASK) raiseGp(0);
    store<u32>(L.MXCSR, value);
    return next(op);
  });
  defineAnySize(Op.STMXCSR, Form.M, (op: usize): usize => { checkSse(); writeOperand<u32>(op, load<u32>(L.MXCSR)); return next(op); });
}
