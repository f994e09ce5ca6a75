import { nativeApproximatesAlike, nativeIsAmd } from './host.js';
import { DONE, GATE, HUNG, type MachineState, type Outcome, type TestCase } from './layout.js';

const NAMES = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
const SELECTORS = 'es ds fs gs'.split(' ');
const ARITHMETIC = 0x8d5;
const DF = 0x400;
const NT = 0x4000;
const AC = 0x40000;
/** Bit 17 in its byte. */
const MISALIGNED = 2;
const PAGE_FAULT = 14;
const SIMD_EXCEPTION = 19;
const X87_STATUS: readonly [string, number, number][] = [
  ['fsw', 2, 2],
  ['ftw', 4, 1],
];
/** Bytes of the longest memory operand, XSAVE's. */
const OPERAND = 576n;
/** Words of MachineState: the general registers and RIP; of FXSAVE's image all but the mask and what is reserved. */
const REGISTERS = { from: 0, to: 34 };
const FXSAVE = 160 / 4;
const X87 = { from: FXSAVE, to: FXSAVE + 7 };
const VECTORS = { from: FXSAVE + 8, to: FXSAVE + 416 / 4 };
const MEMORY = { from: FXSAVE + 512 / 4, to: FXSAVE + 512 / 4 + 640 / 4 };
const RANGES = [REGISTERS, X87, VECTORS, MEMORY];

