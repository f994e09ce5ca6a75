import { expect, test } from 'vitest';
import { createMachine, type EndReason, type MachineOptions } from 'tsvmm';
import { SLOW, faithful, kernelFromEnvironment, onEachAccelerator } from './harness.js';

const FROM_SOURCE =
  'build OSv (github.com/cloudius-systems/osv: scripts/build fs=ramfs image=native-example) and name build/release/kernel.elf';

interface OsvMachine extends Partial<MachineOptions> {
  readonly name: string;
  readonly ends?: EndReason;
}

/** What scripts/test-osv.js boots in many more ways, with its disks and networks. */
const MACHINES: readonly OsvMachine[] = [
  { name: 'by pvh', boot: 'pvh' },
  { name: 'by linux-elf', boot: 'linux-elf' },
  { name: 'with the HPET for its only clock', cpu: { kvm: false } },
  { name: 'on a microvm without ACPI', machine: 'microvm', acpi: false, ends: 'reset' },
];

onEachAccelerator('OSv, application in ramfs', accel => {
  for (const { name, ends = 'poweroff', ...options } of MACHINES) {
    for (const cpus of [1, 4]) {
      test(`${name} to its application's output and its end, ${cpus} vCPUs`, async ({ skip }) => {
        if (!faithful(accel)) return skip(SLOW);
        const kernel = kernelFromEnvironment('TSVMM_OSV_KERNEL', FROM_SOURCE);
        if ('missing' in kernel) return skip(kernel.missing);
        const append = '--console=serial --rootfs=ramfs --nopci --verbose /hello';
        await using machine = await createMachine({
          ...options,
          accel,
          kernel: kernel.path,
          append,
          cpus,
          timeoutMs: 240_000,
        });
        const result = await machine.run();
        const text = machine.serial.text.replaceAll('\r', '');
        expect(text).toContain(`${cpus} CPUs detected\n`);
        expect(text).toContain('Hello from C code\n');
        expect(result).toMatchObject({ reason: ends, status: 0 });
      });
    }
  }
});
