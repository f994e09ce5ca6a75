import { expect, test } from 'vitest';
import { createMachine } from 'tsvmm';
import { guestPath, onEachAccelerator, runGuest } from './harness.js';
import { parseGuestOutput } from './protocol.js';

onEachAccelerator('devices, as guests see them', accel => {
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
