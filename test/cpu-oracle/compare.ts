import type { Outcome, TestCase } from './layout.js';

const NAMES = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
];
const ARITHMETIC = 0x8d5n;
const DF = 0x400n;
const AC = 0x40000n;
const BREAKPOINT = 3;
const PAGE_FAULT = 14;

/** What differs between the processor's outcome and the core's, one line each; nothing when they agree. */
export function differences(test: TestCase, native: Outcome, core: Outcome): string[] {
  const lines: string[] = [];
  const differ = (what: string, expected: bigint | number | string, got: bigint | number | string): void => {
    lines.push(`${what}: ${hex(expected)} expected, not ${hex(got)}`);
  };
  if (native.vector !== core.vector) {
    differ('exception', native.vector, core.vector);
    return lines;
  }
  // Linux sets the present bit for its own half, so that user programs cannot probe it.
  if (native.vector === PAGE_FAULT && (native.error ^ core.error) & ~1)
    differ('error code', native.error, core.error);
  native.state.gpr.forEach((value, i) => {
    if (value !== core.state.gpr[i]) differ(NAMES[i], value, core.state.gpr[i]);
  });
  if (native.state.rip !== core.state.rip) differ('rip', native.state.rip, core.state.rip);
  // A fault leaves flags alone, whatever the instruction would have done to them.
  const ignored = native.vector === BREAKPOINT ? BigInt(test.undefinedFlags) : 0n;
  const mask = (ARITHMETIC | DF | AC) & ~ignored;
  if ((native.state.rflags ^ core.state.rflags) & mask)
    differ('rflags', native.state.rflags & mask, core.state.rflags & mask);
  for (let i = 0; i < native.state.memory.length; i++) {
    if (native.state.memory[i] !== core.state.memory[i]) {
      differ(`memory+${i}`, native.state.memory[i], core.state.memory[i]);
      break;
    }
  }
  compareVectors(test, native, core, differ);
  return lines;
}

/** Control and status words, x87 registers and XMM, as FXSAVE lays them out. */
function compareVectors(
  test: TestCase,
  native: Outcome,
  core: Outcome,
  differ: (what: string, a: string, b: string) => void,
): void {
  const fields: [string, number, number][] = [
    ['fcw', 0, 2],
    ['fsw', 2, 2],
    ['ftw', 4, 1],
    ['fop', 6, 2],
    ['fip', 8, 8],
    ['fdp', 16, 8],
  ];
  if (!test.ignoreMxcsr) fields.push(['mxcsr', 24, 4]);
  for (let i = 0; i < 8; i++) fields.push([`st${i}`, 32 + i * 16, 10]);
  for (let i = 0; i < 16; i++) fields.push([`xmm${i}`, 160 + i * 16, 16]);
  for (const [name, from, size] of fields) {
    const a = bytes(native.state.fxsave, from, size);
    const b = bytes(core.state.fxsave, from, size);
    if (a !== b) differ(name, a, b);
  }
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
