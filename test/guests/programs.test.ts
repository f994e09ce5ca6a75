import { expect, test } from 'vitest';
import { createMachine } from 'tsvmm';
import { allowedToFail, faithful, guestPath, onEachAccelerator, runGuest } from './harness.js';
import { NOT_ON_EMULATING_KVM } from './irqs.js';
import { failedChecks, parseGuestOutput } from './protocol.js';

/** Programs that check by themselves and end. */
const SELF_CHECKING = ['hello', 'timers', 'strings', 'probe', 'memory', 'smp', 'exits', 'power'];

const IRQ_CHECKS = 40;

onEachAccelerator('every program of guests/', accel => {
  for (const cpus of [1, 4]) {
    for (const program of SELF_CHECKING) {
      test(`${program}, ${cpus} vCPUs`, async () => {
        const { report, text, result } = await runGuest(`${program}.elf`, { accel, cpus });
        expect(report.succeeded, text).toBe(true);
        expect(result).toMatchObject({ reason: 'exit', status: 0 });
      });
    }

    test(`irqs, ${cpus} vCPUs`, async () => {
      const { report, text } = await runGuest('irqs.elf', { accel, cpus });
      expect(report.ended, text).toBe(true);
      expect(allowedToFail(accel, NOT_ON_EMULATING_KVM)).toEqual(
        expect.arrayContaining(failedChecks(report)),
      );
      expect(report.checks).toHaveLength(IRQ_CHECKS);
    });

    test(`echo, ${cpus} vCPUs`, async () => {
      await using machine = await createMachine({
        accel,
        cpus,
        kernel: guestPath('echo.elf'),
        timeoutMs: 60_000,
      });
      const run = machine.run();
      await machine.serial.waitFor('# ready');
      await machine.serial.write('polled\ninterrupt-driven\nquit\n');
      expect(await run).toMatchObject({ reason: 'exit', status: 0 });
      expect(machine.serial.text).toContain('echo: polled\n');
      expect(machine.serial.text).toContain('echo: interrupt-driven\n');
    });

    test(`idle, ${cpus} vCPUs`, async () => {
      const { result, text } = await runGuest('idle.elf', {
        accel,
        cpus,
        exitOn: /^idle\.started PASS.*\n/m,
      });
      expect(parseGuestOutput(text).checks).toMatchObject([{ name: 'started', passed: true }]);
      expect(result).toMatchObject({ reason: 'matched', status: 0 });
    });
  }

  for (const bits of ['', '-i386']) {
    test.runIf(faithful(accel))(`compute${bits} has the sums of a processor`, async () => {
      const { report, text } = await runGuest(`compute${bits}.elf`, { accel, append: 'scale=0' });
      expect(report.succeeded, text).toBe(true);
      expect(report.passed).toBe(28);
    });
  }
});
