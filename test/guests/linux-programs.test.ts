import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { TROUBLE, bootLinux, parseLinuxReport } from './linux-guest.js';

/** The long tests with real kernels: `npm run test:linux` gets what they need and runs them. */

const { TSVMM_LINUX_KERNELS, TSVMM_LINUX_PROGRAMS, TSVMM_LINUX_TREE } = process.env;
const HOW = 'takes an hour or so: npm run test:linux';
const HOUR = 3_600_000;

/** Release and file of each kernel. */
const KERNELS = (TSVMM_LINUX_KERNELS ?? '')
  .split(' ')
  .filter(Boolean)
  .map(entry => entry.split('=', 2));

const SCRIPTS = fileURLToPath(new URL('linux-programs', import.meta.url));
const COMMAND_LINE = 'console=ttyS0 reboot=k panic=-1 quiet --';
const MEMORY_MIB = 1024;

/** About devices that QEMU's machine has and tsvmm's has not. */
const NO_DEVICE = [
  /^PCI: Fatal: No config space access function found$/,
  /^PCI: System does not support PCI$/,
  /^i8042: PNP: PS\/2 appears to have AUX port disabled/,
];

const run = promisify(execFile);

/** Boots the same files on QEMU's software CPU. */
async function bootOnQemu(kernel: string, initrd: string, append: string, cpus: number) {
  const { stdout } = await run(
    'qemu-system-x86_64',
    [
      ['-accel', 'tcg', '-cpu', 'max', '-smp', `${cpus}`, '-m', `${MEMORY_MIB}M`],
      ['-kernel', kernel, '-initrd', initrd, '-append', append],
      ['-nodefaults', '-no-reboot', '-display', 'none', '-serial', 'stdio'],
    ].flat(),
    { maxBuffer: 64 << 20, timeout: HOUR },
  );
  return parseLinuxReport(stdout);
}

/**
 * What a script prints on the processor that this runs on, with the same programs: in a mount namespace of its own,
 * whose root is the tree of packages that the initial RAM disk was made of.
 */
async function onHost(tree: string, script: string): Promise<string> {
  const inside = `
    mount --rbind /dev ${tree}/dev
    mount -t tmpfs tmpfs ${tree}/tmp
    mkdir ${tree}/tmp/tests
    cp ${SCRIPTS}/* ${tree}/tmp/tests
    exec chroot ${tree} /bin/busybox sh /tmp/tests/${script}`;
  const namespaces = ['--user', '--map-root-user', '--mount'];
  const { stdout } = await run('unshare', [...namespaces, 'sh', '-ec', inside], { maxBuffer: 64 << 20 });
  return stdout;
}

/** The same message in two runs: numbers differ. */
const alike = (message: string): string => message.replace(/0x[\da-f]+|\d+/gi, '0');

describe.skipIf(KERNELS.length === 0)('Debian’s kernels on the software CPU', () => {
  const initrd = TSVMM_LINUX_PROGRAMS ?? '';
  const tree = TSVMM_LINUX_TREE ?? '';
  const machine = { accel: 'wasm', initrd, memory: `${MEMORY_MIB}M`, timeoutMs: HOUR } as const;

  describe.each(KERNELS)('%s', (_release, kernel) => {
    test.each([1, 2, 4])(
      'a shell script on %i vCPUs, with no warning that QEMU has not',
      async cpus => {
        const append = `${COMMAND_LINE} /tests/shell.sh`;
        const { report } = await bootLinux({ ...machine, kernel, append, cpus });
        expect(report.text).not.toMatch(TROUBLE);
        expect(report.output).toBe(await onHost(tree, 'shell.sh'));
        expect(report).toMatchObject({ processors: cpus, status: 0, done: true });

        const qemu = await bootOnQemu(kernel, initrd, append, cpus);
        expect(qemu.done).toBe(true);
        const known = new Set(qemu.warnings.map(alike));
        const own = report.warnings.filter(
          message => !known.has(alike(message)) && !NO_DEVICE.some(pattern => pattern.test(message)),
        );
        expect(own).toEqual([]);
      },
      HOUR,
    );
  });

  // Each program on each kernel, and on 1, 2 and 4 vCPUs.
  const rounds = KERNELS.map(([release, kernel], i) => ({ release, kernel, cpus: [4, 1, 2, 4][i % 4] }));
  describe.each(rounds)('$release, $cpus vCPUs', ({ kernel, cpus }) => {
    test.each(['openssl.sh', 'compiler.sh'])(
      '%s prints what it prints on the host',
      async script => {
        const append = `${COMMAND_LINE} /tests/${script}`;
        const { report } = await bootLinux({ ...machine, kernel, append, cpus });
        expect(report.text).not.toMatch(TROUBLE);
        expect(report.output).toBe(await onHost(tree, script));
        expect(report).toMatchObject({ status: 0, done: true });
      },
      HOUR,
    );

    test(
      'a part of CPython’s tests passes',
      async () => {
        const append = `${COMMAND_LINE} /tests/python.sh`;
        const { report } = await bootLinux({ ...machine, kernel, append, cpus });
        expect(report.text).not.toMatch(TROUBLE);
        expect(report.output).toContain('Tests result: SUCCESS');
        expect(report).toMatchObject({ status: 0, done: true });
      },
      HOUR,
    );
  });
});

test.runIf(KERNELS.length === 0)('Debian’s kernels with OpenSSL, C compilers and CPython', ({ skip }) =>
  skip(HOW),
);
