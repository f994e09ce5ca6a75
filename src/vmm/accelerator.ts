import type { MachineClock } from './clock.js';
import type { AccessSize } from './device.js';
import type { InstructionTime } from './instruction-time.js';
import type { GuestMemory } from './memory/guest-memory.js';
import type { PagingRegisters } from './memory/translate.js';
import type { ExitObserver } from './exit-observer.js';
import type { VcpuActivity, VcpuState } from './vcpu-state.js';

/** Why {@link Vm.run} returned. */
export type StopReason =
  /** The deadline passed. */
  | 'slice'
  /** Somebody kicked it. */
  | 'kicked'
  /** It waits for an interrupt and nothing of its own will bring one before the deadline. */
  | 'halted'
  /** It is in HLT with interrupts off: only an NMI, INIT or a reset can wake it. */
  | 'halted-masked'
  /** Triple fault. */
  | 'shutdown'
  /** A breakpoint or single step that the debugger asked for. */
  | 'debug'
  /** The accelerator cannot go on; see {@link Vm.failure}. */
  | 'failed';

/**
 * What a virtual CPU reaches outside itself: the same calls from every accelerator, in the middle of the
 * instruction that makes them. None of them throws for anything that a guest does.
 */
export interface ExitHandlers {
  /** @param port 0 to 0xFFFF */
  pioRead(port: number, size: AccessSize): number;
  pioWrite(port: number, size: AccessSize, value: number): void;
  /** @param gpa guest physical address outside RAM */
  mmioRead(gpa: number, size: AccessSize): number;
  mmioWrite(gpa: number, size: AccessSize, value: number): void;
  /**
   * All 8 bytes of an access, where the devices are on another thread: halves that it is asked for one after the other
   * would be at two instants. @param halves low and high: what is written, or where to put what is read
   */
  mmioWide?(gpa: number, write: boolean, halves: Uint32Array): void;
  /** A local APIC ended a level-triggered interrupt: the IOAPIC looks at its lines again. */
  eoi(vector: number): void;
  /** The INTA cycle: the vector of the PIC's pending interrupt. */
  acknowledgePic(): number;
}

/** The state of one virtual CPU and its local APIC, for use while it is outside the guest. */
export interface VcpuPort {
  getState(): VcpuState;
  setState(state: VcpuState): void;
  /** What was about to be delivered, an NMI or an exception, and what held it back are gone, as by a reset. */
  forgetEvents(): void;
  activity(): VcpuActivity;
  /** RFLAGS.IF: whether an interrupt can wake it from HLT. */
  interruptsEnabled(): boolean;
  /** What its call stack is found by, also while an exit of its is being served. */
  frameState(): FrameState;
}

/** The registers that a call stack is found by. */
export interface FrameState {
  readonly rbp: bigint;
  readonly rsp: bigint;
  readonly system: PagingRegisters;
  /** It executes 64-bit code. */
  readonly wide: boolean;
}

/** An exit that the accelerator or the machine cannot serve, with what a person needs to understand it. */
export interface VcpuFailure {
  /** The exit by its name: `KVM_EXIT_INTERNAL_ERROR (emulation failure)`, … */
  readonly reason: string;
  readonly details: Readonly<Record<string, number | bigint | string>>;
}

/** One interrupt as a message: what an IOAPIC pin or an MSI capability sends to the local APICs. */
export interface MsiMessage {
  readonly address: number;
  readonly data: number;
}

/** A local APIC, as far as those who watch it want to know. */
export interface ObservedApic {
  /** An interrupt is in service. */
  readonly inService: boolean;
  /** There is a register at `offset` of the xAPIC page, in the mode in which the APIC is. */
  exists(offset: number): boolean;
}

/** Hears of each access of a guest to a local APIC's registers: of writes before they count. Offsets are xAPIC's in x2APIC mode too. */
export interface ApicObserver {
  read(apic: ObservedApic, offset: number, value: number): void;
  write(apic: ObservedApic, offset: number, value: number): void;
}

/** The accelerator's side of one machine. */
export interface Vm {
  /** Where exits go. May be exchanged while all vCPUs are outside the guest: this is how probes cost nothing when absent. */
  handlers: ExitHandlers;
  /** Every vCPU of the machine, by index. */
  readonly vcpus: readonly VcpuPort[];
  /**
   * Runs guest code on the vCPUs that are this thread's, until something named by {@link StopReason} happens: all of
   * them in turn on a software CPU, vCPU 0 with KVM, where each further one has a thread of its own.
   * @param deadlineNs on the machine's clock
   */
  run(deadlineNs: number): StopReason;
  /** `run()` will not be called for a while: nothing that it started may cost the host time until then. */
  rest(): void;
  /** Makes RIP available at each exit while `on`: what a probe that asks for it costs. */
  exposeRegisters(on: boolean): void;
  /** RIP of the exit that is being served, while registers are exposed. */
  rip(): bigint;
  /** The same without an object for it. @param to low and high half */
  copyRip(to: Uint32Array): void;
  /** For a write, RIP may be that of the next instruction. */
  readonly writesMayAdvanceRip: boolean;
  /** The vCPU whose exit is being served by `run`. */
  readonly running: number;
  /** Tells `observer` when this thread enters and leaves the guest, from now on or, for `undefined`, no more. Not during `run`. */
  observe(observer: ExitObserver | undefined): void;
  /** Tells `observer` of accesses to local APICs; absent where they are not this process's own. */
  watchApics?(observer: ApicObserver): void;
  /** Exits served by `run()` since the start. */
  readonly exits: number;
  /** Instructions that all vCPUs have finished; `undefined` where the accelerator does not count. */
  readonly instructions?: number;
  /**
   * How long a vCPU has slept in HLT inside `run`, where the accelerator does not tell an observer of that. In ns since the start,
   * while the vCPU is outside the guest.
   */
  haltedNs?(vcpu: number): number;
  /** Whatever the accelerator counts, by name: for profiles. */
  counters(): Readonly<Record<string, number>>;
  /** What went wrong when `run()` returned `failed`. */
  readonly failure: VcpuFailure | undefined;
  /** Sends an interrupt message to the local APICs. @param address 0xFEExxxxx, @param data vector, delivery mode, trigger */
  signalMsi(address: number, data: number): void;
  /** The PIC's INTR output changed. It reaches vCPU 0, whose local APIC decides whether it takes it. */
  setIntr(level: boolean): void;
  /**
   * What each IOAPIC pin would send, so that the end of level-triggered ones is reported to `eoi`.
   * `undefined` for masked pins.
   */
  setIoapicRoutes(routes: readonly (MsiMessage | undefined)[]): void;
  close(): void;
}

/** What CPUID tells of the hypervisor. */
export interface Paravirtualization {
  /** KVM's signature is there. */
  readonly kvm: boolean;
  /** KVM's clock sources are. */
  readonly kvmclock: boolean;
}

/** How many virtual CPUs, over which memory. */
export interface VmOptions {
  readonly memory: GuestMemory;
  readonly cpus: number;
  /** All of it by default. */
  readonly paravirtualization?: Paravirtualization;
  readonly handlers: ExitHandlers;
  /** Told of each exit, so that devices see one time within it. */
  readonly clock: MachineClock;
  /** Rung by whoever wants `run()` to return. */
  readonly doorbell: SharedArrayBuffer;
  /** What `clock` counts, when time is to follow from executed instructions. */
  readonly icount?: InstructionTime;
  /** 32 bits for RDRAND and RDSEED; by default the host's entropy. */
  readonly random?: () => number;
}

export interface Accelerator {
  readonly name: string;
  createVm(options: VmOptions): Vm;
}
