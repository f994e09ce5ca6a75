import { describe, expect, it } from 'vitest';
import { Throttle, type ThrottleLimits } from '../../../src/block/throttle.js';
import { ManualTime } from '../devices/legacy/manual-time.js';

const MS = 1e6;

/** Requests that are made at once, and when each began, in ms. */
function starts(
  limits: ThrottleLimits,
  requests: readonly (readonly [write: boolean, bytes: number])[],
): number[] {
  const time = new ManualTime();
  const throttle = new Throttle(limits, time.clock);
  const begun: number[] = requests.map(() => NaN);
  requests.forEach(([write, bytes], i) => {
    const proceed = (): void => {
      begun[i] = Math.round(time.elapsed() / MS);
    };
    throttle.pass(write, bytes, { wanted: true, proceed });
  });
  time.run(60_000 * MS);
  return begun;
}

const READ = [false, 4096] as const;
const WRITE = [true, 4096] as const;

describe('a throttle', () => {
  it('lets through as many requests a second as is said, after a tenth of that at once', () => {
    // 10 ms each, of which ten are free.
    const begun = starts({ iopsTotal: 100 }, Array(20).fill(READ));
    expect(begun.slice(0, 11)).toEqual(Array(11).fill(0));
    expect(begun.slice(11)).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90]);
  });

  it('counts bytes, and lets a request through that is larger than what may come at once', () => {
    expect(starts({ bpsTotal: 40_960 }, [READ, READ, READ, [false, 40_960], READ])).toEqual([
      0, 0, 100, 200, 1200,
    ]);
  });

  it('counts reads and writes apart', () => {
    const alternating = [READ, WRITE, READ, WRITE, READ, WRITE];
    expect(starts({ iopsWrite: 10 }, alternating)).toEqual([0, 0, 0, 0, 0, 100]);
    expect(starts({ iopsRead: 10, bpsWrite: 40_960 }, alternating)).toEqual([0, 0, 0, 0, 100, 100]);
  });

  it('lets reads and writes share what is for both', () => {
    const begun = starts({ iopsTotal: 10 }, [READ, READ, READ, READ, WRITE, WRITE]);
    expect(begun).toEqual([0, 0, 100, 300, 200, 400]);
  });

  it('keeps to the rate over a long time', () => {
    const begun = starts({ iopsTotal: 1000 }, Array(20_000).fill(WRITE));
    expect(begun.at(-1)).toBe(19_899);
  });

  it('forgets what nobody waits for any more, and does not count it', () => {
    const time = new ManualTime();
    const throttle = new Throttle({ iopsTotal: 10 }, time.clock);
    const begun: [name: string, ms: number][] = [];
    const request = (name: string, wanted = true) => ({
      wanted,
      proceed: () => void begun.push([name, Math.round(time.elapsed() / MS)]),
    });
    const abandoned = Array.from({ length: 50 }, (_, i) => request(`abandoned ${i}`));
    for (const each of [request('first'), request('second'), ...abandoned]) throttle.pass(false, 512, each);
    throttle.pass(false, 512, request('last'));
    for (const each of abandoned) each.wanted = false;
    throttle.sweep();
    time.run(1000 * MS);
    expect(begun).toEqual([
      ['first', 0],
      ['second', 0],
      ['last', 100],
    ]);
  });
});
