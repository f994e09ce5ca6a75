import type { BlockBackend } from '../../block/backend.js';
import type { ImageHost } from '../../block/qcow2/open.js';
import type { DriverCheck } from '../../conformance/driver/driver-check.js';
import type { GuestPlace } from '../../conformance/driver/judge.js';
import { AcpiPm } from '../../devices/legacy/acpi-pm.js';
import { assignResources } from '../../devices/pci/resources.js';
import type { VirtioNet } from '../../devices/virtio/net/net.js';
import { ConfigError } from '../../errors.js';
import type { Accelerator, Vm } from '../accelerator.js';
import { ByteRing } from '../byte-ring.js';
import type { Claim } from '../bus/bus.js';
import { ProbeRecorder } from '../bus/probe-batch.js';
import { ProbedDispatcher, type ProbeFilter } from '../bus/probe.js';
import { MachineClock } from '../clock.js';
import type { Device } from '../device.js';
import { Doorbell, type Interrupter } from '../doorbell.js';
import { FlowLimit } from '../flow-limit.js';
import { InstructionTime } from '../instruction-time.js';
import { GuestMemory } from '../memory/guest-memory.js';
import { PowerSwitch } from '../power-switch.js';
import { seededRandom } from '../seeded-random.js';
import { MachineRecording, type RecordingSetup } from '../../profile/machine-recording.js';
import { STATE_MSRS } from '../state-msrs.js';
import type { BootState, VcpuState } from '../vcpu-state.js';
import { Board, type DeviceContext } from './board.js';
import { ConsoleDevice } from './console-device.js';
import { describeFailure } from './failure.js';
import type { KvmVcpuHandle } from '../kvm/kvm-vcpu.js';
import { FurtherVcpus } from './further-vcpus.js';
import { HostTime } from './host-time.js';
import { inspect } from './inspection.js';
import {
  MAX_PROBE_BATCHES,
  type Answers,
  type FromWorker,
  type Query,
  type ToWorker,
  type WorkerSetup,
} from './protocol.js';
import { RemoteDevice, RemoteReply } from './remote-device.js';
import { RingSink } from './ring-sink.js';
import { runLoop, type RunLoopOptions } from './run-loop.js';
import { serializeError } from './serialize-error.js';
import { hostEntropy, seededEntropy } from './entropy.js';
import { addCard, addDisk, addRng } from './virtio-devices.js';
import { SerialInput } from './serial-input.js';

const ACPI_PM = 'acpi-pm';

/** An interrupt message to all local APICs by their physical destination, and its data for an NMI (Intel SDM vol. 3, 11.11). */
const MSI_TO_ALL = 0xfeef_f000;
const MSI_NMI = 4 << 8;

/** What the machine worker needs of its host. */
export interface WorkerHost {
  post(message: FromWorker): void;
  /** The next message of the control thread, if there is one. Never waits. */
  receive(): ToWorker | undefined;
  interrupt: Interrupter;
  loadAccelerator(setup: WorkerSetup): Promise<Accelerator>;
  /** What disk images need. */
  loadImageHost(): Promise<ImageHost>;
  /** The default export of a device module. */
  loadDevice(url: string): Promise<(context: DeviceContext, options: unknown) => Device>;
}

/** Accelerators whose further vCPUs run on threads of their own offer what those need. */
interface Threaded {
  readonly handles: readonly KvmVcpuHandle[];
}

interface InstalledProbe {
  readonly id: number;
  readonly filter: ProbeFilter;
  readonly recorder: ProbeRecorder;
}

/**
 * The machine worker: builds the machine, runs vCPU 0 and every device in a plain loop without an event loop, and
 * answers the control thread between two entries into the guest.
 */
