import { Command, Option } from 'commander';
import { ConfigError } from '../errors.js';
import { BOOT_PROTOCOLS } from '../vmm/boot/protocol.js';
import type { PanicAction } from '../vmm/power-switch.js';
import type { InstructionCounting } from '../vmm/instruction-time.js';
import type { RecordingOptions } from '../profile/recording-options.js';
import { KVM_DEVICE } from '../vmm/machine/kvm-device.js';
import type { MachineOptions, ModuleOption } from '../vmm/machine/options.js';
import type { CpuOption } from '../vmm/machine/cpu-options.js';
import type { HpetOption } from '../vmm/machine/hpet-options.js';
import type { VirtioInterface } from '../vmm/machine/virtio-interface.js';
import type { MachineTypeOption } from '../vmm/machine/machine-parts.js';
import { ACCELERATORS, type AcceleratorName } from '../vmm/machine/protocol.js';
import { ACTION_SYNTAX, parseAction } from './parse-action.js';
import { CPU_SYNTAX, parseCpu } from './parse-cpu.js';
import { applyDevices, DEVICE_SYNTAX, parseDevice, type DeviceFlag } from './devices/parse-device.js';
import { planConsoles } from './devices/consoles.js';
import { HPET_SYNTAX, parseHpet } from './parse-hpet.js';
import { MACHINE_SYNTAX, parseMachine } from './parse-machine.js';
import { NET_SYNTAX, parseNet } from './parse-net.js';
import { CHARDEV_SYNTAX } from './parse-chardev.js';
import { CONSOLE_SYNTAX } from './parse-console.js';
import {
  profileOptions,
  checkOutputs,
  profileRequest,
  type ProfileFlags,
  type ProfileRequest,
} from './profile/options.js';
import { MONITOR_SYNTAX, parseMonitorSpec } from './monitor/spec.js';
import { DISK_HELP, DISK_SYNTAX, parseDisk } from './parse-disk.js';
import { EXIT_STATUSES } from './exit-statuses.js';
import {
  gather,
  once,
  parseChoice,
  parseCount,
  parseDate,
  parseMemory,
  parsePath,
  parsePattern,
  parseTime,
} from './parse.js';
import {
  checkDistinct,
  checkNotOverwritten,
  parseSerialSpecs,
  SERIAL_SYNTAX,
  type SerialSpec,
} from './serial/spec.js';

export interface RunFlags extends ProfileFlags {
  readonly accel: 'auto' | AcceleratorName;
  readonly memory: number;
  readonly cpus: number;
  readonly append?: string;
  readonly initrd?: string;
  readonly module?: readonly string[];
  readonly boot: MachineOptions['boot'] & string;
  readonly serial?: readonly string[];
  readonly timeout?: number;
  readonly exitOn?: string | RegExp;
  readonly kvmDevice?: string;
  readonly icount?: true;
  readonly icountShift?: number;
  readonly rtcBase?: number;
  readonly seed?: number;
  readonly acpi: boolean;
  readonly machine?: MachineTypeOption;
  readonly action?: PanicAction;
  readonly hpet?: boolean | HpetOption;
  readonly cpu?: CpuOption;
  readonly pci: boolean;
  readonly disk?: readonly string[];
  readonly net?: readonly string[];
  readonly device?: readonly DeviceFlag[];
  readonly rng?: boolean | VirtioInterface;
  readonly reboot?: true;
  readonly console?: readonly string[];
  readonly chardev?: readonly string[];
  readonly monitor?: SerialSpec;
  readonly verbose?: true;
}

