import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Rtc } from '../../../../src/devices/legacy/rtc.js';
import { ManualTime } from './manual-time.js';
import { PortGuest, RecordingLine, snapshot } from './port-guest.js';

/** Expected behaviour from the MC146818A data sheet (Motorola), whose sections the tests name. */

const SECOND = 1_000_000_000;
const MS = 1_000_000;
const US = 1_000;
const MIB = 2 ** 20;

const A = 0x0a;
const B = 0x0b;
const C = 0x0c;
const D = 0x0d;

const UIP = 0x80;
const DIVIDER_RESET = 0x70;
const RUNNING = 0x20;

const SET = 0x80;
const PIE = 0x40;
const AIE = 0x20;
const UIE = 0x10;
const BINARY = 0x04;
const HOURS_24 = 0x02;

const IRQF = 0x80;
const PF = 0x40;
const AF = 0x20;
const UF = 0x10;

const TIME_REGISTERS = [0x00, 0x02, 0x04, 0x06, 0x07, 0x08, 0x09, 0x32] as const;

class Rig {
  readonly time: ManualTime;
  readonly irq = new RecordingLine();
  readonly rtc: Rtc;
  readonly guest: PortGuest;

  constructor(date = '2024-02-28T23:59:57.000Z', lowRam = 128 * MIB, highRam = 0) {
    this.time = new ManualTime(Date.parse(date));
    this.rtc = new Rtc({ clock: this.time.clock, irq: this.irq, lowRam, highRam });
    this.guest = new PortGuest(this.rtc);
  }

  read(index: number): number {
    this.guest.out(0x70, index);
    return this.guest.in(0x71);
  }

  write(index: number, value: number): void {
    this.guest.out(0x70, index);
    this.guest.out(0x71, value);
  }

  /** Seconds, minutes, hours, day of week, date, month, year, century, in hexadecimal. */
  clock(): string {
    return TIME_REGISTERS.map(index => this.read(index).toString(16).padStart(2, '0')).join(' ');
  }

  /** Writes seconds, minutes, hours, date, month, year and century, as a driver does between SET and no SET. */
  setClock(registers: readonly number[]): void {
    const b = this.read(B);
    this.write(B, b | SET);
    for (const [i, index] of [0x00, 0x02, 0x04, 0x07, 0x08, 0x09, 0x32].entries()) {
      this.write(index, registers[i]);
    }
    this.write(B, b);
  }

  get deadline(): number {
    return this.time.clock.nextDeadline();
  }
}

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});

describe('time, calendar and their formats', () => {
  it('shows the wall clock in BCD with 24 hours, and the leap day', () => {
    expect(rig.clock()).toBe('57 59 23 04 28 02 24 20');
    rig.time.runTo(2 * SECOND);
    expect(rig.clock()).toBe('59 59 23 04 28 02 24 20');
    rig.time.runTo(3 * SECOND - 1);
    expect(rig.read(0)).toBe(0x59);
    rig.time.runTo(3 * SECOND);
    expect(rig.clock()).toBe('00 00 00 05 29 02 24 20');
  });

  it('shows it in binary when DM is set', () => {
    rig.write(B, BINARY | HOURS_24);
    expect(rig.clock()).toBe('39 3b 17 04 1c 02 18 14');
  });

  it.each([
    ['00', '12', '0c'],
    ['01', '01', '01'],
    ['11', '11', '0b'],
    ['12', '92', '8c'],
    ['13', '81', '81'],
    ['23', '91', '8b'],
  ])('shows hour %s as %s in BCD and %s in binary with 12 hours', (hour, bcd, binary) => {
    rig = new Rig(`2024-01-01T${hour}:00:00.000Z`);
    rig.write(B, 0);
    expect(rig.read(4).toString(16).padStart(2, '0')).toBe(bcd);
    rig.write(B, BINARY);
    expect(rig.read(4).toString(16).padStart(2, '0')).toBe(binary);
  });

  it('starts within a second when the wall clock does', () => {
    rig = new Rig('2024-06-01T12:00:00.750Z');
    expect(rig.read(0)).toBe(0x00);
    rig.time.runTo(250 * MS - 1);
    expect(rig.read(0)).toBe(0x00);
    rig.time.runTo(250 * MS);
    expect(rig.read(0)).toBe(0x01);
  });

  it('agrees with Date in every format over four centuries', () => {
    const date = fc.date({ min: new Date('1970-01-01'), max: new Date('2369-12-31'), noInvalidDate: true });
    fc.assert(
      fc.property(date, fc.boolean(), fc.boolean(), (at, binary, hours24) => {
        const other = new Rig(at.toISOString());
        other.write(B, (binary ? BINARY : 0) | (hours24 ? HOURS_24 : 0));
        const decode = (value: number): number => (binary ? value : (value >> 4) * 10 + (value & 15));
        const [second, minute, hour, weekday, day, month, year, century] = TIME_REGISTERS.map(index =>
          other.read(index),
        );
        const hour24 = hours24 ? decode(hour) : (decode(hour & 0x7f) % 12) + (hour & 0x80 ? 12 : 0);
        expect(
          [second, minute, day, month, year, century].map(decode).concat(hour24, decode(weekday)),
        ).toEqual([
          at.getUTCSeconds(),
          at.getUTCMinutes(),
          at.getUTCDate(),
          at.getUTCMonth() + 1,
          at.getUTCFullYear() % 100,
          Math.floor(at.getUTCFullYear() / 100),
          at.getUTCHours(),
          at.getUTCDay() + 1,
        ]);
      }),
    );
  });
});

