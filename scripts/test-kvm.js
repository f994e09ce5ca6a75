#!/usr/bin/env node
import { cp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { cacheFolder } from './kvm-in-qemu/cache.js';
import { HarnessError } from './kvm-in-qemu/errors.js';
import { buildImage, guestFiles, shellQuote } from './kvm-in-qemu/image.js';
import { signalStatus } from './kvm-in-qemu/process.js';
import { MachineLost, runMachine } from './kvm-in-qemu/qemu.js';
import { unpackResults } from './kvm-in-qemu/results.js';
import { keepTemporary, removeTemporary, temporaryFolder } from './kvm-in-qemu/temporary.js';
import { TEST_TIMEOUT_SECONDS, TRIES } from './kvm-in-qemu/test-limits.js';
import { checkTools } from './kvm-in-qemu/tools.js';

const HELP = `Usage: npm run test:kvm -- [options] [test file filter…]
       node scripts/test-kvm.js --shell [options] [-- command…]

Runs the guest tests on real KVM with hardware semantics, on any x86-64 machine: Debian's kernel with its kvm-amd
module runs on QEMU's software CPU, which has SVM and nested paging. Slow, but right in behaviour.

  --shell              run a command line instead of the tests; without one, an interactive shell
  --extra PATH[:FILE]  put FILE (or folder) into the machine at PATH; without FILE, at the path that it has here
  --program NAME       put this program of the host's into the machine, with its libraries
  --machines N         spread the test files over so many machines, one after the other (default 4; with a filter 1);
                       files whose machine goes away under them get a second one
  --results FOLDER     keep what the command leaves in /results: the tests a report in vitest's JSON format, of each
                       machine in 1/report.json and so on
  --timeout SECONDS    give up on a machine after that long (default 1500; interactive: never)
  --cpus N             processors of the machine for the command (default 2)
  --memory MIB         memory of the machine (default 3072)
  --print-guests       only make the guest kernels for tests, and print where they are as shell assignments
  --keep               keep the working folder: the initial RAM disk and the console's log
  --verbose            show all of the console, from the firmware on
  --help               show this

Environment:
  TSVMM_CACHE          cache folder (default: .cache in the repository)
  TSVMM_KVM_COMMAND    command line to run instead of the test runner
  TSVMM_OSV_KERNEL     OSv's kernel.elf, for the tests that boot it
  TSVMM_OSV_FILES      folder with OSv's kernels and disks, for the tests of its devices: see docs/booting-osv.md
`;

/** Variables that the command sees as they are here. */
const PASSED_ON = ['CI', 'DEBUG', 'FORCE_COLOR', 'NODE_OPTIONS', 'NO_COLOR'];

/** A test prints its line when its last try is over; the rest is for what comes between two tests. */
const SILENCE_SECONDS = TRIES * TEST_TIMEOUT_SECONDS + 60;

const started = performance.now();

/** @param {string} line */
function progress(line) {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6);
  process.stderr.write(`[${seconds} s] ${line}\n`);
}

function parseCommandLine() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        shell: { type: 'boolean', default: false },
        extra: { type: 'string', multiple: true, default: [] },
        program: { type: 'string', multiple: true, default: [] },
        machines: { type: 'string' },
        results: { type: 'string' },
        timeout: { type: 'string' },
        cpus: { type: 'string', default: '2' },
        memory: { type: 'string', default: '3072' },
        'print-guests': { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        verbose: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new HarnessError(`${error instanceof Error ? error.message : error}\nTry --help.`);
  }
}

/**
 * @param {string} option
 * @param {string} text
 * @param {number} minimum
 */
function parseCount(option, text, minimum) {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= minimum))
    throw new HarnessError(`--${option} takes a whole number from ${minimum} on, not "${text}"`);
  return value;
}

/**
 * @param {string} text
 * @returns {[path: string, source: string]}
 */
function parseExtra(text) {
  const [path = '', source = path] = text.split(':', 2);
  return [resolve(path), resolve(source)];
}

/**
 * The commands to run inside, each in a machine of its own.
 *
 * @param {boolean} shell
 * @param {string[]} words
 * @param {number} machines
 */
