import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HostTime as HostTimeClass } from '../../../../src/vmm/machine/host-time.js';

const MS = 1e6;

describe('host time', () => {
  let HostTime: typeof HostTimeClass;

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['performance', 'Date'] });
    // The clock is looked up when its module is loaded.
    vi.resetModules();
    ({ HostTime } = await import('../../../../src/vmm/machine/host-time.js'));
  });
  afterEach(() => void vi.useRealTimers());

  it('stands still until it is started', () => {
    const time = new HostTime();
    vi.advanceTimersByTime(50);
    expect(time.elapsed()).toBe(0);
  });

  it('counts nanoseconds from the start', () => {
    const time = new HostTime();
    vi.advanceTimersByTime(50);
    time.start();
    vi.advanceTimersByTime(7);
    expect(time.elapsed()).toBeCloseTo(7 * MS);
  });

  it('leaves out each stop', () => {
    const time = new HostTime();
    time.start();
    vi.advanceTimersByTime(10);
    time.stop();
    vi.advanceTimersByTime(1000);
    expect(time.elapsed()).toBeCloseTo(10 * MS);
    time.start();
    vi.advanceTimersByTime(5);
    time.stop();
    vi.advanceTimersByTime(1000);
    time.start();
    expect(time.elapsed()).toBeCloseTo(15 * MS);
  });

  it('is not disturbed by a second start or stop', () => {
    const time = new HostTime();
    time.start();
    vi.advanceTimersByTime(10);
    time.start();
    vi.advanceTimersByTime(10);
    time.stop();
    vi.advanceTimersByTime(10);
    time.stop();
    expect(time.elapsed()).toBeCloseTo(20 * MS);
  });

  it('knows when it was made', () => {
    vi.setSystemTime(Date.UTC(2026, 0, 1));
    expect(new HostTime().epoch).toBe(Date.UTC(2026, 0, 1));
  });
});