export class MachineWorker {
  private readonly doorbell: Doorbell;
  private readonly memory: GuestMemory;
  private readonly time = new HostTime();
  private readonly icount: InstructionTime | undefined;
  private readonly clock: MachineClock;
  private readonly power: PowerSwitch;
  private readonly board: Board;
  private readonly inputs: readonly SerialInput[];
  private readonly remotes: readonly RemoteDevice[];
  private readonly probeFlow: FlowLimit;
  private readonly disks: BlockBackend[] = [];
  private cards: readonly VirtioNet[] = [];
  private consoles: ConsoleDevice | undefined;
  private probes: readonly InstalledProbe[] = [];
  private recording: MachineRecording | undefined;
  private vm!: Vm;
  private further!: FurtherVcpus;
  /** The vCPU whose exit is being served. */
  private serving = 0;
  private boot: BootState | undefined;
  private paused = false;
  /** The vCPUs after power-on. */
  private powerOn: readonly VcpuState[] = [];
  private closed = false;

  constructor(
    private readonly setup: WorkerSetup,
    private readonly host: WorkerHost,
  ) {
    this.doorbell = new Doorbell(setup.doorbell, host.interrupt);
    this.power = new PowerSwitch(() => this.doorbell.raise(), setup.onReset, setup.onPanic);
    this.memory = new GuestMemory(setup.memory);
    this.icount = setup.icount && new InstructionTime(setup.icount);
    this.clock = new MachineClock(this.icount ?? this.time, () => this.doorbell.raise());
    this.probeFlow = new FlowLimit(setup.probeFlow, MAX_PROBE_BATCHES);
    this.board = new Board({
      memory: this.memory,
      clock: this.clock,
      power: this.power,
      serial: setup.serialOut.map(
        (ring, port) => new RingSink(ring, () => host.post({ type: 'output', port })),
      ),
      debugConsole: new RingSink(setup.debugConsole, () => host.post({ type: 'output', port: 'debug' })),
      parts: setup.parts,
    });
    this.inputs = setup.serialIn.map(buffer => new SerialInput(new ByteRing(buffer)));
    this.board.uarts.forEach((uart, port) => {
      uart.onRxSpace = () => this.feed(port);
      uart.onRxDiscard = bytes => this.inputs[port].giveBack(bytes);
    });
    const reply = new RemoteReply(setup.remoteReply);
    this.remotes = setup.remoteDevices.map((remote, index) => {
      const irq = remote.irq === undefined ? undefined : this.board.irq(remote.irq);
      return new RemoteDevice(index, remote, reply, access => host.post(access), irq);
    });
    for (const remote of this.remotes) this.board.add(remote);
  }

  /** Builds the rest of the machine, then serves until the control thread closes it. */
  async serve(): Promise<void> {
    const { setup, host } = this;
    for (const { module, options } of setup.moduleDevices) {
      const create = await host.loadDevice(module);
      this.board.add(create(this.board, options));
    }
    if (setup.driverCheck) await this.watchDrivers(setup.driverCheck);
    await this.addVirtioDevices();
    const accelerator = await host.loadAccelerator(setup);
    this.vm = accelerator.createVm({
      memory: this.memory,
      cpus: setup.cpus,
      paravirtualization: setup.cpu,
      handlers: this.board.dispatcher,
      clock: this.clock,
      doorbell: setup.doorbell,
      ...(this.icount && { icount: this.icount }),
      ...(setup.icount && { random: seededRandom(setup.icount.seed) }),
    });
    this.powerOn = this.vm.vcpus.map(vcpu => vcpu.getState());
    const handles = 'handles' in this.vm ? (this.vm as unknown as Threaded).handles.slice(1) : [];
    this.further = new FurtherVcpus(handles, this.doorbell, host.interrupt, setup.recording !== undefined);
    if (setup.recording) this.recording = this.newRecording(setup.recording);
    if (this.board.watch) {
      this.board.watch.watchApics(this.vm);
      this.vm.exposeRegisters(true);
      for (const link of this.further.links) link.exposeRegisters(true);
    }
    this.board.connect(this.recording?.interrupted(this.vm) ?? this.vm);
    try {
      host.post({ type: 'ready', vcpus: this.further.setups });

      this.idleUntil(() => this.boot !== undefined || this.closed);
      if (this.boot) this.runMachine(this.boot);
      this.idleUntil(() => this.closed);
    } finally {
      this.further.stop();
      this.vm.close();
      for (const disk of this.disks) disk.close();
    }
  }

