import { Op } from '../../src/cpu/core/decode/operation.js';
import { Address, Form, Prefix, RecordBit } from '../../src/cpu/core/decode/record.js';
import * as L from '../../src/cpu/core/layout.js';
import type { DecodedRecord } from './core-decoder.js';
import { mnemonicOf } from './mnemonics.js';
import { branchTarget, cutBranchTarget, memoryOperand } from './operands.js';
import { X87_MEMORY, x87Register } from './x87-mnemonics.js';

/** What a record says, in objdump's words, with operands as in `operands.ts`. */
export interface Disassembled {
  /** Alternatives are separated by `|`. */
  readonly mnemonic: string;
  readonly lock: boolean;
  /** Of string instructions: REPNZ for F2, REPZ for F3. */
  readonly repeat: '' | 'repz' | 'repnz';
  readonly operands: readonly string[];
}

const SEGMENT_NAMES = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];
const REGISTERS: readonly (readonly string[])[] = [
  [...'al cl dl bl spl bpl sil dil'.split(' '), ...numbered('b')],
  [...'ax cx dx bx sp bp si di'.split(' '), ...numbered('w')],
  [...'eax ecx edx ebx esp ebp esi edi'.split(' '), ...numbered('d')],
  [...'rax rcx rdx rbx rsp rbp rsi rdi'.split(' '), ...numbered('')],
];
const HIGH_BYTES = ['ah', 'ch', 'dh', 'bh'];
const BYTE = 0;
const WORD = 1;
const DWORD = 2;
const QWORD = 3;
/** Any width: for the core makes no difference. */
const ANY = 4;

function numbered(suffix: string): string[] {
  return Array.from({ length: 8 }, (_, i) => `r${i + 8}${suffix}`);
}

/** @param address low 32 bits of the instruction's address */
export function disassemble(record: DecodedRecord, address: number): Disassembled {
  const { operation } = record;
  const lock = (record.prefixes & Prefix.LOCK) !== 0;
  if (operation >= Op.FPU_M && operation <= Op.FPU_M_LAST) {
    return { mnemonic: X87_MEMORY[operation - Op.FPU_M], lock, repeat: '', operands: [memory(record)] };
  }
  if (operation >= Op.FPU_R && operation <= Op.FPU_R_LAST) {
    return { ...x87Register(operation - Op.FPU_R, record.immediateLow), lock, repeat: '' };
  }
  return {
    mnemonic: mnemonicOf(record, addressSize(record), segmentNumber(record.source)),
    lock,
    repeat: repeatOf(record),
    operands: operandsOf(record, address),
  };
}

function repeatOf({ operation, prefixes }: DecodedRecord): '' | 'repz' | 'repnz' {
  if (operation < Op.MOVS || operation > Op.OUTS) return '';
  return prefixes & Prefix.REP ? 'repz' : prefixes & Prefix.REPNE ? 'repnz' : '';
}

function addressSize(record: DecodedRecord): number {
  return record.prefixes >> Prefix.ADDRESS_SHIFT;
}

function segmentNumber(register: number): number {
  return (register - L.SEGMENTS) / L.SEGMENT_SIZE;
}

/** @param width of general registers: log2 of bytes, or ANY */
function register(address: number, width: number): string {
  if (address >= L.VECTORS) return `xmm${(address - L.VECTORS) / L.VECTOR_SIZE}`;
  if (address >= L.X87) return `mm${(address - L.X87) / 16}`;
  if (address >= L.SEGMENTS) return SEGMENT_NAMES[segmentNumber(address)];
  const number = (address - L.REGS) >> 3;
  if (address & 1) return HIGH_BYTES[number];
  if (width === ANY) return [WORD, DWORD, QWORD].map(size => REGISTERS[size][number]).join('|');
  return REGISTERS[width][number];
}

function memory(record: DecodedRecord): string {
  // With REX.W a far pointer has 16:64 bits as on Intel's processors; objdump knows AMD's, which ignore it.
  const wideFar = FAR_INDIRECT.has(record.operation) && record.size === QWORD;
  const known = !(record.bits & RecordBit.NO_ACCESS) && !wideFar;
  const bytes = known && record.bytes > 0 ? record.bytes : '?';
  const segment = segmentName(record, record.segment);
  const direct = { segment, base: '', index: '', scale: 1 };
  if (record.addressKind === Address.OFFSET64) {
    return memoryOperand(bytes, { ...direct, displacement: record.immediateLow });
  }
  const width = addressSize(record);
  const { base, index, displacement } = record;
  if (base === L.BLOCK_RIP) {
    return memoryOperand(bytes, {
      ...direct,
      base: width === QWORD ? 'rip' : 'eip',
      displacement: (displacement - record.length) | 0,
    });
  }
  if (base === L.ZERO && index === L.ZERO) {
    return memoryOperand(bytes, {
      ...direct,
      displacement: width === WORD ? displacement & 0xffff : displacement,
    });
  }
  return memoryOperand(bytes, {
    segment,
    base: base === L.ZERO ? '' : register(base, width),
    index: index === L.ZERO ? '' : register(index, width),
    scale: 1 << record.scale,
    displacement,
  });
}

