import { describe, expect, it } from 'vitest';
import { exitStatus, type RunEnd } from '../../../src/vmm/run-result.js';

describe('the exit status', () => {
  it.each<[RunEnd, number]>([
    [{ reason: 'poweroff' }, 0],
    [{ reason: 'reset' }, 0],
    [{ reason: 'matched' }, 0],
    [{ reason: 'exit' }, 0],
    [{ reason: 'exit', code: 0 }, 0],
    [{ reason: 'exit', code: 1 }, 1],
    [{ reason: 'exit', code: 255 }, 255],
    [{ reason: 'exit', code: 256 }, 255],
    [{ reason: 'exit', code: 0xffff_ff00 }, 255],
    [{ reason: 'timeout' }, 124],
    [{ reason: 'failed', failure: { reason: 'KVM_EXIT_FAIL_ENTRY', details: {} } }, 125],
    [{ reason: 'halted' }, 126],
    [{ reason: 'triple-fault' }, 127],
    [{ reason: 'stopped' }, 130],
  ])('of %j is %d', (end, status) => {
    expect(exitStatus(end)).toBe(status);
  });

  it('never makes a guest that failed look successful', () => {
    for (let code = 1; code < 2 ** 32; code = code * 2 + 1)
      expect(exitStatus({ reason: 'exit', code })).not.toBe(0);
    expect(exitStatus({ reason: 'exit', code: 0x100 })).not.toBe(0);
  });
});
