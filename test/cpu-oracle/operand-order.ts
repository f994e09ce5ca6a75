import { differences, isAddressFault } from './compare.js';
import type { CoreRunner } from './core-runner.js';
import type { Outcome, TestCase } from './layout.js';

const PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf2, 0xf3];
const CMPS = 0xa6;
const SCAS = 0xae;

type Compare = (test: TestCase, native: Outcome, core: Outcome) => readonly string[];

/**
 * What differs between the processor's outcome and the core's, given the freedom that processors take with CMPS: no
 * manual says which of its operands is tried first. Zen 5 begins with DS:[rSI], as the core does, Zen 3 with ES:[rDI].
 * So where both are at fault for the same element, the processor may report the second one's fault, and no other.
 */
export function compareWithCore(
  test: TestCase,
  native: Outcome,
  core: CoreRunner,
  compare: Compare = differences,
): readonly string[] {
  const outcome = core.run(test);
  const lines = compare(test, native, outcome);
  if (lines.length === 0 || !isAddressFault(native.vector) || !isAddressFault(outcome.vector)) return lines;
  const sameElement = native.state.gpr.every((word, i) => word === outcome.state.gpr[i]);
  const second = sameElement ? readingTarget(test, native) : undefined;
  return second && differences(second, native, core.run(second)).length === 0 ? [] : lines;
}

/** SCAS reads ES:[rDI] alone. @returns it, from where the processor stopped; undefined if the case is not CMPS */
function readingTarget(test: TestCase, native: Outcome): TestCase | undefined {
  const code = Array.from(test.code);
  const opcode = code.findIndex((byte, i) => !PREFIXES.includes(byte) && !isRex(test, code, i));
  if ((code[opcode] & ~1) !== CMPS) return undefined;
  const result = test.copy();
  code[opcode] = SCAS | (code[opcode] & 1);
  result.setCode(code, test.mode);
  result.state.words.set(native.state.words);
  return result;
}

function isRex(test: TestCase, code: readonly number[], at: number): boolean {
  return test.mode === 0 && at === code.length - 2 && (code[at] & 0xf0) === 0x40;
}
