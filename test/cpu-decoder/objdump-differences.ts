import { Op } from '../../src/cpu/core/decode/operation.js';
import type { CodeBits, DecodedRecord } from './core-decoder.js';
import { disassemble } from './disassemble.js';
import type { PrintedInstruction } from './objdump-text.js';

/** Where objdump (of binutils 2.40) and processors differ: the core does as processors do. */

/**
 * What the core executes without objdump knowing it: reserved NOPs; SETALC; fences whatever ModRM.rm is (Intel SDM
 * vol. 2, LFENCE); BSF, BSR and WBINVD with prefixes that processors ignore; FWAIT before something invalid; reserved x87
 * encodings, which are for the x87 tests.
 */
export function isReserved(record: DecodedRecord): boolean {
  return RESERVED.has(record.operation) || disassemble(record, 0).mnemonic === '';
}
const RESERVED: ReadonlySet<Op> = new Set([Op.NOP, Op.SETALC, Op.FENCE, Op.BSF, Op.BSR, Op.WBINVD, Op.WAIT]);

const ONLY_64 = /^(?:swapgs|(?:rd|wr)[fg]sbase)$/;

/**
 * Instructions that are #UD with a mandatory prefix of others, which objdump takes for one without meaning; so do
 * processors (an EPYC was asked).
 */
const WITHOUT_PREFIX =
  /(?:^| )(?:data16|data32|repz|repnz) (?:.* )?(?:ldmxcsr|stmxcsr|fxsave|fxrstor|xsave|xrstor|pmovmskb)/;

/** What may have a LOCK prefix (Intel SDM vol. 2, LOCK), with memory as its first operand. */
const LOCKABLE = /^(?:ad[cd]|and|bt[crs]|cmpxchg(?:8b|16b)?|dec|inc|neg|not|or|sbb|sub|xor|xadd|xchg)$/;

/** Whether a line has a prefix that makes it #UD, which objdump does not know. */
export function prefixIsInvalid(text: string): boolean {
  return WITHOUT_PREFIX.test(text);
}

/** What objdump prints although it is #UD: LOCK where it must not be, registers that do not exist, UD itself. */
export function isPrintedInvalid(printed: PrintedInstruction, bits: CodeBits): boolean {
  const { mnemonic, operands } = printed;
  if (/^ud[012]$/.test(mnemonic) || (printed.lock && !isLockable(printed))) return true;
  if (ONLY_64.test(mnemonic)) return bits !== 64;
  if (mnemonic !== 'mov') return false;
  return (
    operands[0] === 'cs' ||
    operands.some(
      operand => operand === '?' || /^(?:cr[15-79]|cr1\d|dr[89]|tr\d|dr1\d|db\d\d?)$/.test(operand),
    )
  );
}

/** LOCK MOV CR0 is MOV CR8 on AMD's processors (AMD APM vol. 3, MOV CRn). */
export function withCr8(printed: PrintedInstruction): PrintedInstruction {
  if (!printed.lock || printed.mnemonic !== 'mov') return printed;
  return {
    ...printed,
    lock: false,
    operands: printed.operands.map(operand => (operand === 'cr0' ? 'cr8' : operand)),
  };
}

function isLockable({ mnemonic, operands }: PrintedInstruction): boolean {
  return (
    (LOCKABLE.test(mnemonic) && operands[0].includes(':')) || (mnemonic === 'mov' && operands.includes('cr0'))
  );
}
