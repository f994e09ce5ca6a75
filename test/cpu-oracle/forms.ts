import type { Random } from './random.js';
import { CODE, SCRATCH, WINDOW, type MachineState, type TestCase } from './layout.js';

/** One opcode with what its random instances need. */
export interface Form {
  readonly opcode: readonly number[];
  readonly modrm: boolean;
  /** ModRM.reg, where it belongs to the opcode. */
  readonly reg?: number;
  readonly immediate: number | 'z' | 'v' | 'enter';
  readonly mandatory?: number;
  /** Neither F2 nor F3: they would make another instruction. */
  readonly noRep?: boolean;
  /** The 16-bit form's result is undefined. */
  readonly no16?: boolean;
  /** May be repeated: the count is kept small. */
  readonly string?: boolean;
  /** OF is defined for a count of one, all flags are kept for zero. */
  readonly shift?: boolean;
  /** Only register operands, or only memory. */
  readonly operand?: 'register' | 'memory';
  /** Memory operands must be aligned to 16 bytes more often than chance would have it. */
  readonly aligned?: boolean;
  /** Sets exception flags in MXCSR, which the core does not do yet. */
  readonly ignoreMxcsr?: boolean;
  /** Uses the x87 registers: they and the control word are random. */
  readonly x87?: boolean;
  /** ModRM.rm, where it belongs to the opcode. */
  readonly rm?: number;
  readonly undefinedFlags: number;
}

/** A random instance of a form with random registers and memory. */
export function randomCase(random: Random, form: Form): TestCase {
  const code: number[] = [];
  const opsize = form.no16 !== true && form.mandatory === undefined && random.chance(0.2);
  if (random.chance(0.05)) code.push(random.pick([0x2e, 0x3e, 0x26, 0x36]));
  if (opsize) code.push(0x66);
  if (form.mandatory !== undefined) {
    if (form.mandatory !== 0x66 && form.no16 !== true && form.operand === undefined && random.chance(0.1))
      code.push(0x66);
    code.push(form.mandatory);
  }
  if (random.chance(0.03)) code.push(0x67);
  if (form.string === true) code.push(...random.pick([[], [0xf2], [0xf3]]));
  let rexW = false;
  if (random.chance(0.6)) {
    const rex = 0x40 | random.below(16);
    rexW = (rex & 8) !== 0;
    code.push(rex);
  }
  code.push(...form.opcode);
  if (form.modrm) randomModRm(random, form, code);
  randomImmediate(random, form, code, opsize && !rexW, rexW);
  return {
    code: Uint8Array.from(code),
    state: randomState(random, form),
    undefinedFlags: form.undefinedFlags,
    ignoreMxcsr: form.ignoreMxcsr === true,
  };
}

function randomModRm(random: Random, form: Form, code: number[]): void {
  const reg = form.reg ?? random.below(8);
  const register = form.operand === 'register' || (form.operand !== 'memory' && random.chance(0.5));
  const mod = register ? 3 : random.pick([0, 1, 1, 1, 2]);
  const rm = form.rm ?? random.below(8);
  code.push((mod << 6) | (reg << 3) | rm);
  if (mod === 3) return;
  let base = rm;
  if (rm === 4) {
    // Mostly without an index, which would lead anywhere.
    const sib = (random.below(4) << 6) | ((random.chance(0.7) ? 4 : random.below(8)) << 3) | random.below(8);
    code.push(sib);
    base = sib & 7;
  }
  const small = form.aligned === true && random.chance(0.9) ? random.below(4) * 16 : random.below(64);
  if (mod === 1) code.push(random.chance(0.9) ? small : random.below(256));
  else if (mod === 2) code.push(small, 0, 0, 0);
  else if (base === 5) {
    // RIP-relative or absolute: the scratch page, seen from the code.
    const target = rm === 5 ? SCRATCH - CODE : SCRATCH;
    const displacement = target + small;
    code.push(displacement & 255, (displacement >> 8) & 255, (displacement >> 16) & 255, 0);
  }
}

function randomImmediate(random: Random, form: Form, code: number[], word: boolean, wide: boolean): void {
  const size =
    form.immediate === 'z'
      ? word
        ? 2
        : 4
      : form.immediate === 'v'
        ? word
          ? 2
          : wide
            ? 8
            : 4
        : form.immediate;
  if (size === 'enter') {
    code.push(random.below(64), 0, random.below(4));
    return;
  }
  const value = random.word();
  for (let i = 0; i < size; i++) code.push(Number((value >> BigInt(i * 8)) & 0xffn));
}

