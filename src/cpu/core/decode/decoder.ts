import * as L from '../layout';
import { Mode } from '../mode';
import { translateExecute, wrap } from '../mmu/access';
import { ramAt } from '../mmu/walk';
import { raiseGp } from '../system/fault';
import { Attr, Enc, Sz } from './encodings';
import { handlerOf } from './handlers';
import { Op } from './operation';
import { Address, Form, Prefix, Record, RecordBit } from './record';
import { Group, OpcodeMap, entryAt, groupEntryAt } from './tables';

/** Longest instruction (Intel SDM vol. 2, 2.3.11). */
const MAX_LENGTH: u32 = 15;

/** Where the bytes come from: one page, and the next for an instruction that crosses into it. */
let pageHost: usize = 0;
let nextHost: usize = 0;
let pageLinear: u64 = 0;
/** Offset of the next byte in the page; from 4096 on it is in the next one. */
let at: u32 = 0;
let blockStart: u32 = 0;
let instructionStart: u32 = 0;
let code: u32 = 0;
let mode: u32 = 0;
let mayCross = false;
let abandoned = false;

export namespace Decoder {
  export function begin(gpa: u32, blockMode: u32, linear: u64): void {
    pageHost = ramAt(<u64>(gpa & ~0xfff));
    nextHost = 0;
    pageLinear = linear & ~0xfff;
    at = gpa & 0xfff;
    blockStart = at;
    mode = blockMode;
    code = blockMode & Mode.CODE;
  }
  export function position(): u32 { return at; }
  export function setPosition(position: u32): void { at = position; }
  /** Whether the last instruction reached into the next page. */
  export function crossed(): bool { return at > 0x1000; }
  export function copyBytes(to: usize, length: u32): void {
    for (let i: u32 = 0; i < length; i++) store<u8>(to + i, <u8>byteAt(blockStart + i));
  }
}

function byteAt(offset: u32): u32 {
  if (offset < 0x1000) return pageHost ? load<u8>(pageHost + offset) : 0xff;
  return nextHost ? load<u8>(nextHost + offset - 0x1000) : 0xff;
}

function fetch8(): u32 {
  if (at - instructionStart >= MAX_LENGTH) {
    if (mayCross) raiseGp(0);
    abandoned = true;
    return 0;
  }
  if (at >= 0x1000 && !nextHost) {
    if (!mayCross) {
      abandoned = true;
      return 0;
    }
    nextHost = ramAt(translateExecute(wrap(pageLinear + 0x1000)));
  }
  return byteAt(at++);
}
function fetch16(): u32 { const low = fetch8(); return low | (fetch8() << 8); }
function fetch32(): u32 { const low = fetch16(); return low | (fetch16() << 16); }
function fetch64(): u64 { const low = <u64>fetch32(); return low | (<u64>fetch32() << 32); }

/** Prefixes and the parts of ModRM of the instruction at hand. */
let rex: u32 = 0;
let hasRex = false;
let operandPrefix = false;
let addressPrefix = false;
let repPrefix: u32 = 0;
let lockPrefix = false;
let segmentPrefix: i32 = -1;
let modrm: u32 = 0;
let addressSize: u32 = 0;

@inline function mod(): u32 { return modrm >> 6; }
@inline function regField(): u32 { return ((modrm >> 3) & 7) | ((rex & 4) << 1); }
@inline function rmField(): u32 { return (modrm & 7) | ((rex & 1) << 3); }
@inline function general(n: u32): u32 { return L.REGS + n * 8; }
@inline function vector(n: u32): u32 { return L.VECTORS + n * L.VECTOR_SIZE; }
@inline function mmx(n: u32): u32 { return L.X87 + (n & 7) * 16; }
/** Without REX, byte registers 4 to 7 are AH, CH, DH, BH. */
@inline function byteRegister(n: u32): u32 { return !hasRex && n >= 4 && n < 8 ? L.REGS + (n - 4) * 8 + 1 : L.REGS + n * 8; }
@inline function sized(n: u32, size: u32): u32 { return size == 0 ? byteRegister(n) : general(n); }

