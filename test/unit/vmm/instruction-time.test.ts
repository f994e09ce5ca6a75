import { describe, expect, it } from 'vitest';
import { InstructionTime } from '../../../src/vmm/instruction-time.js';

function timeAt(instructions: number, shift = 0): InstructionTime {
  const time = new InstructionTime({ shift, epoch: 5 });
  time.instructions = () => instructions;
  return time;
}

describe('time by executed instructions', () => {
  it('is 2^shift nanoseconds for each', () => {
    expect(timeAt(1000).elapsed()).toBe(1000);
    expect(timeAt(1000, 3).elapsed()).toBe(8000);
    expect(timeAt(0).epoch).toBe(5);
  });

  it('skips to a deadline, and no way back', () => {
    const time = timeAt(1000);
    time.skipTo(2500.25);
    expect(time.elapsed()).toBe(2501);
    time.skipTo(10);
    expect(time.elapsed()).toBe(2501);
  });

  it('says how many instructions a deadline is away', () => {
    const time = timeAt(10, 2);
    expect([40, 41, 44, 45, 48.5, 0, Infinity].map(ns => time.instructionsUntil(ns))).toEqual([
      0,
      1,
      1,
      2,
      3,
      0,
      Infinity,
    ]);
  });
});
