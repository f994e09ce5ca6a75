import { KVM_DEVICE } from './kvm-device.js';
import { SECTOR_SIZE } from '../../block/backend.js';
import { mmioParameter, mmioSlots } from '../../devices/virtio/transport/mmio-slots.js';
import { RAM as CORE_RESERVE } from '../../cpu/core/layout.js';
import { ConfigError, TsvmmError } from '../../errors.js';
import type { DriverFindings } from '../../conformance/driver/driver-watch.js';
import type { RecordingSetup } from '../../profile/machine-recording.js';
import type { RecordingOptions } from '../../profile/recording-options.js';
import { RecordMemory } from '../../profile/record-memory.js';
import { Recording } from '../../profile/recording.js';
import type { DebugFile } from '../../profile/unwind/debug-data.js';
import { ByteRing } from '../byte-ring.js';
import type { Claim, UnclaimedAccess } from '../bus/bus.js';
import { eventsOf } from '../bus/probe-batch.js';
import type { ProbeEvent, ProbeFilter } from '../bus/probe.js';
import { choose } from '../boot/index.js';
import { withParameters } from '../boot/command-line.js';
import type { BootModule, BootProtocol, BootProtocolName } from '../boot/protocol.js';
import type { DeviceState } from '../device.js';
import { Doorbell, type Interrupter } from '../doorbell.js';
import { FlowLimit } from '../flow-limit.js';
import { Latch } from '../latch.js';
import { GuestMemory } from '../memory/guest-memory.js';
import { exitStatus, type RunEnd, type RunResult } from '../run-result.js';
import type { BootState, VcpuState } from '../vcpu-state.js';
import type { ConsoleSetup } from './console-protocol.js';
import { CustomDevices } from './custom-devices.js';
import { GuestConsole } from './guest-console.js';
import { writeFirmwareTables } from './firmware-tables.js';
import type { AcceleratorChoice, Host, NetworkConnection, VcpuThread, WorkerLink } from './host.js';
import { connectNetworks, disconnectNetworks, type ConnectedNetworks } from './networks.js';
import type { MachineInspection } from './inspection.js';
import { checkOptions, type CheckedOptions, type FileSource, type MachineOptions } from './options.js';
import {
  MAX_PROBE_BATCHES,
  type AcceleratorName,
  type Answers,
  type FromWorker,
  type Query,
  type ToWorker,
  type VcpuThreadSetup,
} from './protocol.js';
import { RemoteReply } from './remote-device.js';
import { reviveError } from './serialize-error.js';
import { SerialPort } from './serial-port.js';
import { RemoteVcpu, VcpuLink } from './vcpu-link.js';
import { WriteAnnouncer } from './write-announcer.js';

const OUTPUT_RING = 1 << 16;
const INPUT_RING = 1 << 12;
/** How long a process that ends waits for its threads, in ms. */
const LAST_WAIT_MS = 10_000;

/** Bytes in front of guest RAM that an accelerator keeps its own state in. */
const RESERVE: Readonly<Record<AcceleratorName, number>> = { kvm: 0, wasm: CORE_RESERVE };

/** Where a machine is in its life. */
type Phase = 'built' | 'running' | 'ended' | 'closed';

export type MachineStatus = Phase | 'paused';

interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/**
 * A virtual machine, as its owner sees it: every method returns at once or a promise, and the guest runs on threads
 * of its own.
 */
export class Machine {
  /** The guest's RAM, shared with it. */
  readonly memory: GuestMemory;
  /** COM1, COM2, …, as many as asked for. */
  readonly serialPorts: readonly SerialPort[];
  /** Bytes that the guest writes to port 0xE9. */
  readonly debugConsole: SerialPort;
  /** The ports of the guest's virtio console device, in the order of the options. */
  readonly consoles: readonly GuestConsole[];
  /** What executes the guest, and why that. */
  readonly accelerator: AcceleratorChoice;
  /** The boot protocol by which the kernel is entered. */
  readonly bootProtocol: BootProtocol;

