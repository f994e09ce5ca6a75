import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { SLOW, faithful, onEachAccelerator } from './harness.js';
import { TIMEOUT, TROUBLE, bootLinux, filesFromEnvironment } from './linux-guest.js';

const SHELL = fileURLToPath(new URL('linux-programs/shell.sh', import.meta.url));

onEachAccelerator('Linux, Debian’s cloud kernel', accel => {
  for (const cpus of [1, 2, 4]) {
    test(
      `a shell script prints what it prints on the host, ${cpus} vCPUs`,
      { timeout: TIMEOUT },
      async ({ skip }) => {
        if (!faithful(accel)) return skip(SLOW);
        const files = filesFromEnvironment('TSVMM_LINUX_BZIMAGE');
        if ('missing' in files) return skip(files.missing);
        const append = 'console=ttyS0 reboot=k panic=-1 quiet -- /tests/shell.sh';
        const { result, report } = await bootLinux({ accel, ...files, append, cpus });
        expect(report.text).not.toMatch(TROUBLE);
        expect(report.output).toBe(execFileSync('busybox', ['sh', SHELL]).toString());
        expect(report).toMatchObject({ processors: cpus, status: 0, done: true });
        expect(result).toMatchObject({ reason: 'reset', status: 0 });
      },
    );
  }

  for (const boot of ['pvh', 'linux-elf'] as const) {
    for (const cpus of [1, 2]) {
      test(`by ${boot} to its /init and a reboot, ${cpus} vCPUs`, { timeout: TIMEOUT }, async ({ skip }) => {
        if (!faithful(accel)) return skip(SLOW);
        const files = filesFromEnvironment('TSVMM_LINUX_VMLINUX');
        if ('missing' in files) return skip(files.missing);
        const append = 'console=ttyS0 reboot=k panic=-1 quiet';
        const { result, report } = await bootLinux({ accel, ...files, boot, append, cpus });
        expect(report.text).not.toMatch(TROUBLE);
        expect(report).toMatchObject({ processors: cpus, done: true });
        expect(result).toMatchObject({ reason: 'reset', status: 0 });
      });
    }
  }

  test('finds virtio-mmio devices by ACPI on a microvm', { timeout: TIMEOUT }, async ({ skip }) => {
    if (!faithful(accel)) return skip(SLOW);
    const files = filesFromEnvironment('TSVMM_LINUX_BZIMAGE');
    if ('missing' in files) return skip(files.missing);
    const end = 'tsvmm.end=poweroff tsvmm.modules=virtio_mmio';
    const append = `console=ttyS0 quiet ${end} -- ls /sys/bus/virtio/devices`;
    const { result, report } = await bootLinux({ accel, ...files, machine: 'microvm', rng: true, append });
    expect(report.text).not.toMatch(TROUBLE);
    expect(report.output.trim()).toBe('virtio0');
    expect(result).toMatchObject({ reason: 'poweroff', status: 0 });
  });

  test('has entropy from virtio-rng', { timeout: TIMEOUT }, async ({ skip }) => {
    if (!faithful(accel)) return skip(SLOW);
    const files = filesFromEnvironment('TSVMM_LINUX_BZIMAGE');
    if ('missing' in files) return skip(files.missing);
    const modules = 'tsvmm.modules=virtio_pci,virtio_rng';
    const append = `console=ttyS0 reboot=k panic=-1 quiet ${modules} -- od -v -A n -t x1 -N 64 /dev/hwrng`;
    const { result, report } = await bootLinux({ accel, ...files, rng: true, append });
    expect(report.text).not.toMatch(TROUBLE);
    const bytes = report.output.trim().split(/\s+/);
    expect(bytes).toHaveLength(64);
    // Of 64 random bytes more than half are different from all others, as good as always.
    expect(new Set(bytes).size).toBeGreaterThan(32);
    expect(result).toMatchObject({ reason: 'reset', status: 0 });
  });

  for (const source of ['hpet', 'tsc', 'kvm-clock', 'acpi_pm']) {
    test(`keeps its time by ${source}`, { timeout: TIMEOUT }, async ({ skip }) => {
      if (!faithful(accel)) return skip(SLOW);
      const files = filesFromEnvironment('TSVMM_LINUX_BZIMAGE');
      if ('missing' in files) return skip(files.missing);
      const program = 'cat /sys/devices/system/clocksource/clocksource0/current_clocksource';
      const append = `console=ttyS0 reboot=k panic=-1 quiet clocksource=${source} -- ${program}`;
      const { result, report } = await bootLinux({ accel, ...files, append });
      expect(report.text).not.toMatch(TROUBLE);
      expect(report.output.trim()).toBe(source);
      expect(result).toMatchObject({ reason: 'reset', status: 0 });
    });
  }

  test('powers off by ACPI', { timeout: TIMEOUT }, async ({ skip }) => {
    if (!faithful(accel)) return skip(SLOW);
    const files = filesFromEnvironment('TSVMM_LINUX_BZIMAGE');
    if ('missing' in files) return skip(files.missing);
    const append = 'console=ttyS0 quiet tsvmm.end=poweroff';
    const { result } = await bootLinux({ accel, ...files, append });
    expect(result).toMatchObject({ reason: 'poweroff', status: 0 });
  });
});