function randomState(random: Random, form: Form): MachineState {
  const pointer = (): bigint =>
    BigInt(SCRATCH + (form.aligned === true ? random.below(12) * 16 : random.below(192)) + 128);
  const pointers = random.chance(0.7) ? 0.7 : 0.2;
  const gpr = Array.from({ length: 16 }, () => (random.chance(pointers) ? pointer() : random.word()));
  gpr[4] = random.chance(0.95) ? BigInt(SCRATCH + 128 + random.below(32) * 8) : random.word();
  if (form.string === true) {
    gpr[6] = pointer();
    gpr[7] = pointer();
    gpr[1] = BigInt(random.below(random.chance(0.5) ? 9 : 25));
  } else if (random.chance(0.5)) {
    gpr[1] = BigInt(random.below(70));
  }
  const memory = new Uint8Array(WINDOW);
  for (let i = 0; i < WINDOW; i++) memory[i] = random.next();
  if (form.string === true && random.chance(0.7)) makeUniform(random, gpr, memory);
  const fxsave = new Uint8Array(512);
  const fx = new DataView(fxsave.buffer);
  fx.setUint16(0, 0x37f, true);
  fx.setUint32(24, 0x1f80, true);
  for (let i = 160; i < 416; i++) fxsave[i] = random.next();
  if (form.x87 === true) randomX87(random, fx, memory);
  // Downwards, 16 elements of 8 bytes are there below the lowest pointer.
  const df = random.chance(0.2) && !(form.string === true && gpr[1] > 16n) ? 0x400n : 0n;
  return { gpr, rip: BigInt(CODE), rflags: BigInt(random.next() & 0x8d5) | 0x202n | df, fxsave, memory };
}

/** Comparisons that go on for a while: all bytes of RAX and memory are equal, but for a few. */
function makeUniform(random: Random, gpr: bigint[], memory: Uint8Array): void {
  const byte = random.below(256);
  gpr[0] = BigInt(byte) * 0x0101_0101_0101_0101n;
  memory.fill(byte);
  for (let i = random.below(12); i > 0; i--) memory[random.below(WINDOW)] = random.next();
}

const EXTENDED_EDGES: readonly (readonly [number, bigint])[] = [
  [0, 0n],
  [0x8000, 0n],
  [0x7fff, 1n << 63n],
  [0xffff, 1n << 63n],
  [0x7fff, 3n << 62n],
  [0x7fff, (1n << 63n) | 1n],
  [0, 1n],
  [0x3fff, 1n << 63n],
  [0x7ffe, 0xffff_ffff_ffff_ffffn],
  [1, 1n << 63n],
];

/** Random control word, stack and numbers: mostly near each other, sometimes at the edges of the format. */
function randomX87(random: Random, fx: DataView, memory: Uint8Array): void {
  fx.setUint16(0, 0x7f | (random.pick([0, 2, 3, 3, 3]) << 8) | (random.below(4) << 10) | 0x40, true);
  fx.setUint16(2, random.below(8) << 11, true);
  fx.setUint8(4, random.chance(0.7) ? 0xff : random.below(256));
  for (let i = 0; i < 8; i++) {
    let exp = 0x3fff + random.below(80) - 40 + (random.chance(0.5) ? 0x8000 : 0);
    let sig = BigInt.asUintN(64, random.word() | (1n << 63n));
    if (random.chance(0.2)) [exp, sig] = random.pick(EXTENDED_EDGES);
    else if (random.chance(0.1)) exp = random.below(0x10000);
    else if (random.chance(0.3)) sig &= 0xffff_ff00_0000_0000n;
    if (random.chance(0.03)) sig &= ~(1n << 63n);
    fx.setBigUint64(32 + i * 16, sig, true);
    fx.setUint16(40 + i * 16, exp, true);
  }
  // Doubles and singles near one in memory, at all places that are a multiple of eight from the middle on.
  const view = new DataView(memory.buffer);
  if (random.chance(0.5)) {
    for (let at = 0; at + 8 <= memory.length; at += 8) {
      if (random.chance(0.5))
        view.setFloat64(at, (random.next() / 2 ** 31 - 1) * 2 ** (random.below(20) - 10), true);
    }
  }
}
