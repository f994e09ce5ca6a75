import { describe, expect, test } from 'vitest';
import { chooseAccelerator, formatMillions } from '../../../src/host/choose-accelerator.js';
import type { KvmReport } from '../../../src/host/inspect-host.js';

const GIB = 2 ** 30;
const SMALL = { cpus: 1, memoryBytes: GIB };

const MISSING: KvmReport = { usable: false, why: 'there is no /dev/kvm' };
const HARDWARE: KvmReport = {
  usable: true,
  speed: { instructionsPerSecond: 2.84e9, exitNs: 1200, hardware: true },
};
const EMULATION: KvmReport = {
  usable: true,
  speed: { instructionsPerSecond: 1.37e6, exitNs: 14_000, hardware: false },
};

describe('--accel auto', () => {
  test('takes KVM with hardware under it', () => {
    expect(chooseAccelerator(HARDWARE, SMALL)).toEqual({
      name: 'kvm',
      why: 'the processor executes guest code itself, 2800 million guest instructions a second',
    });
  });

  test('takes the software CPU where KVM emulates', () => {
    expect(chooseAccelerator(EMULATION, SMALL)).toEqual({
      name: 'wasm',
      why: 'KVM has no hardware virtualization under it here and emulates, 1.4 million guest instructions a second',
    });
  });

  test('takes the software CPU where KVM is missing, whatever the machine is', () => {
    const expected = { name: 'wasm', why: 'there is no /dev/kvm' };
    expect(chooseAccelerator(MISSING, SMALL)).toEqual(expected);
    expect(chooseAccelerator(MISSING, { cpus: 200, memoryBytes: 8 * GIB })).toEqual(expected);
  });

  test.each([
    ['memory', { cpus: 1, memoryBytes: 3 * GIB + 4096 }],
    ['CPUs', { cpus: 65, memoryBytes: GIB }],
  ])('takes a KVM that emulates for a machine with more %s than the software CPU can have', (_what, size) => {
    const { name, why } = chooseAccelerator(EMULATION, size);
    expect(name).toBe('kvm');
    expect(why).toMatch(/^the machine is too large for the software CPU/);
  });

  test('takes the software CPU for the largest machine that it can have', () => {
    expect(chooseAccelerator(EMULATION, { cpus: 64, memoryBytes: 3 * GIB }).name).toBe('wasm');
  });
});

test.each([
  [1.37e6, '1.4'],
  [999_000, '1'],
  [2.84e9, '2800'],
])('%d in millions', (value, text) => {
  expect(formatMillions(value)).toBe(text);
});
