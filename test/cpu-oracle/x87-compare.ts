import { differences } from './compare.js';
import type { Outcome, TestCase } from './layout.js';
import { isTranscendental } from './x87-cases.js';

const C1 = 0x200;
const STATUS = 2;
const REGISTERS = 32;

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
  const expected = native.state.fx;
  const got = core.state.fx;
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
  return { lines: differences(test, native, core), ulps };
}

/** Neighbouring numbers have neighbouring orders. */
function order(fx: DataView, i: number): bigint {
  const se = fx.getUint16(REGISTERS + i * 16 + 8, true);
  const value = (BigInt(se & 0x7fff) << 63n) + fx.getBigUint64(REGISTERS + i * 16, true);
  return se & 0x8000 ? -value : value;
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}