const HELP = `
SIZE takes K, M, G and T; TIME takes ms, s, m and h; PATTERN is a text or a /regular expression/.

Serial ports and consoles (WHERE):
  stdio      the terminal or pipes of tsvmm. On a terminal, Ctrl-A h lists the keys, Ctrl-A x quits.
  file:PATH  a file, written anew, or a FIFO that somebody reads; output only
  pty        a new pseudo-terminal, whose name is told on stderr
  unix:PATH  a socket that listens there for one client at a time. Its file is removed at the end; one that a
             killed process left is replaced.
  none       nothing
  chardev:ID the --chardev of that id; of --serial
The guest waits while its output is not taken; where nobody is connected (pty, unix), the last 64 KiB wait for the
next reader instead.

Machines: pc has a PCI bus and the devices of a PC; microvm has virtio devices at fixed addresses, no PCI, PIC or PIT.
auto-kernel-cmdline says whether those are announced on the command line too (virtio_mmio.device=).

Disks: image files or block devices, as virtio block devices. A comma in the file's name is written twice.
${DISK_HELP.replace(/^/gm, '  ')}

Networks (KEY=VALUE), each with a virtio network card:
  user    a network of its own, behind which is what this user can reach: hostfwd=tcp::8080-:80 forwards a port of the
          host; net, host, dns, dhcpstart, ipv4, ipv6, restrict, hostname, dnssearch, guestfwd, … as QEMU has them
  tap     an interface of the host: ifname=tap0
  stream  frames over a unix socket, for QEMU's -netdev stream and passt: path=SOCKET, server=on|off, reconnect=SECONDS
  hub     a segment that the cards of this process share: name=NAME
  none    nobody
Of the card: mac=52:54:00:12:34:56, mtu=BYTES, queues=PAIRS, vectors=N, interface (as of disks), pcap=FILE: a recording.

Exit status:
${EXIT_STATUSES.map(([status, meaning]) => `  ${status.padEnd(9)}  ${meaning}`).join('\n')}`;

/** @param kernelArguments what follows `--` */
export function runCommand(kernelArguments: readonly string[]): Command {
  return commandOf('run', 'Boot a kernel and connect its serial port to the terminal.', kernelArguments);
}

/** The same, and records every exit. @param kernelArguments what follows `--` */
export function profileCommand(kernelArguments: readonly string[]): Command {
  return commandOf(
    'profile',
    'Run a kernel and record every exit to a file, for tsvmm report.',
    kernelArguments,
  );
}

function commandOf(
  name: 'run' | 'profile',
  description: string,
  kernelArguments: readonly string[],
): Command {
  const command = new Command(name)
    .description(description)
    .usage('[options] <kernel> [-- <kernel arguments>]')
    .argument('<kernel>', 'ELF, Linux bzImage or multiboot kernel', parsePath);
  for (const option of [...runOptions(), ...profileOptions(name)]) command.addOption(option);
  return command
    .addHelpText('after', HELP)
    .action((kernel: string, flags: RunFlags) =>
      run(kernel, kernelArguments, flags, profileRequest(name, flags)),
    );
}

