import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Hpet, HPET_BASE, type HpetModel } from '../../../../src/devices/legacy/hpet.js';
import { Bus } from '../../../../src/vmm/bus/bus.js';
import { ManualTime } from './manual-time.js';
import { NaiveHpet } from './naive-hpet.js';
import { RecordingLine, snapshot } from './port-guest.js';

const GCAP_ID = 0x000;
const GEN_CONF = 0x010;
const GINTR_STA = 0x020;
const MAIN_CNT = 0x0f0;
const conf = (timer: number): number => 0x100 + 0x20 * timer;
const comp = (timer: number): number => 0x108 + 0x20 * timer;
const fsb = (timer: number): number => 0x110 + 0x20 * timer;

const ENABLE = 1;
const LEGACY = 2;

const LEVEL = 1 << 1;
const INT_ENB = 1 << 2;
const PERIODIC = 1 << 3;
const VAL_SET = 1 << 6;
const MODE_32 = 1 << 8;
const FSB_EN = 1 << 14;
const route = (gsi: number): number => gsi << 9;

const TICK = 10;
const MIN_TICKS = 5000;

class Rig {
  readonly time = new ManualTime();
  readonly lines = new Map<number, RecordingLine[]>();
  readonly messages: [address: number, data: number][] = [];
  readonly replacements: boolean[] = [];
  readonly hpet: Hpet;
  private readonly bus = new Bus('mmio', 2 ** 52);

  constructor(model: Partial<HpetModel> = {}) {
    this.hpet = new Hpet({
      width: 64,
      timers: 3,
      msi: true,
      ...model,
      clock: this.time.clock,
      irq: gsi => {
        const line = new RecordingLine();
        this.lines.set(gsi, [...(this.lines.get(gsi) ?? []), line]);
        return line;
      },
      sendMsi: (address, data) => this.messages.push([address, data]),
      onLegacyReplacement: on => this.replacements.push(on),
    });
    for (const range of this.hpet.ranges) this.bus.claim('hpet', range);
  }

  read(offset: number, size: 1 | 2 | 4 = 4): number {
    return this.bus.read(HPET_BASE + offset, size);
  }

  write(offset: number, value: number): void {
    this.bus.write(HPET_BASE + offset, 4, value);
    this.time.run(0);
  }

  /** As the accelerators hand it over: low half first, at one time. */
  read64(offset: number): bigint {
    const low = this.read(offset);
    return (BigInt(this.read(offset + 4)) << 32n) | BigInt(low);
  }

  write64(offset: number, value: bigint): void {
    this.bus.write(HPET_BASE + offset, 4, Number(value & 0xffff_ffffn));
    this.bus.write(HPET_BASE + offset + 4, 4, Number(value >> 32n));
    this.time.run(0);
  }

  ticks(count: number): void {
    this.time.run(count * TICK);
  }

  /** Rising edges of all lines into `gsi`. */
  edges(gsi: number): number {
    return this.lines.get(gsi)!.reduce((sum, line) => sum + line.edges, 0);
  }

  level(gsi: number): boolean {
    return this.lines.get(gsi)!.some(line => line.level);
  }
}