describe('setting the time ("Initialization", SET bit)', () => {
  it('stands while SET is 1, goes on from what was written, and keeps the offset', () => {
    rig.time.runTo(300 * MS);
    rig.setClock([0x58, 0x59, 0x23, 0x31, 0x12, 0x99, 0x19]);
    expect(rig.clock()).toBe('58 59 23 04 31 12 99 19');
    rig.time.runTo(2 * SECOND);
    expect(rig.clock()).toBe('00 00 00 05 01 01 00 20');
    rig.time.runTo(2 * SECOND + 86_400 * SECOND);
    expect(rig.clock()).toBe('00 00 00 06 02 01 00 20');
  });

  it('does not count the seconds for which SET is 1', () => {
    rig.write(B, SET | HOURS_24);
    rig.time.runTo(10 * SECOND);
    expect(rig.clock()).toBe('57 59 23 04 28 02 24 20');
    rig.write(B, HOURS_24);
    expect(rig.clock()).toBe('57 59 23 04 28 02 24 20');
    rig.time.runTo(11 * SECOND);
    expect(rig.read(0)).toBe(0x58);
  });

  it('counts days of the week from the one that was written', () => {
    rig.write(0x06, 0x07);
    rig.time.runTo(3 * SECOND);
    expect(rig.read(0x06)).toBe(0x01);
  });

  it('takes a write to a running register at once', () => {
    rig.write(0x04, 0x05);
    expect(rig.clock()).toBe('57 59 05 04 28 02 24 20');
    rig.time.runTo(3 * SECOND);
    expect(rig.clock()).toBe('00 00 06 04 28 02 24 20');
  });

  it('takes 12-hour and binary times', () => {
    rig.write(B, BINARY);
    rig.setClock([30, 15, 0x80 | 12, 4, 7, 26, 20]);
    rig.write(B, HOURS_24);
    expect(rig.clock()).toBe('30 15 12 04 04 07 26 20');
  });

  it('survives any bytes as a time', () => {
    const bytes = fc.array(fc.nat(255), { minLength: 7, maxLength: 7 });
    fc.assert(
      fc.property(bytes, fc.constantFrom(0, BINARY, HOURS_24, BINARY | HOURS_24), (values, format) => {
        rig.write(B, format);
        rig.setClock(values);
        for (const index of TIME_REGISTERS) {
          const value = rig.read(index);
          expect(value >= 0 && value <= 0xff && Number.isInteger(value)).toBe(true);
        }
      }),
    );
  });

  it('updates first 500 ms after the divider chain leaves its reset, as Linux sets the time', () => {
    rig.time.runTo(700 * MS);
    rig.write(B, SET | HOURS_24);
    rig.write(A, DIVIDER_RESET | 6);
    rig.write(0x00, 0x10);
    rig.write(B, HOURS_24);
    rig.time.runTo(5 * SECOND);
    expect(rig.read(0)).toBe(0x10);
    rig.write(A, RUNNING | 6);
    rig.time.runTo(5_500 * MS - 1);
    expect(rig.read(0)).toBe(0x10);
    rig.time.runTo(5_500 * MS);
    expect(rig.read(0)).toBe(0x11);
    rig.time.runTo(6_500 * MS);
    expect(rig.read(0)).toBe(0x12);
  });
});