/** The options of `tsvmm run`. */
export function runOptions(): Option[] {
  const accelerators = ['auto', ...ACCELERATORS];
  const protocols = ['auto', ...BOOT_PROTOCOLS];
  const single = <T>(flags: string, description: string, parse: (text: string) => T): Option => {
    const option = new Option(flags, description);
    return option.argParser(once(option.long!, parse));
  };
  return [
    single(
      '--accel <name>',
      `what executes the guest: ${list(accelerators)}; auto is KVM where it has hardware under it, else wasm`,
      parseChoice(accelerators),
    ).default('auto'),
    single('-M, --machine <type>', `what the guest runs on: ${MACHINE_SYNTAX}`, parseMachine).default(
      undefined,
      'pc',
    ),
    single('-m, --memory <size>', 'RAM', parseMemory).default(256 << 20, '256M'),
    single('-c, --cpus <count>', 'virtual CPUs', parseCount(1, 254)).default(1),
    single('-a, --append <text>', 'kernel command line; what follows -- is added to it', text => text),
    single('--initrd <file>', 'initial RAM disk', parsePath),
    new Option('--module <file>', "a further file for the kernel, or 'file arguments'; repeatable").argParser(
      gather,
    ),
    single(
      '--boot <protocol>',
      `how to enter the kernel: ${list(protocols)}`,
      parseChoice(protocols),
    ).default('auto'),
    new Option(
      '--serial <where>',
      `where com1 goes, the next one com2, up to com4: ${SERIAL_SYNTAX} (default: stdio)`,
    ).argParser(gather),
    single(
      '--monitor <where>',
      `where the monitor goes: ${MONITOR_SYNTAX} (see docs/monitor.md)`,
      parseMonitorSpec,
    ),
    new Option('--reboot', 'a reset by the guest starts the kernel again instead of ending the run'),
    single('--action <event>', `what happens when the guest panics (pvpanic): ${ACTION_SYNTAX}`, parseAction),
    single('--timeout <time>', 'end the run after this', parseTime),
    single('--exit-on <pattern>', 'end the run when com1 prints this', parsePattern),
    new Option('--disk <file>', `a disk: ${DISK_SYNTAX}; repeatable`).argParser(gather),
    new Option(
      '--net <network>',
      `a network card, and what it is connected to: ${NET_SYNTAX}; repeatable`,
    ).argParser(gather),
    new Option('--rng', 'a source of entropy: a virtio device'),
    new Option(
      '--device <name>',
      `a device by QEMU's words, or more of a disk, card or console: ${DEVICE_SYNTAX}; 'help' lists them; repeatable`,
    ).argParser((text: string, before: readonly DeviceFlag[] | undefined) => [
      ...(before ?? []),
      parseDevice(text),
    ]),
    new Option(
      '--console <where>',
      `a virtio console (hvc0 in Linux): ${CONSOLE_SYNTAX}; repeatable; with stdio, com1 goes nowhere by default`,
    ).argParser(gather),
    new Option(
      '--chardev <end>',
      `by QEMU's words, where a --device or --serial goes that names its id: ${CHARDEV_SYNTAX}; repeatable`,
    ).argParser(gather),
    new Option('--no-pci', 'a PC without a PCI bus: virtio devices at fixed addresses'),
    new Option('--no-acpi', 'no ACPI tables: the kernel finds its processors by the MP table'),
    single(
      '--hpet <timers>',
      `high precision event timers: ${HPET_SYNTAX}; a microvm has none by default`,
      parseHpet,
    ).default(undefined, '64'),
    single('--cpu <model>', `what the processors tell of themselves: ${CPU_SYNTAX}`, parseCpu),
    single('--kvm-device <path>', `the KVM device instead of ${KVM_DEVICE}; implies --accel kvm`, parsePath),
    new Option(
      '--icount',
      'virtual time follows from executed instructions, idle time is skipped: every run is the same; implies --accel wasm',
    ),
    single(
      '--icount-shift <n>',
      'with --icount: an instruction takes 2^n ns (default: 0)',
      parseCount(0, 10),
    ),
    single(
      '--rtc-base <time>',
      'with --icount: the time of day UTC at power-on (default: 2000-01-01)',
      parseDate,
    ),
    single(
      '--seed <n>',
      'with --icount: what RDRAND returns follows from it (default: 0)',
      parseCount(0, 2 ** 32 - 1),
    ),
    new Option('-v, --verbose', 'say on stderr what is done and how the run ended'),
  ];
}

function list(names: readonly string[]): string {
  return names.join(', ');
}

/** What the flags ask for: the machine, and where its ports go. @throws ConfigError */
export function planMachine(
  kernel: string,
  kernelArguments: readonly string[],
  written: RunFlags,
  profile?: ProfileRequest,
) {
  const flags = applyDevices(written);
  const { ports: consoles, device: consoleDevice, serial: ports } = planConsoles(flags);
  const monitor: SerialSpec = flags.monitor ?? { kind: 'none' };
  const further = [...consoles, { flag: '--monitor', spec: monitor }];
  const terminalTaken = further.some(({ spec }) => spec.kind === 'stdio');
  // The live view has the terminal to itself.
  const hidden = profile?.live === true && process.stderr.isTTY;
  const serial = parseSerialSpecs(ports ?? [terminalTaken || hidden ? 'none' : 'stdio']);
  checkDistinct([...serial.map(spec => ({ flag: '--serial', spec })), ...further]);
  const modules = (flags.module ?? []).map(parseModule);
  const disks = (flags.disk ?? []).map(parseDisk);
  const files = [...modules, ...disks].map(({ file }) => file);
  checkNotOverwritten(
    [...serial, ...further.map(({ spec }) => spec)],
    [kernel, flags.initrd ?? [], files].flat(2),
  );
  checkOutputs(profile, [kernel, flags.initrd ?? [], files].flat(2));
  const options = {
    ...machineOptions(kernel, kernelArguments, flags),
    modules,
    disks,
    serialPorts: serial.length,
    networks: (flags.net ?? []).map(parseNet),
    consoles: consoles.map(({ option }) => option),
    consoleDevice,
    ...(profile && { recording: recordingOf(profile, flags) }),
  };
  return { options, serial, consoles, monitor };
}

