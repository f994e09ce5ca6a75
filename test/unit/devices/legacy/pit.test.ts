import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Pit } from '../../../../src/devices/legacy/pit.js';
import { ManualTime } from './manual-time.js';
import { NaiveCounter } from './naive-8254.js';
import { PortGuest, RecordingLine, snapshot } from './port-guest.js';

const CONTROL = 0x43;
const NMI_SC = 0x61;
const GATE2 = 0x01;
const OUT2 = 0x20;

/** Access field of a control word. */
const LSB = 1;
const MSB = 2;
const BOTH = 3;

/** Status byte (82C54 data sheet, figure 11). */
const STATUS_OUT = 0x80;
const STATUS_NULL = 0x40;

/** The first nanosecond of CLK pulse `n`: CLK is 14.31818 MHz / 12. */
function timeOf(pulse: number): number {
  return Number((BigInt(pulse) * 12_000_000_000n + 14_318_179n) / 14_318_180n);
}

class Rig {
  readonly time = new ManualTime();
  readonly irq = new RecordingLine();
  readonly pit = new Pit({ clock: this.time.clock, irq: this.irq });
  private readonly guest = new PortGuest(this.pit);
  pulse = 0;

  control(counter: number, access: number, mode: number, bcd = false): void {
    this.guest.out(CONTROL, (counter << 6) | (access << 4) | (mode << 1) | (bcd ? 1 : 0));
  }

  write(counter: number, ...bytes: number[]): void {
    for (const byte of bytes) this.guest.out(0x40 + counter, byte);
  }

  /** Programs `counter` with a two-byte count. */
  program(counter: number, mode: number, count: number, bcd = false): void {
    this.control(counter, BOTH, mode, bcd);
    this.write(counter, count & 0xff, count >> 8);
  }

  read(counter: number): number {
    return this.guest.in(0x40 + counter);
  }

  read16(counter: number): number {
    return this.read(counter) | (this.read(counter) << 8);
  }

  latch(counter: number): void {
    this.guest.out(CONTROL, counter << 6);
  }

  /** Latches and reads status and count of `counter`, whose access is {@link BOTH}. */
  readBack(counter: number): { status: number; count: number } {
    this.guest.out(CONTROL, 0xc0 | (2 << counter));
    return { status: this.read(counter), count: this.read16(counter) };
  }

  readBackCommand(value: number): void {
    this.guest.out(CONTROL, 0xc0 | value);
  }

  get port61(): number {
    return this.guest.in(NMI_SC);
  }

  set port61(value: number) {
    this.guest.out(NMI_SC, value);
  }

  get out2(): boolean {
    return (this.port61 & OUT2) !== 0;
  }

  /** Lets CLK pulse `n` times, with timers in time. */
  clk(n: number): void {
    this.pulse += n;
    this.time.runTo(timeOf(this.pulse));
  }

  controlPortRead(): number {
    return this.guest.in(CONTROL);
  }
}

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});

/** OUT and count of channel 2 after each of `pulses` further pulses, as the data sheet's timing figures show them. */
function trace(pulses: number): string {
  const steps: string[] = [];
  for (let i = 0; i < pulses; i++) {
    rig.clk(1);
    steps.push(`${rig.readBack(2).count.toString(16)}${rig.out2 ? '+' : '-'}`);
  }
  return steps.join(' ');
}

