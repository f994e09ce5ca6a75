import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32 } from '../../../src/profile/crc32.js';
import type { Damage, Profile } from '../../../src/profile/format.js';
import { readProfile } from '../../../src/profile/profile-reader.js';
import { foldedStacks } from '../../../src/profile/report/folded.js';
import { htmlPage } from '../../../src/profile/report/html.js';
import { jsonReport } from '../../../src/profile/report/json.js';
import { phases } from '../../../src/profile/report/phases.js';
import { pprofBytes } from '../../../src/profile/report/pprof.js';
import { requestRows } from '../../../src/profile/report/requests.js';
import { allExits, exitRows } from '../../../src/profile/report/rows.js';
import { timeShares } from '../../../src/profile/report/shares.js';
import { speedscopeFile } from '../../../src/profile/report/speedscope.js';
import { phasesText, requestsText, rowsText, summaryText } from '../../../src/profile/report/table.js';
import { traceText } from '../../../src/profile/report/trace.js';
import { exampleBytes } from './report/example.js';

const WHOLE = Buffer.from(exampleBytes());
const HEADER = 12;

interface Place {
  readonly tag: string;
  readonly at: number;
  readonly size: number;
}

/** The chunks of a file that is whole, by the format's description. */
function chunkPlaces(bytes: Buffer): Place[] {
  const places: Place[] = [];
  for (let at = HEADER; at < bytes.length;) {
    const size = bytes.readUInt32LE(at + 4);
    places.push({ tag: bytes.toString('latin1', at, at + 4), at, size });
    at += 8 + size + 4;
  }
  return places;
}

const CHUNKS = chunkPlaces(WHOLE);
/** Where what was recorded is known. */
const [META_END] = [CHUNKS[1].at];

/** Everything that anybody makes of a profile. */
function allReports(profile: Profile): void {
  const all = allExits(profile);
  summaryText(profile, all, timeShares(profile));
  rowsText(exitRows(profile, 'line', 'time'), all, 'line');
  requestsText(requestRows(profile));
  phasesText(phases(profile));
  JSON.stringify(jsonReport(profile, ['point'], 'max'));
  for (const weight of ['count', 'time', 'guest', 'samples'] as const) foldedStacks(profile, weight);
  pprofBytes(profile);
  JSON.stringify(speedscopeFile(profile));
  expect([...traceText(profile)].length).toBeGreaterThan(2);
  htmlPage(profile);
}

/** What is read of these bytes, or the error that refuses them: there is nothing else. */
function read(bytes: Uint8Array): Profile | undefined {
  try {
    const profile = readProfile(bytes);
    allReports(profile);
    return profile;
  } catch (error) {
    expect(error).toMatchObject({ code: 'PROFILE' });
    return undefined;
  }
}

test('the checksum is that of Ethernet, gzip and PNG', () => {
  expect(crc32(Buffer.from('123456789'))).toBe(0xcbf4_3926);
});

describe('a recording', () => {
  test('that is whole says so', () => {
    expect(CHUNKS.map(({ tag }) => tag)).toEqual(
      ['META', 'STRS', 'SITE', 'PNTS', 'STKS', 'EVTS', 'TOTL', 'STOT', 'SMPL', 'STRS', 'REQS', 'CNTR', 'SYMS', 'END '],
    );
    expect(read(WHOLE)).toMatchObject({ damage: undefined, end: { reason: 'exit' } });
  }); // prettier-ignore

  test('that was cut off at any byte is known for it, and read up to there', () => {
    for (let size = 0; size < WHOLE.length; size++) {
      const profile = read(WHOLE.subarray(0, size));
      if (size < META_END) {
        expect(profile, String(size)).toBeUndefined();
        continue;
      }
      const last = CHUNKS.findLast(({ at }) => at < size)!;
      const between = CHUNKS.some(({ at }) => at === size);
      const expected: Damage = { kind: 'cut off', at: between ? size : last.at, size };
      expect(profile, String(size)).toMatchObject({ damage: expected, end: undefined });
      // Its totals are those of the file as soon as they are there, and before that those of its events.
      const counted = profile!.totals.reduce((sum, { count }) => sum + count, 0);
      const events = CHUNKS.find(({ tag }) => tag === 'EVTS')!;
      expect(counted).toBe(size < events.at + 8 + events.size + 4 ? 0 : 15);
    }
  });

  test('any bit of which is another is known for it', () => {
    for (let at = 0; at < WHOLE.length; at++) {
      const damaged = Buffer.from(WHOLE);
      damaged[at] ^= 1 << at % 8;
      const profile = read(damaged);
      if (at < META_END) {
        expect(profile, String(at)).toBeUndefined();
        continue;
      }
      const hit = CHUNKS.findLast(chunk => chunk.at <= at)!;
      expect(profile, String(at)).toMatchObject({ damage: { at: hit.at, size: WHOLE.length }, end: undefined });
    }
  }); // prettier-ignore

  test('with something behind its end is known for it', () => {
    const profile = read(Buffer.concat([WHOLE, WHOLE.subarray(HEADER)]));
    expect(profile).toMatchObject({ damage: { kind: 'damaged', at: WHOLE.length }, end: { reason: 'exit' } });
  });

  test('with any bytes in a chunk that has the right checksum is read or refused, and nothing else', () => {
    const change = fc.record({
      chunk: fc.nat(CHUNKS.length - 1),
      at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      bytes: fc.oneof(
        fc.uint8Array({ minLength: 1, maxLength: 9 }),
        fc.constantFrom('-1', '1e999', 'null', '[]', '{}', '""').map(text => Buffer.from(text)),
        fc.constant(Buffer.alloc(8, 0xff)),
      ),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), changes => {
        const damaged = Buffer.from(WHOLE);
        for (const { chunk, at, bytes } of changes) {
          const { at: start, size } = CHUNKS[chunk];
          if (size === 0) continue;
          const from = Math.floor(at * size);
          damaged.set(bytes.subarray(0, size - from), start + 8 + from);
          damaged.writeUInt32LE(crc32(damaged.subarray(start, start + 8 + size)), start + 8 + size);
        }
        read(damaged);
      }),
      { numRuns: 400 },
    );
  });
});