  /** Only such a machine loads what checks drivers. */
  private async watchDrivers(check: DriverCheck): Promise<void> {
    const { DriverWatch } = await import('../../conformance/driver/driver-watch.js');
    const place = (): GuestPlace => ({ vcpu: this.serving, rip: this.servedRip() });
    this.board.watch = new DriverWatch(check, this.clock, place);
    this.board.watch.watchChips(this.board);
  }

  /** RIP of the vCPU whose exit is being served. */
  private servedRip(): bigint {
    return this.serving === 0 ? this.vm.rip() : this.further.links[this.serving - 1].rip();
  }

  /** Virtio devices; then the PCI bus, if there is one, has its addresses assigned as by firmware. */
  private async addVirtioDevices(): Promise<void> {
    const { setup, host, board } = this;
    if (setup.disks.length > 0) {
      const images = await host.loadImageHost();
      for (const [index, disk] of setup.disks.entries()) this.disks.push(addDisk(board, index, disk, images));
    }
    this.cards = setup.cards.map((card, i) => addCard(board, i, card, () => this.doorbell.raise()));
    if (setup.rng) {
      const source = setup.icount ? seededEntropy(seededRandom(setup.icount.seed)) : hostEntropy;
      addRng(board, source, setup.rng);
    }
    if (setup.consoleInterface) {
      this.consoles = new ConsoleDevice(board, {
        interface: setup.consoleInterface,
        ports: setup.consoles,
        patient: setup.icount !== undefined,
        post: (port, event) => host.post({ type: 'console', port, event }),
      });
    }
    if (board.pci) assignResources(board.pci);
  }

  private runMachine(boot: BootState): void {
    const { vm, clock, doorbell, power, icount } = this;
    this.enterKernel(boot);
    this.time.start();
    // Nobody has looked at what cables had to tell before.
    this.pollCards();
    this.recording?.begin();
    const options: RunLoopOptions = {
      vm: this.recording?.runner(vm) ?? vm,
      clock,
      doorbell,
      power,
      ...(icount && { icount }),
      drain: () => this.drain(),
      flush: () => this.flushProbes(),
      allHaltedForGood: () => this.allHaltedForGood(),
    };
    runLoop(options);
    while (power.takeRestart()) {
      this.reboot();
      runLoop(options);
    }
    this.time.stop();
    this.vm.rest();
    this.further.park(() => this.serveVcpus());
    this.recording?.end();
    this.flushProbes();
    const end = power.end!;
    this.host.post({
      type: 'ended',
      end: end.vcpu === undefined ? end : { ...end, failure: describeFailure(end, this.vm, this.memory) },
      exits: vm.exits + this.further.exits,
      ...(vm.instructions !== undefined && { instructions: vm.instructions }),
      elapsedMs: this.time.elapsed() / 1e6,
      ...(this.recording && { counters: vm.counters() }),
      unclaimed: this.unclaimed(),
    });
  }

  /** Devices and vCPUs as after power-on, memory as before the run: the kernel starts again. A paused machine stays paused. */
  private reboot(): void {
    const { vm, power } = this;
    this.time.stop();
    vm.rest();
    this.further.park(() => this.serveVcpus());
    this.board.reset();
    this.boot = undefined;
    this.host.post({ type: 'reset' });
    this.idleUntil(() => this.boot !== undefined || power.end !== undefined);
    if (!this.boot) return;
    vm.vcpus.forEach((vcpu, index) => {
      vcpu.forgetEvents();
      vcpu.setState(afterReset(this.powerOn[index]));
    });
    this.enterKernel(this.boot);
    // What else came in meanwhile, a pause among it, is looked at first.
    this.doorbell.raise();
    if (this.paused) return;
    this.time.start();
    this.further.resume();
  }

  /** The boot protocol says what the kernel finds; where the local APIC is stays the processor's own affair. */
  private enterKernel(boot: BootState): void {
    const [first] = this.vm.vcpus;
    const { apicBase } = first.getState().system;
    first.setState({ registers: boot.registers, system: { ...boot.system, apicBase }, activity: 'running' });
  }

  /** Everything that others left for the machine. */
  private drain(): void {
    this.serveVcpus();
    for (let message = this.host.receive(); message; message = this.host.receive()) this.handle(message);
    while (this.paused && !this.power.off) {
      this.doorbell.wait(Infinity);
      this.doorbell.answer();
      for (let message = this.host.receive(); message; message = this.host.receive()) this.handle(message);
    }
    this.pollCards();
  }

