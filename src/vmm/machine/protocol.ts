import type { DriverCheck } from '../../conformance/driver/driver-check.js';
import type { DriverFindings } from '../../conformance/driver/driver-watch.js';
import type { Paravirtualization, VcpuFailure } from '../accelerator.js';
import type { Claim, UnclaimedAccess } from '../bus/bus.js';
import type { ProbeBatch } from '../bus/probe-batch.js';
import type { ProbeFilter } from '../bus/probe.js';
import type { AccessSize, AddressSpace, DeviceState } from '../device.js';
import type { KvmVcpuHandle } from '../kvm/kvm-vcpu.js';
import type { ConsoleSetup, FromConsole, ToConsole } from './console-protocol.js';
import type { CheckedDisk } from './disk-options.js';
import type { MachineInspection } from './inspection.js';
import type { CheckedInstructionCounting } from '../instruction-time.js';
import type { GuestMemoryHandle } from '../memory/guest-memory.js';
import type { BoardParts } from './machine-parts.js';
import type { CardSetup } from './networks.js';
import type { VirtioInterface } from './virtio-interface.js';
import type { PanicAction, ResetAction } from '../power-switch.js';
import type { RunEnd } from '../run-result.js';
import type { RecordingSetup } from '../../profile/machine-recording.js';
import type { BootState, VcpuState } from '../vcpu-state.js';

/** Accelerators by the names that `--accel` takes. */
export const ACCELERATORS = ['kvm', 'wasm'] as const;
export type AcceleratorName = (typeof ACCELERATORS)[number];

/** A caller's device that stays on the control thread. */
export interface RemoteDeviceSetup {
  readonly name: string;
  readonly space: AddressSpace;
  readonly base: number;
  readonly size: number;
  /** Global system interrupt, when it has one. */
  readonly irq?: number;
}

/** A caller's device that the machine worker loads: a module whose default export makes it. */
export interface ModuleDeviceSetup {
  /** URL of the module. */
  readonly module: string;
  readonly options?: unknown;
}

/** Batches of probe events that may be under way: the guest waits while its observer does not keep up. */
export const MAX_PROBE_BATCHES = 64;

/** Everything with which the machine worker starts. */
export interface WorkerSetup {
  readonly accelerator: AcceleratorName;
  /** For `kvm`: the device file. */
  readonly kvmDevice: string;
  readonly cpus: number;
  readonly onReset: ResetAction;
  readonly onPanic: PanicAction;
  /** Time follows from executed instructions. */
  readonly icount?: CheckedInstructionCounting;
  readonly memory: GuestMemoryHandle;
  readonly doorbell: SharedArrayBuffer;
  /** For each serial port, its rings as seen from the guest; the debug console's output is the last. */
  readonly serialOut: readonly SharedArrayBuffer[];
  readonly serialIn: readonly SharedArrayBuffer[];
  readonly debugConsole: SharedArrayBuffer;
  readonly remoteDevices: readonly RemoteDeviceSetup[];
  readonly moduleDevices: readonly ModuleDeviceSetup[];
  readonly parts: BoardParts;
  readonly cpu: Paravirtualization;
  readonly disks: readonly CheckedDisk[];
  readonly cards: readonly CardSetup[];
  /** How the guest reaches its entropy device, if it has one. */
  readonly rng: VirtioInterface | undefined;
  /** How it reaches its console device, if it has one, and what ports that has. */
  readonly consoleInterface: VirtioInterface | undefined;
  readonly consoles: readonly ConsoleSetup[];
  /** One block for the answers of all remote devices: the machine waits for one at a time. */
  readonly remoteReply: SharedArrayBuffer;
  /** Limits the batches of probe events that are under way to {@link MAX_PROBE_BATCHES}. */
  readonly probeFlow: SharedArrayBuffer;
  /** Exits are recorded. */
  readonly recording?: RecordingSetup;
  /** The drivers of virtio devices are checked. */
  readonly driverCheck?: DriverCheck;
  /** A latch that the thread opens when it is through with all native code. */
  readonly done: SharedArrayBuffer;
}

/** What the control thread can ask. */
export type Query =
  | { readonly what: 'pause' }
  | { readonly what: 'vcpu'; readonly index: number }
  | { readonly what: 'set-vcpu'; readonly index: number; readonly state: VcpuState }
  | { readonly what: 'device'; readonly name: string }
  | { readonly what: 'resize-disk'; readonly index: number; readonly size: number }
  | { readonly what: 'claims' }
  | { readonly what: 'inspect' }
  | { readonly what: 'driver-findings' }
  | { readonly what: 'unclaimed' }
  | { readonly what: 'add-probe'; readonly id: number; readonly filter: ProbeFilter }
  | { readonly what: 'remove-probe'; readonly id: number };

