import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { AcpiPm } from '../../../../src/devices/legacy/acpi-pm.js';
import { ManualTime } from './manual-time.js';
import { PortGuest, RecordingLine, snapshot } from './port-guest.js';
import { RecordingPower } from './recording-power.js';

const STATUS = 0x600;
const ENABLE = 0x602;
const CONTROL = 0x604;
const TIMER = 0x608;

const TMR = 0x0001;
const PWRBTN = 0x0100;
const SLP_EN = 0x2000;
const SECOND = 1_000_000_000;

/** The first nanosecond at which the timer has counted `ticks` at 3.579545 MHz. */
function timeOf(ticks: number): number {
  return Number((BigInt(ticks) * 1_000_000_000n + 3_579_544n) / 3_579_545n);
}
/** The timer's highest bit changes at each multiple of this. */
const HALF = 2 ** 23;

class Rig {
  readonly time = new ManualTime();
  readonly sci = new RecordingLine();
  readonly power = new RecordingPower();
  readonly pm = new AcpiPm({ clock: this.time.clock, sci: this.sci, power: this.power });
  private readonly guest = new PortGuest(this.pm);

  read16(port: number): number {
    return this.guest.in(port, 2);
  }

  write16(port: number, value: number): void {
    this.guest.out(port, value, 2);
  }

  get timer(): number {
    return this.guest.in(TIMER, 4);
  }

  in(port: number, size: 1 | 2 | 4): number {
    return this.guest.in(port, size);
  }

  out(port: number, value: number, size: 1 | 2 | 4): void {
    this.guest.out(port, value, size);
  }
}

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});

describe('the PM1a registers', () => {
  it('start with nothing pending and nothing enabled, in ACPI mode', () => {
    expect([STATUS, ENABLE, CONTROL].map(port => rig.read16(port))).toEqual([0, 0, 1]);
    expect(rig.sci.level).toBe(false);
  });

  it('are one block of twelve ports, zero where no register is', () => {
    expect(rig.pm.ranges).toMatchObject([{ space: 'port', base: 0x600, size: 12 }]);
    expect(rig.in(CONTROL, 4)).toBe(1);
    expect(rig.in(0x606, 2)).toBe(0);
  });

  it('keep the enable bits of all fixed events, as ACPICA checks, and no others', () => {
    rig.write16(ENABLE, 0xffff);
    expect(rig.read16(ENABLE)).toBe(0x0721);
    rig.write16(ENABLE, 0);
    expect(rig.read16(ENABLE)).toBe(0);
  });

  it('stay in ACPI mode whatever the guest writes, and keep BM_RLD and SLP_TYP alone', () => {
    rig.write16(CONTROL, 0xffff & ~SLP_EN);
    expect(rig.read16(CONTROL)).toBe(0x1c03);
    rig.write16(CONTROL, 0);
    expect(rig.read16(CONTROL)).toBe(1);
  });

  it('can be accessed as one double word', () => {
    rig.pm.pressPowerButton();
    expect(rig.in(STATUS, 4)).toBe(PWRBTN);
    rig.out(STATUS, PWRBTN * 0x1_0001, 4);
    expect(rig.in(STATUS, 4)).toBe(PWRBTN * 0x1_0000);
    expect(rig.sci.level).toBe(false);
  });
});

describe('soft off', () => {
  it('comes with SLP_EN and the SLP_TYP of S5', () => {
    // As ACPICA does it: the type first, then the type with SLP_EN.
    rig.write16(CONTROL, 0x0001);
    expect(rig.power.requests).toEqual([]);
    rig.write16(CONTROL, 0x0001 | SLP_EN);
    expect(rig.power.requests).toEqual(['poweroff']);
    expect(rig.read16(CONTROL), 'SLP_EN is write-only').toBe(1);
  });

  it('comes by the same word as on the PC of QEMU', () => {
    rig.write16(0x604, 0x2000);
    expect(rig.power.requests).toEqual(['poweroff']);
  });

  it.each([1, 2, 3, 4, 5, 6, 7])('does not come for SLP_TYP %i, which is no state of this machine', type => {
    rig.write16(CONTROL, (type << 10) | SLP_EN);
    expect(rig.power.requests).toEqual([]);
    expect(rig.read16(CONTROL)).toBe((type << 10) | 1);
  });
});