describe('update in progress (table 6)', () => {
  const uip = (): boolean => (rig.read(A) & UIP) !== 0;

  it('is high for the 244 µs before the update cycle and the 1984 µs of it', () => {
    rig.time.runTo(SECOND - 2228 * US - 1);
    expect(uip()).toBe(false);
    rig.time.runTo(SECOND - 2228 * US);
    expect(uip()).toBe(true);
    rig.time.runTo(SECOND - 1);
    expect(uip()).toBe(true);
    rig.time.runTo(SECOND);
    expect(uip()).toBe(false);
  });

  it('is low while SET is 1 or the divider is in reset', () => {
    rig.time.runTo(SECOND - 100 * US);
    rig.write(B, SET | HOURS_24);
    expect(uip()).toBe(false);
    rig.write(B, HOURS_24);
    expect(uip()).toBe(true);
    rig.write(A, DIVIDER_RESET);
    expect(uip()).toBe(false);
  });

  it('cannot be written', () => {
    rig.write(A, 0xa6);
    expect(rig.read(A)).toBe(0x26);
  });
});

describe('interrupts (register C)', () => {
  it('arms no timer while none is enabled, and still has the flags', () => {
    expect(rig.deadline).toBe(Infinity);
    rig.write(5, 0xff);
    rig.write(3, 0xff);
    rig.write(1, 0xff);
    rig.time.runTo(1500 * MS);
    expect(rig.deadline).toBe(Infinity);
    expect(rig.read(C)).toBe(PF | AF | UF);
    expect(rig.read(C)).toBe(0);
    expect(rig.irq.edges).toBe(0);
  });

  it('update-ended: each second, until register C is read', () => {
    rig.write(B, UIE | HOURS_24);
    expect(rig.deadline).toBe(SECOND);
    rig.time.runTo(SECOND);
    expect(rig.irq.level).toBe(true);
    expect(rig.deadline).toBe(Infinity);
    expect(rig.read(C)).toBe(IRQF | PF | UF);
    expect(rig.irq.level).toBe(false);
    rig.time.runTo(4 * SECOND);
    expect(rig.irq.edges).toBe(2);
  });

  it('are raised at once when a flag that is set becomes enabled, and lowered when it is disabled', () => {
    rig.time.runTo(SECOND);
    rig.write(B, UIE | HOURS_24);
    expect(rig.irq.level).toBe(true);
    rig.write(B, HOURS_24);
    expect(rig.irq.level).toBe(false);
    expect(rig.read(C) & UF).toBe(UF);
  });

  it('UIE is cleared by SET', () => {
    rig.write(B, SET | UIE | PIE | HOURS_24);
    expect(rig.read(B)).toBe(SET | PIE | HOURS_24);
  });

  it('update-ended does not come while SET is 1, periodic does', () => {
    rig.write(B, SET | HOURS_24);
    rig.read(C);
    rig.time.runTo(3 * SECOND);
    expect(rig.read(C)).toBe(PF);
  });

  // Table 5, for a 32.768 kHz time base.
  it.each([
    [1, 3_906_250],
    [2, 7_812_500],
    [3, 122_070.3125],
    [4, 244_140.625],
    [5, 488_281.25],
    [6, 976_562.5],
    [7, 1_953_125],
    [8, 3_906_250],
    [9, 7_812_500],
    [10, 15_625_000],
    [11, 31_250_000],
    [12, 62_500_000],
    [13, 125_000_000],
    [14, 250_000_000],
    [15, 500_000_000],
  ])('periodic: rate %d is each %d ns, without drift', (rate, period) => {
    rig.write(A, RUNNING | rate);
    rig.write(B, PIE | HOURS_24);
    for (let n = 1; n <= 20; n++) {
      const due = Math.ceil(n * period);
      rig.time.runTo(due - 1);
      expect(rig.irq.level).toBe(false);
      rig.time.runTo(due);
      expect(rig.irq.level).toBe(true);
      rig.read(C);
    }
    expect(rig.irq.edges).toBe(20);
  });

  it('periodic: rate 0 is none, and neither is there one while the divider is in reset', () => {
    rig.write(B, PIE | HOURS_24);
    rig.write(A, RUNNING);
    expect(rig.deadline).toBe(Infinity);
    rig.write(A, DIVIDER_RESET | 6);
    expect(rig.deadline).toBe(Infinity);
    rig.time.runTo(5 * SECOND);
    expect(rig.read(C)).toBe(0);
  });

  it('periodic: a machine that comes late has one interrupt for all that it missed', () => {
    rig.write(B, PIE | HOURS_24);
    rig.time.jumpTo(10 * SECOND + 100 * US);
    rig.time.clock.runExpired();
    expect(rig.irq.edges).toBe(1);
    rig.read(C);
    expect(rig.deadline).toBe(10 * SECOND + 976_563);
  });
});

