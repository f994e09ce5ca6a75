import type { CfaRule, RegisterRule } from './frame-rows.js';
import { frameRows } from './frame-rows.js';
import type { FrameEntry } from './frame-entries.js';

/**
 * What a stack walk needs of call frame information, in a table that is searched without decoding anything: rows of `ROW_WORDS`
 * 32-bit words, in the order of their addresses, each valid until the next.
 */
export interface UnwindTable {
  /** Address that the rows' are relative to. */
  readonly base: bigint;
  readonly rows: Int32Array;
}

export const ROW_WORDS = 6;

/** Words of a row. The rules are a `CfaFrom` and, for each register, a `RegisterFrom`; the offsets belong to them. */
export const Row = { START: 0, RULES: 1, CFA: 2, RBP: 3, RSP: 4, RIP: 5 } as const;

/** How the CFA is found. */
export const CfaFrom = {
  /** Not at all: no information, or rules that are not understood. */
  NOTHING: 0,
  RSP: 1,
  RBP: 2,
  /** RSP + 8, and 8 more in the second half of a procedure linkage table's entry. */
  PLT: 3,
  /** In memory at RBP + offset: functions that have realigned their stack. */
  RBP_MEMORY: 4,
  /** What is in memory at RSP, + offset. */
  RSP_MEMORY: 5,
} as const;

/** How the caller's value of a register is found. */
export const RegisterFrom = {
  /** It is what it was; for RSP it is the CFA. */
  SAME: 0,
  /** In memory at CFA + offset. */
  CFA_MEMORY: 1,
  /** In memory at RBP + offset. */
  RBP_MEMORY: 2,
  /** CFA + offset. */
  CFA_VALUE: 3,
  LOST: 4,
} as const;

/** Where each rule is in `Row.RULES`: four bits each, then a flag. */
export const RuleShift = { CFA: 0, RBP: 4, RSP: 8, RIP: 12 } as const;
/** The function was entered by an interrupt. */
export const SIGNAL_FRAME = 1 << 16;

/** Numbers of registers in call frame information (System V ABI for x86-64, 3.6.2; for i386, 2.4.2). */
interface RegisterNumbers {
  readonly rbp: number;
  readonly rsp: number;
}
const REGISTERS: Readonly<Record<32 | 64, RegisterNumbers>> = {
  64: { rbp: 6, rsp: 7 },
  32: { rbp: 5, rsp: 4 },
};

/** Operations of DWARF expressions (DWARF 5, 7.7.1). */
const DW_OP_DEREF = 0x06;
const DW_OP_BREG0 = 0x70;
/** What linkers write for procedure linkage tables: breg7 8; breg16 0; lit15; and; lit11; ge; lit3; shl; plus. */
const PLT_EXPRESSION = [0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22];

/** More than any kernel has: a hostile file's instructions of a byte each could make a row each. */
const MAX_WORDS = 6 << 22;

/** Code beyond this from the first is left out: rows have 32 bits for it. */
const MAX_SPAN = 0xffff_ffffn;

/** The rules of all `entries`. @returns `undefined` when there are none */
export function compileUnwindTable(entries: Iterable<FrameEntry>, width: 32 | 64): UnwindTable | undefined {
  const sorted = [...entries]
    .filter(({ size }) => size > 0)
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  if (sorted.length === 0) return undefined;
  const base = sorted[0].start;
  const words: number[] = [];
  let end = -1;
  for (const entry of sorted) {
    if (entry.start - base > MAX_SPAN || words.length > MAX_WORDS) break;
    const start = Number(entry.start - base);
    // Two that overlap: the first counts, as far as it goes.
    if (start < end) continue;
    if (end >= 0 && start > end) words.push(end, ...NO_RULES);
    addRows(words, start, entry, REGISTERS[width]);
    end = start + entry.size;
  }
  words.push(end, ...NO_RULES);
  return { base, rows: Int32Array.from(words) };
}

const NO_RULES = [0, 0, 0, 0, 0] as const;

