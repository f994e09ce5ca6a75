import { expect, test } from 'vitest';
import { createMachine, type MachineOptions } from 'tsvmm';
import { faithful, kernelFromEnvironment, onEachAccelerator } from './harness.js';

const SLOW = 'this KVM has no hardware virtualization: real kernels run on it in npm run test:kvm';
const FROM_DEBIAN = 'npm run test:kvm takes it from Debian’s linux-image-cloud-amd64';
const FROM_SOURCE =
  'build OSv (github.com/cloudius-systems/osv: scripts/build fs=ramfs image=native-example) and name build/release/kernel.elf';

/** Boots an unmodified kernel and returns how it ended and what it printed. */
async function boot(options: MachineOptions) {
  await using machine = await createMachine({ timeoutMs: 240_000, ...options });
  const result = await machine.run();
  return { result, text: machine.serial.text.replaceAll('\r', '') };
}

onEachAccelerator('Linux, Debian’s cloud kernel', accel => {
  const files = [
    { variable: 'TSVMM_LINUX_BZIMAGE', boot: 'linux64' },
    { variable: 'TSVMM_LINUX_VMLINUX', boot: 'pvh' },
    { variable: 'TSVMM_LINUX_VMLINUX', boot: 'linux-elf' },
  ] as const;

  for (const { variable, boot: protocol } of files) {
    for (const cpus of [1, 2]) {
      test(`by ${protocol} to its /init and a reboot, ${cpus} vCPUs`, async ({ skip }) => {
        if (!faithful(accel)) return skip(SLOW);
        const kernel = kernelFromEnvironment(variable, FROM_DEBIAN);
        const initrd = kernelFromEnvironment('TSVMM_LINUX_INITRD', FROM_DEBIAN);
        if ('missing' in kernel) return skip(kernel.missing);
        if ('missing' in initrd) return skip(initrd.missing);
        const append = 'console=ttyS0 reboot=k panic=-1 quiet';
        const { result, text } = await boot({
          accel,
          kernel: kernel.path,
          initrd: initrd.path,
          boot: protocol,
          append,
          cpus,
        });
        expect(text).toContain(`tsvmm-linux: processors ${cpus}\n`);
        expect(text).toContain('tsvmm-linux: done\n');
        expect(text).not.toMatch(/Oops|BUG:|Kernel panic|Call Trace/);
        expect(result).toMatchObject({ reason: 'reset', status: 0 });
      });
    }
  }

  test('powers off by ACPI', async ({ skip }) => {
    if (!faithful(accel)) return skip(SLOW);
    const kernel = kernelFromEnvironment('TSVMM_LINUX_BZIMAGE', FROM_DEBIAN);
    const initrd = kernelFromEnvironment('TSVMM_LINUX_INITRD', FROM_DEBIAN);
    if ('missing' in kernel) return skip(kernel.missing);
    if ('missing' in initrd) return skip(initrd.missing);
    const append = 'console=ttyS0 quiet tsvmm.end=poweroff';
    const { result } = await boot({ accel, kernel: kernel.path, initrd: initrd.path, append });
    expect(result).toMatchObject({ reason: 'poweroff', status: 0 });
  });
});

onEachAccelerator('OSv, application in ramfs', accel => {
  for (const protocol of ['pvh', 'linux-elf'] as const) {
    for (const cpus of [1, 4]) {
      test(`by ${protocol} to its application's output, ${cpus} vCPUs`, async ({ skip }) => {
        if (!faithful(accel)) return skip(SLOW);
        const kernel = kernelFromEnvironment('TSVMM_OSV_KERNEL', FROM_SOURCE);
        if ('missing' in kernel) return skip(kernel.missing);
        const append = '--console=serial --rootfs=ramfs --nopci --verbose /hello';
        const { result, text } = await boot({ accel, kernel: kernel.path, boot: protocol, append, cpus });
        expect(text).toContain(`${cpus} CPUs detected\n`);
        expect(text).toContain('Hello from C code\n');
        expect(result.status).toBe(0);
      });
    }
  }
});
