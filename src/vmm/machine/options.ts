import type { DriverCheck } from '../../conformance/driver/driver-check.js';
import { ConfigError } from '../../errors.js';
import { checkRecording, type RecordingOptions } from '../../profile/recording-options.js';
import { BOOT_PROTOCOLS, type BootProtocolName } from '../boot/protocol.js';
import type { AccessSize, IrqLine } from '../device.js';
import {
  DEFAULT_EPOCH,
  type CheckedInstructionCounting,
  type InstructionCounting,
} from '../instruction-time.js';
import type { GuestMemory } from '../memory/guest-memory.js';
import { seededRandom } from '../seeded-random.js';
import { checkConsoles, type CheckedConsole, type ConsoleOption } from './console-options.js';
import { checkDisk, type CheckedDisk, type DiskOption } from './disk-options.js';
import { checkCpu, type CpuOption } from './cpu-options.js';
import { checkHpet, type HpetOption } from './hpet-options.js';
import { partsOf, type BoardParts, type MachineType, type MachineTypeOption } from './machine-parts.js';
import { PANIC_ACTIONS, RESET_ACTIONS, type PanicAction, type ResetAction } from '../power-switch.js';
import { ACCELERATORS, type AcceleratorName } from './protocol.js';
import { hostEntropy, seededEntropy } from './entropy.js';
import { checkNetwork, type CheckedNetwork, type NetworkOption } from './net-options.js';
import { checkInterface, countMmio, type VirtioInterface } from './virtio-interface.js';

/** A file, by path or by its bytes. */
export type FileSource = string | Uint8Array;

/** A file for the guest with its own command line. */
export interface ModuleOption {
  readonly file: FileSource;
  /** What the guest sees as the module's name; the file's name by default. */
  readonly name?: string;
  readonly arguments?: string;
}

/** A caller's own device: what answers a range of ports or of physical addresses. */
export interface CustomDevice {
  /** The value read, `size` bytes of it. May be a promise: the guest waits. */
  read?(offset: number, size: AccessSize): number | Promise<number>;
  write?(offset: number, size: AccessSize, value: number): void | Promise<void>;
  /** Called once before the guest starts. */
  attach?(context: CustomDeviceContext): void;
}

/** What a caller's own device may use of its machine. */
export interface CustomDeviceContext {
  readonly memory: GuestMemory;
  /** The interrupt that was asked for with `irq`. */
  readonly irq: IrqLine;
}

interface CustomDeviceRange {
  readonly name?: string;
  readonly size: number;
  /** Global system interrupt that the device may drive, 0 to 23. */
  readonly irq?: number;
  readonly device: CustomDevice;
}

/** A device on the caller's thread, at a port or at a physical address. */
export type DeviceOption =
  | (CustomDeviceRange & { readonly port: number })
  | (CustomDeviceRange & { readonly address: number })
  /** A module that the machine's own thread loads: its default export, called with a context and `options`, makes a `Device`. */
  | { readonly module: string | URL; readonly options?: unknown };