/**
 * Decodes the instruction at the current position into a zeroed record. Invalid ones become an operation that raises
 * #UD when it is executed.
 * @param crossing whether it may reach into the next page
 * @returns false when it would have to and may not
 */
export function decodeInstruction(record: usize, crossing: bool): bool {
  mayCross = crossing;
  abandoned = false;
  instructionStart = at;
  const opcode = decodePrefixes();
  if (abandoned) return false;
  let entry: u32;
  let map = OpcodeMap.ONE;
  let op8 = opcode;
  if (opcode == 0x0f) {
    map = OpcodeMap.TWO;
    op8 = fetch8();
    if (op8 == 0x38) { map = OpcodeMap.X38; op8 = fetch8(); }
    else if (op8 == 0x3a) { map = OpcodeMap.X3A; op8 = fetch8(); }
  }
  const column: u32 = repPrefix == 0xf3 ? 2 : repPrefix == 0xf2 ? 3 : operandPrefix ? 1 : 0;
  entry = load<u32>(entryAt(map, op8, column));
  decodeOperands(record, entry, map, op8, column);
  if (abandoned) return false;
  finish(record);
  return true;
}

function decodePrefixes(): u32 {
  rex = 0;
  hasRex = false;
  operandPrefix = false;
  addressPrefix = false;
  repPrefix = 0;
  lockPrefix = false;
  segmentPrefix = -1;
  while (true) {
    const byte = fetch8();
    if (abandoned) return 0;
    switch (byte) {
      case 0x26: case 0x2e: case 0x36: case 0x3e:
        // ES, CS, SS and DS overrides mean nothing in 64-bit mode, and take nothing back either.
        if (code != Mode.CODE64) segmentPrefix = (byte >> 3) & 3;
        break;
      case 0x64: case 0x65: segmentPrefix = byte - 0x60; break;
      case 0x66: operandPrefix = true; break;
      case 0x67: addressPrefix = true; break;
      case 0xf0: lockPrefix = true; break;
      case 0xf2: case 0xf3: repPrefix = byte; break;
      default:
        if (code == Mode.CODE64 && (byte & 0xf0) == 0x40) {
          rex = byte;
          hasRex = true;
          continue;
        }
        addressSize = code == Mode.CODE64 ? (addressPrefix ? 2 : 3) : ((code == 1) != addressPrefix ? 2 : 1);
        return byte;
    }
    // REX counts only directly before the opcode.
    rex = 0;
    hasRex = false;
  }
}

/** log2 of the operand size; vector sizes give 0. */
function sizeOf(size: u32): u32 {
  const wide = (rex & 8) != 0;
  switch (size) {
    case Sz.B: return 0;
    case Sz.W: return 1;
    case Sz.D: return 2;
    case Sz.Q: return 3;
    case Sz.V: return wide ? 3 : (code == 0) == operandPrefix ? 2 : 1;
    case Sz.Z: return wide || (code == 0) == operandPrefix ? 2 : 1;
    case Sz.Y: return wide ? 3 : 2;
    case Sz.STACK:
      if (code == Mode.CODE64) return operandPrefix && !wide ? 1 : 3;
      return (code == 0) == operandPrefix ? 2 : 1;
    case Sz.MODE: return code == Mode.CODE64 ? 3 : 2;
    default: return 0;
  }
}

function bytesOf(size: u32, log2: u32): u32 {
  switch (size) {
    case Sz.NONE: return 0;
    case Sz.X1: return 1;
    case Sz.X2: return 2;
    case Sz.X4: return 4;
    case Sz.X8: return 8;
    case Sz.X10: return 10;
    case Sz.X16: return 16;
    default: return 1 << log2;
  }
}

