import type { StopReason, Vm } from '../accelerator.js';
import type { MachineClock } from '../clock.js';
import type { Doorbell } from '../doorbell.js';
import type { InstructionTime } from '../instruction-time.js';
import type { PowerSwitch } from '../power-switch.js';

/** The first slice of a guest that does something, and the longest of one that does not, in ns. */
const SHORT_SLICE = 10e6;
const LONG_SLICE = 1e9;

export interface RunLoopOptions {
  readonly vm: Pick<Vm, 'run' | 'exits' | 'failure'>;
  readonly clock: MachineClock;
  readonly doorbell: Doorbell;
  readonly power: PowerSwitch;
  /** What `clock` counts, when time follows from executed instructions. */
  readonly icount?: InstructionTime;
  /** Looks at everything that others left for the machine: messages, bytes, exits of further vCPUs. */
  readonly drain: () => void;
  /** Passes on what gathered since the last round. */
  readonly flush: () => void;
  /** True when no vCPU can ever be woken again. Asked after vCPU 0 slept through a slice with interrupts off. */
  readonly allHaltedForGood: () => boolean;
}

/**
 * Runs the machine until something ends the run: run → drain → timers → run → …
 *
 * A slice that passes without an exit makes the next one twice as long, so that an idle guest costs nothing; what
 * is urgent comes by a timer's deadline or by the doorbell, not by the end of a slice. With instruction counting there
 * are no slices: nothing but the guest's own doing may decide where a turn of a vCPU ends.
 */
export function runLoop({
  vm,
  clock,
  doorbell,
  power,
  icount,
  drain,
  flush,
  allHaltedForGood,
}: RunLoopOptions): void {
  let slice = SHORT_SLICE;
  for (;;) {
    if (doorbell.rung) {
      doorbell.answer();
      drain();
    }
    flush();
    clock.tick();
    clock.runExpired();
    if (power.off) return;

    const exitsBefore = vm.exits;
    const deadline = Math.min(clock.nextDeadline(), icount ? Infinity : clock.now() + slice);
    clock.planUntil(deadline);
    const reason: StopReason = vm.run(deadline);
    clock.planUntil(-Infinity);
    switch (reason) {
      case 'slice':
      case 'kicked':
        break;
      case 'halted':
        clock.tick();
        if (icount && deadline !== Infinity) icount.skipTo(deadline);
        else doorbell.wait(Math.max(0, (deadline - clock.now()) / 1e6));
        break;
      case 'halted-masked':
        if (allHaltedForGood()) power.finish({ reason: 'halted' });
        break;
      case 'shutdown':
        power.finish({ reason: 'triple-fault', vcpu: 0 });
        break;
      case 'debug':
        power.finish({
          reason: 'failed',
          vcpu: 0,
          failure: { reason: 'unexpected debug exit', details: {} },
        });
        break;
      case 'failed':
        power.finish({
          reason: 'failed',
          vcpu: 0,
          failure: vm.failure ?? { reason: 'unknown', details: {} },
        });
        break;
    }
    slice = vm.exits === exitsBefore ? Math.min(slice * 2, LONG_SLICE) : SHORT_SLICE;
  }
}
