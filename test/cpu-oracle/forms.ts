import { CODE, SCRATCH, WINDOW, type CpuMode, type MachineState, type TestCase } from './layout.js';
import { floats, mxcsr } from './operands.js';
import type { Random } from './random.js';

/**
 * What registers and memory hold: integers and pointers; numbers for SSE or for x87; addresses of code; selectors and
 * pointers to them; flags; images for FXRSTOR and XRSTOR; values for MXCSR; for MASKMOVQ, which may look at memory
 * that it does not write, a pointer in RDI; for double shifts of 16 bits, a
 * count in CL.
 */
export type Data =
  'integer' | 'float' | 'x87' | 'code' | 'selector' | 'flags' | 'image' | 'mxcsr' | 'bytes at rdi' | 'count';

/**
 * Bytes behind ModRM: a number of them; `z` 2 or 4 by the operand size, `v` up to 8; ENTER's; distances of branches;
 * a far address; an offset as wide as addresses are; an interrupt's number; what a return takes off the stack;
 * a count that a shift of 16 bits can have.
 */
export type Immediate =
  number | 'z' | 'v' | 'enter' | 'near8' | 'near' | 'far' | 'offset' | 'interrupt' | 'drop' | 'count';

/** One opcode with what its random instances need. */
export interface Form {
  readonly opcode: readonly number[];
  readonly modrm: boolean;
  /** ModRM.reg, where it belongs to the opcode. */
  readonly reg?: number;
  readonly immediate: Immediate;
  readonly mandatory?: number;
  /** The 16-bit form's result is undefined, or 66 would make another instruction. */
  readonly no16?: boolean;
  /** In 64-bit mode AMD's and Intel's processors disagree about 66. */
  readonly branch?: boolean;
  /** May be repeated: the count is kept small. */
  readonly string?: boolean;
  /** Only register operands, or only memory. */
  readonly operand?: 'register' | 'memory';
  /** Memory operands must be aligned to 16 bytes more often than chance would have it. */
  readonly aligned?: boolean;
  readonly data?: Data;
  /** ModRM.rm, where it belongs to the opcode. */
  readonly rm?: number;
  readonly undefinedFlags: number;
  /** Neither segment prefixes nor 67: processors differ in what they look at beyond the address space's end. */
  readonly plainAddress?: boolean;
  /** RSP points to memory: how much of it is tried first differs. */
  readonly stack?: boolean;
  /** No REX.W: only Intel's processors have far pointers of 10 bytes. */
  readonly noWide?: boolean;
  /** The only mode that has it; both when absent. */
  readonly mode?: CpuMode;
  /** ModRM.reg is one of these. */
  readonly regs?: readonly number[];
  /** RCPxx and RSQRTxx: processors have tables of their own. */
  readonly approximate?: boolean;
  /** May have a LOCK prefix with a memory operand. */
  readonly lockable?: boolean;
}

const LOCK = 0xf0;
const COMPATIBILITY = 0.25;

/** Makes a random instance of a form with random registers and memory of `test`. */
export function fillCase(random: Random, form: Form, test: TestCase): void {
  const mode = form.mode ?? (random.chance(COMPATIBILITY) ? 1 : 0);
  const code: number[] = [];
  const opsize =
    form.no16 !== true &&
    form.mandatory === undefined &&
    !(form.branch === true && mode === 0) &&
    random.chance(0.2);
  if (form.plainAddress !== true && random.chance(0.05))
    code.push(random.pick([0x2e, 0x3e, 0x26, 0x36, 0x64, 0x65]));
  if (opsize) code.push(0x66);
  if (form.mandatory !== undefined) {
    if (form.mandatory !== 0x66 && form.no16 !== true && form.operand === undefined && random.chance(0.1))
      code.push(0x66);
    code.push(form.mandatory);
  }
  const addressSize = form.plainAddress !== true && random.chance(mode === 1 ? 0.1 : 0.03);
  if (addressSize) code.push(0x67);
  if (form.string === true) code.push(...random.pick([[], [0xf2], [0xf3]]));
  const lock = code.length;
  let rexW = false;
  if (mode === 0 && random.chance(0.6)) {
    const rex = 0x40 | random.below(form.noWide === true ? 8 : 16);
    rexW = (rex & 8) !== 0;
    code.push(rex);
  }
  code.push(...form.opcode);
  const inMemory = form.modrm && randomModRm(random, form, code, mode, addressSize);
  if (form.lockable === true && inMemory && random.chance(0.2)) code.splice(lock, 0, LOCK);
  randomImmediate(random, form, code, { word: opsize && !rexW, wide: rexW, mode, addressSize });
  test.setCode(code, mode);
  test.undefinedFlags = form.undefinedFlags;
  test.approximate = form.approximate === true;
  fillState(random, form, test.state, mode);
}