function invalid(record: usize): void {
  store<u16>(record, <u16>Op.UD, Record.OPERATION);
  store<u8>(record, <u8>Form.NONE, Record.FORM);
  store<u8>(record, 0, Record.SIZE);
  store<u8>(record, RecordBit.LAST, Record.BITS);
  store<u16>(record, <u16>handlerOf(Op.UD, Form.NONE, 0), Record.HANDLER);
}

let form: u32 = 0;
let ripRelative = false;
let immediate: i64 = 0;

@inline function target(register: u32, record: usize): void { store<u16>(record, <u16>register, Record.TARGET); }
@inline function source(register: u32, record: usize): void { store<u16>(record, <u16>register, Record.SOURCE); }

/** Of the operands (ModRM.rm, register) or (register, ModRM.rm) whether rm is memory; the address is decoded then. */
function rmIsMemory(record: usize): bool {
  if (mod() == 3) return false;
  decodeAddress(record);
  return true;
}

function fetchImmediate(size: u32): i64 {
  switch (size) {
    case 0: return <i64><i8>fetch8();
    case 1: return <i64><i16>fetch16();
    default: return <i64><i32>fetch32();
  }
}

function hasModRm(enc: u32): bool {
  switch (enc) {
    case Enc.NONE: case Enc.A_I: case Enc.O: case Enc.O_I: case Enc.O_A: case Enc.I: case Enc.IB: case Enc.UIB: case Enc.IW:
    case Enc.IW_UIB: case Enc.J: case Enc.JB: case Enc.A_MOFFS: case Enc.MOFFS_A: case Enc.FAR: case Enc.SEG:
      return false;
    default:
      return true;
  }
}

