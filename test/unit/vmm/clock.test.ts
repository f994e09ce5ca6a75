import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MachineClock, type TimeSource, type Timer } from '../../../src/vmm/clock.js';

/** Time that stands still until a test moves it. */
class Source implements TimeSource {
  ns = 0;
  readonly epoch = Date.UTC(2020, 1, 29);

  elapsed(): number {
    return this.ns;
  }
}

class Rig {
  readonly source = new Source();
  readonly clock = new MachineClock(this.source);
  readonly log: string[] = [];

  timer(name: string, onExpire?: () => void): Timer {
    return this.clock.timer(() => {
      this.log.push(name);
      onExpire?.();
    });
  }

  /** A round of the machine's loop at `ns`; what expired in it. */
  round(ns: number): string[] {
    this.source.ns = ns;
    this.clock.tick();
    this.clock.runExpired();
    return this.log.splice(0);
  }
}

describe('time', () => {
  it('is the same throughout an exit and goes on with the next', () => {
    const { clock, source } = new Rig();
    source.ns = 100;
    expect(clock.now()).toBe(100);
    source.ns = 200;
    expect(clock.now()).toBe(100);
    expect(clock.wallClock()).toBe(source.epoch + 100 / 1e6);
    clock.tick();
    expect(clock.now()).toBe(200);
  });

  it('counts milliseconds since 1970 from the epoch at power-on', () => {
    const { clock, source } = new Rig();
    source.ns = 86_400e9;
    expect(new Date(clock.wallClock()).toISOString()).toBe('2020-03-01T00:00:00.000Z');
  });
});

