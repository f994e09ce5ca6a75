import { expect, test } from 'vitest';
import { createMachine } from 'tsvmm';
import { guestPath, onEachAccelerator, runGuest } from './harness.js';
import { guestValue } from './protocol.js';

onEachAccelerator('several vCPUs', accel => {
  for (const cpus of [1, 2, 4]) {
    test(`${cpus} start, count together and interrupt one another`, async () => {
      const { report, result, text } = await runGuest('smp.elf', { accel, cpus });
      expect(report.succeeded, text).toBe(true);
      expect(guestValue(report, 'found')).toBe(String(cpus));
      expect(guestValue(report, 'started')).toBe(String(cpus));
      expect(guestValue(report, 'atomic')).toBe(String(cpus * 1000));
      expect(result.status).toBe(0);
    });
  }

  test('a vCPU that was never started waits for its start-up interrupt', async () => {
    await using machine = await createMachine({ accel, kernel: guestPath('idle.elf'), cpus: 2 });
    const run = machine.run();
    await machine.serial.waitFor('idle.started');
    expect((await machine.vcpu(1)).activity).toBe('waiting-for-sipi');
    await machine.stop();
    await run;
  });
});