function decodeOperands(record: usize, tableEntry: u32, map: u32, opcode: u32, column: u32): void {
  let entry = tableEntry;
  let op = entry & 0x3ff;
  let enc = (entry >> 10) & 63;
  let sizing = (entry >> 16) & 31;
  if (!entry) return invalid(record);
  const modRm = hasModRm(enc) || (entry & Attr.GROUP) != 0;
  if (modRm) modrm = fetch8();
  else modrm = 0;
  if (entry & Attr.NOT64 && code == Mode.CODE64) return invalid(record);
  if (entry & Attr.GROUP) {
    const own = load<u32>(groupEntryAt(op, (modrm >> 3) & 7, mod() == 3 ? 1 : 0, column));
    if (op == Group.G7 && mod() == 3) {
      entry = systemEntry((modrm >> 3) & 7, modrm & 7, own, column);
    } else {
      entry = own;
    }
    if (!entry) return invalid(record);
    op = entry & 0x3ff;
    const ownEnc = (entry >> 10) & 63;
    const ownSize = (entry >> 16) & 31;
    // An entry without an encoding of its own has the opcode's; TEST in group 3 has an encoding but no size.
    if (ownEnc) {
      enc = ownEnc;
      if (ownSize || op != Op.TEST) sizing = ownSize;
    }
  }
  if (entry & Attr.ONLY64 && code != Mode.CODE64) return invalid(record);
  if (entry & Attr.PROTECTED && !(mode & Mode.PROTECTED)) return invalid(record);
  let size = sizeOf(sizing);
  if (op >= <u32>Op.MOVFROMCR && op <= <u32>Op.MOVTODR) modrm |= 0xc0;
  if (op == Op.CMPXCHG8B && rex & 8) op = Op.CMPXCHG16B;

  let bits: u8 = 0;
  if (entry & Attr.LAST) bits |= RecordBit.LAST;
  if (entry & Attr.LINKS) bits |= RecordBit.LINKS;
  if (entry & Attr.WRITES) bits |= RecordBit.WRITES;
  if (entry & Attr.SHADOWS) bits |= RecordBit.SHADOWS;
  if (entry & Attr.NO_ACCESS) bits |= RecordBit.NO_ACCESS;

  form = Form.NONE;
  ripRelative = false;
  immediate = 0;
  let bytes = bytesOf(sizing, size);
  store<u8>(record, <u8>(segmentPrefix >= 0 ? segmentPrefix : 3), Record.SEGMENT);
  store<u16>(record, <u16>op, Record.OPERATION);
  // One of them is always given, so that a handler may read both.
  store<u16>(record, L.ZERO, Record.BASE);
  store<u16>(record, L.ZERO, Record.INDEX);

  switch (enc) {
    case Enc.NONE:
      break;
    case Enc.E_G:
      source(sized(regField(), size), record);
      if (rmIsMemory(record)) form = Form.MR;
      else { form = Form.RR; target(sized(rmField(), size), record); }
      break;
    case Enc.G_E:
      target(sized(regField(), size), record);
      if (rmIsMemory(record)) form = Form.RM;
      else { form = Form.RR; source(sized(rmField(), size), record); }
      break;
    case Enc.G_M:
      target(general(regField()), record);
      // In the two LES/LDS opcodes, LSS, LFS and LGS the opcode tells the segment register.
      if (op == Op.LOADSEG) { source(L.SEGMENTS + L.SEGMENT_SIZE * (opcode == 0xc4 ? 0 : opcode == 0xc5 ? 3 : opcode & 7), record); bytes += 2; }
      if (op == Op.BOUND) bytes *= 2;
      if (op == Op.INVPCID) bytes = 16;
      if (!rmIsMemory(record)) return invalid(record);
      form = Form.RM;
      break;
    case Enc.M_G:
      source(general(regField()), record);
      if (!rmIsMemory(record)) return invalid(record);
      form = Form.MR;
      break;
    case Enc.G_EB: case Enc.G_EW: case Enc.G_ED: {
      const from: u32 = enc == Enc.G_EB ? 0 : enc == Enc.G_EW ? 1 : 2;
      target(general(regField()), record);
      bytes = 1 << from;
      if (op == Op.MOVSXD && code != Mode.CODE64) {
        // ARPL outside 64-bit mode: the operands are the other way round.
        if (!(mode & Mode.PROTECTED)) return invalid(record);
        op = Op.ARPL;
        store<u16>(record, <u16>op, Record.OPERATION);
        size = 1;
        bytes = 2;
        source(general(regField()), record);
        if (rmIsMemory(record)) form = Form.MR;
        else { form = Form.RR; target(general(rmField()), record); }
        break;
      }
      if (op == Op.CRC32) size = 0;
      if (rmIsMemory(record)) form = Form.RM;
      else { form = Form.RR; source(sized(rmField(), from), record); }
      break;
    }
    case Enc.E_I: case Enc.E_IB: case Enc.E_UIB:
      if (rmIsMemory(record)) form = Form.MI;
      else { form = Form.RI; target(sized(rmField(), size), record); }
      immediate = enc == Enc.E_I ? fetchImmediate(size) : enc == Enc.E_IB ? <i64><i8>fetch8() : <i64>fetch8();
      break;
    case Enc.E:
      if (rmIsMemory(record)) form = Form.M;
      else { form = Form.R; target(sized(rmField(), size), record); }
      break;
    case Enc.M:
      if (op == Op.LGDT || op == Op.LIDT || op == Op.SGDT || op == Op.SIDT) bytes = code == Mode.CODE64 ? 10 : 6;
      if (op == Op.CALLFI || op == Op.JMPFI) bytes += 2;
      if (op == Op.CMPXCHG8B) bytes = 8;
      if (op == Op.CMPXCHG16B) bytes = 16;
      if (!rmIsMemory(record)) return invalid(record);
      form = Form.M;
      break;
    case Enc.G_E_I: case Enc.G_E_IB:
      target(general(regField()), record);
      if (rmIsMemory(record)) form = Form.RM;
      else { form = Form.RR; source(general(rmField()), record); }
      immediate = enc == Enc.G_E_I ? fetchImmediate(size) : <i64><i8>fetch8();
      break;
    case Enc.E_G_UIB:
      source(general(regField()), record);
      if (rmIsMemory(record)) form = Form.MR;
      else { form = Form.RR; target(general(rmField()), record); }
      immediate = <i64>fetch8();
      break;
    case Enc.A_I:
      form = Form.RI;
      target(L.RAX, record);
      immediate = fetchImmediate(size);
      break;
    case Enc.O:
      form = Form.R;
      target(sized((opcode & 7) | ((rex & 1) << 3), size), record);
      break;
    case Enc.O_I:
      form = Form.RI;
      target(sized((opcode & 7) | ((rex & 1) << 3), size), record);
      immediate = size == 3 ? <i64>fetch64() : fetchImmediate(size);
      break;
    case Enc.O_A: {
      const register = (opcode & 7) | ((rex & 1) << 3);
      // Exchanging the accumulator with itself is NOP, or PAUSE with F3; REX.B makes it an exchange.
      op = register ? Op.XCHG : op == Op.PAUSE ? Op.PAUSE : Op.NOP;
      store<u16>(record, <u16>op, Record.OPERATION);
      if (op != Op.PAUSE) bits &= ~RecordBit.LAST;
      if (!register) break;
      form = Form.RR;
      target(general(register), record);
      source(L.RAX, record);
      break;
    }
    case Enc.I: form = Form.RI; immediate = fetchImmediate(size); break;
    case Enc.IB: form = Form.RI; immediate = <i64><i8>fetch8(); break;
    case Enc.UIB:
      form = Form.RI;
      immediate = <i64>fetch8();
      break;
    case Enc.IW: form = Form.RI; immediate = <i64>fetch16(); break;
    case Enc.IW_UIB: immediate = <i64>fetch16(); immediate |= <i64>fetch8() << 16; break;
    case Enc.J: immediate = fetchImmediate(size == 3 ? 2 : size); break;
    case Enc.JB: immediate = <i64><i8>fetch8(); break;
    case Enc.FAR:
      immediate = size == 1 ? <i64>fetch16() : <i64>fetch32();
      immediate |= <i64>fetch16() << 32;
      break;
    case Enc.A_MOFFS: case Enc.MOFFS_A:
      decodeOffset(record);
      if (enc == Enc.A_MOFFS) { form = Form.RM; target(L.RAX, record); }
      else { form = Form.MR; source(L.RAX, record); }
      break;
    case Enc.SEG: {
      const n = map == OpcodeMap.TWO ? 4 + ((opcode >> 3) & 1) : (opcode >> 3) & 3;
      source(L.SEGMENTS + n * L.SEGMENT_SIZE, record);
      break;
    }
    case Enc.E_S:
      if (((modrm >> 3) & 7) > 5) return invalid(record);
      source(L.SEGMENTS + ((modrm >> 3) & 7) * L.SEGMENT_SIZE, record);
      bytes = 2;
      if (rmIsMemory(record)) { form = Form.MR; size = 1; }
      else { form = Form.RR; target(general(rmField()), record); }
      break;
    case Enc.S_E:
      if (((modrm >> 3) & 7) > 5 || ((modrm >> 3) & 7) == 1) return invalid(record);
      target(L.SEGMENTS + ((modrm >> 3) & 7) * L.SEGMENT_SIZE, record);
      if (((modrm >> 3) & 7) == 2) bits |= RecordBit.SHADOWS;
      if (rmIsMemory(record)) form = Form.RM;
      else { form = Form.RR; source(general(rmField()), record); }
      break;
    case Enc.C_R: case Enc.R_C: case Enc.D_R: case Enc.R_D:
      form = Form.R;
      target(general(rmField()), record);
      // LOCK MOV CR0 is AMD's way to CR8.
      immediate = regField();
      if (op == Op.MOVFROMCR || op == Op.MOVTOCR) {
        if (immediate == 0 && lockPrefix) { immediate = 8; lockPrefix = false; }
        if (immediate != 0 && immediate != 2 && immediate != 3 && immediate != 4 && immediate != 8) return invalid(record);
      } else if (immediate > 7) return invalid(record);
      break;
    case Enc.FPU: {
      const index = (opcode & 7) * 8 + ((modrm >> 3) & 7);
      if (mod() == 3) { op = Op.FPU_R + index; immediate = modrm & 7; }
      else { op = Op.FPU_M + index; form = Form.M; bits |= fpuBits(index); size = sizeOf(Sz.V) == 1 ? 1 : 2; bytes = fpuBytes(index, size); decodeAddress(record); }
      store<u16>(record, <u16>op, Record.OPERATION);
      store<u16>(record, <u16>(((opcode & 7) << 8) | modrm), Record.THIRD);
      break;
    }
    default:
      if (!vectorOperands(record, enc)) return invalid(record);
      // MMX forms have handlers of their own, under the next size.
      if (enc == Enc.P_Q || enc == Enc.Q_P || enc == Enc.M_P || enc == Enc.P_Q_UIB || enc == Enc.Q_UIB) size = 1;
      // Explicit string lengths are 64 bits wide with REX.W.
      if ((op == Op.PCMPESTRM || op == Op.PCMPESTRI) && rex & 8) size = 3;
      if (enc == Enc.G_W || enc == Enc.G_Q || enc == Enc.G_W_UIB || enc == Enc.G_Q_UIB) size = rex & 8 ? 3 : 2;
      break;
  }
  // `pop` into memory and pushes go by the stack whatever the address's segment is.
  if (entry & Attr.STACK && form != Form.M) store<u8>(record, 2, Record.SEGMENT);
  if (lockPrefix && (!(entry & Attr.LOCKABLE) || (form != Form.MR && form != Form.MI && form != Form.M))) return invalid(record);
  if (bits & RecordBit.LINKS) immediate += <i64>(at - blockStart);

  let prefixes: u32 = addressSize << Prefix.ADDRESS_SHIFT;
  if (repPrefix == 0xf3) prefixes |= Prefix.REP;
  if (repPrefix == 0xf2) prefixes |= Prefix.REPNE;
  if (lockPrefix) prefixes |= Prefix.LOCK;
  if (operandPrefix) prefixes |= Prefix.OPERAND;
  store<u8>(record, <u8>prefixes, Record.PREFIXES);
  store<i64>(record, immediate, Record.IMMEDIATE);
  store<u8>(record, <u8>bytes, Record.BYTES);
  store<u8>(record, <u8>form, Record.FORM);
  store<u8>(record, <u8>size, Record.SIZE);
  store<u8>(record, bits, Record.BITS);
  if (bits & RecordBit.LINKS) {
    store<u32>(record, 0, Record.LINK_NEXT);
    store<u32>(record, 0, Record.LINK_TAKEN);
  }
  const handler = handlerOf(op, form, size);
  if (!handler) return invalid(record);
  store<u16>(record, <u16>handler, Record.HANDLER);
}

