import { readFileSync } from 'node:fs';
import { differences } from './compare.js';
import type { CoreRunner } from './core-runner.js';
import type { Outcome, TestCase } from './layout.js';
import type { NativeRunner } from './native.js';
import { isTranscendental } from './x87-cases.js';

const C1 = 0x200;
const STATUS = 2;
const REGISTERS = 32;

/** Where Intel leaves something open, the core does as AMD's processors do: only they can be compared with. */
export function x87Comparable(): boolean {
  if (process.platform !== 'linux' || process.arch !== 'x64') return false;
  return readFileSync('/proc/cpuinfo', 'latin1').includes('AuthenticAMD');
}

/** What differs between processor and core, and by how many units in the last place a transcendental result does. */
export interface X87Comparison {
  readonly lines: readonly string[];
  readonly ulps: bigint;
}

/**
 * Everything must agree, but for transcendental functions: their results may differ by `tolerance` units in the last
 * place, and then C1, the direction of the rounding, may differ, too.
 */
export function compareX87(test: TestCase, native: Outcome, core: Outcome, tolerance = 1n): X87Comparison {
  if (!isTranscendental(test.code) || native.vector !== core.vector)
    return { lines: differences(test, native, core), ulps: 0n };
  const expected = new DataView(native.state.fxsave.slice().buffer);
  const got = new DataView(core.state.fxsave.buffer, core.state.fxsave.byteOffset);
  let ulps = 0n;
  for (const i of [0, 1]) {
    const distance = magnitude(order(expected, i) - order(got, i));
    if (distance > ulps) ulps = distance;
    if (distance === 0n || distance > tolerance) continue;
    expected.setBigUint64(REGISTERS + i * 16, got.getBigUint64(REGISTERS + i * 16, true), true);
    expected.setUint16(REGISTERS + i * 16 + 8, got.getUint16(REGISTERS + i * 16 + 8, true), true);
  }
  expected.setUint16(
    STATUS,
    (expected.getUint16(STATUS, true) & ~C1) | (got.getUint16(STATUS, true) & C1),
    true,
  );
  const close: Outcome = { ...native, state: { ...native.state, fxsave: new Uint8Array(expected.buffer) } };
  return { lines: differences(test, close, core), ulps };
}

/** Neighbouring numbers have neighbouring orders. */
function order(fxsave: DataView, i: number): bigint {
  const se = fxsave.getUint16(REGISTERS + i * 16 + 8, true);
  const value = (BigInt(se & 0x7fff) << 63n) + fxsave.getBigUint64(REGISTERS + i * 16, true);
  return se & 0x8000 ? -value : value;
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/** @returns what differed: the instruction's bytes and how; and the largest deviation in units in the last place */
export function compareX87Cases(
  native: NativeRunner,
  core: CoreRunner,
  cases: readonly TestCase[],
): { found: string[]; ulps: bigint } {
  const outcomes = native.run(cases);
  const found: string[] = [];
  let ulps = 0n;
  cases.forEach((test, i) => {
    const got = core.run(test);
    let comparison = compareX87(test, outcomes[i], got);
    // A context switch makes AMD's processors forget x87's instruction pointers: such a case is run again.
    if (comparison.lines.length > 0) comparison = compareX87(test, native.run([test])[0], got);
    if (comparison.ulps > ulps) ulps = comparison.ulps;
    if (comparison.lines.length > 0) {
      found.push(`${Buffer.from(test.code).toString('hex')}: ${comparison.lines.join('; ')}`);
    }
  });
  return { found, ulps };
}