describe('82C54 data sheet, figures 15 to 20', () => {
  beforeEach(() => {
    rig.port61 = GATE2;
  });

  it('mode 0: OUT rises N + 1 pulses after the count, and the count wraps', () => {
    rig.program(2, 0, 4);
    expect(rig.out2).toBe(false);
    expect(trace(7)).toBe('4- 3- 2- 1- 0+ ffff+ fffe+');
  });

  it('mode 0: GATE low holds the count', () => {
    rig.program(2, 0, 3);
    expect(trace(2)).toBe('3- 2-');
    rig.port61 = 0;
    expect(trace(2)).toBe('2- 2-');
    rig.port61 = GATE2;
    expect(trace(3)).toBe('1- 0+ ffff+');
  });

  it('mode 0: a count written while GATE is low is loaded and then waits', () => {
    rig.port61 = 0;
    rig.program(2, 0, 2);
    expect(trace(3)).toBe('2- 2- 2-');
    rig.port61 = GATE2;
    expect(trace(2)).toBe('1- 0+');
  });

  it('mode 0: the first byte of a new count stops counting and lowers OUT at once', () => {
    rig.program(2, 0, 2);
    expect(trace(3)).toBe('2- 1- 0+');
    rig.write(2, 3);
    expect(rig.out2).toBe(false);
    expect(trace(2)).toBe('0- 0-');
    rig.write(2, 0);
    expect(trace(4)).toBe('3- 2- 1- 0+');
  });

  it('mode 1: a trigger starts the pulse, and a further one starts it anew', () => {
    rig.port61 = 0;
    rig.program(2, 1, 3);
    expect(trace(2)).toBe('0+ 0+');
    rig.port61 = GATE2;
    expect(trace(2)).toBe('3- 2-');
    rig.port61 = 0;
    rig.port61 = GATE2;
    expect(trace(5)).toBe('3- 2- 1- 0+ ffff+');
  });

  it('mode 1: a new count waits for the trigger', () => {
    rig.port61 = 0;
    rig.program(2, 1, 2);
    rig.port61 = GATE2;
    expect(trace(1)).toBe('2-');
    rig.write(2, 4, 0);
    expect(trace(3)).toBe('1- 0+ ffff+');
    rig.port61 = 0;
    rig.port61 = GATE2;
    expect(trace(2)).toBe('4- 3-');
  });

  it('mode 2: OUT is low for one pulse in N', () => {
    rig.program(2, 2, 3);
    expect(rig.out2).toBe(true);
    expect(trace(7)).toBe('3+ 2+ 1- 3+ 2+ 1- 3+');
  });

  it('mode 2: a new count counts from the next cycle, GATE low raises OUT, GATE high starts anew', () => {
    rig.program(2, 2, 4);
    expect(trace(2)).toBe('4+ 3+');
    rig.write(2, 5, 0);
    expect(trace(4)).toBe('2+ 1- 5+ 4+');
    expect(trace(3)).toBe('3+ 2+ 1-');
    rig.port61 = 0;
    expect(rig.out2).toBe(true);
    expect(trace(2)).toBe('1+ 1+');
    rig.port61 = GATE2;
    expect(trace(2)).toBe('5+ 4+');
  });

  it('mode 3: an even count is high for one half and low for the other', () => {
    rig.program(2, 3, 4);
    expect(trace(7)).toBe('4+ 2+ 4- 2- 4+ 2+ 4-');
  });

  it('mode 3: an odd count is high for one pulse longer', () => {
    rig.program(2, 3, 5);
    expect(trace(10)).toBe('4+ 2+ 0+ 4- 2- 4+ 2+ 0+ 4- 2-');
  });

  it('mode 3: GATE low while OUT is low raises it at once', () => {
    rig.program(2, 3, 4);
    expect(trace(3)).toBe('4+ 2+ 4-');
    rig.port61 = 0;
    expect(rig.out2).toBe(true);
    rig.port61 = GATE2;
    expect(trace(3)).toBe('4+ 2+ 4-');
  });

  it('mode 4: OUT strobes once, N + 1 pulses after the count', () => {
    rig.program(2, 4, 3);
    expect(trace(6)).toBe('3+ 2+ 1+ 0- ffff+ fffe+');
  });

  it('mode 5: OUT strobes N + 1 pulses after the trigger', () => {
    rig.port61 = 0;
    rig.program(2, 5, 3);
    expect(trace(1)).toBe('0+');
    rig.port61 = GATE2;
    expect(trace(5)).toBe('3+ 2+ 1+ 0- ffff+');
    rig.port61 = 0;
    rig.port61 = GATE2;
    expect(trace(2)).toBe('3+ 2+');
  });

  it('treats modes 6 and 7 as 2 and 3, and gives the control word back as it was written', () => {
    rig.program(2, 6, 3);
    expect(trace(4)).toBe('3+ 2+ 1- 3+');
    expect(rig.readBack(2).status & 0x3f).toBe((BOTH << 4) | (6 << 1));
    rig.program(2, 7, 4);
    expect(trace(3)).toBe('4+ 2+ 4-');
  });

  it('keeps OUT high for the illegal count of 1 in modes 2 and 3', () => {
    rig.program(2, 2, 1);
    expect(trace(3)).toBe('1+ 1+ 1+');
    rig.program(2, 3, 1);
    expect(trace(3)).toBe('0+ 0+ 0+');
  });
});