describe('the general registers', () => {
  it('tell what the timers can do', () => {
    expect(new Rig().read64(GCAP_ID)).toBe((10_000_000n << 32n) | 0x8086_a201n);
    expect(new Rig({ width: 32, timers: 32 }).read(GCAP_ID)).toBe(0x8086_9f01);
    expect(new Rig().read(conf(0))).toBe(0x8030);
    expect(new Rig({ width: 32, msi: false }).read(conf(0))).toBe(0x0010);
    expect(new Rig().read(conf(0) + 4)).toBe(0x00f0_0000);
    expect(new Rig().read(GCAP_ID, 1)).toBe(0x01);
    expect(new Rig().read(GCAP_ID + 2, 2)).toBe(0x8086);
  });

  it('have nothing where no timer is', () => {
    const rig = new Rig({ timers: 3 });
    rig.write(conf(3), 0xffff_ffff);
    expect(rig.read(conf(3))).toBe(0);
    expect(rig.read(0x3fc)).toBe(0);
    expect(new Rig({ timers: 32 }).read(conf(31))).toBe(0x8030);
  });

  it('count while enabled, and are written while halted', () => {
    const rig = new Rig();
    rig.ticks(100);
    expect(rig.read64(MAIN_CNT)).toBe(0n);
    rig.write64(MAIN_CNT, 0xffff_fff0n);
    rig.write(GEN_CONF, ENABLE);
    rig.ticks(32);
    expect(rig.read64(MAIN_CNT)).toBe(0x1_0000_0010n);
    rig.write64(MAIN_CNT, 0n);
    expect(rig.read64(MAIN_CNT)).toBe(0x1_0000_0010n);
    rig.write(GEN_CONF, 0);
    rig.ticks(5);
    expect(rig.read64(MAIN_CNT)).toBe(0x1_0000_0010n);
    rig.write(GEN_CONF, ENABLE);
    rig.ticks(1);
    expect(rig.read64(MAIN_CNT)).toBe(0x1_0000_0011n);
  });

  it('wrap at the width that they have', () => {
    for (const width of [32, 64] as const) {
      const rig = new Rig({ width });
      rig.write64(MAIN_CNT, 2n ** 64n - 2n);
      rig.write(GEN_CONF, ENABLE);
      rig.ticks(5);
      expect(rig.read64(MAIN_CNT)).toBe(3n);
    }
  });

  it('keep reserved bits clear', () => {
    const rig = new Rig();
    rig.write64(GEN_CONF, 2n ** 64n - 1n);
    expect(rig.read64(GEN_CONF)).toBe(3n);
    rig.write64(conf(0), 2n ** 64n - 1n);
    // Everything that can be set, and no route, since there is no pin 31.
    expect(rig.read(conf(0))).toBe(0xc13e);
    expect(rig.read(conf(0) + 4)).toBe(0x00f0_0000);
  });
});

describe('a one-shot timer', () => {
  it('interrupts once, by an edge', () => {
    const rig = new Rig();
    rig.write(conf(2), INT_ENB | route(20));
    rig.write64(comp(2), 1000n);
    rig.write(GEN_CONF, ENABLE);
    rig.ticks(999);
    expect(rig.edges(20)).toBe(0);
    rig.ticks(1);
    expect(rig.edges(20)).toBe(1);
    expect(rig.read(GINTR_STA)).toBe(0);
    rig.ticks(2 ** 33);
    expect(rig.edges(20)).toBe(1);
    expect(rig.level(20)).toBe(false);
  });

  it('interrupts by a level until its status is cleared', () => {
    const rig = new Rig();
    rig.write(conf(1), INT_ENB | LEVEL | route(21));
    rig.write64(comp(1), 50n);
    rig.write(GEN_CONF, ENABLE);
    rig.ticks(50);
    expect(rig.level(21)).toBe(true);
    expect(rig.read(GINTR_STA)).toBe(2);
    rig.write(GINTR_STA, 1);
    expect(rig.level(21)).toBe(true);
    rig.write(GINTR_STA, 2);
    expect([rig.level(21), rig.read(GINTR_STA)]).toEqual([false, 0]);
  });

  it('has its status without an interrupt while that is disabled', () => {
    const rig = new Rig();
    rig.write(conf(0), LEVEL | route(20));
    rig.write64(comp(0), 5n);
    rig.write(GEN_CONF, ENABLE);
    rig.ticks(5);
    expect([rig.read(GINTR_STA), rig.level(20)]).toEqual([1, false]);
    rig.write(conf(0), LEVEL | INT_ENB | route(20));
    expect(rig.level(20)).toBe(true);
    rig.write(GEN_CONF, 0);
    expect([rig.read(GINTR_STA), rig.level(20)]).toEqual([1, false]);
  });

  it.each([
    ['of a 32-bit counter', { width: 32 }, 0],
    ['in 32-bit mode', { width: 64 }, MODE_32],
  ] as const)('%s interrupts again when the counter comes round', (_, model, mode) => {
    const rig = new Rig(model);
    rig.write(conf(0), INT_ENB | mode | route(20));
    rig.write64(comp(0), 0xdead_beef_0000_0010n);
    expect(rig.read64(comp(0))).toBe(0x10n);
    rig.write(GEN_CONF, ENABLE);
    rig.ticks(2 ** 32 + 0x0f);
    expect(rig.edges(20)).toBe(1);
    rig.ticks(1);
    expect(rig.edges(20)).toBe(2);
  });

  it('compares all 64 bits', () => {
    const rig = new Rig();
    rig.write(conf(0), INT_ENB | route(20));
    rig.write64(MAIN_CNT, 0xffff_ffff_ffff_ff00n);
    rig.write64(comp(0), 0x10n);
    rig.write(GEN_CONF, ENABLE);
    rig.ticks(0x10f);
    expect(rig.edges(20)).toBe(0);
    rig.ticks(1);
    expect(rig.edges(20)).toBe(1);
  });

  it('does not interrupt for a time that has passed', () => {
    const rig = new Rig();
    rig.write(conf(0), INT_ENB | route(20));
    rig.write(GEN_CONF, ENABLE);
    rig.ticks(1000);
    rig.write64(comp(0), 999n);
    rig.ticks(2 ** 33);
    expect(rig.edges(20)).toBe(0);
  });
});