  private phase: Phase = 'built';
  private paused = false;
  private readonly doorbell: Doorbell;
  private readonly worker: WorkerLink;
  private readonly threads: VcpuThread[] = [];
  private readonly links: VcpuLink[] = [];
  /** For each thread, open when it is through. */
  private readonly done = [new Latch(Latch.allocate())];
  private readonly custom: CustomDevices;
  private readonly connections: readonly NetworkConnection[];
  private readonly ready = deferred<void>();
  private readonly finished = deferred<RunResult>();
  private readonly queries = new Map<number, Deferred<unknown>>();
  private readonly probes = new Map<number, (event: ProbeEvent) => void>();
  private readonly probeFlow = new FlowLimit(FlowLimit.allocate(), MAX_PROBE_BATCHES);
  private readonly writes = new WriteAnnouncer((gpa, size) =>
    this.send({ type: 'memory-written', gpa, size }),
  );
  private nextId = 1;
  /** What a caller's own device or probe threw. */
  private failure: Error | undefined;
  /** Why the machine's own code could not go on. */
  private crashed: Error | undefined;
  private closing: Promise<void> | undefined;
  private readonly forgetExit: () => void;
  private readonly interrupt: Interrupter | undefined;
  /** What is recorded of the run, where the options ask for it. */
  readonly recording: Recording | undefined;

  private constructor(
    private readonly options: CheckedOptions,
    private readonly host: Host,
    parts: MachineParts,
  ) {
    const { memory, accelerator, interrupt, protocol, doorbell, networks } = parts;
    this.interrupt = interrupt;
    this.memory = memory;
    this.accelerator = accelerator;
    this.bootProtocol = protocol;
    this.doorbell = new Doorbell(doorbell, interrupt);
    this.connections = networks.connections;
    const serialOut = rings(options.serialPorts, OUTPUT_RING);
    const serialIn = rings(options.serialPorts, INPUT_RING);
    const [debugConsole] = rings(1, OUTPUT_RING);
    this.serialPorts = serialOut.map(
      (output, port) =>
        new SerialPort(`com${port + 1}`, {
          output,
          input: serialIn[port],
          announce: () => this.post({ type: 'serial-input', port }),
        }),
    );
    this.debugConsole = new SerialPort('debug console', { output: debugConsole, announce: () => undefined });
    const consoleSetups = options.consoles.map(consoleSetup);
    this.consoles = consoleSetups.map(
      ({ kind, name, output, input }, port) =>
        new GuestConsole(name === '' ? `console${port}` : name, kind, {
          output,
          input,
          post: event => this.post({ type: 'console', port, event }),
        }),
    );
    this.recording = options.recording && new Recording(RecordMemory.allocate());
    const reply = new RemoteReply(RemoteReply.allocate());
    this.custom = new CustomDevices(options.devices ?? [], memory, reply, message => this.post(message));
    this.worker = host.startMachine({
      accelerator: accelerator.name,
      kvmDevice: options.kvmDevice ?? KVM_DEVICE,
      cpus: options.cpus,
      onReset: options.onReset,
      onPanic: options.onPanic,
      ...(options.icount && { icount: options.icount }),
      memory: memory.handle,
      doorbell: this.doorbell.buffer,
      serialOut,
      serialIn,
      debugConsole,
      remoteDevices: this.custom.remote,
      moduleDevices: this.custom.modules,
      parts: options.parts,
      cpu: options.cpu,
      disks: options.disks,
      cards: networks.cards,
      rng: options.rng,
      consoleInterface: options.consoleInterface,
      consoles: consoleSetups,
      remoteReply: reply.buffer,
      probeFlow: this.probeFlow.buffer,
      ...(this.recording && { recording: { buffer: this.recording.buffer, ...parts.recording! } }),
      ...(options.driverCheck && { driverCheck: options.driverCheck }),
      done: this.done[0].buffer,
    });
    this.worker.onMessage(message => this.receive(message));
    this.worker.onError(error => this.crash(error));
    void this.worker.exited.then(() => {
      this.done[0].open();
      this.stopThreads();
      this.crash(
        this.phase === 'closed'
          ? closedError()
          : new TsvmmError('WORKER', 'the machine worker has ended early'),
      );
    });
    this.forgetExit = host.onExit(() => this.letGo());
    // Both are waited for by somebody else at some time, or by nobody.
    this.ready.promise.catch(() => undefined);
    this.finished.promise.catch(() => undefined);
  }