/** @returns whether the operand is in memory */
function randomModRm(
  random: Random,
  form: Form,
  code: number[],
  mode: CpuMode,
  addressSize: boolean,
): boolean {
  const reg = form.reg ?? (form.regs ? random.pick(form.regs) : random.below(8));
  const register = form.operand === 'register' || (form.operand !== 'memory' && random.chance(0.5));
  const mod = register ? 3 : random.pick([0, 1, 1, 1, 2]);
  const rm = form.rm ?? random.below(8);
  code.push((mod << 6) | (reg << 3) | rm);
  if (mod === 3) return false;
  const small = form.aligned === true && random.chance(0.9) ? random.below(4) * 16 : random.below(64);
  if (mode === 1 && addressSize) {
    if (mod === 1) code.push(random.below(256));
    else if (mod === 2 || rm === 6) code.push(random.below(256), random.below(256));
    return true;
  }
  let base = rm;
  if (rm === 4) {
    // Mostly without an index, which would lead anywhere.
    const sib = (random.below(4) << 6) | ((random.chance(0.7) ? 4 : random.below(8)) << 3) | random.below(8);
    code.push(sib);
    base = sib & 7;
  }
  if (mod === 1) code.push(random.chance(0.9) ? small : random.below(256));
  else if (mod === 2) code.push(small, 0, 0, 0);
  else if (base === 5) {
    // RIP-relative or absolute: the scratch page, seen from the code.
    const relative = rm === 5 && mode === 0;
    const displacement = (relative ? SCRATCH - CODE : SCRATCH) + small;
    code.push(displacement & 255, (displacement >> 8) & 255, (displacement >> 16) & 255, 0);
  }
  return true;
}

interface Sizes {
  /** 16-bit operands, or 64-bit ones. */
  readonly word: boolean;
  readonly wide: boolean;
  readonly mode: CpuMode;
  readonly addressSize: boolean;
}

function little(code: number[], value: number, size: number): void {
  for (let i = 0; i < size; i++) code.push((value >>> (8 * i)) & 255);
}

/** To the jump behind the instruction, to INT3 behind that, or out of the page. */
function distance(random: Random): number {
  return random.chance(0.3) ? 0 : random.chance(0.9) ? 8 + random.below(100) : -128 + random.below(64);
}

function randomImmediate(random: Random, form: Form, code: number[], sizes: Sizes): void {
  const { word, wide, mode, addressSize } = sizes;
  const { immediate } = form;
  switch (immediate) {
    case 'z':
      little(code, random.word32(), word ? 2 : 4);
      break;
    case 'v':
      little(code, random.word32(), word ? 2 : 4);
      if (wide) little(code, random.word32(), 4);
      break;
    case 'enter':
      code.push(random.below(64), 0, random.below(4));
      break;
    case 'near8':
      code.push(distance(random) & 255);
      break;
    case 'near':
      little(code, distance(random), word ? 2 : 4);
      break;
    case 'far':
      little(code, codeAddress(random), word ? 2 : 4);
      little(code, selector(random), 2);
      break;
    case 'offset': {
      const size = mode === 0 ? (addressSize ? 4 : 8) : addressSize ? 2 : 4;
      little(code, SCRATCH + random.below(256), Math.min(size, 4));
      if (size === 8) little(code, 0, 4);
      break;
    }
    case 'drop':
      little(code, random.below(128), 2);
      break;
    case 'count':
      code.push(random.below(17));
      break;
    case 'interrupt': {
      // Linux takes INT 80 for itself.
      const vector = random.chance(0.5) ? random.pick([3, 4]) : random.below(128);
      code.push(vector);
      break;
    }
    default:
      for (let left = immediate; left > 0; left -= 4) little(code, random.word32(), Math.min(left, 4));
  }
}