/** What a machine is made of. */
export interface MachineOptions {
  /** The kernel: a path, or the file's bytes. */
  readonly kernel: FileSource;
  /** The kernel's command line. */
  readonly append?: string;
  readonly initrd?: FileSource;
  readonly modules?: readonly (FileSource | ModuleOption)[];
  /** How to hand the machine to the kernel; by what the file is, by default. */
  readonly boot?: BootProtocolName | 'auto';
  /** RAM in bytes or as `"256M"`, `"2G"`; 256 MiB by default. */
  readonly memory?: number | string;
  /** Virtual CPUs; 1 by default. */
  readonly cpus?: number;
  /**
   * What executes the guest. `auto`, the default, measures: `kvm` where the processor executes guest code itself,
   * otherwise `wasm`.
   */
  readonly accel?: AcceleratorName | 'auto';
  /** The KVM device, `/dev/kvm` by default. Who names one asks for `kvm`. */
  readonly kvmDevice?: string;
  /**
   * Virtual time follows from executed instructions, and idle time is skipped: the same inputs give the same run, byte for
   * byte and instruction for instruction. `wasm` only. What is written to serial ports before `run()` is part of the
   * inputs; what comes later, by `pause()` or by devices of the caller, arrives when it arrives.
   */
  readonly icount?: boolean | InstructionCounting;
  /** Serial ports, 1 to 4; 1 by default. */
  readonly serialPorts?: number;
  /** Describe the machine by ACPI tables; true by default. Without them there is the MP table alone. */
  readonly acpi?: boolean;
  /** `pc` by default. */
  readonly machine?: MachineType | MachineTypeOption;
  /** High precision event timers at 0xFED00000; on a PC alone by default. */
  readonly hpet?: boolean | HpetOption;
  readonly cpu?: CpuOption;
  /** A PCI bus; true by default on a PC. Without one, virtio devices lie at fixed addresses. */
  readonly pci?: boolean;
  /** Disks, in the order in which the guest finds them. */
  readonly disks?: readonly DiskOption[];
  /** Network cards and what they are connected to, in the order in which the guest finds them. */
  readonly networks?: readonly NetworkOption[];
  /** A source of entropy for the guest, virtio-rng, maybe by an interface of its own; false by default. */
  readonly rng?: boolean | VirtioInterface;
  /** Ports of the guest's virtio console device: `machine.consoles`. */
  readonly consoles?: readonly ConsoleOption[];
  /** The device that has them, maybe by an interface of its own. True where there are any; false by default. */
  readonly consoleDevice?: boolean | VirtioInterface;
  readonly devices?: readonly DeviceOption[];
  /** Records every exit, for `machine.recording`. */
  readonly recording?: RecordingOptions;
  /** @internal Check the drivers of virtio devices against the specification: `tsvmm conformance driver`. */
  readonly driverCheck?: DriverCheck;
  /** What the guest's reset of the machine does: `end`, the default, ends the run, `reboot` starts the kernel again. */
  readonly onReset?: ResetAction;
  /** What the guest's word that it has panicked (pvpanic) does; `exit-failure` by default: the run ends with `panicked`. */
  readonly onPanic?: PanicAction;
  /** Ends the run after this many milliseconds. */
  readonly timeoutMs?: number;
  /** Ends the run when the first serial port's output matches. */
  readonly exitOn?: string | RegExp;
}

/** The longest time that a host timer can wait, in ms. */
const MAX_TIMEOUT = 2 ** 31 - 1;
/** The end of 2099, the last year of a real-time clock's century. */
const MAX_EPOCH = Date.UTC(2100, 0) - 1;
/** Interrupts that the board has. */
const INTERRUPTS = 24;
const DEFAULT_MEMORY = 256 << 20;
const UNITS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/**
 * A size in bytes: a number, or digits with K, M, G or T (powers of 1024).
 * @throws ConfigError for anything else
 */