  /** @internal Use `createMachine`. */
  static async create(options: MachineOptions, host: Host): Promise<Machine> {
    const checked = checkOptions(options);
    const [[accelerator, interrupt], files] = await Promise.all([
      prepareAccelerator(checked, host),
      readBootFiles(host, checked),
    ]);
    const protocol = choose(files.image, checked.boot === 'auto' ? undefined : checked.boot);
    const memory = GuestMemory.allocate(checked.memoryBytes, RESERVE[accelerator.name]);
    const doorbell = Doorbell.allocate();
    const recording = checked.recording && (await planRecording(checked.recording, files));
    const networks = await connectNetworks(host, checked.networks, doorbell, accelerator.name);
    // The worker starts while the kernel is loaded.
    const machine = new Machine(checked, host, {
      accelerator,
      interrupt,
      memory,
      protocol,
      doorbell,
      networks,
      ...(recording && { recording }),
    });
    try {
      machine.bootState = machine.load(files);
      await machine.ready.promise;
      machine.custom.attach();
    } catch (error) {
      await machine.close();
      throw error;
    }
    return machine;
  }

  private bootState: BootState | undefined;

  /** Puts firmware's tables and the kernel into memory. @returns the state in which vCPU 0 starts */
  private load(files: BootFiles): BootState {
    const { options, memory, bootProtocol } = this;
    const rsdp = writeFirmwareTables(memory, options);
    return bootProtocol.load(
      {
        ...files,
        name: sourceName(options.kernel, 'kernel'),
        commandLine: commandLine(options, bootProtocol.name),
        cpus: options.cpus,
        ...(rsdp !== undefined && { rsdp }),
      },
      memory,
    );
  }

  /** The machine is being reset: its memory is to be as before the run, and its files may be others by now. */
  private async reboot(): Promise<void> {
    const { memory } = this;
    const files = await readBootFiles(this.host, this.options);
    memory.clear();
    const boot = this.load(files);
    for (const { gpa, size } of memory.segments) this.send({ type: 'memory-written', gpa, size });
    this.post({ type: 'rebooted', boot });
  }

  /** Virtual CPUs. */
  get cpus(): number {
    return this.options.cpus;
  }

  /** The disks, as they were asked for, with every default filled in. */
  get disks(): CheckedOptions['disks'] {
    return this.options.disks;
  }

  /** The first serial port. */
  get serial(): SerialPort {
    return this.serialPorts[0];
  }

  /**
   * Starts the guest.
   * @returns how the run ended, when it has
   * @throws what a caller's own device or probe threw, or an internal error
   */
  run(): Promise<RunResult> {
    if (this.phase !== 'built') {
      return Promise.reject(new ConfigError(`the machine is ${this.phase}: each machine runs once`));
    }
    this.phase = 'running';
    // KVM's processors see to it themselves; before the start there is no decoded code.
    if (this.accelerator.name === 'wasm') this.memory.listener = (gpa, size) => this.writes.note(gpa, size);
    // Room in the ring comes up at some time of the host's: what is there before the guest starts must not depend on it.
    const input = this.options.icount && {
      input: this.serialPorts.map(port => port.takePending()),
      consoleInput: this.consoles.map(port => port.takePending()),
    };
    this.recording?.start();
    this.post({ type: 'run', boot: this.bootState!, ...input });
    this.watch();
    return this.finished.promise;
  }

  /** Ends the run; `run()` resolves with `reason` `stopped`. Does nothing once it has ended. */
  async stop(end: RunEnd = { reason: 'stopped' }): Promise<void> {
    if (this.phase !== 'running') return;
    this.post({ type: 'end', end });
    this.releaseGuest();
    await this.finished.promise.catch(() => undefined);
  }

  /** The guest and its time stand still until `resume()`; resolves when they do. */
  async pause(): Promise<void> {
    if (this.phase !== 'running') return;
    this.paused = true;
    await this.query({ what: 'pause' });
  }

  resume(): void {
    if (this.phase !== 'running') return;
    this.paused = false;
    this.post({ type: 'resume' });
  }

  /** Where the machine is in its life. */
  get status(): MachineStatus {
    return this.phase === 'running' && this.paused ? 'paused' : this.phase;
  }

  /**
   * Presses the reset button: devices, processors and memory are as before `run()`, and the kernel starts again, from
   * files that are read anew. What the options say of the guest's own resets does not matter.
   */
  reset(): void {
    if (this.phase === 'running') this.post({ type: 'reset' });
  }

  /** Presses the power button. A guest that listens for it (ACPI) shuts down, by and by. */
  powerButton(): void {
    if (this.phase === 'running') this.post({ type: 'power-button' });
  }

  /** Sends every processor a non-maskable interrupt. */
  nmi(): void {
    if (this.phase === 'running') this.post({ type: 'nmi' });
  }

  /** Stops the guest if it runs, and gives back threads and memory. */
  close(): Promise<void> {
    return (this.closing ??= this.giveBack());
  }

