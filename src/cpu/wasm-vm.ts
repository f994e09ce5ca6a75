import type { AccessSize } from '../vmm/device.js';
import type {
  ApicObserver,
  ExitHandlers,
  StopReason,
  VcpuFailure,
  Vm,
  VmOptions,
} from '../vmm/accelerator.js';
import { Doorbell } from '../vmm/doorbell.js';
import { ObservedHandlers, type ExitObserver } from '../vmm/exit-observer.js';
import { Core, CoreStop } from './core-exports.js';
import * as L from './core/layout.js';
import { cpuid } from './cpuid.js';
import { ApicBus } from './apic/apic-bus.js';
import { LocalApic, type ApicHost } from './apic/local-apic.js';
import { serveHypercall } from './hypercalls.js';
import { Msrs, type MsrHost } from './msrs.js';
import { Activity, WasmVcpu } from './vcpu.js';

/** Instructions of one turn of a vCPU, about a quarter of a millisecond. */
const TURN = 40_000;

/** `Record.REMAINING` and `Record.START` of `core/decode/record.ts`. */
const RECORD_REMAINING = 29;
const RECORD_START = 30;

const PAGE = 4096;
/** L of a code segment's attributes. */
const SEGMENT_LONG = 1 << 13;
const EFER_LMA = 1n << 10n;
const CR4_OSXSAVE = 1n << 18n;
const CR4_PKE = 1n << 22n;

/** One machine on the software CPU: its vCPUs take turns on the thread that calls `run`. */
export class WasmVm implements Vm {
  readonly vcpus: readonly WasmVcpu[];
  failure: VcpuFailure | undefined;
  exits = 0;
  private readonly core: Core;
  /** Where exits go: to the handlers, or to an observer before them. */
  private reached: ExitHandlers;
  private observer: ExitObserver | undefined;
  private readonly view: DataView;
  private readonly doorbell: Doorbell;
  private readonly bus = new ApicBus();
  private readonly apics: readonly LocalApic[];
  /** The vCPU whose state is in place. */
  private current = 0;
  /** Whose turn is next. */
  private turn = 0;
  /** What the current turn was given, for counting. */
  private granted = 0;
  /** Instructions of former turns. */
  private finished = 0;
  /** The vCPU whose turn it is has sent INIT to itself. */
  private initPending = false;
  /** Until when `run` was asked to run. */
  private until = Infinity;

  constructor(private readonly options: VmOptions) {
    this.reached = options.handlers;
    this.doorbell = new Doorbell(options.doorbell);
    const [segment] = options.memory.segments;
    this.view = new DataView(segment.buffer);
    this.core = new Core(segment.memory, this.imports());
    this.core.exports.initialize(segment.size);
    if (options.icount) {
      this.view.setUint32(L.ICOUNT, L.ICOUNT_EXACT | L.ICOUNT_ALONE, true);
      options.icount.instructions = () => this.instructions;
    }
    const host = this.apicHost();
    this.apics = Array.from({ length: options.cpus }, (_, index) => new LocalApic(index, host));
    for (const apic of this.apics) this.bus.attach(apic);
    this.vcpus = this.apics.map(
      (apic, index) =>
        new WasmVcpu(
          this.view,
          index,
          apic,
          this.core,
          () => this.bringIn(index),
          vcpu => new Msrs(apic, this.msrHost(vcpu)),
        ),
    );
    for (const vcpu of this.vcpus) {
      vcpu.reset();
      if (vcpu.index > 0) vcpu.fields.set32(L.ACTIVITY, Activity.WAITING_FOR_SIPI);
    }
    this.bringIn(0);
    options.memory.listener = this.forgetCode;
  }

  get handlers(): ExitHandlers {
    return this.reached instanceof ObservedHandlers ? this.reached.inner : this.reached;
  }

  set handlers(handlers: ExitHandlers) {
    this.reached = this.observer ? new ObservedHandlers(handlers, this.observer) : handlers;
  }