/** 0F 01 with a register operand: ModRM.rm selects, too. */
function systemEntry(reg: u32, rm: u32, own: u32, column: u32): u32 {
  let op: u32 = Op.INVALID;
  let last = true;
  switch (reg * 8 + rm) {
    case 0x01: case 0x19: op = Op.VMCALL; break;
    case 0x0a: op = Op.CLAC; break;
    case 0x0b: op = Op.STAC; break;
    case 0x10: op = Op.XGETBV; break;
    case 0x11: op = Op.XSETBV; break;
    case 0x2e: if (column == 0) op = Op.RDPKRU; break;
    case 0x2f: if (column == 0) op = Op.WRPKRU; break;
    case 0x38: if (code == Mode.CODE64) op = Op.SWAPGS; break;
    case 0x39: op = Op.RDTSCP; last = false; break;
    default: return reg == 4 || reg == 6 ? own : 0;
  }
  return op ? op | (Enc.E << 10) | (Sz.NONE << 16) | (last ? Attr.LAST : 0) : 0;
}

function fpuBytes(index: u32, operandSize: u32): u32 {
  const environment: u32 = operandSize == 1 ? 14 : 28;
  // D8 and DA: 4 bytes; D9: 4, environment, control word; DB: 4 or 10; DC: 8; DD: 8, state, word; DE: 2; DF: 2, 10, 8.
  switch (index >> 3) {
    case 0: case 2: return 4;
    case 1: return (index & 7) < 4 ? 4 : (index & 7) == 5 || (index & 7) == 7 ? 2 : environment;
    case 3: return (index & 7) >= 5 ? 10 : 4;
    case 4: return 8;
    case 5: return (index & 7) < 4 ? 8 : (index & 7) == 7 ? 2 : environment + 80;
    case 6: return 2;
    default: return (index & 7) < 4 ? 2 : (index & 5) == 4 ? 10 : 8;
  }
}
function fpuBits(index: u32): u8 {
  const escape = index >> 3;
  const reg = index & 7;
  if (escape == 1 || escape == 3 || escape == 5 || escape == 7) {
    if (reg == 1 || reg == 2 || reg == 3 || reg >= 6) return RecordBit.WRITES;
  }
  return 0;
}