describe('counting', () => {
  it('has the highest count for a count of 0: 2^16, or 10^4 in BCD', () => {
    rig.port61 = GATE2;
    rig.program(2, 0, 0);
    rig.clk(1 + 65_535);
    expect(rig.out2).toBe(false);
    rig.clk(1);
    expect(rig.out2).toBe(true);

    rig.program(2, 0, 0, true);
    expect(trace(3)).toBe('0- 9999- 9998-');
    rig.clk(9_998 - 1);
    expect(rig.readBack(2)).toMatchObject({ count: 1 });
    rig.clk(1);
    expect(rig.out2).toBe(true);
  });

  it('counts in BCD with borrow', () => {
    rig.port61 = GATE2;
    rig.program(2, 0, 0x1001, true);
    expect(trace(4)).toBe('1001- 1000- 999- 998-');
  });

  it('bounds counts with digits that are not BCD', () => {
    rig.port61 = GATE2;
    rig.program(2, 2, 0xffff, true);
    rig.clk(1);
    expect(rig.readBack(2).count).toBe(0x6665);
  });

  it('does nothing between a control word and the count', () => {
    rig.port61 = GATE2;
    rig.control(2, BOTH, 0);
    rig.clk(100_000);
    expect(rig.out2).toBe(false);
    expect(rig.readBack(2)).toEqual({ status: STATUS_NULL | (BOTH << 4), count: 0 });
  });
});

describe('reading and writing ("Read operations", figures 9 to 13)', () => {
  beforeEach(() => {
    rig.port61 = GATE2;
  });

  it('writes one byte alone, with the other zero', () => {
    rig.control(2, LSB, 2);
    rig.write(2, 0x34);
    rig.clk(1);
    expect(rig.read(2)).toBe(0x34);
    rig.control(2, MSB, 2);
    rig.write(2, 0x12);
    rig.clk(2);
    expect(rig.read(2)).toBe(0x11);
    rig.control(2, LSB, 2);
    rig.write(2, 0x56);
    rig.clk(2);
    expect(rig.read(2)).toBe(0x55);
  });

  it('holds a latched count until it is read, whatever is latched meanwhile', () => {
    rig.program(2, 2, 0x1000);
    rig.clk(1);
    rig.latch(2);
    rig.clk(0x10);
    rig.latch(2);
    rig.readBackCommand(0x18); // count alone, of channel 2
    expect(rig.read16(2)).toBe(0x1000);
    expect(rig.read16(2)).toBe(0x0ff0);
    rig.latch(2);
    expect(rig.read16(2)).toBe(0x0ff0);
  });

  it('unlatches when the counter is programmed', () => {
    rig.program(2, 2, 0x1000);
    rig.clk(1);
    rig.latch(2);
    rig.program(2, 2, 0x2000);
    rig.clk(1);
    expect(rig.read16(2)).toBe(0x2000);
  });

  it('lets reads and writes of one counter interleave', () => {
    rig.program(2, 2, 0x2222);
    rig.clk(1);
    expect(rig.read(2)).toBe(0x22);
    rig.write(2, 0x05);
    expect(rig.read(2)).toBe(0x22);
    rig.write(2, 0x00);
    rig.clk(0x2222);
    expect(rig.read16(2)).toBe(5);
  });

  it('latches several counters with one read-back command (figure 10)', () => {
    rig.program(0, 2, 0x1000);
    rig.program(1, 2, 0x2000);
    rig.program(2, 2, 0x3000);
    rig.clk(1);
    rig.readBackCommand(0x10 | 0x0e);
    rig.clk(0x10);
    expect([rig.read16(0), rig.read16(1), rig.read16(2)]).toEqual([0x1000, 0x2000, 0x3000]);
  });

  it('gives latched status before latched count, in whichever order they were latched', () => {
    rig.program(2, 2, 0x1000);
    rig.clk(1);
    rig.latch(2);
    rig.readBackCommand(0x20 | 0x08); // status alone
    rig.clk(4);
    rig.readBackCommand(0x20 | 0x08);
    expect(rig.read(2)).toBe(STATUS_OUT | (BOTH << 4) | (2 << 1));
    expect(rig.read16(2)).toBe(0x1000);
    expect(rig.read16(2)).toBe(0x1000 - 4);
  });

  it('shows the null count until the count is loaded (figure 12)', () => {
    const isNull = (): boolean => (rig.readBack(2).status & STATUS_NULL) !== 0;
    rig.control(2, BOTH, 2);
    expect(isNull()).toBe(true);
    rig.write(2, 4, 0);
    expect(isNull()).toBe(true);
    rig.clk(1);
    expect(isNull()).toBe(false);
    rig.write(2, 6);
    expect(isNull()).toBe(false);
    rig.write(2, 0);
    expect(isNull()).toBe(true);
    rig.clk(3);
    expect(isNull()).toBe(true);
    rig.clk(1);
    expect(isNull()).toBe(false);
  });

  it('has a write-only control word', () => {
    expect(rig.controlPortRead()).toBe(0xff);
  });
});

