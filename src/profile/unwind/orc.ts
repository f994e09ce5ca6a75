import { CfaFrom, RegisterFrom, Row, ROW_WORDS, RuleShift, SIGNAL_FRAME } from './unwind-table.js';
import type { UnwindRules } from './unwind-rules.js';

/** Linux' own unwind data for x86-64 (Documentation/x86/orc-unwinder.rst): two sections of its vmlinux, in the order of addresses. */
export interface OrcTables {
  readonly kind: 'orc';
  /** .orc_unwind_ip: for each entry the address from which it holds, relative to where that is written, 32 bits. */
  readonly addresses: Uint8Array;
  /** Where that section is linked. */
  readonly at: bigint;
  /** .orc_unwind: struct orc_entry, 6 bytes. */
  readonly entries: Uint8Array;
  /** Of Linux 6.4 and later: its entries have another type of frame, and say themselves which are entered by interrupts. */
  readonly signalBit: boolean;
}

const ADDRESS_SIZE = 4;
/** From the section to the code that it can tell of. */
const FARTHEST = 2 ** 31 + 2 ** 28;
/** struct orc_entry: s16 sp_offset, s16 bp_offset, then 16 bits: sp_reg 4, bp_reg 4, type. */
const Entry = { SP_OFFSET: 0, BP_OFFSET: 2, KINDS: 4 } as const;
const ENTRY_SIZE = 6;
const BP_REGISTER_SHIFT = 4;
const TYPE_SHIFT = 8;

/** ORC_REG_*: which register an address is computed from. Those of few functions that are not here are not known to a walk. */
const OrcRegister = { UNDEFINED: 0, PREVIOUS_SP: 1, BP: 4, SP: 5, BP_INDIRECT: 8, SP_INDIRECT: 9 } as const;

/**
 * What is found at the frame address. `call`: a return address, below it. `registers`: struct pt_regs, of an interrupt, an exception
 * or a system call. `interrupt`: of these what the processor has pushed. `end`: nothing, the stack ends here.
 */
type Frame = 'unknown' | 'end' | 'call' | 'registers' | 'interrupt';
/** UNWIND_HINT_TYPE_*, before Linux 6.4. */
const OLD_FRAMES: readonly Frame[] = ['call', 'registers', 'interrupt', 'unknown'];
const OLD_TYPE_MASK = 3;
const OLD_END = 4;
/** ORC_TYPE_*. */
const FRAMES: readonly (Frame | undefined)[] = ['unknown', 'end', 'call', 'registers', 'interrupt'];
const TYPE_MASK = 7;

/** Offsets in struct pt_regs, and in what the processor pushes (Intel SDM vol. 3, 6.14.2). */
const PtRegs = { BP: 32, IP: 128, SP: 152 } as const;
const Pushed = { IP: 0, SP: 24 } as const;

/** The rules of ORC tables: found by bisection of the tables as they are, so that nothing has to be made of them. */
export class OrcRules implements UnwindRules {
  readonly rows = new Int32Array(ROW_WORDS);
  private readonly addresses: DataView;
  private readonly entries: DataView;
  private readonly count: number;

  constructor(private readonly tables: OrcTables) {
    const { addresses, entries } = tables;
    this.addresses = viewOf(addresses);
    this.entries = viewOf(entries);
    this.count = Math.min(
      Math.floor(addresses.length / ADDRESS_SIZE),
      Math.floor(entries.length / ENTRY_SIZE),
    );
  }

  find(address: bigint): number {
    const wanted = Number(address - this.tables.at);
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.startOf(middle) <= wanted) low = middle + 1;
      else high = middle;
    }
    if (low === 0 || wanted > FARTHEST) return -1;
    this.decode((low - 1) * ENTRY_SIZE);
    return 0;
  }

  /** From the beginning of the section. */
  private startOf(index: number): number {
    const at = index * ADDRESS_SIZE;
    return at + this.addresses.getInt32(at, true);
  }

  private decode(at: number): void {
    const { rows, entries } = this;
    const kinds = entries.getUint16(at + Entry.KINDS, true);
    const bpOffset = entries.getInt16(at + Entry.BP_OFFSET, true);
    const spRegister = kinds & 15;
    const bpRegister = (kinds >> BP_REGISTER_SHIFT) & 15;
    const frame = this.frameOf(kinds >> TYPE_SHIFT, spRegister);
    rows.fill(0);
    if (frame === 'unknown') return;
    // Where a stack ends there is a frame without anything to return to.
    const cfa = frame === 'end' ? CfaFrom.RSP : cfaFrom(spRegister);
    rows[Row.CFA] = frame === 'end' ? 0 : entries.getInt16(at + Entry.SP_OFFSET, true);
    let [rbp, rsp, rip] = [rbpFrom(bpRegister), RegisterFrom.SAME as number, RegisterFrom.LOST as number];
    rows[Row.RBP] = bpOffset;
    if (frame === 'call') {
      rip = RegisterFrom.CFA_MEMORY;
      rows[Row.RIP] = -8;
    } else if (frame !== 'end') {
      const whole = frame === 'registers';
      rip = rsp = RegisterFrom.CFA_MEMORY;
      rows[Row.RIP] = whole ? PtRegs.IP : Pushed.IP;
      rows[Row.RSP] = whole ? PtRegs.SP : Pushed.SP;
      if (whole && bpRegister === OrcRegister.UNDEFINED) {
        rbp = RegisterFrom.CFA_MEMORY;
        rows[Row.RBP] = PtRegs.BP;
      }
    }
    rows[Row.RULES] =
      (cfa << RuleShift.CFA) |
      (rbp << RuleShift.RBP) |
      (rsp << RuleShift.RSP) |
      (rip << RuleShift.RIP) |
      (rsp === RegisterFrom.CFA_MEMORY ? SIGNAL_FRAME : 0);
  }

  private frameOf(type: number, spRegister: number): Frame {
    if (this.tables.signalBit) return FRAMES[type & TYPE_MASK] ?? 'unknown';
    if (spRegister === OrcRegister.UNDEFINED) return type & OLD_END ? 'end' : 'unknown';
    return OLD_FRAMES[type & OLD_TYPE_MASK];
  }
}

function cfaFrom(register: number): number {
  switch (register) {
    case OrcRegister.SP:
      return CfaFrom.RSP;
    case OrcRegister.BP:
      return CfaFrom.RBP;
    case OrcRegister.BP_INDIRECT:
      return CfaFrom.RBP_MEMORY;
    case OrcRegister.SP_INDIRECT:
      return CfaFrom.RSP_MEMORY;
    default:
      return CfaFrom.NOTHING;
  }
}

function rbpFrom(register: number): number {
  switch (register) {
    case OrcRegister.UNDEFINED:
      return RegisterFrom.SAME;
    case OrcRegister.PREVIOUS_SP:
      return RegisterFrom.CFA_MEMORY;
    case OrcRegister.BP:
      return RegisterFrom.RBP_MEMORY;
    default:
      return RegisterFrom.LOST;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
