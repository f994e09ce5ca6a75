import { createMachine, type MachineOptions, type RunResult } from 'tsvmm';
import { kernelFromEnvironment } from './harness.js';

const FROM_DEBIAN =
  'eval "$(node scripts/test-kvm.js --print-guests)" takes it from Debian’s linux-image-cloud-amd64';

/** A boot takes some six seconds, and much more where other tests have the processors. */
export const TIMEOUT = 240_000;

/** The kernel file that a variable names and its initial RAM disk, or what is missing and how to get it. */
export function filesFromEnvironment(
  variable = 'TSVMM_LINUX_BZIMAGE',
): { kernel: string; initrd: string } | { missing: string } {
  const kernel = kernelFromEnvironment(variable, FROM_DEBIAN);
  const initrd = kernelFromEnvironment('TSVMM_LINUX_INITRD', FROM_DEBIAN);
  if ('missing' in kernel) return kernel;
  if ('missing' in initrd) return initrd;
  return { kernel: kernel.path, initrd: initrd.path };
}

/** What the script that is /init said (scripts/kvm-in-qemu/linux-guest-init.sh). */
export interface LinuxReport {
  readonly text: string;
  readonly processors: number;
  /** What the command behind `--` printed. */
  readonly output: string;
  /** Its exit status. */
  readonly status: number | undefined;
  /** Kernel messages of the levels "warning" and worse, without their times. */
  readonly warnings: readonly string[];
  /** It came to its end. */
  readonly done: boolean;
}

/** What the kernel prints when something is wrong with it, or it believes so of the processor or the clocks. */
export const TROUBLE =
  /Oops|BUG:|WARNING: CPU|Kernel panic|Call Trace|soft lockup|detected stalls|timekeeping watchdog|Marking TSC unstable|general protection|segfault|invalid opcode/;

export function parseLinuxReport(console: string): LinuxReport {
  const text = console.replaceAll('\r', '');
  const own = (word: string): string[] =>
    [...text.matchAll(new RegExp(`^tsvmm-linux: ${word} (.*)$`, 'gm'))].map(([, rest]) => rest);
  const output = /^tsvmm-linux: memory .*\n([^]*?)^tsvmm-linux: status /m.exec(text)?.[1] ?? '';
  const [status] = own('status');
  return {
    text,
    processors: Number(own('processors')[0]),
    output,
    status: status === undefined ? undefined : Number(status),
    warnings: own('warning').map(message => message.replace(/^\[ *[\d.]+\] /, '')),
    done: text.includes('tsvmm-linux: done\n'),
  };
}

/** Boots a Linux kernel and returns how it ended and what it said. */
export async function bootLinux(
  options: MachineOptions,
): Promise<{ readonly result: RunResult; readonly report: LinuxReport }> {
  await using machine = await createMachine({ timeoutMs: 240_000, ...options });
  const result = await machine.run();
  return { result, report: parseLinuxReport(machine.serial.text) };
}