  observe(observer: ExitObserver | undefined): void {
    const { handlers } = this;
    this.observer = observer;
    this.handlers = handlers;
    const samples = observer?.samplesCode === true;
    if (!this.options.icount) this.view.setUint32(L.ICOUNT, samples ? L.ICOUNT_EXACT : 0, true);
  }

  get running(): number {
    return this.current;
  }

  /** Instructions that all vCPUs have finished: within an exit, those before the one that makes it. */
  get instructions(): number {
    return this.finished + this.executed();
  }

  counters(): Record<string, number> {
    const count = (at: number): number => Number(this.view.getBigUint64(at, true));
    const counters: Record<string, number> = {
      'TLB misses': count(L.TLB_MISSES),
      'blocks decoded': this.blockStatistics.decoded,
      'blocks invalidated': this.blockStatistics.invalidated,
    };
    EXCEPTION_NAMES.forEach((name, vector) => {
      const exceptions = count(L.EXCEPTIONS + vector * 8);
      if (exceptions > 0) counters[name] = exceptions;
    });
    return counters;
  }

  /** What the block cache has done so far. */
  get blockStatistics(): { readonly decoded: number; readonly invalidated: number } {
    const { decodedBlocks, invalidatedBlocks } = this.core.exports;
    return { decoded: decodedBlocks.value, invalidated: invalidatedBlocks.value };
  }

  run(deadlineNs: number): StopReason {
    const { clock, icount } = this.options;
    this.until = deadlineNs;
    for (;;) {
      if (this.doorbell.rung) return 'kicked';
      clock.tick();
      const now = clock.now();
      for (const apic of this.apics) apic.expire(now);
      if (now >= deadlineNs) return 'slice';
      const vcpu = this.nextRunnable();
      if (vcpu) {
        if (this.takeTurn(vcpu) === CoreStop.SHUTDOWN) return this.shutdown(vcpu);
        continue;
      }
      const wakeUp = this.apicDeadline();
      if (wakeUp >= deadlineNs) return this.asleepForGood() ? 'halted-masked' : 'halted';
      if (icount) icount.skipTo(wakeUp);
      else this.sleep((wakeUp - now) / 1e6);
    }
  }

  /** Nothing runs here but in `run`. */
  rest(): void {}

  /** RIP is always at hand. */
  exposeRegisters(): void {}

  /** RIP of the instruction that is being executed, of the next one outside `run`. */
  rip(): bigint {
    const op = this.view.getUint32(L.CURRENT_OP, true);
    if (op === 0) return this.view.getBigUint64(L.RIP, true);
    return this.view.getBigUint64(L.BLOCK_RIP, true) + BigInt(this.view.getUint16(op + RECORD_START, true));
  }

  copyRip(to: Uint32Array): void {
    const rip = this.rip();
    to[0] = Number(rip & 0xffff_ffffn);
    to[1] = Number(rip >> 32n);
  }

  readonly writesMayAdvanceRip = false;

  watchApics(observer: ApicObserver): void {
    for (const apic of this.apics) apic.observer = observer;
  }

  signalMsi(address: number, data: number): void {
    this.bus.signalMsi(address, data);
  }

  setIntr(level: boolean): void {
    this.apics[0].setIntr(level);
  }

  /** The local APICs know of each interrupt whether it is level-triggered, and report all of those. */
  setIoapicRoutes(): void {}

  close(): void {
    this.options.memory.listener = undefined;
  }

  /** Guest RAM has been written by somebody else than the guest: code that was decoded from there is decoded anew. */
  private readonly forgetCode = (gpa: number, size: number): void => {
    const last = Math.floor((gpa + size - 1) / PAGE);
    for (let page = Math.floor(gpa / PAGE); page <= last; page++) {
      const pieces = L.CODE_PAGES + page * L.CODE_PAGE_SIZE + 8;
      if ((this.view.getUint32(pieces, true) | this.view.getUint32(pieces + 4, true)) === 0) continue;
      const from = Math.max(gpa, page * PAGE);
      this.core.exports.memoryWritten(from, Math.min(gpa + size, (page + 1) * PAGE) - from);
    }
  };

