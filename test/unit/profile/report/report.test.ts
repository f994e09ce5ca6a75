import { Ajv } from 'ajv';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Profile as Pprof } from 'pprof-format';
import { describe, expect, test } from 'vitest';
import type { ProfileEvent } from '../../../../src/profile/format.js';
import { difference } from '../../../../src/profile/report/difference.js';
import { foldedStacks } from '../../../../src/profile/report/folded.js';
import { formatNs } from '../../../../src/profile/report/format-time.js';
import { phases } from '../../../../src/profile/report/phases.js';
import { pprofBytes } from '../../../../src/profile/report/pprof.js';
import { requestRows } from '../../../../src/profile/report/requests.js';
import { allExits, exitRows, type Grouping, type Order } from '../../../../src/profile/report/rows.js';
import { timeShares } from '../../../../src/profile/report/shares.js';
import { speedscopeFile } from '../../../../src/profile/report/speedscope.js';
import { timeline } from '../../../../src/profile/report/timeline.js';
import { traceText } from '../../../../src/profile/report/trace.js';
import { exampleProfile } from './example.js';

const PROFILE = exampleProfile();
/** 4 × (1000 + 100) + 6 × (200 + 50) + 2 × (10 + 70) + 5300 + 40 + 2000 */
const WALL = 13_400;

function keys(by: Grouping, order: Order): string[] {
  return exitRows(PROFILE, by, order).map(({ key, count }) => `${key} × ${count}`);
}

describe('tables', () => {
  test.each<[Grouping, Order, string[]]>([
    ['register', 'count', ['com1 LSR × 8', 'com1 THR × 4', 'unclaimed memory 0xdead0000 × 1']],
    ['register', 'time', ['unclaimed memory 0xdead0000 × 1', 'com1 LSR × 8', 'com1 THR × 4']],
    ['register', 'guest', ['com1 THR × 4', 'com1 LSR × 8', 'unclaimed memory 0xdead0000 × 1']],
    ['register', 'max', ['unclaimed memory 0xdead0000 × 1', 'com1 THR × 4', 'com1 LSR × 8']],
    ['device', 'count', ['com1 × 12', 'unclaimed × 1']],
    ['reason', 'count', ['pio × 12', 'mmio × 1']],
    ['function', 'count', ['driver; write × 6', 'poll × 6', '0x9999 × 1']],
    ['line', 'count', ['poll × 6', 'driver.c:7 × 4', 'driver.c:9 × 2', '0x9999 × 1']],
    ['vcpu', 'count', ['vCPU 0 × 11', 'vCPU 1 × 2']],
    [
      'site',
      'count',
      ['com1 LSR read 1 × 8', 'com1 THR write 1 × 4', 'unclaimed memory 0xdead0000 read 4 × 1'],
    ],
  ])('by %s, in the order of %s', (by, order, expected) => {
    expect(keys(by, order)).toEqual(expected);
  });

  test('sum up, and leave out what is no exit', () => {
    expect(allExits(PROFILE)).toMatchObject({ count: 13, hostNs: 5840, guestNs: 5520, maxHostNs: 5000 });
  });

  test('say how long single handlers took, within an eighth', () => {
    const [row] = exitRows(PROFILE, 'register', 'guest');
    expect(row).toMatchObject({ key: 'com1 THR', maxHostNs: 100 });
    expect(Math.abs(row.p50 - 100)).toBeLessThanOrEqual(100 / 8);
    expect(row.p99).toBeLessThanOrEqual(row.maxHostNs);
  });
});

describe('device requests', () => {
  test('are by device and kind, the kind that took longest first', () => {
    expect(requestRows(PROFILE)).toEqual([
      { device: 'virtio-blk0', type: 'read', count: 100, p50: 832, p99: 832, max: 5000, ns: 84_200, bytes: 411_300 },
      { device: 'virtio-blk0', type: 'write zeroes', count: 1, p50: 100, p99: 100, max: 100, ns: 100, bytes: 33 },
      { device: 'virtio-blk0', type: 'flush', count: 1, p50: 88, p99: 88, max: 90, ns: 90, bytes: 17 },
    ]);
  }); // prettier-ignore
});

describe('where the time went', () => {
  test('adds up to the wall time', () => {
    const { wall, ...shares } = timeShares(PROFILE);
    expect(shares).toEqual({ guest: 5520, handlers: 5840, machine: 40, idle: 2000, profiler: 0 });
    expect(wall).toBe(WALL);
    expect(Object.values(shares).reduce((sum, share) => sum + share, 0)).toBe(WALL);
  });

  test('is all on the timeline, each stretch full', () => {
    const { stretchNs, lanes, exits, interrupts } = timeline(PROFILE);
    const sums = Object.fromEntries(
      lanes.map(({ name, shares }) => [
        name,
        Math.round(shares.reduce((sum, share) => sum + share, 0) * stretchNs),
      ]),
    );
    expect(sums['guest']).toBeCloseTo(5520, -1);
    expect(sums['idle']).toBeCloseTo(2000, -1);
    expect(exits.reduce((sum, count) => sum + count, 0)).toBe(13);
    expect(interrupts.reduce((sum, count) => sum + count, 0)).toBe(1);
    exits.forEach((_, i) => expect(lanes.reduce((sum, { shares }) => sum + shares[i], 0)).toBeCloseTo(1, 2));
  });
});

