import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TickRate } from '../../../../src/devices/legacy/tick-rate.js';

const RATES = [
  [715_909n, 600_000_000n],
  [32_768n, 1_000_000_000n],
] as const;

describe.each(RATES)('%d ticks in %d ns', (ticks, perNs) => {
  const rate = new TickRate(Number(ticks), Number(perNs));
  const time = fc.integer({ min: 0, max: 2 ** 52 });

  it('counts ticks as exact integer arithmetic does', () => {
    fc.assert(fc.property(time, ns => rate.ticksAt(ns) === Number((BigInt(ns) * ticks) / perNs)));
  });

  it('gives the first nanosecond of each tick', () => {
    fc.assert(
      fc.property(time, ns => {
        const tick = rate.ticksAt(ns);
        const start = rate.timeOf(tick);
        expect(start).toBeLessThanOrEqual(ns);
        expect(rate.ticksAt(start)).toBe(tick);
        if (start > 0) expect(rate.ticksAt(start - 1)).toBe(tick - 1);
      }),
    );
  });
});