describe('a periodic timer', () => {
  it('has its period and its first interrupt from one write with VAL_SET', () => {
    const rig = new Rig();
    rig.write(conf(0), INT_ENB | PERIODIC | VAL_SET | route(20));
    expect(rig.read(conf(0)) & VAL_SET).toBe(0);
    rig.write64(comp(0), 10_000n);
    rig.write(GEN_CONF, ENABLE);
    rig.ticks(10_000);
    expect([rig.edges(20), rig.read64(comp(0))]).toEqual([1, 20_000n]);
    rig.ticks(50_000);
    expect(rig.edges(20)).toBe(6);
  });

  it('has the period alone from a write without VAL_SET', () => {
    const rig = new Rig();
    rig.write(conf(0), INT_ENB | PERIODIC | VAL_SET | route(20));
    rig.write(comp(0), 7000);
    rig.write(comp(0) + 4, 0);
    rig.write(conf(0), INT_ENB | PERIODIC | VAL_SET | route(20));
    rig.write(comp(0) + 4, 0);
    rig.write(comp(0), 9000);
    expect(rig.read64(comp(0))).toBe(7000n);
    rig.write(GEN_CONF, ENABLE);
    rig.ticks(7000);
    expect([rig.edges(20), rig.read64(comp(0))]).toEqual([1, 16_000n]);
  });

  it('takes both halves of one 64-bit write with VAL_SET, and one half of a 32-bit write', () => {
    const whole = new Rig();
    whole.write(conf(0), PERIODIC | VAL_SET);
    whole.write64(comp(0), 0x5_0000_1234n);
    expect(whole.read64(comp(0))).toBe(0x5_0000_1234n);

    const half = new Rig();
    half.write(conf(0), PERIODIC | VAL_SET);
    half.write(comp(0), 0x1234);
    half.time.run(1);
    half.write(comp(0) + 4, 5);
    expect(half.read64(comp(0))).toBe(0xffff_ffff_0000_1234n);
  });

  it('leaves out interrupts that the machine comes too late for, and keeps its beat', () => {
    const rig = new Rig();
    rig.write(conf(0), INT_ENB | PERIODIC | VAL_SET | route(20));
    rig.write64(comp(0), 10_000n);
    rig.write(GEN_CONF, ENABLE);
    rig.time.jumpTo(35_000 * TICK);
    expect(rig.read64(comp(0))).toBe(40_000n);
    expect(rig.edges(20)).toBe(1);
    rig.ticks(5000);
    expect(rig.edges(20)).toBe(2);
  });

  it('cannot keep the machine busy', () => {
    const rig = new Rig();
    rig.write(conf(0), INT_ENB | PERIODIC | VAL_SET | route(20));
    rig.write64(comp(0), 1n);
    rig.write(GEN_CONF, ENABLE);
    rig.ticks(10 * MIN_TICKS);
    expect(rig.edges(20)).toBe(10);
    rig.write(conf(0), INT_ENB | PERIODIC | VAL_SET | route(20));
    rig.write64(comp(0), 0n);
    rig.ticks(10 * MIN_TICKS);
    expect(rig.edges(20)).toBe(10);
  });
});

