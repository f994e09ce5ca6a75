import type { ExitHandlers, StopReason, Vm } from '../vmm/accelerator.js';
import type { Dispatcher } from '../vmm/bus/dispatch.js';
import { hostClock } from '../vmm/host-clock.js';
import { virtioInside } from '../vmm/machine/virtio-bus.js';
import type { Device } from '../vmm/device.js';
import type { InterruptTarget } from '../vmm/machine/board.js';
import type { VcpuLink } from '../vmm/machine/vcpu-link.js';
import type { GuestMemory } from '../vmm/memory/guest-memory.js';
import { ExitRecorder, type RecordedMachine } from './exit-recorder.js';
import { isBehindWrite } from './guest-code.js';
import { recordRequests } from './request-recorder.js';
import { RecordMemory } from './record-memory.js';
import type { RecordingOptions } from './recording-options.js';
import { RecordingDispatcher } from './recording-dispatcher.js';
import { StackWalker } from './stack-walker.js';
import { RunningOffset } from './symbols/linux-kaslr.js';
import type { DebugData } from './unwind/debug-data.js';
import { LoadedRules } from './unwind/loaded-rules.js';
import { unwindRules } from './unwind/unwind-rules.js';

/** What the machine's thread needs to record. */
export interface RecordingSetup extends Required<Omit<RecordingOptions, 'debugFiles'>>, DebugData {
  /** From `RecordMemory.allocate()`. */
  readonly buffer: SharedArrayBuffer;
}

interface Parts {
  readonly vm: Vm;
  readonly memory: GuestMemory;
  readonly buses: Pick<Dispatcher, 'ports' | 'mmio'>;
  /** The vCPUs that have threads of their own. */
  readonly links: readonly VcpuLink[];
  /** The vCPU whose exit came from another thread, 0 for this thread's own. */
  readonly serving: () => number;
  /** Tells the control thread to take events out. */
  readonly announce: () => void;
}

/** What the run loop needs of a machine's vCPUs. */
type Runner = Pick<Vm, 'run' | 'exits' | 'failure'>;

/**
 * Puts a recorder where it sees everything: between the accelerator and the guest, the accelerator and the dispatcher, the run
 * loop and the accelerator, the interrupt controllers and the local APICs. Without it none of these is any different.
 */
export class MachineRecording {
  private readonly recorder: ExitRecorder;
  private readonly record: RecordMemory;

  constructor(
    setup: RecordingSetup,
    private readonly parts: Parts,
  ) {
    const { vm, links } = parts;
    this.record = new RecordMemory(setup.buffer);
    this.recorder = new ExitRecorder(this.record, recorded(parts, setup), vm.vcpus.length, {
      stacks: setup.stacks,
      lossless: setup.lossless,
      samplePeriod: setup.samplePeriod > 0 ? setup.samplePeriod : Infinity,
      announce: parts.announce,
    });
    this.attach();
    for (const link of links) link.exposeRegisters(true);
  }

  /** Has the accelerator tell of its exits. */
  attach(): void {
    const { vm } = this.parts;
    vm.observe(this.recorder);
    vm.exposeRegisters(true);
  }

  /** Time 0. */
  begin(): void {
    this.record.clock[0] = hostClock.timeOrigin + hostClock.now();
    this.recorder.begin();
  }

  end(): void {
    this.recorder.end(this.parts.links);
    this.parts.vm.observe(undefined);
  }

  /** What exits reach instead of `inner`. */
  handlers(inner: ExitHandlers): ExitHandlers {
    const { buses, links, serving } = this.parts;
    const link = (): VcpuLink | undefined => {
      const vcpu = serving();
      // Not links[-1]: an index that no array has is looked up as a name.
      return vcpu === 0 ? undefined : links[vcpu - 1];
    };
    return new RecordingDispatcher(inner, buses, this.recorder, link);
  }

  /** Records the requests of those among `devices` that have queues. */
  watch(devices: Iterable<Device>): void {
    for (const device of devices) {
      const virtio = virtioInside(device);
      if (virtio) recordRequests(this.recorder, device.name, virtio);
    }
  }

  /** What the run loop runs instead of the machine's vCPUs. */
  runner(vm: Runner): Runner {
    const { recorder } = this;
    return {
      run(deadlineNs: number): StopReason {
        recorder.runBegins();
        const reason = vm.run(deadlineNs);
        recorder.runEnds(reason === 'halted');
        return reason;
      },
      get exits() {
        return vm.exits;
      },
      get failure() {
        return vm.failure;
      },
    };
  }

  /** What interrupt controllers send to instead of the local APICs. */
  interrupted(vm: InterruptTarget): InterruptTarget {
    return {
      signalMsi: (address, data) => {
        // Destination and vector (Intel SDM vol. 3, 11.11).
        this.recorder.interrupt('msi', data & 0xff, (address >>> 12) & 0xff);
        vm.signalMsi(address, data);
      },
      setIntr: level => vm.setIntr(level),
      setIoapicRoutes: routes => vm.setIoapicRoutes(routes),
    };
  }
}

function recorded(
  { vm, memory, links }: Parts,
  { unwind, systemCallEntry, objects, objectList }: RecordingSetup,
): RecordedMachine {
  const offset = systemCallEntry === undefined ? undefined : new RunningOffset(systemCallEntry, vm.vcpus[0]);
  const rules = unwind.map(unwindRules);
  const loaded = objectList === undefined ? undefined : new LoadedRules(memory, objectList, objects);
  const walker = new StackWalker(memory, loaded ? [...rules, loaded] : rules, () => offset?.value ?? 0n);
  const ripOf = (vcpu: number): bigint =>
    vcpu === 0 || links.length === 0 ? vm.rip() : links[vcpu - 1].rip();
  return {
    running: () => vm.running,
    ripIsNext: (vcpu, space) =>
      vm.writesMayAdvanceRip && isBehindWrite(memory, vm.vcpus[vcpu].frameState(), ripOf(vcpu), space),
    copyRip(vcpu, to) {
      if (vcpu === 0 || links.length === 0) vm.copyRip(to);
      else links[vcpu - 1].copyRip(to);
    },
    ...(vm.haltedNs && { haltedNs: (vcpu: number) => vm.haltedNs!(vcpu) }),
    walk(vcpu, to) {
      const state = vm.vcpus[vcpu].frameState();
      if (loaded) loaded.system = state.system;
      return walker.walk(ripOf(vcpu), state, to);
    },
  };
}
