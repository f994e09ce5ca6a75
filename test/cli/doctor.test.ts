import { describe, expect, test } from 'vitest';
import type { Diagnosis } from '../../src/cli/diagnosis.js';
import { HARDWARE, NO_KVM } from '../guests/harness.js';
import { tsvmm } from './tsvmm.js';

async function diagnosisOf(...args: string[]): Promise<Diagnosis> {
  const { status, stdout, stderr } = await tsvmm(['doctor', '--json', ...args]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as Diagnosis;
}

describe('doctor', () => {
  test.skipIf(NO_KVM !== undefined)('with KVM', async () => {
    const diagnosis = await diagnosisOf();
    expect(diagnosis.host).toMatchObject({ platform: 'linux', arch: 'x64', node: process.version });
    expect(diagnosis.kvm).toMatchObject({ device: '/dev/kvm', problem: null });
    expect(diagnosis.kvm.capabilities).toMatchObject({ USER_MEMORY: 1, IMMEDIATE_EXIT: 1 });
    expect(diagnosis.kvm.limits!.maxVcpus).toBeGreaterThanOrEqual(1);
    expect(diagnosis.kvm.speed!.instructionsPerSecond).toBeGreaterThan(1000);
    expect(diagnosis.kvm.speed!.exitNs).toBeGreaterThan(0);
    expect(diagnosis.auto.name).toBe(HARDWARE ? 'kvm' : 'wasm');
  });

  test.skipIf(NO_KVM !== undefined)('with KVM, as text', async () => {
    const { status, stdout, stderr } = await tsvmm(['doctor']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const titles = stdout.split('\n').map(line => line.split(/ {2,}/)[0]);
    expect(titles).toEqual([
      'host',
      'processor',
      'memory',
      'kvm',
      'capabilities',
      'limits',
      'speed',
      'auto',
      '',
    ]);
    expect(stdout).toMatch(/^speed .* million guest instructions a second, \d+ ns a port exit: /m);
    expect(stdout).toMatch(
      HARDWARE
        ? /^auto +kvm, since the processor executes guest code itself, \d/m
        : /^auto +wasm, since KVM has no hardware virtualization under it here and emulates, \d/m,
    );
  });

  test.each([
    ['/nowhere/kvm', /^there is no \/nowhere\/kvm: load the kvm-intel or kvm-amd module/],
    ['/dev/null', /^\/dev\/null is not a KVM device/],
    ['/', /^\/ is a directory, not a KVM device/],
  ])('without KVM: %s', async (device, problem) => {
    const diagnosis = await diagnosisOf('--kvm-device', device);
    expect(diagnosis.kvm.device).toBe(device);
    expect(diagnosis.kvm.problem).toMatch(problem);
    expect(diagnosis.auto).toEqual({ name: 'wasm', why: diagnosis.kvm.problem });
    expect(diagnosis.host.memory.total).toBeGreaterThanOrEqual(diagnosis.host.memory.free);
  });

  test('without KVM, as text', async () => {
    const { status, stdout, stderr } = await tsvmm(['doctor', '--kvm-device', '/nowhere/kvm']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^kvm +there is no \/nowhere\/kvm: load the kvm-intel or kvm-amd module/m);
    expect(stdout).toMatch(/^auto +wasm, since there is no \/nowhere\/kvm: /m);
  });
});
