import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { HarnessError } from './errors.js';
import { askMonitor } from './monitor.js';

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
  // For diagnose() below: Debian's default leaves the dumps of tasks out.
  'sysrq_always_enabled',
];
/** Lines of /init to this harness begin so; the command's own output is between `begin` and `end`. */
const MARKER = '@tsvmm@ ';
const TAIL_LINES = 40;
/** QEMU's own log of processor resets: 25 lines each. */
const RESET_LINES = 60;

/** What the kernel of the machine prints, and not the command in it. */
const KERNEL_LINE = /^\[ *\d+\.\d+\] /;

/** The machine went away or stood still while its command ran: QEMU's or its kernel's fault, not that of its programs. */
export class MachineLost extends HarnessError {
  /** @override */
  name = 'MachineLost';
}

/**
 * @typedef {object} MachineOptions
 * @property {string} kernel path of the bzImage
 * @property {string} initrd path
 * @property {string} results path of the file that receives the archive with the results
 * @property {string} log path of the file that receives the whole console output
 * @property {string} resets path of the file that receives QEMU's log of processor resets
 * @property {string} monitor path of the socket of QEMU's monitor
 * @property {number} memoryMiB
 * @property {number} cpus for the command
 * @property {number} timeoutSeconds when to give up
 * @property {number | undefined} silenceSeconds when to take a machine that prints nothing for lost; undefined: never
 * @property {boolean} interactive connects the terminal with the machine's console
 * @property {boolean} verbose shows the firmware's and the kernel's output too
 * @property {(line: string) => void} progress
 */

/**
 * Boots the machine on QEMU's software CPU and waits until it has powered off, showing the command's output.
 *
 * @param {MachineOptions} options
 * @returns {Promise<void>}
 * @throws {MachineLost} when the machine ends before its command does, or is silent for too long
 * @throws {HarnessError} when QEMU fails, the machine says that it cannot go on, or the time is up
 */
export async function runMachine(options) {
  const { interactive, timeoutSeconds, silenceSeconds, progress } = options;
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
  /** @type {Promise<string> | undefined} */
  let silent;
  const onSilence = () => {
    progress(`the machine has printed nothing for ${silenceSeconds} s; asking it why`);
    silent = diagnose(options.monitor).finally(stop);
  };
  try {
    const console = interactive ? undefined : followConsole(qemu, options, onSilence);
    const { status, signal } = await end;
    const tail = await console?.done;
    if (silent) {
      throw new MachineLost(
        `the machine printed nothing for ${silenceSeconds} s; its processors:\n${await silent}\nThe console's last lines:\n${tail}`,
      );
    }
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
      throw new MachineLost(
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
function machineArguments(options) {
  const { kernel, initrd, results, memoryMiB, cpus, interactive, verbose, log, resets, monitor } = options;
  const console = interactive
    ? `stdio,id=console,mux=off,signal=off,logfile=${log}`
    : 'stdio,id=console,signal=off';
  return [
    ['-machine', 'q35,accel=tcg'],
    ['-cpu', CPU_MODEL],
    // One more, which the command does not use: see init.sh.
    ['-smp', String(cpus + 1)],
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
    ['-qmp', `unix:${monitor},server=on,wait=off`],
  ].flat();
}

/**
 * What a machine that stands still is at: its kernel prints its blocked tasks and what each processor runs.
 *
 * @param {string} monitor path of the socket of QEMU's monitor
 * @returns {Promise<string>} the registers of all processors, twice
 */
async function diagnose(monitor) {
  const registers = 'info registers -a';
  try {
    const before = await askMonitor(monitor, [
      registers,
      // All levels of messages; blocked tasks; backtraces.
      'sendkey alt-sysrq-9',
      'sendkey alt-sysrq-w',
      'sendkey alt-sysrq-l',
      'info jit',
    ]);
    // For what the keys bring about: they are pressed and released in the machine's own time.
    await sleep(10_000);
    return `${before}\n${await askMonitor(monitor, [registers])}`;
  } catch (error) {
    return `QEMU's monitor does not answer: ${error instanceof Error ? error.message : error}`;
  }
}

/**
 * Reads the console's output line by line.
 *
 * @param {import('node:child_process').ChildProcess} qemu
 * @param {MachineOptions} options
 * @param {() => void} onSilence called once, when the command has printed nothing for `silenceSeconds`
 */
function followConsole(qemu, { log, verbose, silenceSeconds, progress }, onSilence) {
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
  /** @type {NodeJS.Timeout | undefined} */
  let silence;
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
      if (!KERNEL_LINE.test(line)) silence?.refresh();
      return;
    }
    const [word, ...rest] = line
      .slice(at + MARKER.length)
      .trimEnd()
      .split(' ');
    if (word === 'begin') {
      shown = true;
      progress('KVM is ready; running the command');
      if (silenceSeconds) silence = setTimeout(onSilence, silenceSeconds * 1000);
    } else if (word === 'end') {
      shown = false;
      clearTimeout(silence);
      follower.finished = true;
    } else if (word === 'error') {
      follower.error = rest.join(' ');
    }
  });
  follower.done = new Promise(resolve => {
    lines.on('close', () => {
      clearTimeout(silence);
      file.end(() => resolve(tail.join('\n')));
    });
  });
  return follower;
}
