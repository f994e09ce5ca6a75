import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { createMachine, ImageError, type MachineOptions } from 'tsvmm';
import { allowedToFail, guestPath, onEachAccelerator } from './harness.js';
import { NOT_ON_EMULATING_KVM } from './irqs.js';
import { failedChecks, parseGuestOutput } from './protocol.js';

onEachAccelerator('a machine that is reset', accel => {
  const build = (kernel: string, options: Omit<MachineOptions, 'kernel'> = {}) =>
    createMachine({ accel, kernel: guestPath(kernel), timeoutMs: 60_000, ...options });

  describe('by the guest', () => {
    test.each(['reset-kbd', 'reset-cf9'])('by %s, starts the kernel again', async end => {
      await using machine = await build('power.elf', { append: `end=${end}`, onReset: 'reboot' });
      const run = machine.run();
      // The guest counts its checks: memory that was not put back would show.
      for (let boots = 0; boots < 5; boots++) await machine.serial.waitFor('power END 1 0\n');
      await machine.stop();
      expect(await run).toMatchObject({ reason: 'stopped' });
      expect(machine.serial.text).not.toContain('power END 2');
    });

    test('ends the run otherwise', async () => {
      await using machine = await build('power.elf', { append: 'end=reset-kbd' });
      expect(await machine.run()).toMatchObject({ reason: 'reset', status: 0 });
    });
  });

  for (const cpus of [1, 4]) {
    test(`from outside, with interrupts under way, passes every check again, ${cpus} vCPUs`, async () => {
      await using machine = await build('irqs.elf', { cpus, append: 'end=hang' });
      const run = machine.run();
      const [first] = await machine.serial.waitFor(/^irqs[^]*irqs END \d+ \d+\n/);
      machine.reset();
      const [second] = await machine.serial.waitFor(/irqs\.[^]*irqs END \d+ \d+\n/);
      await machine.stop();
      await run;
      const [before, after] = [first, second].map(parseGuestOutput);
      expect(allowedToFail(accel, NOT_ON_EMULATING_KVM)).toEqual(
        expect.arrayContaining([...failedChecks(before), ...failedChecks(after)]),
      );
      expect(after.passed).toBeGreaterThanOrEqual(36);
    });
  }

  test('while it is paused, stays paused, and then starts again', async () => {
    await using machine = await build('echo.elf', { append: 'mode=irq' });
    const run = machine.run();
    await machine.serial.waitFor('# ready');
    await machine.pause();
    machine.reset();
    // The answer comes when the reset is through.
    await machine.vcpu();
    expect(machine.serial.text.match(/# ready/g)).toHaveLength(1);
    machine.resume();
    await machine.serial.waitFor('# ready');
    await machine.serial.write('again\nquit\n');
    expect(await run).toMatchObject({ reason: 'exit', status: 0 });
    expect(machine.serial.text).toContain('echo: again');
  });

  test('with a virtio device in use, finds it as after power-on', async () => {
    await using machine = await build('console.elf', { consoles: [{}, { kind: 'port', name: 'agent' }] });
    const run = machine.run();
    for (let boots = 0; boots < 2; boots++) {
      await machine.serial.waitFor('console.name PASS agent');
      await machine.consoles[0].write('ping\n');
      await machine.consoles[0].waitFor('PING\n');
      if (boots === 0) machine.reset();
    }
    await machine.consoles[0].write('quit\n');
    expect(await run).toMatchObject({ reason: 'exit', status: 0 });
  });

  test('whose kernel is gone by then, fails', async () => {
    const bytes = new Uint8Array(await readFile(guestPath('idle.elf')));
    await using machine = await createMachine({ accel, kernel: bytes });
    const run = machine.run();
    await machine.serial.waitFor('idle.started');
    bytes.fill(0);
    machine.reset();
    await expect(run).rejects.toThrow(ImageError);
  });
});