describe('stacks', () => {
  test('folded by number: each exit once, without a stack at its place alone', () => {
    expect(foldedStacks(PROFILE, 'count').split('\n')).toEqual([
      '0x9999;unclaimed memory 0xdead0000 read 4 1',
      'driver  write;com1 LSR read 1 2',
      'main;driver  write;com1 THR write 1 4',
      'main;driver  write;poll;com1 LSR read 1 5',
      'poll;com1 LSR read 1 1',
      '',
    ]);
  });

  test.each([
    ['time', 5840],
    ['guest', 5520],
    ['samples', 7],
  ] as const)('folded by %s add up to the whole', (weight, sum) => {
    const weights = foldedStacks(PROFILE, weight)
      .trim()
      .split('\n')
      .map(line => Number(line.split(' ').at(-1)));
    expect(weights.reduce((total, value) => total + value, 0)).toBe(sum);
  });

  test('in pprof’s format are read by its decoder', () => {
    const read = Pprof.decode(pprofBytes(PROFILE));
    const text = (index: number | bigint): string => read.stringTable.strings[Number(index)];
    expect(read.sampleType.map(({ type, unit }) => `${text(type)}/${text(unit)}`)).toEqual([
      'exits/count',
      'handler/nanoseconds',
      'guest/nanoseconds',
      'samples/count',
    ]);
    expect(Number(read.durationNanos)).toBe(WALL);
    const nameOf = (location: number | bigint): string => {
      const { line } = read.location.find(({ id }) => Number(id) === Number(location))!;
      return text(read.function.find(({ id }) => Number(id) === Number(line[0].functionId))!.name);
    };
    const stacks = read.sample.map(({ locationId, value }) => [
      locationId.map(nameOf).join(' < '),
      value.map(Number),
    ]);
    expect(stacks).toContainEqual(['com1 THR write 1 < driver; write < main', [4, 400, 4000, 0]]);
    expect(stacks).toContainEqual(['poll < driver; write < main', [0, 0, 0, 7]]);
    const sums = [0, 1, 2, 3].map(i => read.sample.reduce((sum, { value }) => sum + Number(value[i]), 0));
    expect(sums).toEqual([13, 5840, 5520, 7]);
  });

  test('for speedscope fit its schema, and say the same', () => {
    const file = speedscopeFile(PROFILE);
    const folder = createRequire(import.meta.url)
      .resolve('speedscope/package.json')
      .replace('package.json', '');
    const schema = JSON.parse(
      readFileSync(`${folder}dist/release/file-format-schema.json`, 'utf8'),
    ) as object;
    const ajv = new Ajv({ strict: false });
    expect([ajv.validate(schema, file), ajv.errors]).toEqual([true, null]);
    expect(file.profiles.map(({ name, endValue }) => [name, endValue])).toEqual([
      ['exits', 13],
      ['time in handlers', 5840],
      ['time in the guest before', 5520],
      ['guest code', 7],
    ]);
    const [{ samples, weights }] = file.profiles;
    const named = samples.map((stack, i) => [stack.map(frame => file.shared.frames[frame].name), weights[i]]);
    expect(named).toContainEqual([['main', 'driver; write', 'com1 THR write 1'], 4]);
    expect(file.shared.frames).toContainEqual({ name: 'main', file: 'main.c', line: 3 });
  });
});

