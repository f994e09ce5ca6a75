import type { FrameState } from '../vmm/accelerator.js';
import type { GuestMemory } from '../vmm/memory/guest-memory.js';
import { translate } from '../vmm/memory/translate.js';
import { MAX_FRAMES } from './record-memory.js';
import type { UnwindRules } from './unwind/unwind-rules.js';
import { CfaFrom, RegisterFrom, Row, RuleShift, SIGNAL_FRAME } from './unwind/unwind-table.js';

const PAGE = 4096n;
/** Two frames are not further apart than this. */
const LARGEST_FRAME = 1n << 20n;
/** From here up lies the code of kernels that share their address space with programs. */
const KERNEL_HALF = 1n << 63n;
/** No frame is there. */
const NOWHERE = 1n;
/** Bytes of the longest call instruction without prefixes that do nothing. */
const LONGEST_CALL = 7;

const CALL_RELATIVE = 0xe8;
const GROUP_5 = 0xff;
const GROUP_5_CALL = 2;

/** What one step from a frame to its caller came to. */
type Step =
  | 'caller'
  /** The stack ends here. */
  | 'end'
  /** Nothing is known of this code. */
  | 'unknown';

/**
 * Call stacks: by call frame information where the kernel has it for the code, else by frame pointers, where RBP points to the
 * caller's RBP and above it is the return address. A stack ends where it does not go up, leaves mapped memory, or has a return
 * address that does not follow a call instruction: in code that was compiled without frame pointers RBP is any number.
 */
export class StackWalker {
  /** Translations of this walk, by page. */
  private readonly pages = new Map<bigint, number | undefined>();
  private state!: FrameState;
  /** Bytes of a word. */
  private word: 4 | 8 = 8;
  /** Of the frame that the walk has reached. */
  private rip = 0n;
  private rsp = 0n;
  private rbp = 0n;
  /** What the guest's addresses are above those of files. */
  private moved = 0n;
  /** `rip` is that of an instruction that has not been executed, not a return address. */
  private exact = true;

  /**
   * @param rules what files tell of their code; the first that knows an address counts
   * @param offset how far the guest's code is from where it was linked, as far as that is known by now
   */
  constructor(
    private readonly memory: GuestMemory,
    private readonly rules: readonly UnwindRules[] = [],
    private readonly offset: () => bigint = () => 0n,
  ) {}

  /**
   * @param rip the innermost address
   * @param to low and high half of each address, innermost first: MAX_FRAMES of them
   * @returns how many there are
   */
  walk(rip: bigint, state: FrameState, to: Uint32Array): number {
    this.state = state;
    this.pages.clear();
    this.word = state.wide ? 8 : 4;
    this.rip = rip;
    this.rsp = state.rsp;
    this.rbp = state.rbp;
    this.exact = true;
    this.moved = this.rules.length > 0 ? this.offset() : 0n;
    put(to, 0, rip);
    let count = 1;
    while (count < MAX_FRAMES && this.step()) put(to, count++, this.rip);
    return count;
  }

  private step(): boolean {
    const step = this.stepByRules();
    return step === 'unknown' ? this.stepByFramePointer() : step === 'caller';
  }

  private stepByRules(): Step {
    const address = BigInt.asUintN(64, (this.exact ? this.rip : this.rip - 1n) - this.moved);
    for (const rules of this.rules) {
      const at = rules.find(address);
      if (at >= 0) return this.stepByRow(rules.rows, at);
    }
    return 'unknown';
  }

  private stepByRow(rows: Int32Array, at: number): Step {
    const rules = rows[at + Row.RULES];
    const cfa = this.frameAddress((rules >> RuleShift.CFA) & 15, rows[at + Row.CFA]);
    if (cfa === undefined) return 'unknown';
    const rip = this.saved((rules >> RuleShift.RIP) & 15, cfa, rows[at + Row.RIP], undefined);
    const rsp = this.saved((rules >> RuleShift.RSP) & 15, cfa, rows[at + Row.RSP], cfa);
    if (rip === undefined || rip === 0n || rsp === undefined) return 'end';
    const signal = (rules & SIGNAL_FRAME) !== 0;
    // Where a program entered the kernel: what called what in it is a stack of its own.
    if (signal && this.rip >= KERNEL_HALF && rip < KERNEL_HALF) return 'end';
    if (!signal && (rsp <= this.rsp || !this.followsCall(rip))) return 'end';
    this.rbp = this.saved((rules >> RuleShift.RBP) & 15, cfa, rows[at + Row.RBP], this.rbp) ?? NOWHERE;
    this.rsp = rsp;
    this.rip = rip;
    this.exact = signal;
    return 'caller';
  }