describe('port 0x61', () => {
  it('keeps bits 3:0 and shows OUT2 in bit 5', () => {
    rig.port61 = 0xff;
    expect(rig.port61 & 0xcf).toBe(0x0f);
    rig.port61 = 0;
    rig.control(2, BOTH, 0);
    expect(rig.port61 & 0xef).toBe(0x00);
    rig.control(2, BOTH, 3);
    expect(rig.port61 & 0xef).toBe(OUT2);
  });

  it('toggles the refresh bit each 18 pulses', () => {
    expect(rig.port61 & 0x10).toBe(0);
    rig.clk(17);
    expect(rig.port61 & 0x10).toBe(0);
    rig.clk(1);
    expect(rig.port61 & 0x10).toBe(0x10);
    rig.clk(18);
    expect(rig.port61 & 0x10).toBe(0);
  });

  it('measures 50 ms exactly, as Linux calibrates the TSC with channel 2', () => {
    rig.time.runTo(123_457);
    const pulses = 59_659; // 1,193,182 / 20
    rig.port61 = GATE2;
    rig.control(2, BOTH, 0);
    rig.write(2, pulses & 0xff, pulses >> 8);
    const written = Math.floor((123_457 * 14_318_180) / 12e9);
    const end = timeOf(written + 1 + pulses);
    rig.time.runTo(end - 1);
    expect(rig.out2).toBe(false);
    rig.time.runTo(end);
    expect(rig.out2).toBe(true);
    expect(end - 123_457).toBeGreaterThan(49_999_000);
    expect(end - 123_457).toBeLessThan(50_002_000);
  });
});

