import type { FrameState } from '../vmm/accelerator.js';
import type { GuestMemory } from '../vmm/memory/guest-memory.js';
import { translate } from '../vmm/memory/translate.js';
import { MAX_FRAMES } from './record-memory.js';

const PAGE = 4096n;
/** Two frames are not further apart than this. */
const LARGEST_FRAME = 1n << 20n;
/** Bytes of the longest call instruction without prefixes that do nothing. */
const LONGEST_CALL = 7;

const CALL_RELATIVE = 0xe8;
const GROUP_5 = 0xff;
const GROUP_5_CALL = 2;

/**
 * Call stacks by frame pointers: RBP points to the caller's RBP, and above it is the return address. A stack ends where the chain
 * does not go up, leaves mapped memory, or has a return address that does not follow a call instruction: in code that was
 * compiled without frame pointers RBP is any number.
 */
export class StackWalker {
  /** Translations of this walk, by page. */
  private readonly pages = new Map<bigint, number | undefined>();
  private state!: FrameState;

  constructor(private readonly memory: GuestMemory) {}

  /**
   * @param rip the innermost address
   * @param to low and high half of each address, innermost first: MAX_FRAMES of them
   * @returns how many there are
   */
  walk(rip: bigint, state: FrameState, to: Uint32Array): number {
    this.state = state;
    this.pages.clear();
    put(to, 0, rip);
    let count = 1;
    const word = state.wide ? 8 : 4;
    let frame = state.rbp;
    while (count < MAX_FRAMES && frame % BigInt(word) === 0n) {
      const caller = this.read(frame, word);
      const back = this.read(frame + BigInt(word), word);
      if (caller === undefined || back === undefined || !this.followsCall(back)) break;
      put(to, count++, back);
      if (caller <= frame || caller - frame > LARGEST_FRAME) break;
      frame = caller;
    }
    return count;
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

  /** A word that lies in one page: frames are aligned. */
  private read(linear: bigint, size: 4 | 8): bigint | undefined {
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