  private async giveBack(): Promise<void> {
    if (this.phase === 'running') await this.stop();
    this.phase = 'closed';
    this.post({ type: 'close' });
    await Promise.all([this.worker.exited, ...this.threads.map(thread => thread.exited)]);
    await disconnectNetworks(this.connections);
    this.forgetExit();
    this.rejectQueries(closedError());
    for (const port of this.ports) port.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** A vCPU's registers, extended state, MSRs and local APIC, between two instructions. */
  vcpu(index = 0): Promise<VcpuState> {
    return this.query({ what: 'vcpu', index });
  }

  async setVcpu(state: VcpuState, index = 0): Promise<void> {
    await this.query({ what: 'set-vcpu', index, state });
  }

  /**
   * Changes the size of disk `index`, in the order of the options; the guest is told. What is new reads as zeroes.
   * @param size in bytes, a multiple of 512
   * @throws ConfigError for a disk that is not there, or cannot have that size: a block device; a qcow2 image made smaller
   */
  async resizeDisk(index: number, size: number): Promise<void> {
    if (!Number.isSafeInteger(size) || size < SECTOR_SIZE || size % SECTOR_SIZE !== 0) {
      throw new ConfigError(`a disk's size is a multiple of ${SECTOR_SIZE} bytes, not ${size}`, { size });
    }
    await this.query({ what: 'resize-disk', index, size });
  }

  /** The state of a device, by its name (`com1`, `pit`, …), as its `save()` tells it. */
  device(name: string): Promise<DeviceState> {
    return this.query({ what: 'device', name });
  }

  /** Who claims which ports and addresses. */
  claims(): Promise<readonly Omit<Claim, 'target'>[]> {
    return this.query({ what: 'claims' });
  }

  /** What the machine is made of, as monitors show it: PCI functions, virtio devices and their queues, interrupts. */
  inspect(): Promise<MachineInspection> {
    return this.query({ what: 'inspect' });
  }

  /** @internal What checking the drivers of virtio devices has found so far, where the options ask for it. */
  driverFindings(): Promise<DriverFindings> {
    return this.query({ what: 'driver-findings' });
  }

  /** Accesses that no device answered so far. */
  unclaimed(): Promise<readonly UnclaimedAccess[]> {
    return this.query({ what: 'unclaimed' });
  }

  /**
   * Calls `listener` for each access that passes the filter, in their order, shortly after it happened and at the
   * latest before `run()` resolves. Costs nothing once removed.
   * @returns how to remove the probe
   */
  async probe(filter: ProbeFilter, listener: (event: ProbeEvent) => void): Promise<() => Promise<void>> {
    const id = this.nextId++;
    this.probes.set(id, listener);
    await this.query({ what: 'add-probe', id, filter });
    return async () => {
      await this.query({ what: 'remove-probe', id });
      this.probes.delete(id);
    };
  }

  private query<Q extends Query>(query: Q): Promise<Answers[Q['what']]> {
    if (this.phase === 'closed') return Promise.reject(closedError());
    if (this.crashed) return Promise.reject(this.crashed);
    const id = this.nextId++;
    const answer = deferred<unknown>();
    try {
      this.post({ type: 'query', id, query });
    } catch (cause) {
      // What is asked for cannot be sent to another thread: a function, say.
      return Promise.reject(new ConfigError((cause as Error).message, {}, { cause }));
    }
    this.queries.set(id, answer);
    return answer.promise as Promise<Answers[Q['what']]>;
  }

  private post(message: ToWorker): void {
    this.writes.flush();
    this.send(message);
  }

  private send(message: ToWorker): void {
    this.worker.post(message);
    this.doorbell.ring();
  }

  /** Ends the run by time or by output, as the options ask. */
  private watch(): void {
    const { timeoutMs, exitOn } = this.options;
    if (timeoutMs !== undefined) {
      const timer = setTimeout(() => void this.stop({ reason: 'timeout' }), timeoutMs);
      const cancel = (): void => clearTimeout(timer);
      this.finished.promise.then(cancel, cancel);
    }
    if (exitOn !== undefined) {
      this.serial.watch(exitOn, () => void this.stop({ reason: 'matched' }));
    }
  }

  private receive(message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        if (this.phase !== 'closed') for (const setup of message.vcpus) this.startVcpu(setup);
        this.ready.resolve();
        break;
      case 'output':
        this.portOf(message.port).receive();
        break;
      case 'input-space':
        this.serialPorts[message.port].send();
        break;
      case 'console':
        this.consoles[message.port].hear(message.event);
        break;
      case 'answer':
        this.takeQuery(message.id)?.resolve(message.value);
        break;
      case 'refusal':
        this.takeQuery(message.id)?.reject(reviveError(message.error));
        break;
      case 'recorded':
        this.recording?.drain();
        break;
      case 'probe':
        this.observe(message);
        break;
      case 'remote-access':
        this.custom.serve(message).catch((error: unknown) => this.fail(error));
        break;
      case 'reset':
        this.reboot().catch((error: unknown) => this.fail(error));
        break;
      case 'ended':
        this.end(message);
        break;
      case 'crashed':
        this.crash(reviveError(message.error));
        break;
    }
  }

