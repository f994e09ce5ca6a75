import { describe, expect, it } from 'vitest';
import type { StopReason, VcpuFailure, Vm } from '../../../../src/vmm/accelerator.js';
import { NO_DEVICES } from '../../../../src/vmm/bus/dispatch.js';
import { MachineClock } from '../../../../src/vmm/clock.js';
import { Doorbell } from '../../../../src/vmm/doorbell.js';
import { InstructionTime } from '../../../../src/vmm/instruction-time.js';
import { runLoop } from '../../../../src/vmm/machine/run-loop.js';
import { PowerSwitch } from '../../../../src/vmm/power-switch.js';
import type { RunEnd } from '../../../../src/vmm/run-result.js';

const MS = 1e6;

/** A guest as a list of what its turns do; time passes only where they say so. */
class Rig {
  ns = 0;
  readonly log: string[] = [];
  readonly clock = new MachineClock({ elapsed: () => this.ns, epoch: 0 });
  readonly doorbell = new Doorbell(Doorbell.allocate());
  readonly power = new PowerSwitch(() => this.doorbell.raise());
  readonly deadlines: number[] = [];
  exits = 0;
  failure: VcpuFailure | undefined;
  haltedForGood = true;
  onDrain: () => void = () => undefined;

  run(turns: readonly (() => StopReason)[], icount?: InstructionTime): RunEnd | undefined {
    const rest = [...turns];
    // The machine reaches what the loop uses; the rest of it is not there.
    const vm = {
      handlers: NO_DEVICES,
      run: (deadline: number) => {
        this.deadlines.push(deadline);
        const turn = rest.shift();
        if (!turn) throw new Error('the loop goes on');
        return turn();
      },
    } as unknown as Vm;
    Object.defineProperties(vm, { exits: { get: () => this.exits }, failure: { get: () => this.failure } });
    const { clock, doorbell, power } = this;
    runLoop({
      vm,
      clock,
      doorbell,
      power,
      ...(icount && { icount }),
      drain: () => {
        this.log.push('drain');
        this.onDrain();
      },
      flush: () => this.log.push('flush'),
      allHaltedForGood: () => this.haltedForGood,
    });
    return power.end;
  }

  /** A turn that uses its whole slice, with exits or without. */
  slice(exits: number): () => StopReason {
    return () => {
      this.ns = this.deadlines.at(-1)!;
      this.exits += exits;
      return 'slice';
    };
  }
}

describe('the run loop', () => {
  it('never enters a guest whose run is over already', () => {
    const rig = new Rig();
    rig.power.finish({ reason: 'stopped' });
    expect(rig.run([])).toEqual({ reason: 'stopped' });
  });

  it('leaves once a device ends the run, and passes on what gathered', () => {
    const rig = new Rig();
    const end = rig.run([
      () => {
        rig.power.exit(7);
        return 'kicked';
      },
    ]);
    expect(end).toEqual({ reason: 'exit', code: 7 });
    expect(rig.log.at(-1)).toBe('flush');
  });

  it('looks at the work of others when the doorbell rings, and not otherwise', () => {
    const rig = new Rig();
    rig.run([
      rig.slice(1),
      () => {
        rig.doorbell.ring();
        return 'kicked';
      },
      () => {
        rig.power.poweroff();
        return 'kicked';
      },
    ]);
    // The first for the ring, the second for the power switch's own.
    expect(rig.log.filter(entry => entry === 'drain')).toHaveLength(2);
  });

  it('answers before it looks, so that a ring in the middle of that is not lost', () => {
    const rig = new Rig();
    let drains = 0;
    rig.onDrain = () => {
      if (++drains === 1) rig.doorbell.ring();
      else rig.power.finish({ reason: 'stopped' });
    };
    rig.doorbell.ring();
    rig.run([() => 'kicked']);
    expect(drains).toBe(2);
  });

  it.each<[StopReason, VcpuFailure | undefined, RunEnd]>([
    ['shutdown', undefined, { reason: 'triple-fault', vcpu: 0 }],
    [
      'debug',
      undefined,
      { reason: 'failed', vcpu: 0, failure: { reason: 'unexpected debug exit', details: {} } },
    ],
    ['failed', undefined, { reason: 'failed', vcpu: 0, failure: { reason: 'unknown', details: {} } }],
    [
      'failed',
      { reason: 'KVM_EXIT_FAIL_ENTRY', details: { cpu: 1 } },
      { reason: 'failed', vcpu: 0, failure: { reason: 'KVM_EXIT_FAIL_ENTRY', details: { cpu: 1 } } },
    ],
  ])('ends the run when vCPU 0 cannot go on: %s', (reason, failure, end) => {
    const rig = new Rig();
    rig.failure = failure;
    expect(rig.run([() => reason])).toEqual(end);
  });

  it('ends the run when every vCPU is halted for good, and only then', () => {
    const rig = new Rig();
    rig.haltedForGood = false;
    const end = rig.run([
      () => 'halted-masked',
      () => {
        rig.haltedForGood = true;
        return 'halted-masked';
      },
    ]);
    expect(end).toEqual({ reason: 'halted' });
  });

  it('sleeps until the deadline when the guest is halted, and wakes by the doorbell', () => {
    const rig = new Rig();
    // Without a ring this would sleep for the slice; with one it does not sleep at all.
    rig.run([
      () => {
        rig.doorbell.ring();
        return 'halted';
      },
      () => {
        rig.power.poweroff();
        return 'kicked';
      },
    ]);
    expect(rig.log).toContain('drain');
  });

  it('runs timers between two turns, and lets the guest run no further than the next', () => {
    const rig = new Rig();
    const timer = rig.clock.timer(() => {
      rig.log.push('timer');
      timer.arm(rig.ns + 3 * MS);
    });
    timer.arm(2 * MS);
    rig.run([
      rig.slice(1),
      rig.slice(1),
      () => {
        rig.power.poweroff();
        return 'kicked';
      },
    ]);
    expect(rig.deadlines.slice(0, 2)).toEqual([2 * MS, 5 * MS]);
    expect(rig.log.filter(entry => entry === 'timer')).toHaveLength(2);
  });

  it('makes slices longer while nothing happens, up to a second, and short again after an exit', () => {
    const rig = new Rig();
    const idle = Array.from({ length: 9 }, () => rig.slice(0));
    rig.run([
      ...idle,
      rig.slice(1),
      () => {
        rig.power.poweroff();
        return 'kicked';
      },
    ]);
    const lengths = rig.deadlines.map((deadline, i) => (deadline - (rig.deadlines[i - 1] ?? 0)) / MS);
    expect(lengths).toEqual([10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000, 10]);
  });

  it('with instruction counting has no slices, and skips to the next timer of a guest that sleeps', () => {
    const rig = new Rig();
    const icount = new InstructionTime({ shift: 0, epoch: 0 });
    icount.skipTo = ns => (rig.ns = ns);
    const timer = rig.clock.timer(() => rig.power.poweroff());
    timer.arm(3600e9);
    expect(rig.run([() => 'slice', () => 'halted'], icount)).toEqual({ reason: 'poweroff' });
    expect(rig.deadlines).toEqual([3600e9, 3600e9]);
  });
});
