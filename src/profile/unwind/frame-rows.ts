import { ByteCursor } from '../symbols/byte-cursor.js';
import type { CommonEntry, FrameEntry } from './frame-entries.js';

/** How the canonical frame address (CFA) is found: that of the stack before the call (DWARF 5, 6.4.1). */
export type CfaRule =
  | { readonly kind: 'register'; readonly register: number; readonly offset: number }
  | { readonly kind: 'expression'; readonly expression: Uint8Array };

/** How the caller's value of a register is found. A register without a rule is unknown. */
export type RegisterRule =
  | { readonly kind: 'undefined' | 'same' }
  /** `offset`: in memory at CFA + offset. `value`: CFA + offset itself. */
  | { readonly kind: 'offset' | 'value'; readonly offset: number }
  | { readonly kind: 'register'; readonly register: number }
  /** `expression` computes where it is in memory, `value-expression` what it is. */
  | { readonly kind: 'expression' | 'value-expression'; readonly expression: Uint8Array };

/** The rules from one instruction on, until the next row. */
export interface FrameRow {
  /** From the entry's start, in bytes. */
  readonly at: number;
  readonly cfa: CfaRule | undefined;
  readonly rules: ReadonlyMap<number, RegisterRule>;
}

/** Call frame instructions (DWARF 5, 6.4.2; the last two are GNU's). */
const Op = {
  NOP: 0x00,
  ADVANCE_1: 0x02,
  ADVANCE_2: 0x03,
  ADVANCE_4: 0x04,
  OFFSET_EXTENDED: 0x05,
  RESTORE_EXTENDED: 0x06,
  UNDEFINED: 0x07,
  SAME_VALUE: 0x08,
  REGISTER: 0x09,
  REMEMBER_STATE: 0x0a,
  RESTORE_STATE: 0x0b,
  DEF_CFA: 0x0c,
  DEF_CFA_REGISTER: 0x0d,
  DEF_CFA_OFFSET: 0x0e,
  DEF_CFA_EXPRESSION: 0x0f,
  EXPRESSION: 0x10,
  OFFSET_EXTENDED_SF: 0x11,
  DEF_CFA_SF: 0x12,
  DEF_CFA_OFFSET_SF: 0x13,
  VAL_OFFSET: 0x14,
  VAL_OFFSET_SF: 0x15,
  VAL_EXPRESSION: 0x16,
  ARGS_SIZE: 0x2e,
  NEGATIVE_OFFSET: 0x2f,
} as const;
/** In the upper two bits, with an operand in the lower six. */
const ADVANCE = 1;
const OFFSET = 2;
const RESTORE = 3;

/** Rows of one entry, and states that it remembers: real ones have a few dozens. */
const MAX_ROWS = 65_536;
const MAX_REMEMBERED = 64;

interface State {
  cfa: CfaRule | undefined;
  rules: Map<number, RegisterRule>;
}

/** The rows of an entry's table. They end where an instruction is unknown, or not whole. */
export function frameRows(entry: FrameEntry): FrameRow[] {
  const { common, instructions } = entry;
  const program = new FrameProgram(common);
  const initial = program.state;
  if (!program.run(common.instructions)) return [];
  program.initial = new Map(initial.rules);
  program.rows.length = 0;
  const whole = program.run(instructions);
  if (whole) program.row();
  return program.rows;
}

class FrameProgram {
  readonly rows: FrameRow[] = [];
  state: State = { cfa: undefined, rules: new Map() };
  /** What `restore` goes back to: the common entry's rules. */
  initial: ReadonlyMap<number, RegisterRule> = new Map();
  private readonly remembered: State[] = [];
  private at = 0;

  constructor(private readonly common: CommonEntry) {}

  row(): void {
    const { cfa, rules } = this.state;
    this.rows.push({ at: this.at, cfa, rules: new Map(rules) });
  }