  private observe({ id, batch }: Extract<FromWorker, { type: 'probe' }>): void {
    const listener = this.probes.get(id);
    try {
      if (listener) for (const event of eventsOf(batch)) listener(event);
    } catch (error) {
      this.probes.delete(id);
      this.fail(error);
    } finally {
      this.probeFlow.leave();
    }
  }

  /** The caller's own code has thrown: the run ends with that. */
  private fail(error: unknown): void {
    this.failure ??= error instanceof Error ? error : new Error(String(error));
    void this.stop();
  }

  private end(message: Extract<FromWorker, { type: 'ended' }>): void {
    const { end, exits, instructions, elapsedMs, counters, unclaimed } = message;
    if (this.phase === 'running') this.phase = 'ended';
    this.recording?.finish();
    for (const port of this.ports) port.end();
    if (this.failure) this.finished.reject(this.failure);
    else
      this.finished.resolve({
        ...end,
        status: exitStatus(end),
        exits,
        ...(instructions !== undefined && { instructions }),
        elapsedMs,
        ...(counters && { counters }),
        unclaimed,
      });
  }

  /** The machine's own code cannot go on: whoever waits for it hears why. */
  private crash(error: Error): void {
    if (this.crashed) return;
    this.crashed = error;
    if (this.phase === 'running') {
      this.phase = 'ended';
      // What is left of it comes out of the guest.
      this.post({ type: 'end', end: { reason: 'stopped' } });
      this.releaseGuest();
    }
    this.ready.reject(error);
    this.finished.reject(error);
    this.rejectQueries(error);
    for (const port of this.ports) port.end();
  }

  private startVcpu(setup: VcpuThreadSetup): void {
    const { index, link, doorbell } = setup;
    const done = new Latch(setup.done);
    const thread = this.host.startVcpu(setup);
    thread.onError(error => this.crash(error));
    void thread.exited.then(() => {
      done.open();
      // Also if it ended by an error of its own: the machine would wait for it for ever.
      new RemoteVcpu(link, this.doorbell).leave();
    });
    this.threads.push(thread);
    this.done.push(done);
    this.links.push(new VcpuLink(index, link, new Doorbell(doorbell, this.interrupt)));
  }

  private stopThreads(): void {
    for (const link of this.links) link.stop();
  }

  /** The run is to end now: the guest must not wait for a consumer of its output or for a caller's device. */
  private releaseGuest(): void {
    for (const port of this.ports) port.release();
    this.recording?.release();
    this.custom.release();
  }

  private rejectQueries(error: Error): void {
    for (const query of this.queries.values()) query.reject(error);
    this.queries.clear();
  }

  private takeQuery(id: number): Deferred<unknown> | undefined {
    const query = this.queries.get(id);
    this.queries.delete(id);
    return query;
  }

  private portOf(port: number | 'debug'): SerialPort {
    return port === 'debug' ? this.debugConsole : this.serialPorts[port];
  }

  private get ports(): readonly SerialPort[] {
    return [...this.serialPorts, this.debugConsole, ...this.consoles];
  }

  /**
   * The process ends, and there is no event loop any more: threads inside the guest come out, so that it can. Node ends
   * them by force next, and aborts when one of them is in native code then: they are given the time to be through.
   */
  private letGo(): void {
    this.stopThreads();
    this.post({ type: 'close' });
    this.releaseGuest();
    this.probeFlow.release();
    const deadline = performance.now() + LAST_WAIT_MS;
    for (const latch of this.done) latch.wait(deadline - performance.now());
  }
}

type RecordingPlan = Omit<RecordingSetup, 'buffer'>;