function segmentName(record: DecodedRecord, segment: number): string {
  return record.codeBits === 64 && segment < 4 ? '' : SEGMENT_NAMES[segment];
}

/** The operand of a string instruction at (E/R)SI or (E/R)DI. */
function stringOperand(record: DecodedRecord, segment: number, number: number): string {
  return memoryOperand(1 << record.size, {
    segment: segmentName(record, segment),
    base: REGISTERS[addressSize(record)][number],
    index: '',
    scale: 1,
    displacement: 0,
  });
}

/** An immediate cut to 8 << width bits. */
function immediate(record: DecodedRecord, width: number): string {
  const { immediateLow: low, immediateHigh: high } = record;
  if (width === BYTE) return `0x${(low & 0xff).toString(16)}`;
  if (width === WORD) return `0x${(low & 0xffff).toString(16)}`;
  if (width === DWORD || high === 0) return `0x${(low >>> 0).toString(16)}`;
  return `0x${(high >>> 0).toString(16)}${(low >>> 0).toString(16).padStart(8, '0')}`;
}

function farPointer(record: DecodedRecord): string[] {
  return [`0x${(record.immediateHigh & 0xffff).toString(16)}:${immediate(record, DWORD)}`];
}

/** ModRM's operands; an immediate is for the caller to add. */
function shapedOperands(record: DecodedRecord, targetWidth: number, sourceWidth: number): string[] {
  const { target, source } = record;
  switch (record.form) {
    case Form.R:
    case Form.RI:
      return [register(target, targetWidth)];
    case Form.RR:
      return [register(target, targetWidth), register(source, sourceWidth)];
    case Form.RM:
      return [register(target, targetWidth), memory(record)];
    case Form.MR:
      return [memory(record), register(source, sourceWidth)];
    case Form.M:
    case Form.MI:
      return [memory(record)];
    default:
      return [];
  }
}