async function run(
  kernel: string,
  kernelArguments: readonly string[],
  flags: RunFlags,
  profile: ProfileRequest | undefined,
): Promise<void> {
  const { options, serial, consoles, monitor } = planMachine(kernel, kernelArguments, flags, profile);
  const icount = parseCounting(flags);
  const { runMachine } = await import('./run-machine.js');
  await runMachine(
    kernel,
    { ...options, ...(icount && { icount }) },
    {
      serial,
      consoles: consoles.map(({ spec }) => spec),
      monitor,
      verbose: flags.verbose ?? false,
      ...(profile && { profile }),
    },
  );
}

/** What the guest runs on. */
function boardOptions({ acpi, machine, hpet, cpu, pci }: RunFlags): Partial<MachineOptions> {
  return {
    acpi,
    ...(machine && { machine }),
    ...(hpet !== undefined && { hpet }),
    ...(cpu && { cpu }),
    ...(pci ? {} : { pci }),
  };
}

/** A trace or a timeline that lacks lines would mislead; the guest rather waits for it. */
function recordingOf(
  { symbols, stacks, samplePeriod, trace, bootTimeline }: ProfileRequest,
  { accel, kvmDevice, sample }: RunFlags,
): RecordingOptions {
  const counts = accel !== 'kvm' && kvmDevice === undefined;
  if (!counts && sample !== undefined && sample > 0)
    throw new ConfigError('--sample needs --accel wasm: KVM does not count instructions');
  return {
    stacks,
    lossless: trace !== undefined || bootTimeline,
    samplePeriod: counts ? samplePeriod : 0,
    debugFiles: symbols,
  };
}

function machineOptions(kernel: string, kernelArguments: readonly string[], flags: RunFlags): MachineOptions {
  const { accel, memory, cpus, boot, initrd, timeout, exitOn, kvmDevice, rng, reboot } = flags;
  const append = [flags.append ?? '', ...kernelArguments].filter(part => part !== '').join(' ');
  return {
    kernel,
    append,
    accel,
    memory,
    cpus,
    boot,
    ...boardOptions(flags),
    rng: rng ?? false,
    onReset: reboot ? 'reboot' : 'end',
    ...(flags.action && { onPanic: flags.action }),
    ...(kvmDevice !== undefined && { kvmDevice }),
    ...(initrd !== undefined && { initrd }),
    ...(timeout !== undefined && { timeoutMs: timeout }),
    ...(exitOn !== undefined && { exitOn }),
  };
}

/** @throws ConfigError for what counting needs, without it */
function parseCounting(flags: RunFlags): InstructionCounting | undefined {
  const { icount, icountShift: shift, rtcBase: epoch, seed } = flags;
  const given = {
    ...(shift !== undefined && { shift }),
    ...(epoch !== undefined && { epoch }),
    ...(seed !== undefined && { seed }),
  };
  if (icount) return given;
  if (shift !== undefined) throw new ConfigError('--icount-shift needs --icount');
  if (epoch !== undefined) throw new ConfigError('--rtc-base needs --icount');
  if (seed !== undefined) throw new ConfigError('--seed needs --icount');
  return undefined;
}

/** `FILE ARGUMENTS…`, as boot loaders write it. */
function parseModule(text: string): ModuleOption & { readonly file: string } {
  const [file, ...words] = text.trim().split(/\s+/);
  if (file === '') throw new ConfigError("--module needs a file: --module 'file arguments'");
  return { file, arguments: words.join(' ') };
}
