import { HarnessError } from '../kvm-in-qemu/errors.js';
import { CaseFailed } from './errors.js';
import { markdownTable, progressLine, summary } from './report.js';

/** @import { Outcome } from './report.js' */

/** @typedef {'wasm' | 'kvm'} Accelerator */

const STRING = /** @type {const} */ ('string');
const BOOLEAN = /** @type {const} */ ('boolean');

/** What every runner of cases can be told, for `parseArgs`. */
export const CASE_OPTIONS = {
  only: { type: STRING, multiple: /** @type {const} */ (true), default: /** @type {string[]} */ ([]) },
  accel: { type: STRING, default: 'wasm' },
  output: { type: BOOLEAN, default: false },
  list: { type: BOOLEAN, default: false },
  help: { type: BOOLEAN, default: false },
};

/**
 * @param {string} text what `--accel` has got
 * @returns {Accelerator}
 */
export function parseAccelerator(text) {
  if (text !== 'wasm' && text !== 'kvm') throw new HarnessError('--accel takes wasm or kvm');
  return text;
}

/**
 * A whole number from 1 to 999999.
 *
 * @param {string} option
 * @param {string} text
 * @param {string} what it counts, for the message
 */
export function parseCount(option, text, what) {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new HarnessError(`--${option} takes ${what}, not "${text}"`);
  return Number(text);
}

/**
 * The cases whose names match one of the patterns that `--only` has got; without any, all of them.
 *
 * @template {{ readonly name: string }} T
 * @param {readonly T[]} cases
 * @param {readonly string[]} only
 */
export function chooseCases(cases, only) {
  const patterns = only.map(parsePattern);
  const chosen = cases.filter(
    ({ name }) => patterns.length === 0 || patterns.some(pattern => pattern.test(name)),
  );
  if (chosen.length === 0) throw new HarnessError('--only leaves no case. --list prints their names.');
  return chosen;
}

/** @param {string} text */
function parsePattern(text) {
  try {
    return new RegExp(text, 'i');
  } catch (error) {
    throw new HarnessError(`--only: ${error instanceof Error ? error.message : error}`);
  }
}

/**
 * Runs cases one after the other and reports what became of them.
 *
 * @template {{ readonly name: string }} T
 * @param {readonly T[]} cases
 * @param {object} how
 * @param {(which: T) => readonly string[]} how.missing what a case needs and is not there, in words
 * @param {(which: T) => Promise<string>} how.run says what was seen
 * @param {boolean} how.showOutput whether to print what the guest of a failed case printed
 * @param {string} how.nothing the message when every case was skipped
 * @returns {Promise<number>} the exit status
 */
export async function runCases(cases, { missing, run, showOutput, nothing }) {
  /** @type {Outcome[]} */
  const outcomes = [];
  for (const [index, which] of cases.entries()) {
    process.stderr.write(`[${index + 1}/${cases.length}] ${which.name}\n`);
    const outcome = await runCase(which.name, missing(which), () => run(which), showOutput);
    process.stderr.write(`${progressLine(outcome)}\n`);
    outcomes.push(outcome);
  }
  process.stdout.write(`${markdownTable(outcomes)}\n${summary(outcomes)}\n`);
  if (outcomes.some(({ verdict }) => verdict === 'fail')) return 1;
  if (outcomes.every(({ verdict }) => verdict === 'skip')) throw new HarnessError(nothing);
  return 0;
}

/**
 * @param {string} name
 * @param {readonly string[]} missing
 * @param {() => Promise<string>} run
 * @param {boolean} showOutput
 * @returns {Promise<Outcome>}
 */
async function runCase(name, missing, run, showOutput) {
  if (missing.length > 0) return { name, verdict: 'skip', details: `no ${missing.join(', ')}`, seconds: 0 };
  const started = performance.now();
  const end = (/** @type {'pass' | 'fail'} */ verdict, /** @type {string} */ details) => ({
    name,
    verdict,
    details,
    seconds: (performance.now() - started) / 1000,
  });
  try {
    return end('pass', await run());
  } catch (error) {
    // Whatever it is: the other cases tell more about it.
    if (showOutput && error instanceof CaseFailed) process.stdout.write(`${error.output.trimEnd()}\n`);
    return end('fail', error instanceof Error ? error.message : String(error));
  }
}

/**
 * What a runner is: its exit status is what `main` says, or 2 with one line where the user can do something about it.
 *
 * @param {string} program
 * @param {() => Promise<number>} main
 */
export async function runProgram(program, main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error;
    process.stderr.write(`${program}: ${error.message}\n`);
    process.exitCode = 2;
  }
}