/** Operands with vector and MMX registers. @returns false when the combination does not exist */
function vectorOperands(record: usize, enc: u32): bool {
  const reg = regField();
  const rm = rmField();
  const memory = mod() != 3;
  switch (enc) {
    case Enc.V_W: case Enc.V_W_UIB: target(vector(reg), record); if (!memory) source(vector(rm), record); break;
    case Enc.W_V: source(vector(reg), record); if (!memory) target(vector(rm), record); break;
    case Enc.V_M: if (!memory) return false; target(vector(reg), record); break;
    case Enc.M_V: if (!memory) return false; source(vector(reg), record); break;
    case Enc.M_P: if (!memory) return false; source(mmx(reg), record); break;
    case Enc.P_Q: case Enc.P_Q_UIB: target(mmx(reg), record); if (!memory) source(mmx(rm), record); break;
    case Enc.Q_P: source(mmx(reg), record); if (!memory) target(mmx(rm), record); break;
    case Enc.V_E: case Enc.V_E_UIB: target(vector(reg), record); if (!memory) source(general(rm), record); break;
    case Enc.P_E: case Enc.P_E_UIB: target(mmx(reg), record); if (!memory) source(general(rm), record); break;
    case Enc.E_V: case Enc.E_V_UIB: source(vector(reg), record); if (!memory) target(general(rm), record); break;
    case Enc.E_P: source(mmx(reg), record); if (!memory) target(general(rm), record); break;
    case Enc.V_Q: target(vector(reg), record); if (!memory) source(mmx(rm), record); break;
    case Enc.P_W: target(mmx(reg), record); if (!memory) source(vector(rm), record); break;
    case Enc.G_W: case Enc.G_W_UIB: target(general(reg), record); if (!memory) source(vector(rm), record); break;
    case Enc.G_Q: case Enc.G_Q_UIB: target(general(reg), record); if (!memory) source(mmx(rm), record); break;
    case Enc.W_UIB: if (memory) return false; target(vector(rm), record); break;
    case Enc.Q_UIB: if (memory) return false; target(mmx(rm), record); break;
    default: return false;
  }
  if (memory) decodeAddress(record);
  const toMemory = enc == Enc.W_V || enc == Enc.M_V || enc == Enc.M_P || enc == Enc.Q_P || enc == Enc.E_V || enc == Enc.E_P || enc == Enc.E_V_UIB;
  if (enc == Enc.W_UIB || enc == Enc.Q_UIB) form = Form.RI;
  else form = !memory ? Form.RR : toMemory ? Form.MR : Form.RM;
  switch (enc) {
    case Enc.V_W_UIB: case Enc.P_Q_UIB: case Enc.V_E_UIB: case Enc.P_E_UIB: case Enc.E_V_UIB: case Enc.W_UIB: case Enc.Q_UIB:
    case Enc.G_W_UIB: case Enc.G_Q_UIB:
      immediate = <i64>fetch8();
  }
  return true;
}

