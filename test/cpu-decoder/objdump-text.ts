import type { CodeBits } from './core-decoder.js';
import { branchTarget, memoryOperand } from './operands.js';

/** An instruction as objdump prints it, with operands as in `operands.ts`. */
export interface PrintedInstruction {
  readonly mnemonic: string;
  readonly lock: boolean;
  /** REP, REPZ, REPNZ. */
  readonly repeats: readonly string[];
  /** Its prefix is one of several of segments: objdump does not tell which of them counts. */
  readonly segmentUnknown: boolean;
  readonly operands: readonly string[];
}

const PREFIX_WORD =
  '(?:rex(?:\\.[WRXB]+)?|data16|data32|addr16|addr32|[cdefgs]s|bnd|notrack|xacquire|xrelease|lock|rep|repz|repnz)';
const PREFIX = new RegExp(`^${PREFIX_WORD}$`);
const PREFIXES = new RegExp(`^(?:${PREFIX_WORD} *)+$`);

/** Whether a line has no instruction: a prefix that a later one makes void stands alone. */
export function isPrefixAlone(text: string): boolean {
  return PREFIXES.test(text);
}

/** Suffixes that objdump adds where the operand size cannot be seen. */
const SUFFIXED =
  /^(retf?|pushf?|popf?|pusha|popa|call|jmp|leave|enter|[ls][gi]dt|fldenv|fn?stenv|frstor|fn?save)[wdlq]$/;

const SIZES: Readonly<Record<string, number>> = {
  BYTE: 1,
  WORD: 2,
  DWORD: 4,
  FWORD: 6,
  QWORD: 8,
  TBYTE: 10,
  XMMWORD: 16,
  OWORD: 16,
};

export function parseInstruction(text: string, bits: CodeBits): PrintedInstruction {
  let lock = false;
  let notrack = false;
  const repeats: string[] = [];
  let segments = 0;
  // "fneni(8087 only)"
  let rest = text.replace(/\(\d+ only\)/, '');
  let mnemonic = '';
  while (rest !== '') {
    const space = rest.indexOf(' ');
    const word = space < 0 ? rest : rest.slice(0, space);
    rest = space < 0 ? '' : rest.slice(space + 1).trimStart();
    if (!PREFIX.test(word)) {
      mnemonic = word;
      break;
    }
    if (word === 'lock') lock = true;
    if (word === 'notrack') notrack = true;
    if (word.startsWith('rep')) repeats.push(word);
    if (/^[cdefgs]s$/.test(word)) segments++;
  }
  const comment = rest.search(/ *[#<]/);
  if (comment >= 0) rest = rest.slice(0, comment);
  mnemonic = mnemonic.replace(/,p[nt]$/, '').replace(SUFFIXED, '$1');
  const operands = rest === '' ? [] : rest.split(',').map(operand => operand.trim());
  return {
    mnemonic,
    lock,
    repeats,
    segmentUnknown: notrack && segments > 0,
    operands:
      BRANCH.test(mnemonic) && TARGET.test(operands[0])
        ? [branchTarget(low32(operands[0].replace('0x', '')))]
        : operands.map(operand => parseOperand(operand, bits, notrack)),
  };
}

const BRANCH = /^(?:j|call$|loop)/;
const TARGET = /^(?:0x)?[0-9a-f]+$/;
const MEMORY = /^(?:(\w+) (?:PTR|BCST) )?(?:([cdefgs]s):)?(?:\[(.*)\]|0x([0-9a-f]+))$/;

/** @param notrack the prefix is that of DS, and means it, too */
function parseOperand(text: string, bits: CodeBits, notrack: boolean): string {
  const match = MEMORY.exec(text);
  if (!match || (!match[2] && !match[3])) return text;
  const [, size, segment, address, direct] = match;
  const parts =
    address === undefined
      ? { base: '', index: '', scale: 1, displacement: low32(direct) }
      : parseAddress(address);
  return memoryOperand(size === undefined ? '?' : SIZES[size], {
    ...parts,
    segment: effectiveSegment(segment ?? (notrack ? 'ds' : undefined), parts.base, bits),
  });
}

function effectiveSegment(segment: string | undefined, base: string, bits: CodeBits): string {
  if (bits === 64) return segment === 'fs' || segment === 'gs' ? segment : '';
  return segment ?? (/[sb]p$/.test(base) ? 'ss' : 'ds');
}

const ADDRESS =
  /^(?:([a-z][a-z0-9]*)(?=$|[-+]))?(?:\+?([a-z][a-z0-9]*)(?:\*([1248]))?)?(?:([-+]?)0x([0-9a-f]+))?$/;

function parseAddress(text: string): { base: string; index: string; scale: number; displacement: number } {
  const match = ADDRESS.exec(text);
  if (!match) throw new Error(`what address is [${text}]?`);
  const [, base = '', index = '', scale = '1', sign = '', displacement = '0'] = match;
  // RIZ and EIZ say that there is a SIB byte without an index.
  const none = index === 'riz' || index === 'eiz';
  return {
    base,
    index: none ? '' : index,
    scale: none ? 1 : Number(scale),
    displacement: sign === '-' ? -parseInt(displacement, 16) : low32(displacement),
  };
}

/** The low 32 bits of a hexadecimal number, signed. */
function low32(hex: string): number {
  return parseInt(hex.slice(-8), 16) | 0;
}