  /** One turn, in as many pieces as the observer wants to look at the vCPU: they are the same turn to the guest. */
  private takeTurn(vcpu: WasmVcpu): number {
    this.bringIn(vcpu.index);
    this.turn = (vcpu.index + 1) % this.vcpus.length;
    let left = this.turnLength();
    for (;;) {
      const piece = this.observer ? Math.min(left, this.observer.untilSample(vcpu.index)) : left;
      const before = this.finished;
      const stop = this.execute(vcpu, piece);
      const executed = this.finished - before;
      this.observer?.executed(vcpu.index, executed);
      left -= executed;
      if (stop !== CoreStop.SLICE || left <= 0) return stop;
      left = Math.min(left, this.instructionsUntilTimer());
      if (left <= 0) return stop;
    }
  }

  /** Has the vCPU, which is in place, execute so many instructions at most. */
  private execute(vcpu: WasmVcpu, instructions: number): number {
    this.granted = instructions;
    this.view.setInt32(L.BUDGET, this.granted, true);
    this.view.setInt32(L.BUDGET_HELD, 0, true);
    // Events that came while it was not in place are looked at first.
    this.lookAround();
    const stop = this.core.execute();
    this.finished += this.executed();
    this.granted = 0;
    this.view.setInt32(L.BUDGET, 0, true);
    this.view.setInt32(L.BUDGET_HELD, 0, true);
    if (this.initPending) {
      this.initPending = false;
      vcpu.initialize();
    }
    return stop;
  }

  /** All vCPUs are halted. */
  private sleep(ms: number): void {
    this.observer?.left('idle');
    this.doorbell.wait(ms);
    this.observer?.entering();
  }

  /** Instructions that the current turn has finished. Its running block was counted when it was entered. */
  private executed(): number {
    if (this.granted === 0) return 0;
    const op = this.view.getUint32(L.CURRENT_OP, true);
    const ahead = op === 0 ? 0 : this.view.getUint8(op + RECORD_REMAINING);
    return this.granted - this.left() - ahead;
  }

  /** Instructions of the current turn that no block has been entered for. */
  private left(): number {
    return this.view.getInt32(L.BUDGET, true) + this.view.getInt32(L.BUDGET_HELD, true);
  }

  private apicDeadline(): number {
    let earliest = Infinity;
    for (const apic of this.apics) earliest = Math.min(earliest, apic.deadline);
    return earliest;
  }

  /** With instruction counting a turn ends where the next timer expires. */
  private turnLength(): number {
    const { icount } = this.options;
    if (!icount) return TURN;
    return Math.min(TURN, icount.instructionsUntil(Math.min(this.until, this.apicDeadline())));
  }

  /** The exit that is being served may have armed a timer: the turn ends no later than it expires. */
  private shortenTurn(): void {
    if (!this.options.icount || this.granted === 0) return;
    // The instruction that makes the exit is the last of its block, and not finished.
    const left = Math.max(0, this.instructionsUntilTimer() - 1);
    const before = this.left();
    if (left >= before) return;
    this.granted -= before - left;
    const budget = Math.min(left, this.view.getInt32(L.BUDGET, true));
    this.view.setInt32(L.BUDGET, budget, true);
    this.view.setInt32(L.BUDGET_HELD, left - budget, true);
  }

  /** Until the next timer that is armed now expires; `Infinity` where time does not follow from instructions. */
  private instructionsUntilTimer(): number {
    const { icount, clock } = this.options;
    if (!icount) return Infinity;
    return icount.instructionsUntil(Math.min(this.until, clock.nextDeadline(), this.apicDeadline()));
  }

  /** Makes the core look at events before the next block; the same as its own `lookAround`. */
  private lookAround(): void {
    const { view } = this;
    view.setInt32(L.BUDGET_HELD, view.getInt32(L.BUDGET_HELD, true) + view.getInt32(L.BUDGET, true), true);
    view.setInt32(L.BUDGET, 0, true);
  }