/** ModRM and SIB (Intel SDM vol. 2, tables 2-1 to 2-3). */
function decodeAddress(record: usize): void {
  let base: u32 = L.ZERO;
  let index: u32 = L.ZERO;
  let displacement: i32 = 0;
  let scale: u32 = 0;
  let segment: u32 = 3;
  const m = mod();
  const rm = modrm & 7;
  if (addressSize == 1) {
    switch (rm) {
      case 0: base = L.RBX; index = L.RSI; break;
      case 1: base = L.RBX; index = L.RDI; break;
      case 2: base = L.RBP; index = L.RSI; segment = 2; break;
      case 3: base = L.RBP; index = L.RDI; segment = 2; break;
      case 4: base = L.RSI; break;
      case 5: base = L.RDI; break;
      case 6: if (m != 0) { base = L.RBP; segment = 2; } break;
      default: base = L.RBX; break;
    }
    if (m == 1) displacement = <i32><i8>fetch8();
    else if (m == 2 || rm == 6 && m == 0) displacement = <i32><i16>fetch16();
  } else {
    let register = rm;
    if (rm == 4) {
      const sib = fetch8();
      register = sib & 7;
      const indexRegister = ((sib >> 3) & 7) | ((rex & 2) << 2);
      if (indexRegister != 4) { index = general(indexRegister); scale = sib >> 6; }
    }
    if (register == 5 && m == 0) {
      displacement = <i32>fetch32();
      if (rm == 5 && code == Mode.CODE64) { base = L.BLOCK_RIP; ripRelative = true; }
    } else {
      base = general(register | ((rex & 1) << 3));
      if (register == 4 || register == 5) { if (!(rex & 1)) segment = 2; }
      if (m == 1) displacement = <i32><i8>fetch8();
      else if (m == 2) displacement = <i32>fetch32();
    }
  }
  storeAddress(record, base, index, scale, displacement, segment);
}

