import { describe, expect, test } from 'vitest';
import type { ExitEvent } from '../../../../src/profile/format.js';
import { GuestTime } from '../../../../src/profile/report/guest-time.js';

function exit(time: number, guestNs: number, hostNs = 0): ExitEvent {
  return { kind: 'exit', time, point: 0, guestNs, hostNs, value: 0, stack: undefined };
}

describe('the time of a guest before an exit', () => {
  test('is one stretch where nothing stopped it', () => {
    expect(new GuestTime().before(exit(100, 60))).toEqual([[40, 100]]);
    expect(new GuestTime().before(exit(100, 0))).toEqual([]);
  });

  test('is what lies between the pauses for samples', () => {
    const time = new GuestTime();
    time.pause(exit(20, 0, 10));
    time.pause(exit(50, 0, 30));
    expect(time.before(exit(100, 50))).toEqual([[80, 100], [30, 50], [10, 20]]);
    // They count once.
    expect(time.before(exit(200, 100))).toEqual([[100, 200]]);
  });

  test('begins behind what the recorder did before it', () => {
    const time = new GuestTime();
    time.pause(exit(0, 0, 40));
    expect(time.before(exit(100, 60))).toEqual([[40, 100]]);
    time.pause(exit(100, 0, 40));
    expect(time.before(exit(300, 10))).toEqual([[290, 300]]);
  });
}); // prettier-ignore