describe('the ways of an interrupt', () => {
  it('are IRQ 0 and 8 of timers 0 and 1 in legacy replacement, whatever their routes', () => {
    const rig = new Rig();
    rig.write(GEN_CONF, ENABLE | LEGACY);
    expect(rig.replacements).toEqual([true]);
    for (const timer of [0, 1, 2]) {
      rig.write(conf(timer), INT_ENB | route(22));
      rig.write64(comp(timer), 10n);
    }
    rig.ticks(10);
    expect([0, 8, 22].map(gsi => rig.edges(gsi))).toEqual([1, 1, 1]);
    // The PIC needs them high until it acknowledges.
    expect([rig.level(0), rig.level(8)]).toEqual([true, true]);
    rig.write(GEN_CONF, ENABLE);
    expect(rig.replacements).toEqual([true, false]);
    expect([rig.level(0), rig.level(8)]).toEqual([false, false]);
  });

  it('are messages, if the guest wants them', () => {
    const rig = new Rig();
    rig.write(conf(0), INT_ENB | FSB_EN);
    rig.write64(fsb(0), (0xfee0_1000n << 32n) | 0x4055n);
    expect(rig.read64(fsb(0))).toBe((0xfee0_1000n << 32n) | 0x4055n);
    rig.write64(comp(0), 10n);
    rig.write(GEN_CONF, ENABLE);
    rig.ticks(10);
    expect(rig.messages).toEqual([[0xfee0_1000, 0x4055]]);
    const without = new Rig({ msi: false });
    without.write(conf(0), FSB_EN);
    expect(without.read(conf(0)) & FSB_EN).toBe(0);
  });

  it('move with a line that is high', () => {
    const rig = new Rig();
    rig.write(conf(0), INT_ENB | LEVEL | route(20));
    rig.write64(comp(0), 1n);
    rig.write(GEN_CONF, ENABLE);
    rig.ticks(1);
    rig.write(conf(0), INT_ENB | LEVEL | route(23));
    expect([rig.level(20), rig.level(23)]).toEqual([false, true]);
    rig.write(conf(0), INT_ENB | LEVEL | route(3));
    expect(rig.read(conf(0)) & route(31)).toBe(route(23));
    rig.write(conf(0), INT_ENB | route(23));
    expect([rig.level(23), rig.read(GINTR_STA)]).toEqual([false, 0]);
  });
});

describe('save, load and reset', () => {
  it('go on in the middle of everything', () => {
    const rig = new Rig();
    rig.write64(MAIN_CNT, 0xffff_0000n);
    rig.write(conf(0), INT_ENB | PERIODIC | VAL_SET | route(20));
    rig.write64(comp(0), 0x1_0000_0000n);
    rig.write(conf(0), INT_ENB | PERIODIC | VAL_SET | route(20));
    rig.write(conf(1), INT_ENB | LEVEL | route(21));
    rig.write64(comp(1), 0xffff_0010n);
    rig.write(GEN_CONF, ENABLE | LEGACY);
    rig.time.run(1234567);

    const copy = new Rig();
    copy.time.run(999);
    copy.hpet.load(snapshot(rig.hpet));
    expect(copy.replacements).toEqual([true]);
    expect(copy.level(8)).toBe(true);
    expect(copy.hpet.save()).toEqual(rig.hpet.save());
    const before = rig.edges(0);
    for (const each of [rig, copy]) {
      each.write64(comp(0), 0x1_0000_f000n);
      each.time.run(1_000_007);
      each.write(GINTR_STA, 2);
    }
    expect(copy.edges(0)).toBe(rig.edges(0) - before);
    expect(copy.edges(0)).toBeGreaterThan(0);
    expect(copy.hpet.save()).toEqual(rig.hpet.save());
  });

  it('reset to what is there at power-on', () => {
    const rig = new Rig();
    const initial = rig.hpet.save();
    rig.write(conf(1), INT_ENB | LEVEL | route(21));
    rig.write64(comp(1), 5n);
    rig.write(GEN_CONF, ENABLE | LEGACY);
    rig.ticks(5);
    expect(rig.level(8)).toBe(true);
    rig.hpet.reset();
    expect(rig.hpet.save()).toEqual(initial);
    expect([rig.level(8), rig.replacements.at(-1)]).toEqual([false, false]);
  });
});