/** The answer to each query, by its name. */
export interface Answers {
  readonly pause: undefined;
  readonly vcpu: VcpuState;
  readonly 'set-vcpu': undefined;
  readonly 'resize-disk': undefined;
  readonly device: DeviceState;
  readonly claims: readonly Omit<Claim, 'target'>[];
  readonly unclaimed: readonly UnclaimedAccess[];
  readonly inspect: MachineInspection;
  readonly 'driver-findings': DriverFindings;
  readonly 'add-probe': undefined;
  readonly 'remove-probe': undefined;
}

/** Control thread to machine worker. Each is followed by a ring of the doorbell. */
export type ToWorker =
  /**
   * Start running. The kernel is in memory; vCPU 0 begins in this state. With instruction counting, `input` has for each
   * serial port, and `consoleInput` for each console, what was sent to it before and finds no room in its ring.
   */
  | {
      readonly type: 'run';
      readonly boot: BootState;
      readonly input?: readonly Uint8Array[];
      readonly consoleInput?: readonly Uint8Array[];
    }
  | { readonly type: 'end'; readonly end: RunEnd }
  /** Press the reset button. */
  | { readonly type: 'reset' }
  /** Memory is as it was before the run; vCPU 0 begins in this state. */
  | { readonly type: 'rebooted'; readonly boot: BootState }
  /** Press the power button. */
  | { readonly type: 'power-button' }
  /** A non-maskable interrupt for every vCPU. */
  | { readonly type: 'nmi' }
  | { readonly type: 'resume' }
  | { readonly type: 'query'; readonly id: number; readonly query: Query }
  | { readonly type: 'irq'; readonly gsi: number; readonly device: number; readonly level: boolean }
  /** The control thread has written to guest RAM. */
  | { readonly type: 'memory-written'; readonly gpa: number; readonly size: number }
  /** There is something in this serial port's input ring. */
  | { readonly type: 'serial-input'; readonly port: number }
  | { readonly type: 'console'; readonly port: number; readonly event: ToConsole }
  /** Let go of everything and end the thread. */
  | { readonly type: 'close' };

/** Machine worker to control thread. */
export type FromWorker =
  /** The machine is built; with further vCPUs, what their threads need. */
  | { readonly type: 'ready'; readonly vcpus: readonly VcpuThreadSetup[] }
  /** There is something in this output ring; `debug` is the debug console's. */
  | { readonly type: 'output'; readonly port: number | 'debug' }
  /** There is room again in this serial port's input ring. */
  | { readonly type: 'input-space'; readonly port: number }
  | { readonly type: 'console'; readonly port: number; readonly event: FromConsole }
  /** The machine is being reset: memory is to be as it was before the run. */
  | { readonly type: 'reset' }
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly type: 'refusal'; readonly id: number; readonly error: SerializedError }
  | { readonly type: 'probe'; readonly id: number; readonly batch: ProbeBatch }
  /** The ring of recorded events is half full. */
  | { readonly type: 'recorded' }
  | RemoteAccess
  | {
      readonly type: 'ended';
      readonly end: RunEnd;
      readonly exits: number;
      readonly instructions?: number;
      readonly elapsedMs: number;
      readonly counters?: Readonly<Record<string, number>>;
      readonly unclaimed: readonly UnclaimedAccess[];
    }
  /** The machine could not be built, or its worker met an error of its own. */
  | { readonly type: 'crashed'; readonly error: SerializedError };

/** An access to a device on the control thread; the machine waits for the reply. */
export interface RemoteAccess {
  readonly type: 'remote-access';
  readonly device: number;
  readonly direction: 'read' | 'write';
  readonly offset: number;
  readonly size: AccessSize;
  readonly value: number;
}

/** What the thread of one further vCPU starts with. */
export interface VcpuThreadSetup extends KvmVcpuHandle {
  /** Its exits are recorded. */
  readonly recorded: boolean;
  readonly machineDoorbell: SharedArrayBuffer;
  readonly link: SharedArrayBuffer;
  /** A latch that the thread opens when it is through with all native code. */
  readonly done: SharedArrayBuffer;
}

/** An error on its way between threads, where classes are lost. */
export interface SerializedError {
  readonly name: string;
  readonly code?: string;
  readonly message: string;
  readonly stack?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

export type { VcpuFailure };