const SELECTORS = [0, 1, 2, 3, 0x20, 0x21, 0x22, 0x23, 0x28, 0x29, 0x2a, 0x2b, 0x30, 0x31, 0x32, 0x33];

/** Those of user mode, null ones, and ones beyond the table. */
function selector(random: Random): number {
  return random.chance(0.95) ? random.pick(SELECTORS) : 0xff00 | random.below(256);
}

/** INT3 behind the instruction, or the way out. */
function codeAddress(random: Random): number {
  return CODE + 64 + random.below(256);
}

const TF_AND_AC = 0x4_0100;

function fillState(random: Random, form: Form, state: MachineState, mode: CpuMode): void {
  state.clear();
  const { gpr, fxsave, memory } = state;
  const align = form.aligned === true;
  const pointer = (): number => SCRATCH + 128 + (align ? random.below(12) * 16 : random.below(192));
  const pointers = random.chance(0.7) ? 0.7 : 0.2;
  const setPointer = (n: number, value: number): void => {
    gpr[2 * n] = value;
    gpr[2 * n + 1] = 0;
  };
  for (let n = 0; n < 16; n++) {
    if (random.chance(pointers)) setPointer(n, pointer());
    else random.word64(gpr, 2 * n);
  }
  if (form.stack === true || random.chance(0.95)) setPointer(4, SCRATCH + 128 + random.below(32) * 8);
  if (form.string === true) {
    setPointer(6, pointer());
    setPointer(7, pointer());
    setPointer(1, random.below(random.chance(0.5) ? 9 : 25));
  } else if (random.chance(0.5)) {
    setPointer(1, random.below(70));
  }
  const words = new Uint32Array(memory.buffer, memory.byteOffset, WINDOW / 4);
  const vectors = new Uint32Array(fxsave.buffer, fxsave.byteOffset + 160, 64);
  if (form.data === 'float') {
    floats(random, words);
    floats(random, vectors);
  } else {
    random.fill(words);
    random.fill(vectors);
  }
  state.fx.setUint16(0, 0x37f, true);
  state.mxcsr = mxcsr(random);
  if (form.string === true && random.chance(0.7)) makeUniform(random, gpr, memory);
  fillData(random, form, state, words);
  if (mode === 1) for (let n = 1; n < 32; n += 2) gpr[n] = 0;
  if (mode === 1) gpr.fill(0, 16);
  state.selectors.fill(mode === 1 ? 0x2b : 0, 0, 2);
  // Downwards, 16 elements of 8 bytes are there below the lowest pointer.
  const downwards = random.chance(0.2) && !(form.string === true && gpr[2] > 16);
  state.rflags = (random.next() & 0x8d5) | 0x202 | (downwards ? 0x400 : 0);
}

/** Comparisons that go on for a while: all bytes of RAX and memory are equal, but for a few. */
function makeUniform(random: Random, gpr: Uint32Array, memory: Uint8Array): void {
  const byte = random.below(256);
  gpr.fill(byte * 0x0101_0101, 0, 2);
  memory.fill(byte);
  for (let i = random.below(12); i > 0; i--) memory[random.below(WINDOW)] = random.next();
}