  private shutdown({ fields }: WasmVcpu): StopReason {
    this.failure = {
      reason: 'triple fault',
      details: {
        vcpu: fields.index,
        rip: fields.get64(L.RIP),
        cr2: fields.get64(L.CR2),
        cr3: fields.get64(L.CR3),
      },
    };
    return 'shutdown';
  }

  private bringIn(index: number): void {
    if (this.current === index) return;
    this.core.exports.switchVcpu(index);
    this.current = index;
  }

  private nextRunnable(): WasmVcpu | undefined {
    const { length } = this.vcpus;
    for (let i = 0; i < length; i++) {
      const vcpu = this.vcpus[(this.turn + i) % length];
      if (this.runnable(vcpu)) return vcpu;
    }
    return undefined;
  }

  private runnable(vcpu: WasmVcpu): boolean {
    const activity = vcpu.fields.get32(L.ACTIVITY);
    if (activity !== Activity.HALTED) return activity !== Activity.WAITING_FOR_SIPI;
    const events = vcpu.fields.get32(L.EVENTS);
    return (events & L.EVENT_NMI) !== 0 || ((events & L.EVENT_INTERRUPT) !== 0 && vcpu.interruptsEnabled());
  }

  private asleepForGood(): boolean {
    return this.vcpus.every(vcpu => vcpu.activity() === 'waiting-for-sipi' || !vcpu.interruptsEnabled());
  }

  private updateEvents(apic: LocalApic): void {
    const { fields } = this.vcpus[apic.index];
    const events = fields.get32(L.EVENTS);
    const pending = apic.pending;
    if (pending === ((events & L.EVENT_INTERRUPT) !== 0)) return;
    this.setEvents(apic.index, pending ? events | L.EVENT_INTERRUPT : events & ~L.EVENT_INTERRUPT);
  }

  private setEvents(index: number, events: number): void {
    this.vcpus[index].fields.set32(L.EVENTS, events);
    if (index === this.current && this.granted > 0) this.lookAround();
  }

  private apicHost(): ApicHost {
    return {
      now: () => {
        this.options.clock.tick();
        return this.options.clock.now();
      },
      send: (message, shorthand, from) => this.bus.send(message, shorthand, from),
      eoi: vector => this.handlers.eoi(vector),
      changed: apic => {
        // While the machine is being made there are APICs without their vCPU.
        if (this.vcpus !== undefined) this.updateEvents(apic);
      },
      nmi: ({ index }) => this.setEvents(index, this.vcpus[index].fields.get32(L.EVENTS) | L.EVENT_NMI),
      init: apic => this.initialize(apic),
      startup: ({ index }, vector) => {
        if (this.vcpus[index].activity() === 'waiting-for-sipi') this.vcpus[index].startup(vector);
      },
    };
  }

  private msrHost(vcpu: WasmVcpu): MsrHost {
    const { memory, clock } = this.options;
    return {
      memory,
      wallClockAtPowerOn: () => clock.wallClock() - clock.now() / 1e6,
      tsc: () => BigInt(this.readTsc()),
      get tscOffset() {
        return vcpu.fields.get64(L.TSC_OFFSET);
      },
      set tscOffset(offset) {
        vcpu.fields.set64(L.TSC_OFFSET, offset);
      },
      apicMoved: () => vcpu.apicMoved(),
    };
  }

  private readTsc(): number {
    const { clock } = this.options;
    clock.tick();
    return Math.floor(clock.now());
  }

  /** INIT. A processor that sends it to itself ends its turn first: it is in the middle of an instruction. */
  private initialize({ index }: LocalApic): void {
    if (index === this.current && this.granted > 0) {
      this.initPending = true;
      this.setEvents(index, this.vcpus[index].fields.get32(L.EVENTS) | L.EVENT_YIELD);
      return;
    }
    const running = this.current;
    const budget = this.view.getInt32(L.BUDGET, true);
    this.vcpus[index].initialize();
    this.bringIn(running);
    this.view.setInt32(L.BUDGET, budget, true);
  }