  private frameAddress(from: number, offset: number): bigint | undefined {
    switch (from) {
      case CfaFrom.RSP:
        return this.add(this.rsp, offset);
      case CfaFrom.RBP:
        return this.add(this.rbp, offset);
      case CfaFrom.PLT:
        return this.add(this.rsp, (this.rip & 15n) >= 11n ? 16 : 8);
      case CfaFrom.RBP_MEMORY:
        return this.read(this.add(this.rbp, offset), this.word);
      case CfaFrom.RSP_MEMORY: {
        const saved = this.read(this.rsp, this.word);
        return saved === undefined ? undefined : this.add(saved, offset);
      }
      default:
        return undefined;
    }
  }

  /** @param same what the register is where it was not saved */
  private saved(from: number, cfa: bigint, offset: number, same: bigint | undefined): bigint | undefined {
    switch (from) {
      case RegisterFrom.SAME:
        return same;
      case RegisterFrom.CFA_MEMORY:
        return this.read(this.add(cfa, offset), this.word);
      case RegisterFrom.RBP_MEMORY:
        return this.read(this.add(this.rbp, offset), this.word);
      case RegisterFrom.CFA_VALUE:
        return this.add(cfa, offset);
      default:
        return undefined;
    }
  }

  private stepByFramePointer(): boolean {
    const { word, rbp } = this;
    if (rbp % BigInt(word) !== 0n) return false;
    const caller = this.read(rbp, word);
    const back = this.read(this.add(rbp, word), word);
    if (caller === undefined || back === undefined || !this.followsCall(back)) return false;
    this.rip = back;
    this.rsp = this.add(rbp, 2 * word);
    // A chain that does not go up ends with this frame.
    this.rbp = caller > rbp && caller - rbp <= LARGEST_FRAME ? caller : NOWHERE;
    this.exact = false;
    return true;
  }

  private add(address: bigint, offset: number): bigint {
    return BigInt.asUintN(this.word * 8, address + BigInt(offset));
  }

  /** Whether the instruction before `address` is a near call: E8 with its displacement, or FF /2 with any operand. */
  private followsCall(address: bigint): boolean {
    if (this.byte(address - 5n) === CALL_RELATIVE) return true;
    for (let length = 2; length <= LONGEST_CALL; length++) {
      if (this.byte(address - BigInt(length)) !== GROUP_5) continue;
      const modrm = this.byte(address - BigInt(length) + 1n);
      if (modrm !== undefined && ((modrm >> 3) & 7) === GROUP_5_CALL && callLength(modrm) === length)
        return true;
    }
    return false;
  }

  private byte(linear: bigint): number | undefined {
    const gpa = this.translate(BigInt.asUintN(64, linear));
    return gpa === undefined || !this.memory.contains(gpa, 1) ? undefined : this.memory.read8(gpa);
  }

  /** A word that lies in one page: those of a stack are aligned. */
  private read(linear: bigint, size: 4 | 8): bigint | undefined {
    if (linear % PAGE > PAGE - BigInt(size)) return undefined;
    const gpa = this.translate(linear);
    if (gpa === undefined || !this.memory.contains(gpa, size)) return undefined;
    return size === 8 ? this.memory.read64(gpa) : BigInt(this.memory.read32(gpa));
  }

  private translate(linear: bigint): number | undefined {
    const page = linear / PAGE;
    let base = this.pages.get(page);
    if (base === undefined && !this.pages.has(page)) {
      base = translate(this.memory, this.state.system, page * PAGE);
      this.pages.set(page, base);
    }
    return base === undefined ? undefined : base + Number(linear % PAGE);
  }
}

/** Bytes of FF /2 with this ModRM byte, where a SIB byte follows one that does not ask for a displacement of its own. */
function callLength(modrm: number): number {
  const [mod, rm] = [modrm >> 6, modrm & 7];
  if (mod === 3) return 2;
  const sib = rm === 4 ? 1 : 0;
  if (mod === 0) return rm === 5 ? 6 : 2 + sib;
  return (mod === 1 ? 3 : 6) + sib;
}

function put(to: Uint32Array, index: number, address: bigint): void {
  to[index * 2] = Number(address & 0xffff_ffffn);
  to[index * 2 + 1] = Number(address >> 32n);
}