function same(a: Uint32Array, b: Uint32Array): boolean {
  for (const { from, to } of RANGES) for (let i = from; i < to; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** What differs between the processor's outcome and the core's, one line each; nothing when they agree. */
export function differences(test: TestCase, native: Outcome, core: Outcome): string[] {
  if (
    native.vector === core.vector &&
    native.error === core.error &&
    native.state.cr2 === core.state.cr2 &&
    same(native.state.words, core.state.words) &&
    ((native.state.rflags ^ core.state.rflags) & flagMask(test, native)) === 0 &&
    native.state.selectors.every((selector, i) => selector === core.state.selectors[i])
  )
    return [];
  return native.vector === HUNG || readsGate(core) ? [] : describe(test, native, core);
}

/** The page by which native.c gets control back: an address that happens to be there cannot be compared. */
function readsGate(core: Outcome): boolean {
  return core.vector === PAGE_FAULT && core.state.cr2 >> 12n === BigInt(GATE >> 12);
}

/** A fault leaves flags alone, whatever the instruction would have done to them. */
function flagMask(test: TestCase, native: Outcome): number {
  return (ARITHMETIC | DF | NT | AC) & ~(native.vector === DONE ? test.undefinedFlags : 0);
}

/** #SS, #GP, #PF. */
export function isAddressFault(vector: number): boolean {
  return vector >= 12 && vector <= 14;
}

function describe(test: TestCase, native: Outcome, core: Outcome): string[] {
  const lines: string[] = [];
  const differ = (what: string, expected: bigint | number | string, got: bigint | number | string): void => {
    lines.push(`${what}: ${hex(expected)} expected, not ${hex(got)}`);
  };
  // Which of several things wrong with an address comes first, too, is up to the processor.
  if (!nativeIsAmd && isAddressFault(native.vector) && isAddressFault(core.vector)) return lines;
  if (native.vector !== core.vector) {
    differ('exception', native.vector, core.vector);
    return lines;
  }
  // Linux sets the present bit for its own half, so that user programs cannot probe it.
  if (native.vector === PAGE_FAULT) {
    if ((native.error ^ core.error) & ~1) differ('error code', native.error, core.error);
    // Which part of an operand is tried first differs between processors, and between instructions.
    const distance = BigInt.asIntN(test.mode === 1 ? 32 : 64, native.state.cr2 - core.state.cr2);
    if (distance > OPERAND || distance < -OPERAND) differ('cr2', native.state.cr2, core.state.cr2);
  } else if (native.error !== core.error) {
    differ('error code', native.error, core.error);
  }
  for (let i = 0; i < (test.mode === 1 ? 8 : 16); i++) {
    // The upper halves are not defined outside 64-bit mode.
    const width = test.mode === 1 ? 32 : 64;
    const a = BigInt.asUintN(width, native.state.register(i));
    const b = BigInt.asUintN(width, core.state.register(i));
    if (a !== b) differ(NAMES[i], a, b);
  }
  if (native.state.rip !== core.state.rip) differ('rip', native.state.rip, core.state.rip);
  const mask = flagMask(test, native);
  if ((native.state.rflags ^ core.state.rflags) & mask)
    differ('rflags', native.state.rflags & mask, core.state.rflags & mask);
  SELECTORS.forEach((name, i) => {
    if (native.state.selectors[i] !== core.state.selectors[i])
      differ(name, native.state.selectors[i], core.state.selectors[i]);
  });
  compareMemory(native.state, core.state, differ);
  compareVectors(test, native.vector, native.state, core.state, differ);
  return lines;
}

function compareMemory(
  native: MachineState,
  core: MachineState,
  differ: (what: string, a: number, b: number) => void,
): void {
  for (let i = 0; i < native.memory.length; i++) {
    // In MXCSR_MASK, as FXSAVE and XSAVE store it, AMD's processors have a bit for misaligned operands.
    const isMask = native.memory[i] === MISALIGNED && core.memory[i] === 0 && core.memory[i - 1] === 0xff;
    if (native.memory[i] !== core.memory[i] && !isMask) {
      differ(`memory+${i}`, native.memory[i], core.memory[i]);
      return;
    }
  }
}

/** Control and status words, x87 registers and XMM, as FXSAVE lays them out. */
function compareVectors(
  test: TestCase,
  vector: number,
  native: MachineState,
  core: MachineState,
  differ: (what: string, a: string, b: string) => void,
): void {
  const fields: [string, number, number][] = [
    ['fcw', 0, 2],
    // Whether a conversion to MMX that traps takes the x87 registers over is up to the processor.
    ...(nativeIsAmd || vector !== SIMD_EXCEPTION ? X87_STATUS : []),
    ['fop', 6, 2],
    // Processors keep 48 or 57 bits of the pointers.
    ['fip', 8, 6],
    ['fdp', 16, 6],
    ['mxcsr', 24, 4],
  ];
  for (let i = 0; i < 8; i++) fields.push([`st${i}`, 32 + i * 16, 10]);
  for (let i = 0; i < 16; i++) fields.push([`xmm${i}`, 160 + i * 16, 16]);
  const approximate = test.approximate && !nativeApproximatesAlike;
  for (const [name, from, size] of fields) {
    if (approximate && name.startsWith('xmm') && closeSingles(native.fx, core.fx, from)) continue;
    let at = from;
    while (at < from + size && native.fxsave[at] === core.fxsave[at]) at++;
    if (at < from + size) differ(name, bytes(native.fxsave, from, size), bytes(core.fxsave, from, size));
  }
}

/** Largest relative error of RCPxx and RSQRTxx (Intel SDM vol. 2), of both processors together. */
const APPROXIMATION_ERROR = 2 * 1.5 * 2 ** -12;
const SMALLEST_NORMAL = 2 ** -126;

/** Results next to the smallest normal number may be flushed to zero or not. */
function closeSingles(a: DataView, b: DataView, at: number): boolean {
  for (let i = at; i < at + 16; i += 4) {
    if (a.getUint32(i, true) === b.getUint32(i, true)) continue;
    const x = a.getFloat32(i, true);
    const y = b.getFloat32(i, true);
    const tiny = Math.abs(x) < 2 * SMALLEST_NORMAL && Math.abs(y) < 2 * SMALLEST_NORMAL;
    if (!tiny && !(Math.abs(x - y) <= Math.abs(x) * APPROXIMATION_ERROR)) return false;
  }
  return true;
}

/** Most significant byte first. */
function bytes(from: Uint8Array, at: number, size: number): string {
  return Array.from(from.subarray(at, at + size), byte => byte.toString(16).padStart(2, '0'))
    .reverse()
    .join('');
}

function hex(value: bigint | number | string): string {
  return typeof value === 'string' ? value : `0x${value.toString(16)}`;
}