describe('IRQ 0', () => {
  it('needs no timer before the guest asks for something', () => {
    expect(rig.time.clock.nextDeadline()).toBe(Infinity);
    rig.program(2, 2, 100);
    rig.program(1, 2, 18);
    expect(rig.time.clock.nextDeadline()).toBe(Infinity);
    expect(rig.irq.edges).toBe(0);
  });

  it('comes once in mode 0, when the count is through', () => {
    rig.program(0, 0, 1000);
    expect(rig.time.clock.nextDeadline()).toBe(timeOf(1001));
    rig.clk(1000);
    expect(rig.irq).toMatchObject({ level: false, edges: 0 });
    rig.clk(1);
    expect(rig.irq).toMatchObject({ level: true, edges: 1 });
    rig.clk(1_000_000);
    expect(rig.irq.edges).toBe(1);
    rig.write(0, 10, 0);
    expect(rig.irq.level).toBe(false);
    rig.clk(11);
    expect(rig.irq).toMatchObject({ level: true, edges: 2 });
  });

  it.each([2, 3])('comes 100 times a second in mode %d with a count of 11,932, without drift', mode => {
    rig.program(0, mode, 11_932);
    rig.time.runTo(timeOf(1 + 100 * 11_932) - 1);
    expect(rig.irq.edges).toBe(99);
    rig.time.runTo(timeOf(1 + 100 * 11_932));
    expect(rig.irq.edges).toBe(100);
  });

  it('never comes in modes 1 and 5, whose gate is wired high', () => {
    for (const mode of [1, 5]) {
      rig.program(0, mode, 10);
      expect(rig.time.clock.nextDeadline()).toBe(Infinity);
      rig.clk(100);
    }
    expect(rig.irq.edges).toBe(0);
  });

  it('comes one pulse after the strobe of mode 4', () => {
    rig.program(0, 4, 100);
    rig.clk(101);
    expect(rig.irq.edges).toBe(0);
    rig.clk(1);
    expect(rig.irq.edges).toBe(1);
    expect(rig.time.clock.nextDeadline()).toBe(Infinity);
  });

  it('comes when a control word raises OUT', () => {
    rig.program(0, 0, 1000);
    rig.control(0, BOTH, 2);
    expect(rig.irq).toMatchObject({ level: true, edges: 1 });
    rig.clk(10_000);
    expect(rig.irq.edges).toBe(1);
  });

  it('stands for all edges that were missed, and the next ones are in time', () => {
    rig.program(0, 2, 1000);
    rig.time.jumpTo(timeOf(1 + 5_500));
    rig.time.clock.runExpired();
    expect(rig.irq.edges).toBe(1);
    expect(rig.time.clock.nextDeadline()).toBe(timeOf(1 + 6_000));
  });

  it('is delivered before a late write takes effect, and not again', () => {
    rig.program(0, 0, 1000);
    rig.time.jumpTo(timeOf(5_000));
    rig.program(0, 0, 1000);
    expect(rig.irq).toMatchObject({ level: false, edges: 1 });
    rig.time.clock.runExpired();
    expect(rig.irq.edges).toBe(1);
    expect(rig.time.clock.nextDeadline()).toBe(timeOf(6_001));
  });

  it.each([
    ['counter 2', (rig: Rig) => rig.read16(2)],
    ['port 0x61', (rig: Rig) => rig.port61],
  ])('is delivered before a late read of %s tells that its time has passed', (_, read) => {
    rig.program(0, 0, 1000);
    rig.time.jumpTo(timeOf(5_000));
    read(rig);
    expect(rig.irq).toMatchObject({ level: true, edges: 1 });
    rig.time.clock.runExpired();
    expect(rig.irq.edges).toBe(1);
  });

  it('does not flood the machine when the count is 2', () => {
    rig.program(0, 2, 2);
    rig.time.runTo(10_000_000);
    expect(rig.irq.edges).toBeGreaterThan(190);
    expect(rig.irq.edges).toBeLessThanOrEqual(200);
    // What is left of the edges is still at pulses at which OUT rises.
    const pulse = Math.floor((rig.time.clock.nextDeadline() * 14_318_180) / 12e9 + 1e-6);
    expect(pulse % 2).toBe(1);
  });

  it('never comes for the illegal count of 1', () => {
    for (const mode of [2, 3]) {
      rig.program(0, mode, 1);
      expect(rig.time.clock.nextDeadline()).toBe(Infinity);
    }
  });
});