function fillData(random: Random, form: Form, state: MachineState, words: Uint32Array): void {
  const { gpr, memory, fx } = state;
  switch (form.data) {
    case 'x87':
      randomX87(random, fx, memory);
      break;
    case 'code':
      for (let i = 0; i < words.length; i++) if (random.chance(0.7)) words[i] = codeAddress(random);
      for (let i = 1; i < words.length; i += 2) if (random.chance(0.6)) words[i] = random.pick(SELECTORS);
      for (let n = 0; n < 16; n++) {
        if (n === 4 || random.chance(0.5)) continue;
        gpr[2 * n] = codeAddress(random);
        gpr[2 * n + 1] = 0;
      }
      break;
    case 'selector':
      for (let i = 0; i < words.length; i++) words[i] = selector(random) | (selector(random) << 16);
      for (let n = 0; n < 16; n++) {
        // Linux has a segment of its own behind those of user mode.
        const linux = (gpr[2 * n] & 0xfff8) === 0x78;
        if (linux || (n !== 4 && random.chance(0.6))) gpr[2 * n] = (gpr[2 * n] & ~0xffff) | selector(random);
      }
      break;
    case 'flags':
      gpr[8] = SCRATCH + 128 + random.below(32) * 8;
      gpr[9] = 0;
      for (let i = 0; i < words.length; i++) words[i] &= ~TF_AND_AC & ~(TF_AND_AC << 16);
      break;
    case 'mxcsr':
      for (let i = 0; i < words.length; i++) if (random.chance(0.9)) words[i] = mxcsr(random);
      // AMD's processors have bit 17, and pointers need not be aligned.
      for (let i = 0; i < words.length; i++) words[i] &= 0xfdfd_fdfd;
      break;
    case 'count':
      gpr[2] = random.below(17);
      break;
    case 'bytes at rdi':
      gpr[14] = SCRATCH + 128 + random.below(192);
      gpr[15] = 0;
      break;
    case 'image':
      randomImage(random, state);
      break;
    default:
  }
}

/** What FXRSTOR and XRSTOR take, from the start of memory on; all registers point there. */
function randomImage(random: Random, state: MachineState): void {
  const { gpr, memory } = state;
  const view = new DataView(memory.buffer, memory.byteOffset, WINDOW);
  const start = random.below(5) * 16;
  for (let n = 0; n < 16; n++) {
    gpr[2 * n] = SCRATCH + start;
    gpr[2 * n + 1] = 0;
  }
  gpr[0] = random.chance(0.5) ? 3 : random.below(4);
  gpr[4] = 0;
  randomX87(random, new DataView(memory.buffer, memory.byteOffset + start, 512), memory.subarray(0, 0));
  view.setUint32(start + 24, random.chance(0.9) ? mxcsr(random) : random.next(), true);
}

const EXTENDED_EDGES: readonly (readonly [number, number, number])[] = [
  [0, 0, 0],
  [0x8000, 0, 0],
  [0x7fff, 0x8000_0000, 0],
  [0xffff, 0x8000_0000, 0],
  [0x7fff, 0xc000_0000, 0],
  [0x7fff, 0x8000_0000, 1],
  [0, 0, 1],
  [0x3fff, 0x8000_0000, 0],
  [0x7ffe, 0xffff_ffff, 0xffff_ffff],
  [1, 0x8000_0000, 0],
];

/** Random control word, stack and numbers: mostly near each other, sometimes at the edges of the format. */
function randomX87(random: Random, fx: DataView, memory: Uint8Array): void {
  fx.setUint16(0, 0x7f | (random.pick([0, 2, 3, 3, 3]) << 8) | (random.below(4) << 10) | 0x40, true);
  fx.setUint16(2, random.below(8) << 11, true);
  fx.setUint8(4, random.chance(0.7) ? 0xff : random.below(256));
  for (let i = 0; i < 8; i++) {
    let exponent = 0x3fff + random.below(80) - 40 + (random.chance(0.5) ? 0x8000 : 0);
    let high = random.word32() | 0x8000_0000;
    let low = random.word32();
    if (random.chance(0.2)) [exponent, high, low] = random.pick(EXTENDED_EDGES);
    else if (random.chance(0.1)) exponent = random.below(0x10000);
    else if (random.chance(0.3)) {
      low = 0;
      high &= 0xffff_ff00;
    }
    if (random.chance(0.03)) high &= 0x7fff_ffff;
    fx.setUint32(32 + i * 16, low, true);
    fx.setUint32(36 + i * 16, high, true);
    fx.setUint16(40 + i * 16, exponent, true);
    fx.setUint16(42 + i * 16, 0, true);
    fx.setUint32(44 + i * 16, 0, true);
  }
  // Doubles near one in memory.
  const view = new DataView(memory.buffer, memory.byteOffset, memory.length);
  if (random.chance(0.5)) {
    for (let at = 0; at + 8 <= memory.length; at += 8) {
      if (random.chance(0.5))
        view.setFloat64(at, (random.next() / 2 ** 31 - 1) * 2 ** (random.below(20) - 10), true);
    }
  }
}