/** The direct address of MOV's A0–A3: as wide as addresses are. */
function decodeOffset(record: usize): void {
  if (addressSize == 3) {
    immediate = <i64>fetch64();
    storeAddress(record, L.ZERO, L.ZERO, 0, 0, 3);
    store<u8>(record, Address.OFFSET64, Record.ADDRESS);
    return;
  }
  storeAddress(record, L.ZERO, L.ZERO, 0, addressSize == 1 ? <i32>fetch16() : <i32>fetch32(), 3);
}

function storeAddress(record: usize, base: u32, index: u32, scale: u32, displacement: i32, defaultSegment: u32): void {
  const segment: u32 = segmentPrefix >= 0 ? <u32>segmentPrefix : defaultSegment;
  store<u16>(record, <u16>base, Record.BASE);
  store<u16>(record, <u16>index, Record.INDEX);
  store<u8>(record, <u8>scale, Record.SCALE);
  store<i32>(record, displacement, Record.DISPLACEMENT);
  store<u8>(record, <u8>segment, Record.SEGMENT);
  let kind: u8;
  if (code == Mode.CODE64) {
    kind = segment >= 4 ? Address.BASED : addressSize == 3 ? Address.PLAIN64 : Address.PLAIN32;
  } else {
    // Nothing may be written by way of CS.
    kind = mode & Mode.FLAT && segment < 4 && segment != 1 && addressSize == 2 ? Address.PLAIN32 : Address.CHECKED;
  }
  store<u8>(record, kind, Record.ADDRESS);
}

function finish(record: usize): void {
  const length = at - instructionStart;
  store<u8>(record, <u8>length, Record.LENGTH);
  store<u16>(record, <u16>(instructionStart - blockStart), Record.START);
  if (ripRelative && load<u16>(record, Record.BASE) == L.BLOCK_RIP) {
    store<i32>(record, load<i32>(record, Record.DISPLACEMENT) + <i32>(at - blockStart), Record.DISPLACEMENT);
  }
}