describe('alarm ("Alarm", don\'t care codes)', () => {
  const alarm = (hour: number, minute: number, second: number): void => {
    rig.write(0x05, hour);
    rig.write(0x03, minute);
    rig.write(0x01, second);
  };

  it('comes at the time that the three registers name, also across midnight', () => {
    alarm(0x00, 0x01, 0x30);
    rig.write(B, AIE | HOURS_24);
    expect(rig.deadline).toBe(93 * SECOND);
    rig.time.runTo(93 * SECOND);
    expect(rig.irq.level).toBe(true);
    expect(rig.read(C)).toBe(IRQF | PF | AF | UF);
    expect(rig.deadline).toBe((93 + 86_400) * SECOND);
  });

  it.each([
    ['each second', 0xff, 0xff, 0xff, 1],
    ['each minute', 0xc0, 0xdd, 0x15, 18],
    ['each hour', 0xff, 0x05, 0x00, 303],
    ['each second of a minute', 0xff, 0x01, 0xff, 63],
    ['each minute of an hour', 0x02, 0xff, 0x07, 7210],
    ['now, which is tomorrow', 0x23, 0x59, 0x57, 86_400],
  ])('comes %s', (_, hour, minute, second, seconds) => {
    alarm(hour, minute, second);
    rig.write(B, AIE | HOURS_24);
    expect(rig.deadline).toBe(seconds * SECOND);
  });

  it('never comes at a time that does not exist', () => {
    rig.write(B, AIE | HOURS_24);
    alarm(0x24, 0xff, 0xff);
    expect(rig.deadline).toBe(Infinity);
    alarm(0xff, 0x60, 0xff);
    expect(rig.deadline).toBe(Infinity);
    alarm(0xff, 0xff, 0x75);
    expect(rig.deadline).toBe(Infinity);
  });

  it('reads the registers in the format of register B', () => {
    rig.write(B, BINARY | AIE);
    alarm(0x80 | 11, 59, 59);
    expect(rig.deadline).toBe(2 * SECOND);
  });

  it('moves with the time that the guest sets', () => {
    alarm(0x12, 0x00, 0x00);
    rig.write(B, AIE | HOURS_24);
    rig.setClock([0x50, 0x59, 0x11, 0x01, 0x01, 0x24, 0x20]);
    expect(rig.deadline).toBe(10 * SECOND);
  });

  it('comes at the first second that matches, as counting seconds finds it', () => {
    const field = (max: number): fc.Arbitrary<number> =>
      fc.oneof(fc.integer({ min: 0, max }), fc.constant(0xff));
    const registers = fc.tuple(field(23), field(59), field(59), fc.nat(86_399));
    fc.assert(
      fc.property(registers, ([hour, minute, second, start]) => {
        rig = new Rig(new Date(start * 1000).toISOString());
        rig.write(B, BINARY | HOURS_24 | AIE);
        alarm(hour, minute, second);
        let seconds = 1;
        const matches = (): boolean => {
          const at = new Date((start + seconds) * 1000);
          return (
            (hour === 0xff || hour === at.getUTCHours()) &&
            (minute === 0xff || minute === at.getUTCMinutes()) &&
            (second === 0xff || second === at.getUTCSeconds())
          );
        };
        while (!matches()) seconds++;
        expect(rig.deadline).toBe(seconds * SECOND);
      }),
      { numRuns: 40 },
    );
  });
});