describe('the trace', () => {
  const trace = JSON.parse([...traceText(PROFILE)].join('')) as {
    traceEvents: {
      ph: string;
      name: string;
      cat?: string;
      pid: number;
      tid?: number;
      ts?: number;
      dur?: number;
    }[];
  };

  test('has the fields that each kind of event needs', () => {
    for (const event of trace.traceEvents) {
      expect(['X', 'i', 'M']).toContain(event.ph);
      expect(event).toMatchObject({ name: expect.any(String) as string, pid: expect.any(Number) as number });
      if (event.ph === 'M') continue;
      expect(event).toMatchObject({ ts: expect.any(Number) as number, tid: expect.any(Number) as number });
      if (event.ph === 'X') expect(event.dur).toBeGreaterThanOrEqual(0);
    }
  });

  test('has each stretch of time on the track of its vCPU, none over another', () => {
    for (const vcpu of [0, 1]) {
      const slices = trace.traceEvents.filter(({ ph, pid, tid }) => ph === 'X' && pid === 1 && tid === vcpu);
      const ordered = slices.sort((a, b) => a.ts! - b.ts!);
      ordered.slice(1).forEach((slice, i) => {
        expect(slice.ts! - (ordered[i].ts! + ordered[i].dur!)).toBeGreaterThan(-1e-9);
      });
    }
    const sum = (cat: string): number =>
      trace.traceEvents.filter(event => event.cat === cat).reduce((total, { dur }) => total + dur!, 0);
    expect(sum('guest')).toBeCloseTo(5.52, 6);
    expect(sum('exit')).toBeCloseTo(5.84, 6);
    expect(sum('idle')).toBeCloseTo(2, 6);
    expect(sum('request')).toBeCloseTo(0.8, 6);
  });

  test('has requests of one device that overlap on tracks of their own', () => {
    const request = (time: number, durationNs: number): ProfileEvent => ({
      kind: 'request',
      time,
      durationNs,
      name: 'virtio-blk0 read',
      bytes: 529,
    });
    // By their ends, as in every profile.
    const log = [request(0, 100), request(50, 100), request(100, 100), request(10, 500), request(700, 1)];
    const text = [...traceText({ ...PROFILE, events: () => log.values() as Generator<ProfileEvent> })].join(
      '',
    );
    const { traceEvents } = JSON.parse(text) as typeof trace;
    const slices = traceEvents.filter(({ cat }) => cat === 'request');
    expect(slices.map(({ ts, tid }) => [ts, tid])).toEqual([
      [0, 1],
      [0.05, 2],
      [0.1, 1],
      [0.01, 3],
      [0.7, 1],
    ]);
  });

  test('has tracks for interrupts, milestones and devices', () => {
    const names = trace.traceEvents
      .filter(({ ph }) => ph === 'M')
      .map(event => event as unknown as { args: { name: string } });
    expect(names.map(({ args }) => args.name)).toEqual(
      expect.arrayContaining(['vCPU 0', 'vCPU 1', 'interrupts', 'milestones', 'virtio-blk0']),
    );
    expect(trace.traceEvents.filter(({ ph }) => ph === 'i').map(({ name }) => name)).toEqual([
      'VMM start',
      'com1 first byte',
      'msi 0x31',
    ]);
  });
});

describe('boot phases', () => {
  test('have the exits between their milestones', () => {
    expect(phases(PROFILE)).toEqual([
      { name: 'VMM start', start: -500, duration: 5100, exits: 4, hostNs: 400, top: [{ site: 'com1 THR write 1', count: 4 }] },
      {
        name: 'com1 first byte',
        start: 4600,
        duration: WALL - 4600,
        exits: 9,
        hostNs: 5440,
        top: [
          { site: 'com1 LSR read 1', count: 8 },
          { site: 'unclaimed memory 0xdead0000 read 4', count: 1 },
        ],
      },
    ]); // prettier-ignore
  });
});

describe('what changed', () => {
  const changes = (options: Parameters<typeof exampleProfile>[0], before = PROFILE): [string, string][] =>
    difference(before, exampleProfile(options), 'register').map(({ key, change }) => [key, change]);

  test('nothing, between a profile and itself', () => {
    expect(difference(PROFILE, PROFILE, 'register').map(({ change, hostNs }) => [change, hostNs])).toEqual(
      Array.from({ length: 3 }, () => ['same', 0]),
    );
  });

  test('exits that appeared and vanished come first by what they cost', () => {
    expect(changes({ without: [3] })[0]).toEqual(['unclaimed memory 0xdead0000', 'vanished']);
    expect(changes({}, exampleProfile({ without: [3] }))[0]).toEqual([
      'unclaimed memory 0xdead0000',
      'appeared',
    ]);
  });

  test('handlers that became slower, if there were enough to say so', () => {
    const before = exampleProfile({ wrote: 40 });
    expect(changes({ wrote: 40, slower: 100 }, before)[0]).toEqual(['com1 THR', 'slower']);
    expect(changes({ wrote: 40 }, exampleProfile({ wrote: 40, slower: 100 }))[0]).toEqual([
      'com1 THR',
      'faster',
    ]);
    expect(changes({ slower: 100 })[0]).toEqual(['com1 THR', 'same']);
  });

  test('numbers', () => {
    expect(changes({ wrote: 9 })[0]).toEqual(['com1 THR', 'more']);
    expect(changes({ wrote: 2 })[0]).toEqual(['com1 THR', 'fewer']);
  });
});

test.each([
  [0, '0 ns'],
  [999, '999 ns'],
  [1250, '1.25 µs'],
  [12_500, '12.5 µs'],
  [-3_000_000, '-3 ms'],
  [61e9, '61 s'],
])('%d ns reads %s', (ns, text) => {
  expect(formatNs(ns)).toBe(text);
});