/** What reads debug data is loaded with the first recording that needs it. */
async function planRecording(
  { stacks = 'sampled', lossless = false, samplePeriod = 0 }: RecordingOptions,
  { image, debugFiles }: BootFiles,
): Promise<RecordingPlan> {
  const plan = { stacks, lossless, samplePeriod };
  if (stacks === 'none' && samplePeriod === 0) return { ...plan, unwind: [], objects: [] };
  const { readDebugData } = await import('../../profile/unwind/debug-data.js');
  return { ...plan, ...readDebugData(image, debugFiles) };
}

interface MachineParts {
  readonly accelerator: AcceleratorChoice;
  readonly interrupt: Interrupter | undefined;
  readonly memory: GuestMemory;
  readonly protocol: BootProtocol;
  readonly doorbell: SharedArrayBuffer;
  readonly networks: ConnectedNetworks;
  /** As the options want one. */
  readonly recording?: RecordingPlan;
}

/** The kernel's command line with the devices in it that it cannot find otherwise. */
function commandLine({ append, machine, parts, acpi }: CheckedOptions, protocol: BootProtocolName): string {
  const { autoKernelCmdline = !(acpi && protocol === 'linux64') } = machine;
  if (!autoKernelCmdline) return append;
  return withParameters(append, mmioSlots(parts.mmioSlots, parts.pci).map(mmioParameter));
}

async function prepareAccelerator(
  options: CheckedOptions,
  host: Host,
): Promise<[AcceleratorChoice, Interrupter | undefined]> {
  const accelerator = await chooseAccelerator(options, host);
  return [accelerator, await host.interrupter(accelerator.name)];
}

async function chooseAccelerator(options: CheckedOptions, host: Host): Promise<AcceleratorChoice> {
  const { accel, kvmDevice, icount } = options;
  if (accel !== 'auto') return { name: accel, why: 'it was asked for' };
  if (kvmDevice !== undefined) return { name: 'kvm', why: 'its device was named' };
  if (icount) return { name: 'wasm', why: 'instructions are to be counted' };
  return host.chooseAccelerator(options);
}

function closedError(): TsvmmError {
  return new TsvmmError('CLOSED', 'the machine was closed');
}

function consoleSetup(console: CheckedOptions['consoles'][number]): ConsoleSetup {
  const [output] = rings(1, OUTPUT_RING);
  const [input] = rings(1, INPUT_RING);
  return { ...console, output, input };
}

function rings(count: number, capacity: number): SharedArrayBuffer[] {
  return Array.from({ length: count }, () => ByteRing.allocate(capacity));
}

/** What is loaded before the kernel starts. */
interface BootFiles {
  readonly image: Uint8Array;
  readonly initrd?: BootModule;
  readonly modules: readonly BootModule[];
  /** For recordings alone. */
  readonly debugFiles: readonly DebugFile[];
}

async function readBootFiles(host: Host, options: CheckedOptions): Promise<BootFiles> {
  const [image, initrd, modules, debugFiles] = await Promise.all([
    readSource(host, options.kernel, 'kernel'),
    options.initrd === undefined ? undefined : readModule(host, options.initrd, 'initrd'),
    Promise.all((options.modules ?? []).map(module => readModule(host, module, 'module'))),
    Promise.all((options.recording?.debugFiles ?? []).map(file => readDebugFile(host, file))),
  ]);
  return { image, ...(initrd && { initrd }), modules, debugFiles };
}

function readSource(host: Host, source: FileSource, what: string): Promise<Uint8Array> {
  return typeof source === 'string' ? host.readFile(source, what) : Promise.resolve(source);
}

async function readDebugFile(host: Host, file: FileSource): Promise<DebugFile> {
  return { name: sourceName(file, ''), bytes: await readSource(host, file, 'symbols') };
}

async function readModule(
  host: Host,
  module: NonNullable<MachineOptions['modules']>[number],
  what: string,
): Promise<BootModule> {
  const option = typeof module === 'string' || module instanceof Uint8Array ? { file: module } : module;
  const data = await readSource(host, option.file, what);
  return { name: option.name ?? sourceName(option.file, what), data, arguments: option.arguments ?? '' };
}

/** A file's own name without its folders. */
function sourceName(source: FileSource, otherwise: string): string {
  return typeof source === 'string' ? source.slice(source.lastIndexOf('/') + 1) : otherwise;
}

function deferred<T>(): Deferred<T> {
  let settle!: Pick<Deferred<T>, 'resolve' | 'reject'>;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...settle };
}