  private pollCards(): void {
    for (const card of this.cards) if (card.poll()) this.doorbell.raise();
  }

  /** Before and after the run: nothing but messages. */
  private idleUntil(done: () => boolean): void {
    for (;;) {
      this.doorbell.answer();
      for (let message = this.host.receive(); message; message = this.host.receive()) this.handle(message);
      if (done()) return;
      this.doorbell.wait(Infinity);
    }
  }

  private handle(message: ToWorker): void {
    switch (message.type) {
      case 'run':
        this.boot = message.boot;
        message.input?.forEach((data, port) => this.inputs[port].give(data));
        this.consoles?.give(message.consoleInput ?? []);
        break;
      case 'end':
        this.power.finish(message.end);
        break;
      case 'reset':
        this.power.restart();
        break;
      case 'rebooted':
        this.boot = message.boot;
        break;
      case 'power-button':
        this.pressPowerButton();
        break;
      case 'nmi':
        this.vm.signalMsi(MSI_TO_ALL, MSI_NMI);
        break;
      case 'resume':
        this.pause(false);
        break;
      case 'query':
        this.answer(message.id, message.query);
        break;
      case 'irq':
        this.remotes[message.device].irq?.set(message.level);
        break;
      case 'memory-written':
        this.memory.written(message.gpa, message.size);
        break;
      case 'serial-input':
        this.feed(message.port);
        break;
      case 'console':
        this.consoles?.hear(message.port, message.event);
        break;
      case 'close':
        this.closed = true;
        this.power.finish({ reason: 'stopped' });
        break;
    }
  }

  private pressPowerButton(): void {
    const pm = this.board.device(ACPI_PM);
    if (pm instanceof AcpiPm) pm.pressPowerButton();
  }

  private pause(paused: boolean): void {
    if (paused === this.paused || this.power.end) return;
    this.paused = paused;
    if (paused) {
      this.further.park(() => this.serveVcpus());
      this.time.stop();
      this.vm.rest();
    } else {
      this.time.start();
      this.further.resume();
    }
  }

  private answer(id: number, query: Query): void {
    try {
      if (query.what === 'resize-disk') {
        this.resizeDisk(id, query);
        return;
      }
      this.host.post({ type: 'answer', id, value: this.lookUp(query) });
    } catch (error) {
      this.host.post({ type: 'refusal', id, error: serializeError(error) });
    }
  }

  /** A back end may take its time. */
  private resizeDisk(id: number, { index, size }: Extract<Query, { what: 'resize-disk' }>): void {
    const disk = this.disks[index];
    if (!disk) throw new ConfigError(`there is no disk ${index}`, { index });
    if (disk.readOnly) throw new ConfigError(`disk ${index} is read-only`, { index });
    disk.resize(size, failure => {
      if (!failure) {
        this.host.post({ type: 'answer', id, value: undefined });
        return;
      }
      const error = new ConfigError(`disk ${index}: ${failure.message}`, { index, size }, { cause: failure });
      this.host.post({ type: 'refusal', id, error: serializeError(error) });
    });
  }

  private lookUp(query: Exclude<Query, { what: 'resize-disk' }>): Answers[Query['what']] {
    switch (query.what) {
      case 'pause':
        this.pause(true);
        return undefined;
      case 'vcpu':
        return this.outsideGuest(() => this.vcpu(query.index).getState());
      case 'set-vcpu':
        return this.outsideGuest(() => this.vcpu(query.index).setState(query.state)) as undefined;
      case 'device':
        return this.device(query.name).save();
      case 'claims':
        return [...this.board.ports.list(), ...this.board.mmio.list()].map(withoutTarget);
      case 'inspect':
        return inspect(this.board);
      case 'driver-findings':
        if (!this.board.watch) throw new ConfigError('the drivers of this machine are not checked');
        return this.board.watch.findings();
      case 'unclaimed':
        return this.unclaimed();
      case 'add-probe':
        this.probes = [...this.probes, this.newProbe(query)];
        return this.installProbes();
      case 'remove-probe':
        this.flushProbes();
        this.probes = this.probes.filter(probe => probe.id !== query.id);
        return this.installProbes();
    }
  }