function operandsOf(record: DecodedRecord, address: number): string[] {
  const { operation, size } = record;
  const accumulator = REGISTERS[size][0];
  const shaped = (targetWidth = size, sourceWidth = size): string[] =>
    shapedOperands(record, targetWidth, sourceWidth);
  if (record.bits & RecordBit.LINKS) {
    const target = address + record.immediateLow;
    return [size === WORD ? cutBranchTarget(target) : branchTarget(target)];
  }
  if (IMPLICIT.has(operation)) return [];
  switch (operation) {
    case Op.MOVZX8:
    case Op.MOVSX8:
      return shaped(size, BYTE);
    case Op.MOVZX16:
    case Op.MOVSX16:
      return shaped(size, WORD);
    case Op.MOVSXD:
      return shaped(size, DWORD);
    case Op.RDFSBASE:
    case Op.RDGSBASE:
    case Op.WRFSBASE:
    case Op.WRGSBASE:
      // objdump obeys a 66 here, which has no meaning.
      return shaped(size === QWORD ? QWORD : ANY);
    case Op.MOVTOSEG:
      return shaped(size, ANY);
    case Op.CRC32:
      return shaped(size === BYTE ? ANY : size === QWORD ? QWORD : DWORD, size);
    case Op.PEXTRB:
    case Op.PEXTRW:
    case Op.EXTRACTPS:
      return [...shaped(ANY), immediate(record, BYTE)];
    case Op.PINSRB:
    case Op.PINSRW:
      return [...shaped(size, ANY), immediate(record, BYTE)];
    case Op.NOP:
      // 90, which objdump calls XCHG with an operand size prefix.
      if (record.form === Form.NONE)
        return record.prefixes & Prefix.OPERAND ? [accumulator, accumulator] : [];
      return shaped();
    case Op.MOVDQ2Q:
      // With 66 as well objdump calls the MMX register XMM.
      return [
        `mm${(record.target - L.X87) / 16}|xmm${(record.target - L.X87) / 16}`,
        register(record.source, size),
      ];
    case Op.MOVFROMCR:
      return [...shaped(), `cr${record.immediateLow}`];
    case Op.MOVTOCR:
      return [`cr${record.immediateLow}`, ...shaped()];
    case Op.MOVFROMDR:
      return [...shaped(), `dr${record.immediateLow}`];
    case Op.MOVTODR:
      return [`dr${record.immediateLow}`, ...shaped()];
    case Op.BLENDVPS:
    case Op.BLENDVPD:
    case Op.PBLENDVB:
      return [...shaped(), 'xmm0'];
    case Op.PUSHSEG:
    case Op.POPSEG:
      return [register(record.source, WORD)];
    case Op.IN:
      return [accumulator, record.form === Form.RI ? immediate(record, BYTE) : 'dx'];
    case Op.OUT:
      return [record.form === Form.RI ? immediate(record, BYTE) : 'dx', accumulator];
    case Op.ENTER:
      return [immediate(record, WORD), `0x${((record.immediateLow >> 16) & 0xff).toString(16)}`];
    case Op.RET:
    case Op.RETF:
      return record.form === Form.RI ? [immediate(record, WORD)] : [];
    case Op.PUSH:
      return record.form === Form.RI ? [immediate(record, size)] : shaped();
    case Op.INT:
    case Op.AAM:
    case Op.AAD:
      return [immediate(record, BYTE)];
    case Op.CALLF:
    case Op.JMPF:
      return farPointer(record);
    case Op.MOVS:
      return [stringOperand(record, 0, 7), stringOperand(record, record.segment, 6)];
    case Op.CMPS:
      return [stringOperand(record, record.segment, 6), stringOperand(record, 0, 7)];
    case Op.STOS:
      return [stringOperand(record, 0, 7), accumulator];
    case Op.LODS:
      return [accumulator, stringOperand(record, record.segment, 6)];
    case Op.SCAS:
      return [accumulator, stringOperand(record, 0, 7)];
    case Op.INS:
      return [stringOperand(record, 0, 7), 'dx'];
    case Op.OUTS:
      return ['dx', stringOperand(record, record.segment, 6)];
    case Op.XLAT:
      return [stringOperand(record, record.segment, 3)];
    case Op.CMPPS:
    case Op.CMPPD:
    case Op.CMPSS:
    case Op.CMPSD:
      return record.immediateLow < 8 ? shaped() : [...shaped(), immediate(record, BYTE)];
    default:
      return [...shaped(), ...lastOperand(record)];
  }
}

/** An immediate, 1 or CL behind ModRM's operands. */
function lastOperand(record: DecodedRecord): string[] {
  const { operation, form, size } = record;
  if (operation >= Op.ROL1 && operation <= Op.SAR1) return ['1'];
  if ((operation >= Op.ROLC && operation <= Op.SARC) || operation === Op.SHLDC || operation === Op.SHRDC) {
    return ['cl'];
  }
  if (BYTE_IMMEDIATE.has(operation)) return [immediate(record, BYTE)];
  if (operation === Op.IMUL3 || form === Form.RI || form === Form.MI) return [immediate(record, size)];
  return [];
}

/** With an immediate of a byte whatever the operand size. */
const BYTE_IMMEDIATE: ReadonlySet<number> = new Set<number>([
  ...[Op.ROL, Op.ROR, Op.RCL, Op.RCR, Op.SHL, Op.SHR, Op.SAL, Op.SAR, Op.SHLD, Op.SHRD],
  ...[Op.PSHUFD, Op.PSHUFLW, Op.PSHUFHW, Op.PSHUFW, Op.SHUFPS, Op.SHUFPD, Op.PALIGNR],
  ...[Op.ROUNDPS, Op.ROUNDPD, Op.ROUNDSS, Op.ROUNDSD, Op.BLENDPS, Op.BLENDPD, Op.PBLENDW],
  ...[Op.INSERTPS, Op.DPPS, Op.DPPD, Op.MPSADBW, Op.PINSRD, Op.PEXTRD],
  ...[Op.PCMPESTRM, Op.PCMPESTRI, Op.PCMPISTRM, Op.PCMPISTRI],
]);

/** Selected by ModRM.rm: a register that is no operand. */
const IMPLICIT: ReadonlySet<number> = new Set<number>([
  ...[
    Op.FENCE,
    Op.XGETBV,
    Op.XSETBV,
    Op.VMCALL,
    Op.SWAPGS,
    Op.RDTSCP,
    Op.CLAC,
    Op.STAC,
    Op.RDPKRU,
    Op.WRPKRU,
  ],
]);

const FAR_INDIRECT: ReadonlySet<number> = new Set<number>([Op.CALLFI, Op.JMPFI, Op.LOADSEG]);
