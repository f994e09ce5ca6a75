#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { HarnessError } from './kvm-in-qemu/errors.js';
import { findTool } from './kvm-in-qemu/tools.js';
import { netGuest } from './linux-net/guest.js';
import { iperf3Cases } from './linux-net/iperf3-cases.js';
import { peerCases } from './linux-net/peer-cases.js';
import { transferCases } from './linux-net/transfer-cases.js';
import { CaseFailed } from './osv/errors.js';
import { markdownTable, progressLine, summary } from './osv/report.js';

/** @import { Case, Context } from './linux-net/machine.js' */
/** @import { Outcome } from './osv/report.js' */

const HELP = `Usage: npm run test:linux-net -- [options]

Boots Debian's cloud kernel with Debian's network programs on the user network, and has them talk with servers and clients
on the host's loopback: DHCP, large files whose sums are compared, iperf3 both ways and through a port forward, dig, nc and
curl. The figures are of this host at this moment: on a busy one they say little.

  --only PATTERN   run the cases whose names match this regular expression; repeatable
  --accel NAME     wasm or kvm (default: wasm)
  --size MB        megabytes of a large file (default: 500)
  --time SECONDS   how long iperf3 measures (default: 10)
  --output         print what the guest of a failed case printed
  --list           only print the cases' names
  --help           show this

Environment:
  TSVMM_CACHE      cache folder for what is downloaded, about 60 MB (default: .cache in the repository)

Cases that need a program that is not installed here (iperf3, netcat-openbsd, curl) are skipped. The exit status is 0 when
no case failed and one passed, 1 when one failed, 2 for bad usage.
`;

const ACCELERATORS = ['wasm', 'kvm'];

function parseCommandLine() {
  try {
    return parseArgs({
      options: {
        only: { type: 'string', multiple: true, default: [] },
        accel: { type: 'string', default: 'wasm' },
        size: { type: 'string', default: '500' },
        time: { type: 'string', default: '10' },
        output: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new HarnessError(`${error instanceof Error ? error.message : error}\nTry --help.`);
  }
}

/**
 * @param {string} option
 * @param {string} text
 */
function parseCount(option, text) {
  if (!/^[1-9]\d{0,5}$/.test(text))
    throw new HarnessError(`--${option} takes a number from 1 on, not "${text}"`);
  return Number(text);
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
 * @param {Case} which
 * @param {Context} context
 * @param {boolean} showOutput
 * @returns {Promise<Outcome>}
 */
async function runCase({ name, needs = [], run }, context, showOutput) {
  const missing = needs.filter(([tool]) => !findTool(tool)).map(([tool, from]) => `no ${tool} (${from})`);
  if (missing.length > 0) return { name, verdict: 'skip', details: missing.join(', '), seconds: 0 };
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
  const cases = [...peerCases, ...transferCases, ...iperf3Cases].filter(
    ({ name }) => patterns.length === 0 || patterns.some(pattern => pattern.test(name)),
  );
  if (cases.length === 0) throw new HarnessError('--only leaves no case. --list prints their names.');
  if (values.list) {
    for (const { name } of cases) process.stdout.write(`${name}\n`);
    return 0;
  }
  if (!ACCELERATORS.includes(values.accel)) throw new HarnessError('--accel takes wasm or kvm');
  /** @type {Context} */
  const context = {
    accel: /** @type {'wasm' | 'kvm'} */ (values.accel),
    bytes: parseCount('size', values.size) * 1e6,
    seconds: parseCount('time', values.time),
    guest: await netGuest(line => process.stderr.write(`${line}\n`)),
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
  if (outcomes.every(({ verdict }) => verdict === 'skip')) throw new HarnessError('every case was skipped');
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof HarnessError)) throw error;
  process.stderr.write(`test-linux-net: ${error.message}\n`);
  process.exitCode = 2;
}
