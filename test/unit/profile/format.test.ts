import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteReader } from '../../../src/profile/byte-reader.js';
import { chunkBytes } from '../../../src/profile/chunks.js';
import { ByteWriter } from '../../../src/profile/byte-writer.js';
import type {
  ChunkTag,
  PointTotals,
  ProfileEnd,
  ProfileEvent,
  ProfileMeta,
  RequestTotals,
} from '../../../src/profile/format.js';
import { readProfile } from '../../../src/profile/profile-reader.js';
import { ProfileWriter } from '../../../src/profile/profile-writer.js';

const META: ProfileMeta = {
  tsvmm: '0.1.0',
  created: '2026-11-28T12:00:00.000Z',
  kernel: 'kernel.elf',
  commandLine: 'a=1 ä',
  bootProtocol: 'pvh',
  accelerator: 'wasm',
  cpus: 2,
  memoryBytes: 2 ** 28,
  icount: false,
  stacks: 'sampled',
  samplePeriod: 0,
};

const END: ProfileEnd = {
  reason: 'exit',
  status: 0,
  wallNs: 123_456_789_012,
  exits: 2,
  lostEvents: 0,
  mergedExits: 0,
  notes: ['no symbols'],
};

const TOTALS: PointTotals[] = [
  { count: 2, guestNs: 2 ** 50, hostNs: 7, maxHostNs: 5, histogram: new Map([[2, 1], [6, 1]]) },
  { count: 1, guestNs: 0, hostNs: 2 ** 40, maxHostNs: 2 ** 40, histogram: new Map([[127, 1]]) },
]; // prettier-ignore

const REQUESTS: RequestTotals[] = [
  { name: 'virtio-net0 send', count: 2 ** 40, ns: 2 ** 50, maxNs: 9, bytes: 2 ** 45, histogram: new Map([[3, 2 ** 40]]) },
  { name: 'virtio-blk0 read', count: 1, ns: 7, maxNs: 7, bytes: 0, histogram: new Map([[7, 1]]) },
]; // prettier-ignore

const EVENTS: ProfileEvent[] = [
  { kind: 'milestone', time: -5_000_000, name: 'VMM start' },
  { kind: 'exit', time: 100, point: 0, guestNs: 100, hostNs: 2, value: 0xffff_ffff, stack: undefined },
  { kind: 'interrupt', time: 150, how: 'msi', vector: 255, destination: 3 },
  { kind: 'exit', time: 110, point: 1, guestNs: 10, hostNs: 2 ** 40, value: 0, stack: 1 },
  { kind: 'request', time: 20, durationNs: 2 ** 33, name: 'virtio-blk0 read', bytes: 4113 },
];

/** A file with everything in it, as its pieces. */
function example(): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  const writer = new ProfileWriter(bytes => pieces.push(bytes));
  writer.begin(META);
  writer.site({
    reason: 'pio',
    direction: 'write',
    size: 1,
    address: 0x3f8,
    device: 'com1',
    register: 'THR',
  });
  writer.point({ site: 0, vcpu: 1, rip: 0xffff_ffff_8100_0000n, after: true });
  writer.event(EVENTS[0]);
  writer.event(EVENTS[1]);
  writer.flush();
  writer.site({ reason: 'mmio', direction: 'read', size: 4, address: 2 ** 45, device: '', register: '' });
  writer.point({ site: 1, vcpu: 0, rip: 0n, after: false });
  writer.stack([]);
  writer.stack([1n, 0xffff_ffff_ffff_ffffn]);
  for (const event of EVENTS.slice(2)) writer.event(event);
  writer.flush();
  writer.totals(TOTALS);
  writer.stackTotals([{ point: 1, stack: 1, count: 1, guestNs: 0, hostNs: 2 ** 40 }]);
  writer.samples([{ vcpu: 1, stack: 1, count: 77 }]);
  writer.requests(REQUESTS);
  writer.counters(new Map([['page faults', 5]]));
  writer.symbols({
    images: [{ path: '/lib/x.so', bias: 0xffff_8000_0000_0000n, buildId: 'ab' }],
    symbols: new Map([
      [0xffff_ffff_80ff_ffffn, { name: 'f(int)', linkage: '_Z1fi', offset: 4, image: 'x.so', file: 'f.cc', line: 9 }],
    ]),
  }); // prettier-ignore
  writer.end(END);
  return pieces;
}

describe('a profile', () => {
  test('is read as it was written', () => {
    const profile = readProfile(Buffer.concat(example()));
    expect(profile).toMatchObject({ version: 2, meta: META, end: END, totals: TOTALS });
    expect(profile.points).toEqual([
      {
        site: { reason: 'pio', direction: 'write', size: 1, address: 0x3f8, device: 'com1', register: 'THR' },
        vcpu: 1,
        rip: 0xffff_ffff_8100_0000n,
        after: true,
      },
      {
        site: { reason: 'mmio', direction: 'read', size: 4, address: 2 ** 45, device: '', register: '' },
        vcpu: 0,
        rip: 0n,
        after: false,
      },
    ]);
    expect(profile.stacks).toEqual([[], [1n, 0xffff_ffff_ffff_ffffn]]);
    expect([...profile.events()]).toEqual(EVENTS);
    expect([...profile.events()]).toEqual(EVENTS);
    expect(profile.stackTotals).toEqual([{ point: 1, stack: 1, count: 1, guestNs: 0, hostNs: 2 ** 40 }]);
    expect(profile.samples).toEqual([{ vcpu: 1, stack: 1, count: 77 }]);
    expect(profile.requests).toEqual(REQUESTS);
    expect(profile.damage).toBeUndefined();
    expect(profile.counters).toEqual(new Map([['page faults', 5]]));
    expect(profile.images).toEqual([{ path: '/lib/x.so', bias: 0xffff_8000_0000_0000n, buildId: 'ab' }]);
    expect(profile.symbols.get(0xffff_ffff_80ff_ffffn)).toEqual({
      name: 'f(int)',
      linkage: '_Z1fi',
      offset: 4,
      image: 'x.so',
      file: 'f.cc',
      line: 9,
    });
  });

  test('with a chunk of a later tsvmm is read', () => {
    const [header, ...rest] = example();
    const chunk = chunkBytes('NEW!' as ChunkTag, Buffer.from('abc'));
    const profile = readProfile(Buffer.concat([header, ...rest.slice(0, -1), chunk, rest.at(-1)!]));
    expect(profile.end).toEqual(END);
    expect(profile.damage).toBeUndefined();
  });

  test('is refused where it is none, of another version or has nothing that is whole', () => {
    expect(() => readProfile(Buffer.from('hello'))).toThrow('not a profile');
    const [header, meta] = example();
    const later = Buffer.concat([header, meta]);
    later.writeUInt32LE(3, 8);
    expect(() => readProfile(later)).toThrow('version 3');
    expect(() => readProfile(header)).toThrow('cut off before it says what was recorded');
    expect(() => readProfile(Buffer.concat([header, meta.subarray(0, -1)]))).toThrow('cut off before');
  });
});

describe('numbers', () => {
  test('come back, from 0 to 2^53−1 and on both sides of 0', () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        fc.integer({ min: -(2 ** 52), max: 2 ** 52 - 1 }),
        fc.string(),
        (n, s, text) => {
          const bytes = new ByteWriter().varint(n).signed(s).text(text).take();
          const reader = new ByteReader(bytes);
          expect([reader.varint(), reader.signed(), reader.text()]).toEqual([n, s, text]);
          expect(reader.atEnd).toBe(true);
        },
      ),
    );
  });
});