describe('CMOS memory', () => {
  it('keeps what is written to RAM, the shutdown status among it', () => {
    for (const index of [0x0e, 0x0f, 0x10, 0x2e, 0x33, 0x7f]) rig.write(index, index ^ 0xff);
    for (const index of [0x0e, 0x0f, 0x10, 0x2e, 0x33, 0x7f]) expect(rig.read(index)).toBe(index ^ 0xff);
  });

  it('has read-only registers C and D, and valid RAM and time', () => {
    rig.write(D, 0x00);
    rig.write(C, 0xff);
    expect(rig.read(D)).toBe(0x80);
    expect(rig.read(C)).toBe(0);
  });

  it('keeps bit 7 of the index as the NMI mask, and selects by the other seven', () => {
    expect(rig.rtc.nmiMasked).toBe(false);
    rig.guest.out(0x70, 0x80 | D);
    expect(rig.rtc.nmiMasked).toBe(true);
    expect(rig.guest.in(0x71)).toBe(0x80);
    rig.guest.out(0x70, D);
    expect(rig.rtc.nmiMasked).toBe(false);
    expect(rig.guest.in(0x70)).toBe(0xff);
  });

  it('names the selected register', () => {
    const [{ target }] = rig.rtc.ranges;
    rig.guest.out(0x70, 0x0f);
    expect(target.registerName?.(1, 'read')).toBe('SHUTDOWN_STATUS');
    rig.guest.out(0x70, 0x5b);
    expect(target.registerName?.(1, 'read')).toBe('CMOS[0x5b]');
    expect(target.registerName?.(0, 'write')).toBe('INDEX');
  });

  const word = (index: number): number => rig.read(index) | (rig.read(index + 1) << 8);

  it.each([
    // RAM below and above 4 GiB; KiB at 0x15, 0x17 and 0x30; 64 KiB units at 0x34 and in three bytes at 0x5B
    [2 * MIB, 0, 640, 1024, 0, 0],
    [128 * MIB, 0, 640, 0xffff, 1792, 0],
    [3072 * MIB, 1024 * MIB, 640, 0xffff, 48_896, 16_384],
    [3072 * MIB, 2 ** 40, 640, 0xffff, 48_896, 0xff_ffff],
  ])('tells the size of memory: %d below 4 GiB, %d above', (low, high, base, extended, above16, above4g) => {
    rig = new Rig('2024-01-01T00:00:00Z', low, high);
    expect([word(0x15), word(0x17), word(0x30), word(0x34), word(0x5b) | (rig.read(0x5d) << 16)]).toEqual([
      base,
      extended,
      extended,
      above16,
      above4g,
    ]);
  });
});

describe('reset and snapshots', () => {
  it('reset disables interrupts; time and memory have a battery', () => {
    rig.setClock([0x00, 0x30, 0x12, 0x01, 0x05, 0x30, 0x20]);
    rig.write(0x0f, 0x0a);
    rig.write(B, UIE | PIE | BINARY);
    rig.time.runTo(SECOND);
    expect(rig.irq.level).toBe(true);
    rig.rtc.reset();
    expect(rig.irq.level).toBe(false);
    expect(rig.deadline).toBe(Infinity);
    expect([rig.read(A), rig.read(B), rig.read(C), rig.read(0x0f)]).toEqual([0x26, 0x02, 0, 0x0a]);
    expect(rig.clock()).toBe('01 30 12 04 01 05 30 20');
  });

  it('reset sets a standing clock going', () => {
    rig.write(B, SET | HOURS_24);
    rig.time.runTo(5 * SECOND);
    rig.rtc.reset();
    rig.time.runTo(6 * SECOND);
    expect(rig.read(0)).toBe(0x58);
  });

  it.each([
    ['with a set time and interrupts pending', () => rig.write(B, UIE | AIE | HOURS_24)],
    ['in the middle of setting the time', () => rig.write(B, SET | PIE | BINARY)],
    ['with the divider in reset', () => rig.write(A, DIVIDER_RESET)],
  ])('goes on from a snapshot %s', (_, prepare) => {
    rig = new Rig('2024-02-28T23:59:57.123Z');
    rig.setClock([0x20, 0x30, 0x12, 0x01, 0x05, 0x30, 0x20]);
    rig.write(A, DIVIDER_RESET | 6);
    rig.time.runTo(333_333_333);
    rig.write(A, RUNNING | 6);
    rig.write(0x06, 0x03);
    rig.write(0x01, 0x25);
    rig.write(0x03, 0xff);
    rig.write(0x05, 0xff);
    prepare();
    rig.time.runTo(2_500 * MS);
    rig.guest.out(0x70, 0x80 | 0x04);
    const state = snapshot(rig.rtc);

    const finish = (target: Rig): unknown => {
      const selected = target.guest.in(0x71);
      const first = [target.clock(), target.read(C), target.deadline];
      target.time.runTo(9_750 * MS);
      return [selected, first, target.clock(), target.irq.level, target.read(C)];
    };
    const other = new Rig('2024-02-28T23:59:57.123Z');
    other.time.runTo(2_500 * MS);
    other.rtc.load(state);
    expect(other.rtc.nmiMasked).toBe(true);
    expect(other.irq.level).toBe(rig.irq.level);
    expect(other.rtc.save()).toEqual(rig.rtc.save());
    expect(other.deadline).toBe(rig.deadline);
    expect(finish(other)).toEqual(finish(rig));
  });

  it("keeps the guest's offset from the wall clock in a machine that comes back later", () => {
    rig.write(0x04, 0x22);
    const other = new Rig('2024-03-01T10:20:30.000Z');
    other.rtc.load(snapshot(rig.rtc));
    expect(other.clock()).toBe('30 20 09 06 01 03 24 20');
  });
});
