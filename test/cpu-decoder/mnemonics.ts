import type { DecodedRecord } from './core-decoder.js';
import { Op } from '../../src/cpu/core/decode/operation.js';
import { Form } from '../../src/cpu/core/decode/record.js';

/**
 * What objdump calls an operation where that is not the operation's own name: alternatives where the core makes no
 * difference between instructions, a list by operand size (8 to 64 bits) where the size makes one.
 */
const NAMES: Readonly<Record<string, string | readonly string[]>> = {
  ...sameName('mov', 'MOVFROMSEG', 'MOVTOSEG', 'MOVFROMCR', 'MOVTOCR', 'MOVFROMDR', 'MOVTODR'),
  ...sameName('movzx', 'MOVZX8', 'MOVZX16'),
  ...sameName('movsx', 'MOVSX8', 'MOVSX16'),
  ...sameName('imul', 'IMUL2', 'IMUL3'),
  ...sameName('jmp', 'JMPI', 'JMPF', 'JMPFI'),
  ...sameName('call', 'CALLI', 'CALLF', 'CALLFI'),
  ...sameName('shl', 'SAL', 'SAL1', 'SALC', 'SHL1', 'SHLC'),
  ...Object.fromEntries(
    ['ROL', 'ROR', 'RCL', 'RCR', 'SHR', 'SAR', 'SHLD', 'SHRD'].flatMap(name => [
      [`${name}1`, name.toLowerCase()],
      [`${name}C`, name.toLowerCase()],
    ]),
  ),
  MOV: 'mov|movabs|movnti',
  CBW: ['', 'cbw', 'cwde', 'cdqe'],
  CWD: ['', 'cwd', 'cdq', 'cqo'],
  SYSRET: ['', 'sysret|sysretd', 'sysret|sysretd', 'sysretq'],
  SYSEXIT: ['', 'sysexit|sysexitd', 'sysexit|sysexitd', 'sysexitq'],
  SETALC: 'salc',
  PUSHSEG: 'push',
  POPSEG: 'pop',
  WAIT: 'fwait',
  UD: 'ud0|ud1|ud2',
  VMCALL: 'vmcall|vmmcall',
  FENCE: 'lfence|mfence|sfence',
  FXSAVE: 'fxsave|fxsave64',
  FXRSTOR: 'fxrstor|fxrstor64',
  XSAVE: 'xsave|xsave64',
  XSAVEOPT: 'xsaveopt|xsaveopt64',
  XRSTOR: 'xrstor|xrstor64',
  PREFETCH: 'prefetch|prefetchw|prefetchwt1',
  NOP: 'nop|xchg|prefetchnta|prefetcht0|prefetcht1|prefetcht2|nop/reserved',
  PCMPESTRI: 'pcmpestri|pcmpestriq',
  PCMPESTRM: 'pcmpestrm|pcmpestrmq',
  MOVAPS: 'movaps|movapd|movdqa',
  MOVUPS: 'movups|movupd|movdqu|lddqu',
  MOVLPS: 'movlps|movlpd|movhlps',
  MOVHPS: 'movhps|movhpd|movlhps',
  MOVNT: 'movntps|movntpd|movntdq',
  MOVQ: 'movq|movntq',
  MOVD: ['', '', 'movd', 'movq'],
  MOVD2R: ['', '', 'movd', 'movq'],
  PINSRD: ['', '', 'pinsrd', 'pinsrq'],
  PEXTRD: ['', '', 'pextrd', 'pextrq'],
  ANDPS: 'andps|andpd',
  ANDNPS: 'andnps|andnpd',
  ORPS: 'orps|orpd',
  XORPS: 'xorps|xorpd',
};

const LOAD_SEGMENT = ['les', '', 'lss', 'lds', 'lfs', 'lgs'];
/** By operand size, in 16-bit code and else. */
const RETURN_16 = ['', 'iret', 'iretd', ''];
const RETURN = ['', 'iretw', 'iret', 'iretq'];
const COUNTER_ZERO = ['', 'jcxz', 'jecxz', 'jrcxz'];
const COMPARE_PREDICATES = ['eq', 'lt', 'le', 'unord', 'neq', 'nlt', 'nle', 'ord'];

function sameName(name: string, ...operations: string[]): Record<string, string> {
  return Object.fromEntries(operations.map(operation => [operation, name]));
}

/** Name by operation and operand size. */
const TABLE: readonly (readonly string[])[] = Array.from({ length: Op.COUNT }, (_, operation) => {
  const own = Op[operation] as string | undefined;
  if (own === undefined) return [];
  const name = NAMES[own] ?? own.toLowerCase();
  return typeof name === 'string' ? [name, name, name, name] : name;
});

/** @returns the record's mnemonic, alternatives separated by `|` */
export function mnemonicOf(record: DecodedRecord, addressSize: number, segmentLoaded: number): string {
  switch (record.operation) {
    case Op.LOADSEG:
      return LOAD_SEGMENT[segmentLoaded];
    case Op.IRET:
      return (record.codeBits === 16 ? RETURN_16 : RETURN)[record.size];
    case Op.JCXZ:
      return COUNTER_ZERO[addressSize];
    case Op.MOVLPS:
      return record.form === Form.RR ? 'movhlps' : 'movlps|movlpd';
    case Op.MOVHPS:
      return record.form === Form.RR ? 'movlhps' : 'movhps|movhpd';
    case Op.CMPPS:
    case Op.CMPPD:
    case Op.CMPSS:
    case Op.CMPSD: {
      const suffix = ['ps', 'pd', 'ss', 'sd'][record.operation - Op.CMPPS];
      return `cmp${COMPARE_PREDICATES[record.immediateLow] ?? ''}${suffix}`;
    }
    default:
      return TABLE[record.operation][record.size] ?? '';
  }
}
