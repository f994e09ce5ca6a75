#!/usr/bin/env node
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { RunnerError } from './kvm-unit-tests/errors.js';
import { qemuVersion, runOnQemu } from './kvm-unit-tests/on-qemu.js';
import { runOnTsvmm } from './kvm-unit-tests/on-tsvmm.js';
import { outcomeOf } from './kvm-unit-tests/outcome.js';
import { markdownTable, progressLine } from './kvm-unit-tests/report.js';
import { HOW_TO_BUILD, readSuite } from './kvm-unit-tests/suite.js';

/** @import { Outcome } from './kvm-unit-tests/outcome.js' */
/** @import { Job } from './kvm-unit-tests/suite.js' */

const HELP = `Usage: npm run kvm-unit-tests -- --tests FOLDER [options] [name…]

Runs kvm-unit-tests (x86), built elsewhere, on the software CPU (--accel wasm). Names are those of unittests.cfg.
To get them: ${HOW_TO_BUILD}

  --tests FOLDER     the built source folder, or its folder x86 (default: TSVMM_KVM_UNIT_TESTS)
  --against qemu     run each test in QEMU's TCG too (-cpu max), side by side
  --timeout SECONDS  time limit of each test (default: that of unittests.cfg)
  --results FOLDER   write results.json, results.md and each test's output there
  --verbose          print each test's output
  --help             show this

The exit status is 0 when no test failed, timed out or crashed on tsvmm; 1 when one did; 2 for bad usage.
`;

/** @type {Readonly<Record<string, typeof runOnTsvmm>>} */
const MACHINES = { tsvmm: runOnTsvmm, qemu: runOnQemu };

/** unittests.cfg itself keeps such tests from other accelerators. */
const FOR_KVM = /** @type {const} */ ({
  output: '',
  end: { kind: 'unavailable', reason: 'unittests.cfg: for KVM alone', seconds: 0 },
});

/** Failed sub-tests of a test that are printed; all are in the results. */
const SHOWN_FAILURES = 8;

function parseCommandLine() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        tests: { type: 'string' },
        against: { type: 'string' },
        timeout: { type: 'string' },
        results: { type: 'string' },
        verbose: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new RunnerError(`${error instanceof Error ? error.message : error}\nTry --help.`);
  }
}

/** @param {string | undefined} text */
function parseSeconds(text) {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d*$/.test(text)) throw new RunnerError(`--timeout takes seconds, not "${text}"`);
  return Number(text);
}

/**
 * @param {string} machine
 * @param {Job} job
 * @param {{ results: string | undefined, verbose: boolean }} options
 * @returns {Promise<Outcome>}
 */
async function runOne(machine, job, { results, verbose }) {
  const { name, accel } = job.test;
  const { output, end } = accel === 'kvm' ? FOR_KVM : await MACHINES[machine](job);
  const outcome = outcomeOf(output, end);
  if (verbose) process.stdout.write(output);
  process.stdout.write(`${progressLine(name, machine, outcome)}\n`);
  const { failed } = outcome;
  for (const what of failed.slice(0, SHOWN_FAILURES)) process.stdout.write(`    FAIL: ${what}\n`);
  if (failed.length > SHOWN_FAILURES)
    process.stdout.write(`    and ${failed.length - SHOWN_FAILURES} more\n`);
  if (results !== undefined) writeFileSync(join(results, `${name}.${machine}.log`), output);
  return outcome;
}

async function main() {
  const { values, positionals } = parseCommandLine();
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const { against, results, verbose } = values;
  const folder = values.tests ?? process.env.TSVMM_KVM_UNIT_TESTS;
  if (folder === undefined) throw new RunnerError('say where the tests are: --tests FOLDER. See --help.');
  if (against !== undefined && against !== 'qemu') throw new RunnerError('--against takes qemu');
  const machines = against === undefined ? ['tsvmm'] : ['tsvmm', against];
  const timeoutSeconds = parseSeconds(values.timeout);
  const { arch, jobs } = readSuite(folder, {
    names: positionals,
    ...(timeoutSeconds !== undefined && { timeoutSeconds }),
  });
  if (results !== undefined) mkdirSync(results, { recursive: true });

  /** @type {{ name: string, outcomes: Record<string, Outcome> }[]} */
  const rows = [];
  for (const job of jobs) {
    /** @type {Record<string, Outcome>} */
    const outcomes = {};
    for (const machine of machines) outcomes[machine] = await runOne(machine, job, { results, verbose });
    rows.push({ name: job.test.name, outcomes });
    if (results === undefined) continue;
    // After each test, so that what is there survives an interruption.
    const qemu = against === undefined ? undefined : await qemuVersion();
    writeFileSync(
      join(results, 'results.json'),
      `${JSON.stringify({ arch, qemu, tests: rows }, undefined, 2)}\n`,
    );
    writeFileSync(join(results, 'results.md'), markdownTable(rows, machines));
  }
  process.stdout.write(`\n${markdownTable(rows, machines)}`);
  const bad = rows.some(({ outcomes }) => !['pass', 'skip'].includes(outcomes.tsvmm.verdict));
  return bad ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof RunnerError)) throw error;
  process.stderr.write(`kvm-unit-tests: ${error.message}\n`);
  process.exitCode = 2;
}
