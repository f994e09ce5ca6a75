#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { bootCases } from './osv/boot-cases.js';
import { CaseFailed, RunnerError } from './osv/errors.js';
import { Files, FILES } from './osv/files.js';
import { markdownTable, progressLine, summary } from './osv/report.js';
import { serverCases } from './osv/server-cases.js';

/** @import { Case, Context } from './osv/boot-cases.js' */
/** @import { Outcome } from './osv/report.js' */

const HELP = `Usage: npm run test:osv -- --files FOLDER [options]

Boots OSv in every way that it and tsvmm have in common, and puts servers in it under load. docs/booting-osv.md says how
the kernels and disks are made; what is not there is skipped:
  ${Object.values(FILES).join('\n  ')}

  --files FOLDER     where they are (default: TSVMM_OSV_FILES)
  --only PATTERN     run the cases whose names match this regular expression; repeatable
  --accel NAME       wasm or kvm (default: wasm)
  --load SECONDS     how long memcached and redis are under load (default: 60)
  --timeout SECONDS  time limit of a boot (default: 120)
  --output           print what the guest of a failed case printed
  --list             only print the cases' names
  --help             show this

Programs that are used where they are installed: redis-benchmark (Debian's redis-tools), memcaslap and memccapable
(libmemcached-tools). The exit status is 0 when no case failed and one passed, 1 when one failed, 2 for bad usage.
`;

const ACCELERATORS = ['wasm', 'kvm'];
/** More than any window or ring holds. */
const BULK = 4 << 20;

function parseCommandLine() {
  try {
    return parseArgs({
      options: {
        files: { type: 'string' },
        only: { type: 'string', multiple: true, default: [] },
        accel: { type: 'string', default: 'wasm' },
        load: { type: 'string', default: '60' },
        timeout: { type: 'string', default: '120' },
        output: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new RunnerError(`${error instanceof Error ? error.message : error}\nTry --help.`);
  }
}

/**
 * @param {string} option
 * @param {string} text
 */
function parseSeconds(option, text) {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new RunnerError(`--${option} takes seconds, not "${text}"`);
  return Number(text) * 1000;
}

/** @param {string} text */
function parsePattern(text) {
  try {
    return new RegExp(text, 'i');
  } catch (error) {
    throw new RunnerError(`--only: ${error instanceof Error ? error.message : error}`);
  }
}

/**
 * @param {Case} which
 * @param {Context} context
 * @param {boolean} showOutput
 * @returns {Promise<Outcome>}
 */
async function runCase({ name, needs, run }, context, showOutput) {
  const missing = context.files.missing(needs);
  if (missing.length > 0) return { name, verdict: 'skip', details: `no ${missing.join(', ')}`, seconds: 0 };
  const started = performance.now();
  const end = (/** @type {'pass' | 'fail'} */ verdict, /** @type {string} */ details) => ({
    name,
    verdict,
    details,
    seconds: (performance.now() - started) / 1000,
  });
  try {
    return end('pass', await run(context));
  } catch (error) {
    // Whatever it is: the other cases tell more about it.
    if (showOutput && error instanceof CaseFailed) process.stdout.write(`${error.output.trimEnd()}\n`);
    return end('fail', error instanceof Error ? error.message : String(error));
  }
}

async function main() {
  const values = parseCommandLine();
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const patterns = values.only.map(parsePattern);
  const cases = [...bootCases, ...serverCases].filter(
    ({ name }) => patterns.length === 0 || patterns.some(pattern => pattern.test(name)),
  );
  if (cases.length === 0) throw new RunnerError('--only leaves no case. --list prints their names.');
  if (values.list) {
    for (const { name } of cases) process.stdout.write(`${name}\n`);
    return 0;
  }
  const folder = values.files ?? process.env.TSVMM_OSV_FILES;
  if (folder === undefined) throw new RunnerError("say where OSv's files are: --files FOLDER. See --help.");
  if (!ACCELERATORS.includes(values.accel)) throw new RunnerError('--accel takes wasm or kvm');
  const context = {
    files: new Files(folder),
    accel: /** @type {'wasm' | 'kvm'} */ (values.accel),
    timeoutMs: parseSeconds('timeout', values.timeout),
    loadMs: parseSeconds('load', values.load),
    bulk: BULK,
  };

  /** @type {Outcome[]} */
  const outcomes = [];
  for (const [index, which] of cases.entries()) {
    process.stderr.write(`[${index + 1}/${cases.length}] ${which.name}\n`);
    const outcome = await runCase(which, context, values.output);
    process.stderr.write(`${progressLine(outcome)}\n`);
    outcomes.push(outcome);
  }
  process.stdout.write(`${markdownTable(outcomes)}\n${summary(outcomes)}\n`);
  if (outcomes.some(({ verdict }) => verdict === 'fail')) return 1;
  if (outcomes.every(({ verdict }) => verdict === 'skip'))
    throw new RunnerError(`${folder} has nothing for any case`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof RunnerError)) throw error;
  process.stderr.write(`test-osv: ${error.message}\n`);
  process.exitCode = 2;
}
