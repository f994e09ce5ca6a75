import { expect, test } from 'vitest';
import { createMachine, type RunResult } from 'tsvmm';
import { faithful, guestPath, onEachAccelerator, runGuest } from './harness.js';

const ENDS: readonly (readonly [end: string, expected: Partial<RunResult>])[] = [
  ['exit:0', { reason: 'exit', code: 0, status: 0 }],
  ['exit:3', { reason: 'exit', code: 3, status: 3 }],
  ['exit:255', { reason: 'exit', code: 255, status: 255 }],
  ['exit:256', { reason: 'exit', code: 256, status: 255 }],
  ['reset-kbd', { reason: 'reset', status: 0 }],
  ['reset-cf9', { reason: 'reset', status: 0 }],
  ['panic', { reason: 'panicked', status: 123 }],
  ['halt', { reason: 'halted', status: 126 }],
];

onEachAccelerator('how a run ends', accel => {
  for (const [end, expected] of ENDS) {
    test(end, async () => {
      const { result, report } = await runGuest('power.elf', { accel, append: `end=${end}` });
      expect(report.ended).toBe(true);
      expect(result).toMatchObject(expected);
    });
  }

  test('a panic that is to be no failure, and one that is to be nothing', async () => {
    const append = 'end=panic';
    const shutdown = await runGuest('power.elf', { accel, append, onPanic: 'shutdown' });
    expect(shutdown.result).toMatchObject({ reason: 'panicked', status: 0 });
    const none = await runGuest('power.elf', { accel, append, onPanic: 'none', machine: 'microvm' });
    expect(none.result).toMatchObject({ reason: 'halted', status: 126 });
  });

  test('triple fault', async () => {
    const { result } = await runGuest('power.elf', { accel, append: 'end=triple' });
    // Where KVM emulates the guest it gives up at the fault instead: that is told as its failure, with registers.
    if (faithful(accel)) expect(result).toMatchObject({ reason: 'triple-fault', status: 127, vcpu: 0 });
    else expect(result).toMatchObject({ reason: 'failed', status: 125, vcpu: 0 });
    expect(result.failure?.details).toHaveProperty('rip');
  });

  test('time runs out', async () => {
    const { result } = await runGuest('power.elf', { accel, append: 'end=hang', timeoutMs: 300 });
    expect(result).toMatchObject({ reason: 'timeout', status: 124 });
  });

  test('all vCPUs halted with interrupts off', async () => {
    const { result } = await runGuest('power.elf', { accel, append: 'end=halt', cpus: 4 });
    expect(result).toMatchObject({ reason: 'halted', status: 126 });
  });

  test('stop, of a guest that sleeps', async () => {
    await using machine = await createMachine({ accel, kernel: guestPath('idle.elf') });
    const run = machine.run();
    await machine.serial.waitFor('idle.started');
    await machine.stop();
    expect(await run).toMatchObject({ reason: 'stopped', status: 130 });
  });
});
