import { expect, test } from 'vitest';
import { createMachine, type MachineOptions } from 'tsvmm';
import { faithful, kernelFromEnvironment, onEachAccelerator } from './harness.js';

/** As the command line of the machine makes it: with ACPI and without, with KVM's clock and with the HPET alone. */
const MACHINES: readonly (readonly [title: string, options: Partial<MachineOptions>])[] = [
  ['a microvm', { machine: 'microvm' }],
  ['a microvm without ACPI', { machine: 'microvm', acpi: false }],
  ['a PC with the HPET as its only clock', { cpu: { kvmclock: false } }],
  ['a PC with a 32-bit HPET as its only clock', { cpu: { kvm: false }, hpet: { width: 32 } }],
  ['a microvm with an HPET as its only clock', { machine: 'microvm', hpet: true, cpu: { kvmclock: false } }],
];

const SLOW = 'this KVM has no hardware virtualization: real kernels run on it in npm run test:kvm';
const FROM_SOURCE =
  'build OSv (github.com/cloudius-systems/osv: scripts/build fs=ramfs image=native-example) and name build/release/kernel.elf';

onEachAccelerator('OSv, application in ramfs', accel => {
  for (const protocol of ['pvh', 'linux-elf'] as const) {
    for (const cpus of [1, 4]) {
      test(`by ${protocol} to its application's output, ${cpus} vCPUs`, async ({ skip }) => {
        if (!faithful(accel)) return skip(SLOW);
        const kernel = kernelFromEnvironment('TSVMM_OSV_KERNEL', FROM_SOURCE);
        if ('missing' in kernel) return skip(kernel.missing);
        const append = '--console=serial --rootfs=ramfs --nopci --verbose /hello';
        await using machine = await createMachine({
          accel,
          kernel: kernel.path,
          boot: protocol,
          append,
          cpus,
          timeoutMs: 240_000,
        });
        const result = await machine.run();
        const text = machine.serial.text.replaceAll('\r', '');
        expect(text).toContain(`${cpus} CPUs detected\n`);
        expect(text).toContain('Hello from C code\n');
        expect(result.status).toBe(0);
      });
    }
  }

  for (const [title, options] of MACHINES) {
    for (const cpus of [1, 4]) {
      test(`on ${title}, ${cpus} vCPUs`, async ({ skip }) => {
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
        const { status } = await machine.run();
        expect(machine.serial.text).toContain('Hello from C code');
        expect(status).toBe(0);
      });
    }
  }
});