export function parseSize(size: number | string): number {
  if (typeof size === 'number') return size;
  const match = /^(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?$/i.exec(size.trim());
  if (!match) throw new ConfigError(`'${size}' is not a size: write 512M, 2G, …`, { size });
  return Math.round(Number(match[1]) * UNITS[match[2].toLowerCase()]);
}

/** The options with every default filled in and every value checked that can be checked without the host. */
export interface CheckedOptions extends Omit<
  MachineOptions,
  'icount' | 'disks' | 'networks' | 'machine' | 'pci' | 'rng' | 'consoles' | 'consoleDevice' | 'hpet' | 'cpu'
> {
  readonly icount: CheckedInstructionCounting | undefined;
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly accel: AcceleratorName | 'auto';
  readonly boot: BootProtocolName | 'auto';
  readonly serialPorts: number;
  readonly append: string;
  readonly acpi: boolean;
  readonly onReset: ResetAction;
  readonly onPanic: PanicAction;
  readonly machine: MachineTypeOption;
  readonly cpu: Required<CpuOption>;
  readonly parts: BoardParts;
  readonly disks: readonly CheckedDisk[];
  readonly networks: readonly CheckedNetwork[];
  /** How the guest reaches the source of entropy, if it has one. */
  readonly rng: VirtioInterface | undefined;
  readonly consoles: readonly CheckedConsole[];
  /** How the guest reaches its console device, if it has one. */
  readonly consoleInterface: VirtioInterface | undefined;
}

/** @throws ConfigError that names the first option that makes no sense */
export function checkOptions(options: MachineOptions): CheckedOptions {
  const {
    cpus = 1,
    accel = 'auto',
    boot = 'auto',
    serialPorts = 1,
    append = '',
    acpi = true,
    onReset = 'end',
    onPanic = 'exit-failure',
    timeoutMs,
  } = options;
  requireWhole('cpus', cpus, 1, 254);
  requireWhole('serialPorts', serialPorts, 1, 4);
  if (accel !== 'auto') requireOneOf('accel', accel, ACCELERATORS);
  if (boot !== 'auto') requireOneOf('boot', boot, BOOT_PROTOCOLS);
  if (!PANIC_ACTIONS.includes(onPanic)) {
    throw new ConfigError(`onPanic must be one of ${PANIC_ACTIONS.join(', ')}, not '${onPanic}'`, {
      onPanic,
    });
  }
  if (!RESET_ACTIONS.includes(onReset)) {
    throw new ConfigError(`onReset must be one of ${RESET_ACTIONS.join(', ')}, not '${onReset}'`, {
      onReset,
    });
  }
  const icount = checkCounting(options);
  if (append.includes('\0')) throw new ConfigError('the command line contains a NUL character');
  if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT))
    throw new ConfigError(`timeout must be between 1 and ${MAX_TIMEOUT} ms, not ${timeoutMs}`, { timeoutMs });
  options.devices?.forEach(checkDevice);
  checkRecording(options);
  const memoryBytes = parseSize(options.memory ?? DEFAULT_MEMORY);
  const { pci, cpu, hpet: wantedHpet, consoleDevice = false, ...rest } = options;
  const machine = typeof options.machine === 'object' ? options.machine : { type: options.machine ?? 'pc' };
  const board = partsOf(machine, pci);
  const disks = (options.disks ?? []).map(disk => checkDisk(disk, cpus, board));
  const random = icount ? seededEntropy(seededRandom(icount.seed)) : hostEntropy;
  const networks = (options.networks ?? []).map((network, i) => checkNetwork(network, i, board, random));
  const rng = options.rng
    ? checkInterface('rng', options.rng === true ? undefined : options.rng, board)
    : undefined;
  const consoles = checkConsoles(options.consoles ?? []);
  const consoleInterface =
    consoleDevice !== false || consoles.length > 0
      ? checkInterface(
          'the console device',
          typeof consoleDevice === 'string' ? consoleDevice : undefined,
          board,
        )
      : undefined;
  const interfaces = virtioInterfaces({ disks, networks, rng, consoleInterface });
  const hpet = checkHpet(wantedHpet ?? machine.type === 'pc');
  const parts = { ...board, hpet, mmioSlots: countMmio(interfaces) };
  return {
    ...rest,
    memoryBytes,
    cpus,
    accel,
    boot,
    icount,
    serialPorts,
    append,
    acpi,
    onReset,
    onPanic,
    machine,
    parts,
    cpu: checkCpu(cpu),
    disks,
    networks,
    rng,
    consoles,
    consoleInterface,
  };
}

/** How the guest reaches each of its virtio devices: what decides how many lie at fixed addresses. */
function virtioInterfaces({
  disks,
  networks,
  rng,
  consoleInterface,
}: Pick<CheckedOptions, 'disks' | 'networks' | 'rng' | 'consoleInterface'>): VirtioInterface[] {
  const further = [rng, consoleInterface].filter(kind => kind !== undefined);
  return [...disks.map(disk => disk.interface), ...networks.map(card => card.interface), ...further];
}

function checkCounting({ icount, accel, kvmDevice }: MachineOptions): CheckedInstructionCounting | undefined {
  if (icount === undefined || icount === false) return undefined;
  if (accel === 'kvm' || kvmDevice !== undefined)
    throw new ConfigError(
      'icount works with accel wasm only: a real processor does not stop at an instruction',
    );
  const { shift = 0, epoch = DEFAULT_EPOCH, seed = 0 } = icount === true ? {} : icount;
  requireWhole('icount shift', shift, 0, 10);
  requireWhole('icount epoch', epoch, 0, MAX_EPOCH);
  requireWhole('icount seed', seed, 0, 2 ** 32 - 1);
  return { shift, epoch, seed };
}

/** Where it lies in its address space is the bus's to check. */
function checkDevice(option: DeviceOption): void {
  if ('module' in option) return;
  if ('port' in option) requireWhole('port', option.port, 0, 0xffff);
  else requireWhole('address', option.address, 0, Number.MAX_SAFE_INTEGER);
  requireWhole('size', option.size, 1, Number.MAX_SAFE_INTEGER);
  if (option.irq !== undefined) requireWhole('irq', option.irq, 0, INTERRUPTS - 1);
}

function requireWhole(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new ConfigError(`${name} must be between ${least} and ${most}, not ${value}`, { [name]: value });
  }
}

function requireOneOf(name: string, value: string, choices: readonly string[]): void {
  if (!choices.includes(value)) {
    throw new ConfigError(`${name} must be auto or one of ${choices.join(', ')}, not '${value}'`, {
      [name]: value,
    });
  }
}
