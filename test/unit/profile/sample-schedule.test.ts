import { describe, expect, test } from 'vitest';
import { SampleSchedule } from '../../../src/profile/sample-schedule.js';

/** Where the samples of the first `periods` periods are, counted in instructions. */
function places(schedule: SampleSchedule, vcpu: number, periods: number): number[] {
  const found: number[] = [];
  let at = 0;
  while (found.length < periods) {
    const step = schedule.until(vcpu);
    at += step;
    expect(schedule.advance(vcpu, step)).toBe(true);
    found.push(at);
  }
  return found;
}

describe('which instructions are sampled', () => {
  test.each([1, 7, 40_000, 1e12])('one of each %d', period => {
    places(new SampleSchedule(period, 1), 0, 500).forEach((place, i) => {
      expect(place).toBeGreaterThan(i * period);
      expect(place).toBeLessThanOrEqual((i + 1) * period);
    });
  });

  test('each place in the period as often as any other', () => {
    const tenths = new Array<number>(10).fill(0);
    for (const place of places(new SampleSchedule(1000, 1), 0, 10_000)) tenths[Math.floor(((place - 1) % 1000) / 100)]++;
    for (const count of tenths) {
      expect(count).toBeGreaterThan(880);
      expect(count).toBeLessThan(1120);
    }
  }); // prettier-ignore

  test('the same ones again, however the run is cut, and others on another vCPU', () => {
    const whole = places(new SampleSchedule(1000, 2), 0, 50);
    const cut = new SampleSchedule(1000, 2);
    const found: number[] = [];
    for (let at = 1; found.length < 50; at++) if (cut.advance(0, 1)) found.push(at);
    expect(found).toEqual(whole);
    expect(places(cut, 1, 50)).not.toEqual(whole);
  });

  test('one, where a vCPU is late for several', () => {
    const schedule = new SampleSchedule(10, 1);
    expect(schedule.advance(0, 95)).toBe(true);
    expect(schedule.until(0)).toBeGreaterThan(0);
    expect(schedule.advance(0, 0)).toBe(false);
  });
});