function commandLines(shell, words, machines) {
  if (shell) return [words.length > 0 ? words.map(shellQuote).join(' ') : 'exec sh -i'];
  if (process.env.TSVMM_KVM_COMMAND) return [process.env.TSVMM_KVM_COMMAND];
  const runner = 'node node_modules/vitest/vitest.mjs run --config scripts/kvm-in-qemu/vitest.config.js';
  return Array.from({ length: machines }, (_, index) =>
    ['exec', runner, `--shard=${index + 1}/${machines}`, ...words.map(shellQuote)].join(' '),
  );
}

/** @returns {Record<string, string>} */
function commandEnvironment() {
  /** @type {Record<string, string>} */
  const environment = { TSVMM_IN_QEMU: '1' };
  if (!process.stdout.isTTY) environment.NO_COLOR = '1';
  for (const name of PASSED_ON) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}

async function main() {
  const { values, positionals } = parseCommandLine();
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  checkTools();
  if (values['print-guests']) {
    for (const [name, path] of Object.entries(await guestFiles(progress))) {
      process.stdout.write(`export ${name}=${shellQuote(path)}\n`);
    }
    return 0;
  }
  const interactive = values.shell && positionals.length === 0;
  const timeout = values.timeout ?? (interactive ? '2147483' : '1500');
  const options = {
    cpus: parseCount('cpus', values.cpus, 1),
    memoryMiB: parseCount('memory', values.memory, 1024),
    timeoutSeconds: parseCount('timeout', timeout, 1),
    silenceSeconds: values.shell ? undefined : SILENCE_SECONDS,
    verbose: values.verbose,
    interactive,
    progress,
  };
  const machines = parseCount('machines', values.machines ?? (positionals.length > 0 ? '1' : '4'), 1);
  const commands = commandLines(values.shell, positionals, machines);
  let worst = 0;
  for (const [index, command] of commands.entries()) {
    const name = String(index + 1);
    const job = {
      command,
      environment: commandEnvironment(),
      extra: values.extra.map(parseExtra),
      programs: values.program,
    };
    const run = () =>
      runJob(job, options, values.keep, values.results && resolve(values.results, values.shell ? '' : name));
    if (commands.length > 1) progress(`machine ${name} of ${commands.length}`);
    const status = await run().catch(error => {
      if (!(error instanceof MachineLost) || values.shell) throw error;
      progress(`${error.message}\nOnce more, in a new machine.`);
      return run();
    });
    progress(`the command's exit status is ${status}`);
    worst = Math.max(worst, status);
  }
  return worst;
}

/**
 * @param {import('./kvm-in-qemu/image.js').Job} job
 * @param {Omit<import('./kvm-in-qemu/qemu.js').MachineOptions, 'kernel' | 'initrd' | 'results' | 'log' | 'resets' | 'monitor'>} options
 * @param {boolean} keep whether the working folder stays
 * @param {string | undefined} results where to put what the command leaves
 * @returns {Promise<number>} the command's exit status
 */
async function runJob(job, options, keep, results) {
  const folder = await temporaryFolder(join(cacheFolder(), 'runs', 'run-'));
  if (keep) {
    keepTemporary(folder);
    progress(`working in ${folder}`);
  }
  const initrd = join(folder, 'initrd');
  const { kernel, size } = await buildImage(initrd, job, progress);
  progress(`initial RAM disk of ${Math.round(size / 2 ** 20)} MiB made; booting`);
  const archive = join(folder, 'results.tar');
  await runMachine({
    ...options,
    kernel,
    initrd,
    results: archive,
    log: join(folder, 'console.log'),
    resets: join(folder, 'resets.log'),
    // Not in the cache: the path of a socket has at most 107 characters (unix(7)).
    monitor: join(await temporaryFolder(join(tmpdir(), 'tsvmm-kvm-')), 'monitor'),
  });
  const unpacked = join(folder, 'results');
  const status = await unpackResults(archive, unpacked);
  if (results) await cp(unpacked, results, { recursive: true });
  if (!keep) await removeTemporary(folder);
  return status;
}

process.stdout.on('error', error => {
  // Whoever reads the output has seen enough, as in "… | head".
  if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EPIPE') process.exit(signalStatus('SIGPIPE'));
  throw error;
});
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.once(signal, () => process.exit(signalStatus(signal)));
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof HarnessError)) throw error;
  process.stderr.write(`test-kvm: ${error.message}\n`);
  process.exitCode = 2;
}
