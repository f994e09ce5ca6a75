import type { PointTotals, Profile, ProfileEvent, Site } from '../../../../src/profile/format.js';
import { bucketOf } from '../../../../src/profile/histogram.js';
import { ProfileWriter } from '../../../../src/profile/profile-writer.js';
import { readProfile } from '../../../../src/profile/profile-reader.js';

/** Addresses of functions, and of instructions in them. */
const MAIN = 0x1000n;
const DRIVER = 0x2000n;
const POLL = 0x3000n;

const SITES: readonly Site[] = [
  { reason: 'pio', direction: 'write', size: 1, address: 0x3f8, device: 'com1', register: 'THR' },
  { reason: 'pio', direction: 'read', size: 1, address: 0x3fd, device: 'com1', register: 'LSR' },
  { reason: 'mmio', direction: 'read', size: 4, address: 0xdead_0000, device: '', register: '' },
  { reason: 'machine', direction: 'none', size: 0, address: 0, device: '', register: '' },
  { reason: 'idle', direction: 'none', size: 0, address: 0, device: '', register: '' },
];

const POINTS = [
  { site: 0, vcpu: 0, rip: DRIVER + 1n, after: true },
  { site: 1, vcpu: 0, rip: POLL, after: false },
  { site: 1, vcpu: 1, rip: DRIVER + 0x10n, after: false },
  { site: 2, vcpu: 0, rip: 0x9999n, after: false },
  { site: 3, vcpu: 0, rip: 0n, after: false },
  { site: 4, vcpu: 0, rip: 0n, after: false },
];

/** Innermost first. The stack of each event by its point. */
const STACKS = [
  [DRIVER + 1n, MAIN + 0x21n],
  [POLL, DRIVER + 0x31n, MAIN + 0x21n],
];

interface ExitPlan {
  readonly point: number;
  readonly guestNs: number;
  readonly hostNs: number;
  readonly stack?: number;
}

/**
 * A recording of which every number is known: 4 writes of 100 ns and 6 reads of 50 ns by vCPU 0, 2 reads of 70 ns by
 * vCPU 1, one access that nobody answers, some idling.
 * @param slower what the writes take longer
 * @param without points that did not occur
 */
export function exampleBytes({
  slower = 0,
  without = [] as readonly number[],
  wrote = 4,
  notes = ['stripped'] as readonly string[],
} = {}): Uint8Array {
  const plan: ExitPlan[] = [
    ...Array.from({ length: wrote }, () => ({ point: 0, guestNs: 1000, hostNs: 100 + slower, stack: 0 })),
    ...Array.from({ length: 6 }, (_, i) => ({
      point: 1,
      guestNs: 200,
      hostNs: 50,
      ...(i < 5 && { stack: 1 }),
    })),
    { point: 2, guestNs: 10, hostNs: 70 },
    { point: 2, guestNs: 10, hostNs: 70 },
    { point: 3, guestNs: 300, hostNs: 5000 },
    { point: 4, guestNs: 0, hostNs: 40 },
    { point: 5, guestNs: 0, hostNs: 2000 },
  ].filter(({ point }) => !without.includes(point));

  const events: ProfileEvent[] = [{ kind: 'milestone', time: -500, name: 'VMM start' }];
  let time = 0;
  plan.forEach(({ point, guestNs, hostNs, stack }, i) => {
    time += guestNs;
    if (i === 4) events.push({ kind: 'milestone', time, name: 'com1 first byte' });
    events.push({ kind: 'exit', time, point, guestNs, hostNs, value: i, stack });
    time += hostNs;
  });
  events.push({ kind: 'interrupt', time: 1500, how: 'msi', vector: 0x31, destination: 1 });
  events.push({ kind: 'request', time: 1200, durationNs: 800, name: 'virtio-blk0 read', bytes: 4113 });

  const pieces: Uint8Array[] = [];
  const writer = new ProfileWriter(bytes => pieces.push(bytes));
  writer.begin({
    tsvmm: '1.2.3',
    created: '2026-01-02T03:04:05.000Z',
    kernel: '/somewhere/<b>kernel.elf',
    commandLine: 'console=</script>',
    bootProtocol: 'pvh',
    accelerator: 'wasm',
    cpus: 2,
    memoryBytes: 64 << 20,
    icount: false,
    stacks: 'sampled',
    samplePeriod: 1000,
  });
  for (const site of SITES) writer.site(site);
  for (const point of POINTS) writer.point(point);
  for (const stack of STACKS) writer.stack(stack);
  for (const event of events) writer.event(event);
  writer.flush();
  writer.totals(POINTS.map((_, point) => totalsOf(plan.filter(exit => exit.point === point))));
  writer.stackTotals(
    STACKS.flatMap((_, stack) => {
      const exits = plan.filter(exit => exit.stack === stack);
      if (exits.length === 0) return [];
      const { count, guestNs, hostNs } = totalsOf(exits);
      return { point: exits[0].point, stack, count, guestNs, hostNs };
    }),
  );
  writer.samples([{ vcpu: 0, stack: 1, count: 7 }]);
  writer.requests([
    { name: 'virtio-blk0 flush', count: 1, ns: 90, maxNs: 90, bytes: 17, histogram: new Map([[bucketOf(90), 1]]) },
    { name: 'virtio-blk0 write zeroes', count: 1, ns: 100, maxNs: 100, bytes: 33, histogram: new Map([[bucketOf(100), 1]]) },
    {
      name: 'virtio-blk0 read',
      count: 100,
      ns: 99 * 800 + 5000,
      maxNs: 5000,
      bytes: 411_300,
      histogram: new Map([[bucketOf(800), 99], [bucketOf(5000), 1]]),
    },
  ]); // prettier-ignore
  writer.counters(new Map([['page faults', 5]]));
  writer.symbols({
    images: [],
    symbols: new Map([
      [DRIVER, { name: 'driver; write', offset: 0, image: 'kernel.elf', file: 'driver.c', line: 7 }],
      [
        DRIVER + 0x10n,
        { name: 'driver; write', offset: 0x10, image: 'kernel.elf', file: 'driver.c', line: 9 },
      ],
      [
        DRIVER + 0x30n,
        { name: 'driver; write', offset: 0x30, image: 'kernel.elf', file: 'driver.c', line: 11 },
      ],
      [POLL, { name: 'poll', offset: 0, image: 'kernel.elf' }],
      [MAIN + 0x20n, { name: 'main', offset: 0x20, image: 'kernel.elf', file: 'main.c', line: 3 }],
    ]),
  });
  writer.end({
    reason: 'exit',
    status: 0,
    wallNs: time,
    exits: plan.length - 2,
    lostEvents: 0,
    mergedExits: 0,
    notes,
  });
  return Buffer.concat(pieces);
}

export function exampleProfile(options?: Parameters<typeof exampleBytes>[0]): Profile {
  return readProfile(exampleBytes(options));
}

function totalsOf(exits: readonly ExitPlan[]): PointTotals {
  const histogram = new Map<number, number>();
  for (const { hostNs } of exits) {
    const bucket = bucketOf(hostNs);
    histogram.set(bucket, (histogram.get(bucket) ?? 0) + 1);
  }
  const sum = (of: (exit: ExitPlan) => number): number => exits.reduce((total, exit) => total + of(exit), 0);
  return {
    count: exits.length,
    guestNs: sum(exit => exit.guestNs),
    hostNs: sum(exit => exit.hostNs),
    maxHostNs: Math.max(0, ...exits.map(exit => exit.hostNs)),
    histogram,
  };
}