describe('the power button', () => {
  it('raises SCI until the guest clears its status', () => {
    rig.write16(ENABLE, PWRBTN);
    rig.pm.pressPowerButton();
    expect(rig.read16(STATUS)).toBe(PWRBTN);
    expect(rig.sci.level).toBe(true);
    rig.write16(STATUS, PWRBTN);
    expect(rig.read16(STATUS)).toBe(0);
    expect(rig.sci.level).toBe(false);
  });

  it('can be pressed again', () => {
    rig.write16(ENABLE, PWRBTN);
    for (let i = 0; i < 3; i++) {
      rig.pm.pressPowerButton();
      rig.write16(STATUS, PWRBTN);
    }
    expect(rig.sci.edges).toBe(3);
  });

  it('is remembered while its event is disabled', () => {
    rig.pm.pressPowerButton();
    expect(rig.read16(STATUS)).toBe(PWRBTN);
    expect(rig.sci.level).toBe(false);
    rig.write16(ENABLE, PWRBTN);
    expect(rig.sci.level).toBe(true);
    rig.write16(ENABLE, 0);
    expect(rig.sci.level).toBe(false);
  });

  it('keeps SCI up when another status is cleared', () => {
    rig.write16(ENABLE, PWRBTN | TMR);
    rig.time.runTo(timeOf(HALF));
    rig.pm.pressPowerButton();
    expect(rig.read16(STATUS)).toBe(PWRBTN | TMR);
    rig.write16(STATUS, TMR);
    expect(rig.read16(STATUS)).toBe(PWRBTN);
    expect(rig.sci.level).toBe(true);
  });

  it('does not end the run by itself', () => {
    rig.write16(ENABLE, PWRBTN);
    rig.pm.pressPowerButton();
    expect(rig.power.requests).toEqual([]);
  });
});

describe('the power management timer', () => {
  it('counts at 3.579545 MHz', () => {
    expect(rig.timer).toBe(0);
    rig.time.runTo(SECOND);
    expect(rig.timer).toBe(3_579_545);
    rig.time.runTo(4 * SECOND);
    expect(rig.timer).toBe(4 * 3_579_545);
  });

  it('has 24 bits', () => {
    rig.time.jumpTo(timeOf(2 ** 24) - 1);
    expect(rig.timer).toBe(0xff_ffff);
    rig.time.jumpTo(timeOf(2 ** 24));
    expect(rig.timer).toBe(0);
  });

  it('never goes back, is never off by a tick, and fits its width at any time', () => {
    const days = 100 * 86_400 * SECOND;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: days }), ns => {
        rig.time.jumpTo(ns);
        expect(rig.timer).toBe(Number(((BigInt(ns) * 3_579_545n) / 1_000_000_000n) % 2n ** 24n));
      }),
    );
  });

  it('cannot be written', () => {
    rig.time.runTo(timeOf(1000));
    rig.out(TIMER, 0, 4);
    expect(rig.timer).toBe(1000);
  });

  it('can be read in parts', () => {
    rig.time.runTo(timeOf(0x12_3456));
    expect([0, 1, 2, 3].map(i => rig.in(TIMER + i, 1))).toEqual([0x56, 0x34, 0x12, 0]);
    expect(rig.in(TIMER, 2)).toBe(0x3456);
  });

  it.each([
    ['becomes one', HALF],
    ['becomes zero', 2 * HALF],
  ])('sets TMR_STS when its highest bit %s', (_, tick) => {
    rig.time.jumpTo(timeOf(tick) - 1);
    rig.write16(STATUS, TMR);
    expect(rig.read16(STATUS)).toBe(0);
    rig.time.jumpTo(timeOf(tick));
    expect(rig.read16(STATUS)).toBe(TMR);
    rig.write16(STATUS, TMR);
    expect(rig.read16(STATUS)).toBe(0);
  });

  it('costs the host no timer while nobody wants its interrupt', () => {
    rig.write16(ENABLE, PWRBTN);
    expect(rig.time.clock.nextDeadline()).toBe(Infinity);
    rig.write16(ENABLE, TMR);
    expect(rig.time.clock.nextDeadline()).toBe(timeOf(HALF));
    rig.time.runTo(timeOf(HALF));
    expect(rig.time.clock.nextDeadline(), 'SCI is up already').toBe(Infinity);
    rig.write16(STATUS, TMR);
    expect(rig.time.clock.nextDeadline()).toBe(timeOf(2 * HALF));
    rig.write16(ENABLE, 0);
    expect(rig.time.clock.nextDeadline()).toBe(Infinity);
  });

  it('interrupts at each change of its highest bit, at the first nanosecond', () => {
    rig.write16(ENABLE, TMR);
    for (let i = 1; i <= 5; i++) {
      rig.time.runTo(timeOf(i * HALF) - 1);
      expect(rig.sci.level).toBe(false);
      rig.time.runTo(timeOf(i * HALF));
      expect(rig.sci.level).toBe(true);
      expect(rig.timer).toBe((i * HALF) % (2 * HALF));
      rig.write16(STATUS, TMR);
    }
    expect(rig.sci.edges).toBe(5);
  });

  it('interrupts once for changes that a busy host slept through', () => {
    rig.write16(ENABLE, TMR);
    rig.time.jumpTo(timeOf(7 * HALF) + 5);
    rig.time.clock.runExpired();
    expect(rig.sci.level).toBe(true);
    rig.write16(STATUS, TMR);
    expect(rig.sci.level).toBe(false);
    expect(rig.time.clock.nextDeadline()).toBe(timeOf(8 * HALF));
  });

  it('raises SCI at once when enabled after the change', () => {
    rig.time.runTo(timeOf(HALF) + 1);
    rig.write16(ENABLE, TMR);
    expect(rig.sci.level).toBe(true);
  });
});