describe('against a model that does each pulse', () => {
  const access = fc.constantFrom(LSB, BOTH);
  const smallCount = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(0x10, 0x11, 0x100, 0x9999));
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('control' as const),
      mode: fc.integer({ min: 0, max: 5 }),
      bcd: fc.boolean(),
      access,
      count: smallCount,
    }),
    fc.record({ kind: fc.constant('count' as const), count: smallCount }),
    fc.record({ kind: fc.constant('half' as const), count: smallCount, pulses: fc.nat(4) }),
    fc.record({ kind: fc.constant('gate' as const), level: fc.boolean() }),
    fc.record({ kind: fc.constant('gate' as const), level: fc.boolean() }),
    fc.record({ kind: fc.constant('run' as const), pulses: fc.nat(25) }),
    fc.record({ kind: fc.constant('run' as const), pulses: fc.nat(25) }),
    fc.record({ kind: fc.constant('run' as const), pulses: fc.nat(300) }),
  );

  it('channel 2 has the same OUT, count and null count in every mode, whatever the guest does', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 30 }), steps => {
        rig = new Rig();
        const model = new NaiveCounter(false);
        let wide = BOTH;
        const writeCount = (count: number, pulsesBetween = 0): void => {
          if (wide === BOTH) {
            rig.write(2, count & 0xff);
            model.firstByteOfTwo();
            run(pulsesBetween);
            rig.write(2, count >> 8);
            model.count(count);
          } else {
            rig.write(2, count & 0xff);
            model.count(count & 0xff);
          }
        };
        const run = (pulses: number): void => {
          rig.clk(pulses);
          for (let i = 0; i < pulses; i++) model.pulse();
        };
        for (const action of steps) {
          switch (action.kind) {
            case 'control':
              wide = action.access;
              rig.control(2, wide, action.mode, action.bcd);
              model.controlWord(action.mode, action.bcd);
              writeCount(action.count);
              break;
            case 'count':
              writeCount(action.count);
              break;
            case 'half':
              writeCount(action.count, action.pulses);
              break;
            case 'gate':
              rig.port61 = action.level ? GATE2 : 0;
              model.setGate(action.level);
              break;
            case 'run':
              run(action.pulses);
          }
          rig.readBackCommand(0x08);
          const status = rig.read(2);
          const count = wide === BOTH ? rig.read16(2) : rig.read(2);
          expect({
            out: rig.out2,
            statusOut: (status & STATUS_OUT) !== 0,
            nullCount: (status & STATUS_NULL) !== 0,
            count,
          }).toEqual({
            out: model.out,
            statusOut: model.out,
            nullCount: model.nullCount,
            count: wide === BOTH ? model.ce : model.ce & 0xff,
          });
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('channel 0 interrupts at each rising edge of OUT', () => {
    const program = fc.record({
      mode: fc.integer({ min: 0, max: 5 }),
      count: fc.integer({ min: 60, max: 150 }),
      recount: fc.option(fc.integer({ min: 60, max: 150 })),
      runs: fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 5 }),
    });
    fc.assert(
      fc.property(fc.array(program, { minLength: 1, maxLength: 3 }), programs => {
        rig = new Rig();
        const model = new NaiveCounter(true);
        let edges = 0;
        const watch = (action: () => void): void => {
          const before = model.out;
          action();
          if (model.out && !before) edges++;
        };
        const run = (pulses: number): void => {
          for (let i = 0; i < pulses; i++) {
            watch(() => model.pulse());
            rig.clk(1);
            expect(rig.irq.edges).toBe(edges);
          }
        };
        const writeCount = (count: number): void => {
          rig.write(0, count & 0xff, count >> 8);
          model.firstByteOfTwo();
          watch(() => model.count(count));
        };
        for (const { mode, count, recount, runs } of programs) {
          rig.control(0, BOTH, mode);
          watch(() => model.controlWord(mode, false));
          writeCount(count);
          for (const pulses of runs) run(pulses);
          if (recount !== null) writeCount(recount);
          for (const pulses of runs) run(pulses);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('reset and snapshots', () => {
  it('reset leaves channels that wait for a count, no gate, and no interrupt', () => {
    rig.program(0, 2, 1000);
    rig.port61 = 0x03;
    rig.clk(2_500);
    expect(rig.irq.level).toBe(true);
    rig.pit.reset();
    expect(rig.irq.level).toBe(false);
    expect(rig.time.clock.nextDeadline()).toBe(Infinity);
    expect(rig.port61 & 0x0f).toBe(0);
    const edges = rig.irq.edges;
    rig.program(0, 0, 10);
    rig.clk(11);
    expect(rig.irq.edges).toBe(edges + 1);
  });

  it('goes on from a snapshot taken in the middle of everything', () => {
    rig.port61 = GATE2 | 2;
    rig.program(0, 3, 1001);
    rig.program(1, 0, 500, true);
    rig.program(2, 2, 77);
    rig.clk(1_600);
    rig.latch(1);
    rig.readBackCommand(0x20 | 0x08);
    rig.read(0);
    rig.write(2, 0x12);
    const state = snapshot(rig.pit);

    const finish = (target: Rig): unknown => {
      target.write(2, 0x01);
      const first = [target.read(0), target.read16(1), target.read(2), target.read16(2)];
      const edges = target.irq.edges;
      target.clk(5_000);
      return [first, target.readBack(0), target.readBack(1), target.readBack(2), target.irq.edges - edges];
    };
    const other = new Rig();
    other.clk(1_600);
    other.pit.load(state);
    expect(other.irq.level).toBe(rig.irq.level);
    expect(other.pit.save()).toEqual(rig.pit.save());
    expect(other.time.clock.nextDeadline()).toBe(rig.time.clock.nextDeadline());
    expect(finish(other)).toEqual(finish(rig));
  });
});