  /** @returns false when it could not be run to its end */
  run(instructions: Uint8Array): boolean {
    const cursor = new ByteCursor(instructions);
    try {
      while (cursor.rest > 0) {
        if (!this.step(cursor) || this.rows.length > MAX_ROWS) return false;
      }
      return true;
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
  }

  private step(cursor: ByteCursor): boolean {
    const op = cursor.u8();
    const operand = op & 0x3f;
    switch (op >> 6) {
      case ADVANCE:
        return this.advance(operand);
      case OFFSET:
        return this.rule(operand, { kind: 'offset', offset: cursor.uleb() * this.common.dataAlign });
      case RESTORE:
        return this.restore(operand);
      default:
        return this.extended(operand, cursor);
    }
  }

  private extended(op: number, cursor: ByteCursor): boolean {
    const { state } = this;
    const { dataAlign } = this.common;
    switch (op) {
      case Op.NOP:
        return true;
      case Op.ADVANCE_1:
        return this.advance(cursor.u8());
      case Op.ADVANCE_2:
        return this.advance(cursor.u16());
      case Op.ADVANCE_4:
        return this.advance(cursor.u32());
      case Op.OFFSET_EXTENDED:
        return this.rule(cursor.uleb(), { kind: 'offset', offset: cursor.uleb() * dataAlign });
      case Op.OFFSET_EXTENDED_SF:
        return this.rule(cursor.uleb(), { kind: 'offset', offset: cursor.sleb() * dataAlign });
      case Op.NEGATIVE_OFFSET:
        return this.rule(cursor.uleb(), { kind: 'offset', offset: -cursor.uleb() * dataAlign });
      case Op.VAL_OFFSET:
        return this.rule(cursor.uleb(), { kind: 'value', offset: cursor.uleb() * dataAlign });
      case Op.VAL_OFFSET_SF:
        return this.rule(cursor.uleb(), { kind: 'value', offset: cursor.sleb() * dataAlign });
      case Op.RESTORE_EXTENDED:
        return this.restore(cursor.uleb());
      case Op.UNDEFINED:
        return this.rule(cursor.uleb(), { kind: 'undefined' });
      case Op.SAME_VALUE:
        return this.rule(cursor.uleb(), { kind: 'same' });
      case Op.REGISTER:
        return this.rule(cursor.uleb(), { kind: 'register', register: cursor.uleb() });
      case Op.EXPRESSION:
        return this.rule(cursor.uleb(), { kind: 'expression', expression: cursor.raw(cursor.uleb()) });
      case Op.VAL_EXPRESSION:
        return this.rule(cursor.uleb(), { kind: 'value-expression', expression: cursor.raw(cursor.uleb()) });
      case Op.REMEMBER_STATE:
        this.remembered.push({ cfa: state.cfa, rules: new Map(state.rules) });
        return this.remembered.length <= MAX_REMEMBERED;
      case Op.RESTORE_STATE: {
        const remembered = this.remembered.pop();
        if (remembered) this.state = remembered;
        return remembered !== undefined;
      }
      case Op.DEF_CFA:
        state.cfa = { kind: 'register', register: cursor.uleb(), offset: cursor.uleb() };
        return true;
      case Op.DEF_CFA_SF:
        state.cfa = { kind: 'register', register: cursor.uleb(), offset: cursor.sleb() * dataAlign };
        return true;
      case Op.DEF_CFA_REGISTER:
        return this.changeCfa({ register: cursor.uleb() });
      case Op.DEF_CFA_OFFSET:
        return this.changeCfa({ offset: cursor.uleb() });
      case Op.DEF_CFA_OFFSET_SF:
        return this.changeCfa({ offset: cursor.sleb() * dataAlign });
      case Op.DEF_CFA_EXPRESSION:
        state.cfa = { kind: 'expression', expression: cursor.raw(cursor.uleb()) };
        return true;
      case Op.ARGS_SIZE:
        cursor.uleb();
        return true;
      default:
        return false;
    }
  }

  private advance(delta: number): boolean {
    this.row();
    this.at += delta * this.common.codeAlign;
    return true;
  }

  private rule(register: number, rule: RegisterRule): boolean {
    this.state.rules.set(register, rule);
    return true;
  }

  private restore(register: number): boolean {
    const rule = this.initial.get(register);
    if (rule) this.state.rules.set(register, rule);
    else this.state.rules.delete(register);
    return true;
  }

  private changeCfa(change: { register: number } | { offset: number }): boolean {
    const { cfa } = this.state;
    if (cfa?.kind !== 'register') return false;
    this.state.cfa = { ...cfa, ...change };
    return true;
  }
}
