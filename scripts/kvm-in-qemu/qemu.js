import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { HarnessError } from './errors.js';

/**
 * A first processor with SVM and nested paging: what kvm-amd needs to offer the same to its guests. Without XSAVE:
 * QEMU's TCG lets a nested guest's XSETBV through to the processor instead of leaving the guest.
 */
const CPU_MODEL = 'EPYC,+svm,+npt,-xsave';
const KERNEL_OPTIONS = [
  'console=ttyS0,115200',
  // A panic resets the machine at once, which -no-reboot turns into its end.
  'panic=-1',
  // No entropy source besides RDRAND: without this, node waits for the pool to fill.
  'random.trust_cpu=on',
  // Nothing in here is secret, and each mitigation is costly on a software CPU.
  'mitigations=off',
];
/** Lines of /init to this harness begin so; the command's own output is between `begin` and `end`. */
const MARKER = '@tsvmm@ ';
const TAIL_LINES = 40;
/** QEMU's own log of processor resets: 25 lines each. */
const RESET_LINES = 60;

/** The machine went away while its command ran, which no program in it can bring about: QEMU's or its kernel's fault. */
export class MachineEnded extends HarnessError {
  /** @override */
  name = 'MachineEnded';
}

/**
 * @typedef {object} MachineOptions
 * @property {string} kernel path of the bzImage
 * @property {string} initrd path
 * @property {string} results path of the file that receives the archive with the results
 * @property {string} log path of the file that receives the whole console output
 * @property {string} resets path of the file that receives QEMU's log of processor resets
 * @property {number} memoryMiB
 * @property {number} cpus
 * @property {number} timeoutSeconds when to give up
 * @property {boolean} interactive connects the terminal with the machine's console
 * @property {boolean} verbose shows the firmware's and the kernel's output too
 * @property {(line: string) => void} progress
 */

/**
 * Boots the machine on QEMU's software CPU and waits until it has powered off, showing the command's output.
 *
 * @param {MachineOptions} options
 * @returns {Promise<void>}
 * @throws {MachineEnded} when the machine ends before its command does
 * @throws {HarnessError} when QEMU fails, the machine says that it cannot go on, or the time is up
 */
export async function runMachine(options) {
  const { interactive, timeoutSeconds, progress } = options;
  const qemu = spawn('qemu-system-x86_64', machineArguments(options), {
    stdio: interactive ? 'inherit' : ['ignore', 'pipe', 'pipe'],
  });
  const end = new Promise((resolve, reject) => {
    qemu.on('error', error => reject(new HarnessError(`cannot run QEMU: ${error.message}`)));
    qemu.on('close', (status, signal) => resolve({ status, signal }));
  });
  const stop = () => qemu.kill('SIGKILL');
  process.once('exit', stop);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    stop();
  }, timeoutSeconds * 1000);
  try {
    const console = interactive ? undefined : followConsole(qemu, options);
    const { status, signal } = await end;
    const tail = await console?.done;
    if (timedOut) {
      throw new HarnessError(
        `gave up after ${timeoutSeconds} s (see --timeout); the console's last lines:\n${tail ?? ''}`,
      );
    }
    if (status !== 0)
      throw new HarnessError(
        `QEMU ended with ${signal ?? `status ${status}`}:\n${console?.diagnosis() ?? ''}`,
      );
    if (console?.error) throw new HarnessError(console.error);
    if (console && !console.finished) {
      const resets = (await readFile(options.resets, 'utf8')).split('\n').slice(-RESET_LINES).join('\n');
      throw new MachineEnded(
        `the machine ended before its command did; the console's last lines:\n${tail}\nIts last resets:\n${resets}`,
      );
    }
    progress('the machine has powered off');
  } finally {
    clearTimeout(timer);
    process.removeListener('exit', stop);
  }
}

/** @param {MachineOptions} options */
function machineArguments({ kernel, initrd, results, memoryMiB, cpus, interactive, verbose, log, resets }) {
  const console = interactive
    ? `stdio,id=console,mux=off,signal=off,logfile=${log}`
    : 'stdio,id=console,signal=off';
  return [
    ['-machine', 'q35,accel=tcg'],
    ['-cpu', CPU_MODEL],
    ['-smp', String(cpus)],
    ['-m', `${memoryMiB}M`],
    ['-display', 'none'],
    ['-nodefaults', '-no-user-config', '-no-reboot'],
    ['-kernel', kernel],
    ['-initrd', initrd],
    ['-append', [...KERNEL_OPTIONS, verbose ? 'earlyprintk=ttyS0' : 'quiet'].join(' ')],
    ['-chardev', console],
    ['-serial', 'chardev:console'],
    ['-serial', `file:${results}`],
    ['-d', 'cpu_reset', '-D', resets],
  ].flat();
}

/**
 * Reads the console's output line by line.
 *
 * @param {import('node:child_process').ChildProcess} qemu
 * @param {MachineOptions} options
 */
function followConsole(qemu, { log, verbose, progress }) {
  if (!qemu.stdout || !qemu.stderr) throw new TypeError('QEMU was started without pipes');
  const file = createWriteStream(log);
  /** @type {string[]} */
  const tail = [];
  let shown = false;
  let diagnosis = '';
  qemu.stderr.setEncoding('utf8').on('data', text => {
    diagnosis += text;
    if (verbose) process.stderr.write(text);
  });
  const follower = {
    finished: false,
    /** @type {string | undefined} */
    error: undefined,
    diagnosis: () => diagnosis.trim(),
    done: Promise.resolve(''),
  };
  const lines = createInterface({ input: qemu.stdout, crlfDelay: Infinity });
  lines.on('line', text => {
    // The test runner hides the cursor of what it takes for a terminal of its own.
    const line = text.replaceAll('\u001b[?25l', '').replaceAll('\u001b[?25h', '');
    file.write(`${line}\n`);
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
    const at = line.indexOf(MARKER);
    if (at < 0) {
      if (shown || verbose) process.stdout.write(`${line}\n`);
      return;
    }
    const [word, ...rest] = line
      .slice(at + MARKER.length)
      .trimEnd()
      .split(' ');
    if (word === 'begin') {
      shown = true;
      progress('KVM is ready; running the command');
    } else if (word === 'end') {
      shown = false;
      follower.finished = true;
    } else if (word === 'error') {
      follower.error = rest.join(' ');
    }
  });
  follower.done = new Promise(resolve => {
    lines.on('close', () => file.end(() => resolve(tail.join('\n'))));
  });
  return follower;
}