describe('beside a model that counts every tick', () => {
  const TIMERS = 3;
  const ROUTES = [20, 21, 22];
  const timer = fc.nat(TIMERS - 1);
  const command = fc.oneof(
    { weight: 4, arbitrary: fc.record({ run: fc.nat(9000) }) },
    fc.record({ timer, level: fc.boolean(), enabled: fc.boolean(), periodic: fc.boolean() }),
    fc.record({ timer, ahead: fc.integer({ min: -50, max: 12_000 }), both: fc.boolean() }),
    fc.record({ running: fc.boolean() }),
    fc.record({ clear: fc.nat(7) }),
    fc.constant({ restore: true }),
  );

  it.each([32, 64] as const)('interrupts at the same ticks, %i bits', width => {
    const mask = 2n ** BigInt(width) - 1n;
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), commands => {
        let rig = new Rig({ width });
        const edges = ROUTES.map(() => 0);
        const naive = new NaiveHpet(width, TIMERS);
        const start = 2n ** 32n - 20_000n;
        rig.write64(MAIN_CNT, start);
        naive.counter = start;
        for (const each of commands) {
          if ('run' in each) {
            rig.ticks(each.run);
            naive.run(each.run);
          } else if ('level' in each) {
            const { level, enabled, periodic } = each;
            rig.write(
              conf(each.timer),
              (level ? LEVEL : 0) |
                (enabled ? INT_ENB : 0) |
                (periodic ? PERIODIC : 0) |
                route(ROUTES[each.timer]),
            );
            Object.assign(naive.timers[each.timer], { level, enabled, periodic });
            if (!level) naive.status &= ~(1 << each.timer);
          } else if ('ahead' in each) {
            const model = naive.timers[each.timer];
            const value = (naive.counter + BigInt(each.ahead)) & mask;
            const period = BigInt(Math.abs(each.ahead)) + 5000n;
            if (model.periodic) {
              const config = rig.read(conf(each.timer));
              rig.write(conf(each.timer), config | VAL_SET);
              rig.write64(comp(each.timer), value);
              rig.write64(comp(each.timer), period);
              model.period = period;
            } else {
              rig.write64(comp(each.timer), value);
            }
            model.comparator = value;
            naive.compare(each.timer);
          } else if ('running' in each) {
            rig.write(GEN_CONF, each.running ? ENABLE : 0);
            const started = each.running && !naive.running;
            naive.running = each.running;
            if (started) naive.timers.forEach((_, index) => naive.compare(index));
          } else if ('clear' in each) {
            rig.write(GINTR_STA, each.clear);
            naive.status &= ~each.clear;
          } else {
            ROUTES.forEach((gsi, index) => (edges[index] += rig.edges(gsi)));
            const copy = new Rig({ width });
            copy.hpet.load(snapshot(rig.hpet));
            // A line that is high is no new edge.
            ROUTES.forEach((gsi, index) => (edges[index] -= copy.edges(gsi)));
            rig = copy;
          }
          expect(rig.read64(MAIN_CNT)).toBe(naive.counter);
          expect(rig.read(GINTR_STA)).toBe(naive.status);
        }
        naive.timers.forEach((model, index) => {
          expect(rig.read64(comp(index))).toBe(model.comparator);
          const high = naive.running && model.level && model.enabled && (naive.status >> index) & 1;
          expect(rig.level(ROUTES[index])).toBe(Boolean(high));
        });
      }),
      { numRuns: 60 },
    );
  });
});
