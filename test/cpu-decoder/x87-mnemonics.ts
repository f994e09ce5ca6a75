/** x87 instructions with a memory operand: escape byte × 8 + ModRM.reg (AMD APM vol. 3, table A-15). */
export const X87_MEMORY: readonly string[] = [
  ...['fadd', 'fmul', 'fcom', 'fcomp', 'fsub', 'fsubr', 'fdiv', 'fdivr'],
  ...['fld', '', 'fst', 'fstp', 'fldenv', 'fldcw', 'fnstenv', 'fnstcw'],
  ...['fiadd', 'fimul', 'ficom', 'ficomp', 'fisub', 'fisubr', 'fidiv', 'fidivr'],
  ...['fild', 'fisttp', 'fist', 'fistp', '', 'fld', '', 'fstp'],
  ...['fadd', 'fmul', 'fcom', 'fcomp', 'fsub', 'fsubr', 'fdiv', 'fdivr'],
  ...['fld', 'fisttp', 'fst', 'fstp', 'frstor', '', 'fnsave', 'fnstsw'],
  ...['fiadd', 'fimul', 'ficom', 'ficomp', 'fisub', 'fisubr', 'fidiv', 'fidivr'],
  ...['fild', 'fisttp', 'fist', 'fistp', 'fbld', 'fild', 'fbstp', 'fistp'],
];

/** Operands of a form that takes a register, `i` standing for ModRM.rm. */
const FROM_REGISTER = ['st', 'st(i)'];
const TO_REGISTER = ['st(i)', 'st'];
const REGISTER = ['st(i)'];

type RegisterForm = readonly [mnemonic: string, operands: readonly string[]];
/** For one ModRM.reg: a form with a register, or a mnemonic for each ModRM.rm. */
type RegisterRow = RegisterForm | string;

const NONE = '';
const D8: readonly RegisterRow[] = [
  ['fadd', FROM_REGISTER],
  ['fmul', FROM_REGISTER],
  ['fcom', REGISTER],
  ['fcomp', REGISTER],
  ['fsub', FROM_REGISTER],
  ['fsubr', FROM_REGISTER],
  ['fdiv', FROM_REGISTER],
  ['fdivr', FROM_REGISTER],
];
const D9: readonly RegisterRow[] = [
  ['fld', REGISTER],
  ['fxch', REGISTER],
  'fnop',
  NONE,
  'fchs fabs - - ftst fxam',
  'fld1 fldl2t fldl2e fldpi fldlg2 fldln2 fldz',
  'f2xm1 fyl2x fptan fpatan fxtract fprem1 fdecstp fincstp',
  'fprem fyl2xp1 fsqrt fsincos frndint fscale fsin fcos',
];
const DA: readonly RegisterRow[] = [
  ['fcmovb', FROM_REGISTER],
  ['fcmove', FROM_REGISTER],
  ['fcmovbe', FROM_REGISTER],
  ['fcmovu', FROM_REGISTER],
  NONE,
  '- fucompp',
  NONE,
  NONE,
];
const DB: readonly RegisterRow[] = [
  ['fcmovnb', FROM_REGISTER],
  ['fcmovne', FROM_REGISTER],
  ['fcmovnbe', FROM_REGISTER],
  ['fcmovnu', FROM_REGISTER],
  'fneni fndisi fnclex fninit fnsetpm frstpm',
  ['fucomi', FROM_REGISTER],
  ['fcomi', FROM_REGISTER],
  NONE,
];
const DC: readonly RegisterRow[] = [
  ['fadd', TO_REGISTER],
  ['fmul', TO_REGISTER],
  NONE,
  NONE,
  ['fsubr', TO_REGISTER],
  ['fsub', TO_REGISTER],
  ['fdivr', TO_REGISTER],
  ['fdiv', TO_REGISTER],
];
const DD: readonly RegisterRow[] = [
  ['ffree', REGISTER],
  NONE,
  ['fst', REGISTER],
  ['fstp', REGISTER],
  ['fucom', REGISTER],
  ['fucomp', REGISTER],
  NONE,
  NONE,
];
const DE: readonly RegisterRow[] = [
  ['faddp', TO_REGISTER],
  ['fmulp', TO_REGISTER],
  NONE,
  '- fcompp',
  ['fsubrp', TO_REGISTER],
  ['fsubp', TO_REGISTER],
  ['fdivrp', TO_REGISTER],
  ['fdivp', TO_REGISTER],
];
const DF: readonly RegisterRow[] = [
  ['ffreep', REGISTER],
  NONE,
  NONE,
  NONE,
  'fnstsw',
  ['fucomip', FROM_REGISTER],
  ['fcomip', FROM_REGISTER],
  NONE,
];
const ROWS = [D8, D9, DA, DB, DC, DD, DE, DF].flat();

/**
 * An x87 instruction without a memory operand (AMD APM vol. 3, table A-15).
 *
 * @param index escape byte × 8 + ModRM.reg
 * @param rm ModRM.rm
 */
export function x87Register(index: number, rm: number): { mnemonic: string; operands: string[] } {
  const row = ROWS[index];
  if (typeof row !== 'string') {
    return { mnemonic: row[0], operands: row[1].map(operand => operand.replace('i', String(rm))) };
  }
  const mnemonic = row.split(' ')[rm]?.replace('-', '') ?? '';
  return { mnemonic, operands: mnemonic === 'fnstsw' ? ['ax'] : [] };
}