  private readonly writeCpuid = (leaf: number, subleaf: number): void => {
    const { fields, apic } = this.vcpus[this.current];
    const cr4 = fields.get64(L.CR4);
    const result = cpuid(leaf >>> 0, subleaf >>> 0, {
      apicId: this.current,
      cpus: this.vcpus.length,
      osxsave: (cr4 & CR4_OSXSAVE) !== 0n,
      ospke: (cr4 & CR4_PKE) !== 0n,
      xcr0: fields.get32(L.XCR0),
      apic: apic.enabled,
      ...(this.options.paravirtualization && {
        paravirtualization: this.options.paravirtualization,
      }),
    });
    result.forEach((value, i) => this.view.setUint32(L.CPUID_OUT + i * 4, value, true));
  };

  private imports(): ConstructorParameters<typeof Core>[1] {
    const { clock, random = hostEntropy } = this.options;
    const enter = (): ExitHandlers => {
      this.exits++;
      clock.tick();
      return this.reached;
    };
    const leave = <T>(result: T): T => {
      this.shortenTurn();
      return result;
    };
    return {
      pioRead: (port, size) => leave(enter().pioRead(port, size as AccessSize)),
      pioWrite: (port, size, value) => leave(enter().pioWrite(port, size as AccessSize, value >>> 0)),
      mmioRead: (gpa, size) => leave(enter().mmioRead(gpa, size as AccessSize)),
      mmioWrite: (gpa, size, value) => leave(enter().mmioWrite(gpa, size as AccessSize, value >>> 0)),
      mmioReadHigh: gpa => leave(this.reached.mmioRead(gpa, 4)),
      mmioWriteHigh: (gpa, value) => leave(this.reached.mmioWrite(gpa, 4, value >>> 0)),
      apicRead: offset => this.apics[this.current].read(offset),
      apicWrite: (offset, value) => leave(this.apics[this.current].write(offset, value >>> 0)),
      readCr8: () => this.apics[this.current].taskPriority,
      writeCr8: value => {
        this.apics[this.current].taskPriority = value;
      },
      acknowledgeInterrupt: () => this.acknowledge(this.apics[this.current]),
      cpuid: this.writeCpuid,
      readMsr: index => {
        const value = this.vcpus[this.current].msrs.read(index >>> 0);
        if (value === undefined) return 0;
        this.view.setBigUint64(L.MSR_VALUE, BigInt.asUintN(64, value), true);
        return 1;
      },
      writeMsr: index => {
        const value = this.view.getBigUint64(L.MSR_VALUE, true);
        return leave(this.vcpus[this.current].msrs.write(index >>> 0, value)) ? 1 : 0;
      },
      readTsc: () => this.readTsc(),
      hypercall: () => this.hypercall(this.vcpus[this.current]),
      random,
    };
  }

  private hypercall({ fields }: WasmVcpu): void {
    const wide =
      (fields.get32(L.CS + L.SEGMENT_ATTRIBUTES) & SEGMENT_LONG) !== 0 &&
      (fields.get64(L.EFER) & EFER_LMA) !== 0n;
    const argument = (register: number): bigint =>
      wide ? fields.get64(register) : BigInt(fields.get32(register));
    const result = serveHypercall(
      {
        number: argument(L.RAX),
        arguments: [argument(L.RBX), argument(L.RCX), argument(L.RDX), argument(L.RSI)],
        wide,
        cpl: fields.get32(L.CPL),
      },
      this.bus,
    );
    fields.set64(L.RAX, BigInt.asUintN(wide ? 64 : 32, result));
  }

  private acknowledge(apic: LocalApic): number {
    const vector = apic.takesIntr ? this.handlers.acknowledgePic() : apic.acknowledge();
    this.updateEvents(apic);
    if (vector >= 0) this.observer?.interrupt('taken', vector, apic.index);
    return vector;
  }
}

/** Exceptions by vector, as counters call them (Intel SDM vol. 3, table 6-1). */
const EXCEPTION_NAMES = Array.from({ length: 32 }, (_, vector) =>
  vector === 14 ? 'page faults' : `exceptions ${vector}`,
);

function hostEntropy(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}