describe('timers', () => {
  it('are disarmed at first and again once they expired', () => {
    const rig = new Rig();
    const timer = rig.timer('t');
    expect(timer.deadline).toBe(Infinity);
    expect(rig.clock.nextDeadline()).toBe(Infinity);
    timer.arm(50);
    expect(rig.clock.nextDeadline()).toBe(50);
    expect(rig.round(49)).toEqual([]);
    expect(rig.round(50)).toEqual(['t']);
    expect(timer.deadline).toBe(Infinity);
    expect(rig.clock.nextDeadline()).toBe(Infinity);
    expect(rig.round(1000)).toEqual([]);
  });

  it('expire earliest first, whatever the order in which they were made or armed', () => {
    const rig = new Rig();
    const [a, b, c] = ['a', 'b', 'c'].map(name => rig.timer(name));
    c.arm(10);
    a.arm(30);
    b.arm(20);
    expect(rig.round(25)).toEqual(['c', 'b']);
    expect(rig.round(30)).toEqual(['a']);
  });

  it('expire in the order in which they were made where deadlines are equal', () => {
    const rig = new Rig();
    const [a, b] = ['a', 'b'].map(name => rig.timer(name));
    b.arm(5);
    a.arm(5);
    expect(rig.round(5)).toEqual(['a', 'b']);
  });

  it('move when they are armed again', () => {
    const rig = new Rig();
    const timer = rig.timer('t');
    timer.arm(10);
    timer.arm(100);
    expect(rig.clock.nextDeadline()).toBe(100);
    expect(rig.round(50)).toEqual([]);
    timer.arm(60);
    expect(rig.round(70)).toEqual(['t']);
  });

  it('can be armed for a time that is past', () => {
    const rig = new Rig();
    rig.round(100);
    rig.timer('t').arm(7);
    expect(rig.clock.nextDeadline()).toBe(7);
    expect(rig.round(100)).toEqual(['t']);
  });

  it('can be armed again while they expire', () => {
    const rig = new Rig();
    const timer = rig.timer('t', () => timer.arm(rig.clock.now() + 10));
    timer.arm(10);
    expect(rig.round(10)).toEqual(['t']);
    expect(timer.deadline).toBe(20);
    expect(rig.round(19)).toEqual([]);
    expect(rig.round(25)).toEqual(['t']);
    expect(timer.deadline).toBe(35);
  });

  it('run once a round even if they arm themselves in the past, so that the guest gets its turn', () => {
    const rig = new Rig();
    const timer = rig.timer('t', () => timer.arm(0));
    timer.arm(0);
    expect(rig.round(5)).toEqual(['t']);
    expect(rig.round(5)).toEqual(['t']);
  });

  it('do not run when an earlier one of the same round disarmed or moved them', () => {
    const rig = new Rig();
    const disarmed = rig.timer('disarmed');
    const moved = rig.timer('moved');
    const first = rig.timer('first', () => {
      disarmed.disarm();
      moved.arm(500);
    });
    first.arm(1);
    disarmed.arm(2);
    moved.arm(3);
    expect(rig.round(10)).toEqual(['first']);
    expect(rig.round(500)).toEqual(['moved']);
  });

  it('run once when an earlier one of the same round moves them within the past', () => {
    const rig = new Rig();
    const second = rig.timer('second');
    const first = rig.timer('first', () => second.arm(5));
    first.arm(1);
    second.arm(8);
    expect(rig.round(10)).toEqual(['first', 'second']);
    expect(rig.round(10)).toEqual([]);
  });

  it('wait for the next round when another arms them in the past', () => {
    const rig = new Rig();
    const late = rig.timer('late');
    rig.timer('first', () => late.arm(0)).arm(1);
    expect(rig.round(10)).toEqual(['first']);
    expect(rig.round(10)).toEqual(['late']);
  });

  it('can be made while another expires', () => {
    const rig = new Rig();
    rig.timer('first', () => rig.timer('child').arm(20)).arm(10);
    expect(rig.round(10)).toEqual(['first']);
    expect(rig.round(20)).toEqual(['child']);
  });

  it('all see the time of the round', () => {
    const rig = new Rig();
    const seen: number[] = [];
    for (const deadline of [1, 2, 3]) {
      rig
        .timer('t', () => {
          seen.push(rig.clock.now());
          rig.source.ns += 1000;
        })
        .arm(deadline);
    }
    rig.round(10);
    expect(seen).toEqual([10, 10, 10]);
  });

  it('behave as a sorted list does', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('arm' as const), timer: fc.nat(4), ns: fc.nat(100) }),
      fc.record({ kind: fc.constant('disarm' as const), timer: fc.nat(4), ns: fc.constant(0) }),
      fc.record({ kind: fc.constant('round' as const), timer: fc.constant(0), ns: fc.nat(20) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), steps => {
        const rig = new Rig();
        const timers = Array.from({ length: 5 }, (_, i) => rig.timer(String(i)));
        const model = Array<number>(5).fill(Infinity);
        let now = 0;
        for (const { kind, timer, ns } of steps) {
          if (kind === 'arm') {
            timers[timer].arm(ns);
            model[timer] = ns;
          } else if (kind === 'disarm') {
            timers[timer].disarm();
            model[timer] = Infinity;
          } else {
            now += ns;
            const due = [0, 1, 2, 3, 4].filter(i => model[i] <= now).sort((a, b) => model[a] - model[b]);
            for (const i of due) model[i] = Infinity;
            expect(rig.round(now)).toEqual(due.map(String));
          }
          expect(rig.clock.nextDeadline()).toBe(Math.min(...model));
        }
      }),
    );
  });
});

describe('a plan to be inside the guest', () => {
  function planned(deadlineNs: number) {
    let heard = 0;
    const clock = new MachineClock({ epoch: 0, elapsed: () => 0 }, () => heard++);
    const timer = clock.timer(() => undefined);
    clock.planUntil(deadlineNs);
    return { clock, timer, heard: () => heard };
  }

  it('is disturbed by a timer that is armed for before its end', () => {
    const { timer, heard } = planned(1000);
    timer.arm(999);
    expect(heard()).toBe(1);
  });

  it('is not disturbed by one for its end or later, nor by disarming', () => {
    const { timer, heard } = planned(1000);
    timer.arm(1000);
    timer.arm(5000);
    timer.disarm();
    expect(heard()).toBe(0);
  });

  it('is disturbed once, however many timers follow, until there is a new one', () => {
    const { clock, timer, heard } = planned(1000);
    timer.arm(500);
    timer.arm(400);
    expect(heard()).toBe(1);
    clock.planUntil(300);
    timer.arm(200);
    expect(heard()).toBe(2);
  });

  it('is over when the machine looks at its timers anyway', () => {
    const { clock, timer, heard } = planned(1000);
    clock.planUntil(-Infinity);
    timer.arm(1);
    expect(heard()).toBe(0);
  });
});