function addRows(words: number[], start: number, entry: FrameEntry, numbers: RegisterNumbers): void {
  const rows = frameRows(entry);
  if (rows.length === 0) words.push(start, ...NO_RULES);
  rows.forEach(({ at, cfa, rules }, i) => {
    // An empty stretch of code, or one beyond the function.
    if (at === rows[i + 1]?.at || at >= entry.size) return;
    const [cfaFrom, cfaOffset] = cfaWord(cfa, numbers);
    const [rbpFrom, rbpOffset] = registerWord(rules.get(numbers.rbp), numbers, RegisterFrom.SAME);
    const [rspFrom, rspOffset] = registerWord(rules.get(numbers.rsp), numbers, RegisterFrom.SAME);
    const [ripFrom, ripOffset] = registerWord(
      rules.get(entry.common.returnRegister),
      numbers,
      RegisterFrom.LOST,
    );
    const kinds =
      (cfaFrom << RuleShift.CFA) |
      (rbpFrom << RuleShift.RBP) |
      (rspFrom << RuleShift.RSP) |
      (ripFrom << RuleShift.RIP) |
      (entry.common.signal ? SIGNAL_FRAME : 0);
    words.push(start + at, kinds, cfaOffset, rbpOffset, rspOffset, ripOffset);
  });
}

type Word = readonly [kind: number, offset: number];

function cfaWord(cfa: CfaRule | undefined, { rbp, rsp }: RegisterNumbers): Word {
  if (cfa === undefined) return [CfaFrom.NOTHING, 0];
  if (cfa.kind === 'register') {
    if (cfa.register === rsp) return [CfaFrom.RSP, cfa.offset];
    return cfa.register === rbp ? [CfaFrom.RBP, cfa.offset] : [CfaFrom.NOTHING, 0];
  }
  const { expression } = cfa;
  if (
    expression.length === PLT_EXPRESSION.length &&
    PLT_EXPRESSION.every((byte, i) => byte === expression[i])
  )
    return [CfaFrom.PLT, 8];
  const offset = expression.at(-1) === DW_OP_DEREF ? offsetFrom(rbp, expression.subarray(0, -1)) : undefined;
  return offset === undefined ? [CfaFrom.NOTHING, 0] : [CfaFrom.RBP_MEMORY, offset];
}

function registerWord(rule: RegisterRule | undefined, numbers: RegisterNumbers, otherwise: number): Word {
  switch (rule?.kind) {
    case undefined:
      return [otherwise, 0];
    case 'same':
      return [RegisterFrom.SAME, 0];
    case 'offset':
      return [RegisterFrom.CFA_MEMORY, rule.offset];
    case 'value':
      return [RegisterFrom.CFA_VALUE, rule.offset];
    case 'expression': {
      const offset = offsetFrom(numbers.rbp, rule.expression);
      return offset === undefined ? [RegisterFrom.LOST, 0] : [RegisterFrom.RBP_MEMORY, offset];
    }
    default:
      return [RegisterFrom.LOST, 0];
  }
}

/** The offset of an expression that is nothing but `register` + offset: DW_OP_breg with a signed LEB128 of one byte or two. */
function offsetFrom(register: number, expression: Uint8Array): number | undefined {
  if (expression[0] !== DW_OP_BREG0 + register) return undefined;
  const [, low, high] = expression;
  if (expression.length === 2 && low < 0x80) return (low << 25) >> 25;
  if (expression.length !== 3 || low < 0x80 || high >= 0x80) return undefined;
  return (((low & 0x7f) | (high << 7)) << 18) >> 18;
}

/** Where in `rows` the row for `address` begins; below 0 where there is none. */
export function findRow({ base, rows }: UnwindTable, address: bigint): number {
  const distance = address - base;
  if (distance < 0n || distance > MAX_SPAN) return -1;
  const offset = Number(distance);
  let [low, high] = [0, rows.length / ROW_WORDS];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rows[middle * ROW_WORDS + Row.START] >>> 0 <= offset) low = middle + 1;
    else high = middle;
  }
  return (low - 1) * ROW_WORDS;
}
