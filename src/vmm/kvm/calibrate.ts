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
 * The calibration guest, 32-bit code:
 * ```
 *   b9 imm32    mov   ecx, rounds
 *   49          dec   ecx
 *   75 fd       jnz   -3
 *   e6 80       out   0x80, al
 *   eb f4       jmp   -12
 * ```
 */
function guestCode(rounds: number): Uint8Array {
  const code = new Uint8Array([0xb9, 0, 0, 0, 0, 0x49, 0x75, 0xfd, 0xe6, 0x80, 0xeb, 0xf4]);
  new DataView(code.buffer).setUint32(1, rounds, true);
  return code;
}

const ENTRY = 0x10_0000;
const MEMORY = 2 << 20;
const INSTRUCTIONS_A_ROUND = 2;
/** Enough to tell hardware from emulation, and over in 20 ms on a host that emulates. */
const FIRST_ROUNDS = 10_000;
/** Guest code that hardware executes runs long enough for the exits not to count. */
const LONG_ROUNDS = 20_000_000;
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
 * it. Takes a few ms with hardware, about a tenth of a second without.
 * @throws AcceleratorError when there is no usable KVM
 */
export function calibrate(device?: string): Calibration {
  const exitNs = measure(1, device);
  const first = (measure(FIRST_ROUNDS, device) - exitNs) / (FIRST_ROUNDS * INSTRUCTIONS_A_ROUND);
  const quick = first < 1e9 / SLOWEST_HARDWARE;
  const perInstruction = quick
    ? (measure(LONG_ROUNDS, device) - exitNs) / (LONG_ROUNDS * INSTRUCTIONS_A_ROUND)
    : first;
  return { instructionsPerSecond: 1e9 / perInstruction, exitNs, hardware: quick };
}

/** The median time in ns between two exits of a guest that loops `rounds` times between them. */
function measure(rounds: number, device?: string): number {
  const memory = GuestMemory.allocate(MEMORY);
  memory.write(ENTRY, guestCode(rounds));
  const layout = new BootLayout(memory);
  const doorbell = new Doorbell(Doorbell.allocate());
  const samples = rounds > 1e6 ? 3 : 9;
  const times: number[] = [];
  const time = new HostTime();
  time.start();
  const handlers: ExitHandlers = {
    ...NO_DEVICES,
    pioWrite: () => {
      times.push(performance.now());
      if (times.length > samples) doorbell.raise();
    },
  };
  const clock = new MachineClock(time);
  const vm = new KvmAccelerator(device).createVm({
    memory,
    cpus: 1,
    handlers,
    clock,
    doorbell: doorbell.buffer,
  });
  try {
    const [vcpu] = vm.vcpus;
    const before = vcpu.getState();
    const { registers, system } = flat32(layout, ENTRY, {});
    vcpu.setState({
      registers,
      system: { ...system, apicBase: before.system.apicBase },
      activity: 'running',
    });
    const reason = vm.run(TIME_LIMIT);
    if (times.length < 2)
      throw new KvmError(`the calibration guest did not run: ${vm.failure?.reason ?? reason}`);
  } finally {
    vm.close();
  }
  const steps = times.slice(1).map((at, i) => (at - times[i]) * 1e6);
  return steps.sort((a, b) => a - b)[steps.length >> 1];
}
