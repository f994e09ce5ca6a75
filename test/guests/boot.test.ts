import { expect, test } from 'vitest';
import { createMachine } from 'tsvmm';
import { guestPath, onEachAccelerator, runGuest } from './harness.js';
import { guestValue } from './protocol.js';

/** Each kernel file with the protocol that it takes by itself, or that it has to be told. */
const KERNELS = [
  { file: 'hello.elf', protocol: 'pvh' },
  { file: 'hello-multiboot1.elf', protocol: 'multiboot1' },
  { file: 'hello-multiboot2.elf', protocol: 'multiboot2' },
  { file: 'hello-linux64.elf', protocol: 'linux-elf', boot: 'linux-elf' },
  { file: 'hello.bzimage', protocol: 'linux64' },
  { file: 'hello.bzimage', protocol: 'linux32', boot: 'linux32' },
  { file: 'hello-elf64.elf', protocol: 'elf' },
  { file: 'hello-elf32.elf', protocol: 'elf' },
] as const;

/** What plain ELF files are not told. */
const UNTOLD = ['elf'];

const MODULE = new TextEncoder().encode('a module, 31 bytes with its end');

onEachAccelerator('boot protocols', accel => {
  for (const kernel of KERNELS) {
    const { file, protocol } = kernel;
    const boot = 'boot' in kernel ? kernel.boot : 'auto';
    const told = !UNTOLD.includes(protocol);

    test(`${file} by ${protocol}`, async () => {
      const append = told ? 'greeting=hi with words' : '';
      const { result, report } = await runGuest(file, { accel, boot, append, memory: '64M', cpus: 1 });
      expect(report.succeeded).toBe(true);
      expect(guestValue(report, 'protocol')).toBe(protocol);
      expect(result).toMatchObject({ reason: 'exit', code: 0, status: 0 });
      if (!told) return;
      expect(guestValue(report, 'command-line')).toContain('greeting=hi with words');
      const usable = Number(guestValue(report, 'memory-usable'));
      expect(usable).toBeGreaterThan(63 << 20);
      expect(usable).toBeLessThanOrEqual(64 << 20);
    });

    test.runIf(told)(`${file} by ${protocol} finds the initrd or module`, async () => {
      const multiboot = protocol.startsWith('multiboot');
      const handed = multiboot
        ? { modules: [{ file: MODULE, name: 'first', arguments: 'one two' }] }
        : { initrd: MODULE };
      const { report } = await runGuest(file, { accel, boot, ...handed });
      expect(report.succeeded).toBe(true);
      expect(guestValue(report, 'modules')).toBe('1');
      expect(guestValue(report, 'module0.length')).toBe(String(MODULE.length));
      expect(guestValue(report, 'module0.first')).toBe(Buffer.from(MODULE.subarray(0, 16)).toString('hex'));
      expect(guestValue(report, 'module0.last')).toBe(Buffer.from(MODULE.subarray(-16)).toString('hex'));
      if (multiboot) expect(guestValue(report, 'module0.string')).toMatch(/one two$/);
    });
  }

  test('several multiboot modules arrive in their order', async () => {
    const modules = ['alpha', 'beta', 'gamma'].map(name => ({ file: new TextEncoder().encode(name), name }));
    for (const file of ['hello-multiboot1.elf', 'hello-multiboot2.elf', 'hello.elf']) {
      const { report } = await runGuest(file, { accel, modules });
      expect(guestValue(report, 'modules')).toBe('3');
      const first = [0, 1, 2].map(i => guestValue(report, `module${i}.first`));
      expect(first).toEqual(modules.map(({ file }) => Buffer.from(file).toString('hex')));
    }
  });

  test('the kernel can be given as bytes', async () => {
    const { readFile } = await import('node:fs/promises');
    await using machine = await createMachine({ accel, kernel: await readFile(guestPath('hello.elf')) });
    expect(machine.bootProtocol.name).toBe('pvh');
    expect((await machine.run()).status).toBe(0);
  });

  test.runIf(accel === 'kvm')('RAM beyond the hole below 4 GiB', async () => {
    const { report } = await runGuest('memory.elf', { accel, memory: '5G' });
    expect(report.succeeded).toBe(true);
    expect(report.checks.length).toBeGreaterThan(4);
  });
});
