import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { ConfigError } from '../errors.js';
import { createMachine, type Machine, type RunResult } from '../index.js';
import { BOOT_PROTOCOLS } from '../vmm/boot/protocol.js';
import type { MachineOptions, ModuleOption } from '../vmm/machine/options.js';
import { ACCELERATORS } from '../vmm/machine/protocol.js';
import { gather, parseCount, parseMemory, parsePattern, parseTime } from './parse.js';
import { reportEnd } from './report-end.js';
import { checkSerialSpec, connectSerial, SERIAL_SYNTAX } from './serial-backends.js';

interface RunFlags {
  readonly accel: MachineOptions['accel'] & string;
  readonly memory: number;
  readonly cpus: number;
  readonly append?: string;
  readonly initrd?: string;
  readonly module?: readonly string[];
  readonly boot: MachineOptions['boot'] & string;
  readonly serial?: readonly string[];
  readonly timeout?: number;
  readonly exitOn?: string | RegExp;
  readonly kvmDevice: string;
  readonly verbose?: true;
}

const STATUSES = `
Exit status:
  0      the guest powered off or reset the machine, or --exit-on matched
  N      the guest wrote N to the debug exit port 0xF4 (255 for more than that)
  2      bad input: a flag, a file, or a host that cannot do it
  124    --timeout passed
  125    tsvmm or the accelerator failed
  126    the guest halted with interrupts off on every CPU
  127    triple fault
  130    stopped from the keyboard (Ctrl-A x, SIGINT)
  143    stopped by SIGTERM

With --serial stdio on a terminal, Ctrl-A h lists the keys and Ctrl-A x quits.`;

export function runCommand(): Command {
  return new Command('run')
    .description('Boot a kernel and connect its serial port to the terminal.')
    .argument('<kernel>', 'ELF, Linux bzImage or multiboot kernel')
    .argument('[arguments...]', 'after --: more words for the kernel command line')
    .addOption(
      new Option('--accel <name>', 'what executes the guest')
        .choices(['auto', ...ACCELERATORS])
        .default('auto'),
    )
    .addOption(
      new Option('-m, --memory <size>', 'RAM: 256M, 2G, …').argParser(parseMemory).default(256 << 20, '256M'),
    )
    .addOption(new Option('-c, --cpus <count>', 'virtual CPUs').argParser(parseCount).default(1))
    .option('-a, --append <text>', 'kernel command line')
    .option('--initrd <file>', 'initial RAM disk')
    .option(
      '--module <file [arguments]>',
      'a further file for the kernel; may be given several times',
      gather,
    )
    .addOption(
      new Option('--boot <protocol>', 'how to enter the kernel')
        .choices(['auto', ...BOOT_PROTOCOLS])
        .default('auto'),
    )
    .option('--serial <where>', `com1, then com2, …: ${SERIAL_SYNTAX} (default: stdio)`, gather)
    .addOption(new Option('--timeout <time>', 'end the run after this: 30, 500ms, 2m').argParser(parseTime))
    .addOption(
      new Option('--exit-on <pattern>', 'end the run when com1 prints this text or /regexp/').argParser(
        parsePattern,
      ),
    )
    .addOption(new Option('--kvm-device <path>', 'the KVM device').default('/dev/kvm'))
    .option('-v, --verbose', 'say on stderr what is done and how the run ended')
    .addHelpText('after', STATUSES)
    .action(run);
}

async function run(kernel: string, words: readonly string[], flags: RunFlags): Promise<void> {
  const serial = flags.serial ?? ['stdio'];
  serial.forEach(checkSerialSpec);
  if (serial.filter(spec => spec === 'stdio').length > 1) {
    throw new ConfigError('only one serial port can have the terminal: --serial stdio was given twice');
  }
  const tell = (line: string): void => void process.stderr.write(`tsvmm: ${line}\n`);
  const machine = await createMachine(machineOptions(kernel, words, flags, serial.length));
  if (flags.verbose) tell(`boots ${kernel} by ${machine.bootProtocol.title}`);
  try {
    const result = await runConnected(machine, serial, tell);
    reportEnd(result, { kernel: readFileSync(kernel), verbose: flags.verbose ?? false, tell });
    process.exitCode = result.status;
  } finally {
    await machine.close();
  }
}

/** Runs with the serial ports connected, until all that the guest sent has gone out. */
async function runConnected(
  machine: Machine,
  serial: readonly string[],
  tell: (line: string) => void,
): Promise<RunResult & { readonly status: number }> {
  const quit = (): void => void machine.stop();
  const backends = [];
  let signalled: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    signalled = signal === 'SIGINT' ? 130 : signal === 'SIGHUP' ? 129 : 143;
    quit();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  try {
    for (const [i, spec] of serial.entries()) {
      backends.push(await connectSerial(machine.serialPorts[i], spec, { quit, tell }));
    }
    const result = await machine.run();
    await Promise.all(backends.map(backend => backend.finished));
    return result.reason === 'stopped' && signalled !== undefined ? { ...result, status: signalled } : result;
  } finally {
    for (const backend of backends) backend.close();
    for (const signal of signals) process.off(signal, onSignal);
  }
}

function machineOptions(
  kernel: string,
  words: readonly string[],
  flags: RunFlags,
  serialPorts: number,
): MachineOptions {
  const { accel, memory, cpus, boot, initrd, timeout, exitOn, kvmDevice } = flags;
  const append = [flags.append ?? '', ...words].filter(part => part !== '').join(' ');
  return {
    kernel,
    append,
    accel,
    memory,
    cpus,
    boot,
    kvmDevice,
    serialPorts,
    modules: (flags.module ?? []).map(parseModule),
    ...(initrd !== undefined && { initrd }),
    ...(timeout !== undefined && { timeoutMs: timeout }),
    ...(exitOn !== undefined && { exitOn }),
  };
}

/** `FILE ARGUMENTS…`, as boot loaders write it. */
function parseModule(text: string): ModuleOption {
  const [file, ...words] = text.trim().split(/\s+/);
  if (file === '') throw new ConfigError('--module needs a file');
  return { file, arguments: words.join(' ') };
}
