import { expect, test } from 'vitest';
import { createMachine } from 'tsvmm';
import { guestPath, HARDWARE, onEachAccelerator, runGuest } from './harness.js';
import { parseGuestOutput } from './protocol.js';

/**
 * Checks that fail where KVM has no hardware virtualization: it acknowledges an interrupt when it is delivered, so
 * that the guest never sees it in service, and the PIC's request is gone before the guest can look at it.
 */
const NOT_ON_EMULATING_KVM = ['pic-irr', 'lapic-isr', 'ioapic-remote-irr-after-eoi', 'ioapic-level-again'];

onEachAccelerator('devices, as guests see them', accel => {
  for (const guest of ['timers', 'strings', 'probe']) {
    test(guest, async () => {
      const { report, text, result } = await runGuest(`${guest}.elf`, { accel });
      expect(report.succeeded, text).toBe(true);
      expect(result.status).toBe(0);
    });
  }

  test('interrupt controllers', async () => {
    const { report, text } = await runGuest('irqs.elf', { accel });
    expect(report.ended, text).toBe(true);
    const failed = report.checks.filter(check => !check.passed).map(check => check.name);
    if (HARDWARE) expect(failed).toEqual([]);
    else expect(NOT_ON_EMULATING_KVM).toEqual(expect.arrayContaining(failed));
    expect(report.passed).toBeGreaterThanOrEqual(36);
  });

  test('the debug console has a port of its own', async () => {
    await using machine = await createMachine({ accel, kernel: guestPath('strings.elf') });
    await machine.run();
    expect(parseGuestOutput(machine.serial.text).succeeded).toBe(true);
    expect(machine.debugConsole.text).not.toBe('');
  });

  test('accesses that nobody answers are counted and listed', async () => {
    const { result } = await runGuest('probe.elf', { accel });
    const port = result.unclaimed.find(({ space, direction }) => space === 'port' && direction === 'read');
    expect(port).toMatchObject({ address: 0x2f00 });
    expect(port!.count).toBeGreaterThan(1);
    expect(result.unclaimed.some(({ space }) => space === 'mmio')).toBe(true);
  });

  for (const op of ['out', 'in', 'mmio-read', 'mmio-write']) {
    test(`each ${op} is one exit`, async () => {
      const exits = await Promise.all(
        [100, 600].map(async n => {
          const { report, result } = await runGuest('exits.elf', { accel, append: `op=${op} n=${n}` });
          expect(report.succeeded).toBe(true);
          return result.exits;
        }),
      );
      // Serial output differs by a digit or so; hosts that emulate MMIO may split nothing.
      expect(exits[1] - exits[0]).toBeGreaterThanOrEqual(500 - 20);
      expect(exits[1] - exits[0]).toBeLessThanOrEqual(500 + 20);
    });
  }
});
