import type { ExitHandlers } from '../accelerator.js';
import { BootLayout } from '../boot/boot-layout.js';
import { flat32 } from '../boot/cpu-modes.js';
import { NO_DEVICES } from '../bus/dispatch.js';
import { MachineClock } from '../clock.js';
import { Doorbell } from '../doorbell.js';
import { HostTime } from '../machine/host-time.js';
import { GuestMemory } from '../memory/guest-memory.js';
import { KvmAccelerator } from './kvm-accelerator.js';
import { KvmError } from './kvm-error.js';

/**
 * The calibration guest, 32-bit code: asks how many rounds to loop, loops, asks again.
 * ```
 *   e5 80       in    eax, 0x80
 *   48          dec   eax
 *   75 fd       jnz   -3
 *   eb f9       jmp   -7
 * ```
 */
const GUEST_CODE = new Uint8Array([0xe5, 0x80, 0x48, 0x75, 0xfd, 0xeb, 0xf9]);

const ENTRY = 0x10_0000;
const MEMORY = 2 << 20;
const INSTRUCTIONS_A_ROUND = 2;
/** The first loop: about a millisecond on a host that emulates. */
const FIRST_ROUNDS = 1000;
const ROUNDS_FACTOR = 4;
/** A loop of this many ns is long enough: what an exit costs more or less does not count. */
const LONG_ENOUGH = 1e6;
/** Of so many measurements of the same thing the shortest counts: the host may have had something else to do. */
const SAMPLES = 3;
/** Below this, a processor of our time does not execute the guest's instructions itself. */
const SLOWEST_HARDWARE = 50e6;
const TIME_LIMIT = 5e9;

export interface Calibration {
  /** Guest instructions a second. */
  readonly instructionsPerSecond: number;
  /** Wall time of one port exit and the way back, in ns. */
  readonly exitNs: number;
  /** False when the host's KVM emulates an unmodified guest instead of having the processor execute it. */
  readonly hardware: boolean;
}

/**
 * Measures what KVM really does with guest code: there are hosts whose /dev/kvm has no hardware virtualization under
 * it. Takes some ms.
 * @throws AcceleratorError when there is no usable KVM
 */
export function calibrate(device?: string): Calibration {
  const samples = new Samples();
  const reason = runGuest(samples, device);
  if (!samples.complete) throw new KvmError(`the calibration guest did not run: ${reason}`);
  const instructionNs = (samples.loopNs - samples.exitNs) / (samples.rounds * INSTRUCTIONS_A_ROUND);
  const instructionsPerSecond = 1e9 / instructionNs;
  const hardware = instructionsPerSecond >= SLOWEST_HARDWARE;
  return { instructionsPerSecond, exitNs: samples.exitNs, hardware };
}

/** Times between exits: loops of one round first, then ever longer ones. */
class Samples {
  /** Of the loops that are being measured. */
  rounds = 1;
  /** The shortest time between two exits with one round between them. */
  exitNs = Infinity;
  /** The shortest time of a loop of {@link rounds}. */
  loopNs = Infinity;
  complete = false;
  private taken = 0;
  private last = NaN;

  /** The guest is through with its loop. @returns rounds of the next one */
  next(): number {
    const now = performance.now();
    const ns = (now - this.last) * 1e6;
    // The guest's first exit ends no loop.
    if (!Number.isNaN(ns)) this.take(ns);
    this.last = performance.now();
    return this.rounds;
  }

  private take(ns: number): void {
    this.loopNs = Math.min(this.loopNs, ns);
    if (++this.taken < SAMPLES) return;
    this.taken = 0;
    if (this.rounds === 1) this.exitNs = this.loopNs;
    else if (this.loopNs - this.exitNs >= LONG_ENOUGH) {
      this.complete = true;
      return;
    }
    this.rounds = Math.max(FIRST_ROUNDS, this.rounds * ROUNDS_FACTOR);
    this.loopNs = Infinity;
  }
}

/** Runs the calibration guest until the samples are complete. @returns why it stopped */
function runGuest(samples: Samples, device?: string): string {
  const memory = GuestMemory.allocate(MEMORY);
  memory.write(ENTRY, GUEST_CODE);
  const doorbell = new Doorbell(Doorbell.allocate());
  const time = new HostTime();
  time.start();
  const handlers: ExitHandlers = {
    ...NO_DEVICES,
    pioRead: () => {
      const rounds = samples.next();
      if (samples.complete) doorbell.raise();
      return rounds;
    },
  };
  const vm = new KvmAccelerator(device).createVm({
    memory,
    cpus: 1,
    handlers,
    clock: new MachineClock(time),
    doorbell: doorbell.buffer,
  });
  try {
    const [vcpu] = vm.vcpus;
    const before = vcpu.getState();
    const { registers, system } = flat32(new BootLayout(memory), ENTRY, {});
    vcpu.setState({
      registers,
      system: { ...system, apicBase: before.system.apicBase },
      activity: 'running',
    });
    const reason = vm.run(TIME_LIMIT);
    return vm.failure?.reason ?? reason;
  } finally {
    vm.close();
  }
}
