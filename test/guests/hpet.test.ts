import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { expect, test } from 'vitest';
import { allowedToFail, guestPath, onEachAccelerator, runGuest } from './harness.js';
import { failedChecks, parseGuestOutput, type GuestReport } from './protocol.js';

const QEMU = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map(folder => join(folder, 'qemu-system-x86_64'))
  .find(path => existsSync(path));

/**
 * What QEMU 7.2 does otherwise: no status bit for a timer whose interrupt is disabled (1.0a, 2.3.8: "the timer can
 * still operate and generate appropriate status bits"), and a comparator's upper half that is kept in 32-bit mode.
 */
const NOT_IN_QEMU = ['masked-status', 'comparator-32'];

/** What a KVM without hardware virtualization does otherwise at times: it delivers a level that is down by then once more. */
const NOT_ON_EMULATING_KVM = ['level-once'];

/** `gsi=8`, since QEMU inverts the level-triggered interrupts of pins above 15. */
function underQemu(): Promise<string> {
  const machine = ['-M', 'q35', '-global', 'hpet.msi=on', '-accel', 'tcg', '-display', 'none', '-no-reboot'];
  const ports = ['-serial', 'stdio', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'];
  const guest = ['-append', 'gsi=8', '-kernel', guestPath('hpet.elf')];
  return new Promise(resolve => {
    execFile(QEMU!, [...machine, ...ports, ...guest], (_, stdout) => resolve(stdout));
  });
}

onEachAccelerator('the high precision event timers', accel => {
  const excused = allowedToFail(accel, NOT_ON_EMULATING_KVM);
  const comparable = ({ checks }: GuestReport): readonly unknown[] =>
    checks.filter(({ name }) => !NOT_IN_QEMU.includes(name) && !excused.includes(name));
  const failures = (report: GuestReport): readonly string[] =>
    failedChecks(report).filter(name => !excused.includes(name));

  test.each([1, 4])('do what their specification says, %i vCPUs', async cpus => {
    const { report, text } = await runGuest('hpet.elf', { accel, cpus });
    expect(report.ended, text).toBe(true);
    expect(failures(report), text).toEqual([]);
  });

  test.runIf(QEMU)('do what QEMU’s do', { timeout: 120_000 }, async () => {
    const [own, output] = await Promise.all([runGuest('hpet.elf', { accel }), underQemu()]);
    const qemu = parseGuestOutput(output.replaceAll('\r', ''));
    expect(own.report.ended, own.text).toBe(true);
    expect(qemu.ended, output).toBe(true);
    expect(comparable(own.report)).toEqual(comparable(qemu));
  });

  test('count in 32 bits, and many of them', async () => {
    const hpet = { width: 32, timers: 32, msi: false } as const;
    const { report } = await runGuest('hpet.elf', { accel, hpet });
    expect(failures(report)).toEqual(['counter-halted', 'counter-carries', 'fsb']);
    expect(report.checks[0]).toMatchObject({ name: 'capabilities', value: '0x80869f01' });
  });
});