describe('state', () => {
  it('survives a snapshot, with the time that has passed since the timer was 0', () => {
    rig.write16(ENABLE, TMR | PWRBTN);
    rig.write16(CONTROL, 0x1402);
    rig.time.runTo(timeOf(HALF) + 100);
    rig.pm.pressPowerButton();
    const ticks = rig.timer;

    const copy = new Rig();
    copy.time.runTo(77 * SECOND);
    copy.pm.load(snapshot(rig.pm));
    expect(copy.read16(STATUS)).toBe(TMR | PWRBTN);
    expect(copy.read16(ENABLE)).toBe(TMR | PWRBTN);
    expect(copy.read16(CONTROL)).toBe(0x1403);
    expect(copy.timer).toBe(ticks);
    expect(copy.sci.level).toBe(true);

    copy.write16(STATUS, TMR | PWRBTN);
    expect(copy.sci.level).toBe(false);
    copy.time.runTo(77 * SECOND + timeOf(2 * HALF) - timeOf(HALF) - 100);
    expect(copy.sci.level).toBe(true);
    expect(copy.read16(STATUS)).toBe(TMR);
  });

  it('arms its timer again after a snapshot in the middle of a half period', () => {
    rig.write16(ENABLE, TMR);
    rig.time.runTo(SECOND);
    const copy = new Rig();
    copy.pm.load(snapshot(rig.pm));
    expect(copy.time.clock.nextDeadline()).toBe(timeOf(HALF) - SECOND);
  });

  it('is that of power-on after a reset: nothing pending or enabled, and the timer at 0', () => {
    rig.write16(ENABLE, TMR | PWRBTN);
    rig.write16(CONTROL, 0x0402);
    rig.pm.pressPowerButton();
    rig.time.runTo(3 * SECOND);
    rig.pm.reset();
    expect(rig.sci.level).toBe(false);
    expect([STATUS, ENABLE, CONTROL].map(port => rig.read16(port))).toEqual([0, 0, 1]);
    expect(rig.timer).toBe(0);
    expect(rig.time.clock.nextDeadline()).toBe(Infinity);
    rig.time.runTo(4 * SECOND);
    expect(rig.timer).toBe(3_579_545);
  });
});

it('withstands any writes: no exception, and registers within their bits', () => {
  const write = fc.record({
    offset: fc.integer({ min: 0, max: 11 }),
    size: fc.constantFrom<1 | 2 | 4>(1, 2, 4),
    value: fc.nat(0xffff_ffff),
    pause: fc.nat(3 * SECOND),
  });
  fc.assert(
    fc.property(fc.array(write, { maxLength: 30 }), writes => {
      const each = new Rig();
      for (const { offset, size, value, pause } of writes) {
        each.out(0x600 + offset, size === 4 ? value : value % 2 ** (8 * size), size);
        each.time.run(pause);
        expect(each.read16(STATUS) & ~(TMR | PWRBTN)).toBe(0);
        expect(each.read16(ENABLE) & ~0x0721).toBe(0);
        expect(each.read16(CONTROL) & ~0x1c03).toBe(0);
        expect(each.timer).toBeLessThan(2 ** 24);
        expect(each.sci.level).toBe((each.read16(STATUS) & each.read16(ENABLE)) !== 0);
      }
    }),
    { numRuns: 50 },
  );
});