  private vcpu(index: number): { getState(): VcpuState; setState(state: VcpuState): void } {
    const vcpu = this.vm.vcpus[index];
    if (!vcpu) throw new ConfigError(`there is no vCPU ${index}`, { index });
    return vcpu;
  }

  private device(name: string): Device {
    const device = this.board.device(name);
    if (!device) throw new ConfigError(`there is no device called ${name}`, { name });
    return device;
  }

  private unclaimed(): Answers['unclaimed'] {
    return [...this.board.ports.misses(), ...this.board.mmio.misses()];
  }

  private newProbe({ id, filter }: Extract<Query, { what: 'add-probe' }>): InstalledProbe {
    return { id, filter, recorder: new ProbeRecorder(filter.registers ?? false, () => this.flushProbes()) };
  }

  private newRecording(recording: RecordingSetup): MachineRecording {
    const { vm, memory, board, host } = this;
    const installed = new MachineRecording(recording, {
      vm,
      memory,
      buses: board,
      links: this.further.links,
      serving: () => this.serving,
      announce: () => host.post({ type: 'recorded' }),
    });
    vm.handlers = installed.handlers(board.dispatcher);
    installed.watch(board.allDevices());
    return installed;
  }

  /** Puts the probes between the accelerator and the dispatcher, or takes them away when there are none. */
  private installProbes(): undefined {
    const registers =
      this.recording !== undefined ||
      this.board.watch !== undefined ||
      this.probes.some(probe => probe.filter.registers === true);
    const context = {
      vcpu: () => this.serving,
      rip: () => this.servedRip(),
    };
    this.outsideGuest(() => {
      this.vm.exposeRegisters(registers);
      for (const link of this.further.links) link.exposeRegisters(registers);
    });
    const probed = this.probes.reduce(
      (inner, { filter, recorder }) => new ProbedDispatcher(inner, this.board, filter, context, recorder),
      this.board.dispatcher as Vm['handlers'],
    );
    this.vm.handlers = this.recording?.handlers(probed) ?? probed;
    return undefined;
  }

  private flushProbes(): void {
    for (const { id, recorder } of this.probes) {
      if (recorder.isEmpty) continue;
      this.probeFlow.enter();
      this.host.post({ type: 'probe', id, batch: recorder.take() });
    }
  }

  private serveVcpus(): void {
    this.clock.tick();
    this.further.serve(this.vm.handlers, this.power, link => (this.serving = link.index));
    this.serving = 0;
  }

  /** Calls `action` while no vCPU is inside the guest; vCPU 0 is outside whenever this thread is here. */
  private outsideGuest<T>(action: () => T): T {
    if (this.paused || this.power.end) return action();
    this.further.park(() => this.serveVcpus());
    try {
      return action();
    } finally {
      this.further.resume();
    }
  }

  private allHaltedForGood(): boolean {
    return this.outsideGuest(() =>
      this.vm.vcpus.every(vcpu => {
        const activity = vcpu.activity();
        return activity === 'waiting-for-sipi' || (activity === 'halted' && !vcpu.interruptsEnabled());
      }),
    );
  }

  /** Moves waiting input into the UART as far as its FIFO has room and the guest wants it. */
  private feed(port: number): void {
    const input = this.inputs[port];
    const uart = this.board.uarts[port];
    while (uart.listening && uart.rxSpace > 0) {
      const byte = input.shift();
      if (byte < 0) break;
      uart.receive(byte);
    }
    if (input.takeWaiting()) this.host.post({ type: 'input-space', port });
  }
}

/**
 * The state after a reset. Time-stamp counters go on: kernels know no difference, and to set those of several vCPUs to
 * the same value, one after the other, would set them apart.
 */
function afterReset({ msrs, ...state }: VcpuState): VcpuState {
  const kept = [...(msrs ?? [])].filter(([number]) => number !== STATE_MSRS.IA32_TSC);
  return { ...state, msrs: new Map(kept) };
}

function withoutTarget({ owner, space, base, size }: Claim): Omit<Claim, 'target'> {
  return { owner, space, base, size };
}
