import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createMachine, Monitor, type Machine } from 'tsvmm';
import { SLOW, faithful, onEachAccelerator } from './harness.js';
import { TIMEOUT, TROUBLE, filesFromEnvironment, parseLinuxReport } from './linux-guest.js';
import { missingTools, temporaryFolder, tool } from './tools.js';

const ROOT_INIT = fileURLToPath(new URL('linux-disk/root-init.sh', import.meta.url));

const QUIET = 'console=ttyS0 reboot=k panic=-1 quiet';

/** A disk image whose ext4 file system Linux can have its root on. */
function makeRoot(folder: string, format: 'raw' | 'qcow2'): string {
  const tree = join(folder, 'tree');
  for (const name of ['bin', 'sbin', 'proc', 'dev']) mkdirSync(join(tree, name), { recursive: true });
  // A shell of busybox's own does not know where its programs are.
  const busybox = tool('busybox', ['readlink', '/proc/self/exe']).trim();
  copyFileSync(busybox, join(tree, 'bin/busybox'));
  for (const name of tool('busybox', ['--list']).trim().split('\n')) {
    if (name !== 'busybox') symlinkSync('busybox', join(tree, 'bin', name));
  }
  copyFileSync(ROOT_INIT, join(tree, 'sbin/init'));
  chmodSync(join(tree, 'sbin/init'), 0o755);
  const raw = join(folder, 'root.raw');
  tool('mkfs.ext4', ['-q', '-F', '-d', tree, raw, '64M']);
  if (format === 'raw') return raw;
  const image = join(folder, 'root.qcow2');
  tool('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, image]);
  return image;
}

onEachAccelerator('Linux and its devices', accel => {
  for (const format of ['raw', 'qcow2'] as const) {
    test(
      `has its root on ext4 on a ${format} disk, and finds after a reboot what it wrote`,
      { timeout: 2 * TIMEOUT },
      async ({ skip }) => {
        if (!faithful(accel)) return skip(SLOW);
        const files = filesFromEnvironment();
        if ('missing' in files) return skip(files.missing);
        const missing = missingTools(['mkfs.ext4', 'e2fsck', 'debugfs', 'qemu-img', 'busybox']);
        if (missing !== undefined) return skip(missing);
        using folder = temporaryFolder();
        const image = makeRoot(folder.path, format);
        await using machine = await createMachine({
          accel,
          ...files,
          append: `${QUIET} root=/dev/vda tsvmm.modules=virtio_pci,virtio_blk`,
          disks: [{ file: image, format }],
          onReset: 'reboot',
          timeoutMs: 2 * TIMEOUT,
        });
        const result = await machine.run();
        const text = machine.serial.text.replaceAll('\r', '');
        expect(text).not.toMatch(TROUBLE);
        expect(text.match(/^disk-root: .*|^\/data: .*/gm)).toEqual([
          'disk-root: on /dev/vda ext4',
          'disk-root: first boot',
          'disk-root: on /dev/vda ext4',
          'disk-root: second boot',
          '/data: OK',
        ]);
        expect(result).toMatchObject({ reason: 'poweroff', status: 0 });

        await machine.close();
        let raw = image;
        if (format === 'qcow2') {
          // Status 0: neither corruption nor leaks.
          tool('qemu-img', ['check', '-f', 'qcow2', image]);
          raw = join(folder.path, 'after.raw');
          tool('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', image, raw]);
        }
        tool('e2fsck', ['-fn', raw]);
        const out = join(folder.path, 'data');
        tool('debugfs', ['-R', `dump /data ${out}`, raw]);
        expect(tool('debugfs', ['-R', 'cat /third', raw])).toBe(`${tool('sh', ['-c', `md5sum <${out}`])}`);
      },
    );
  }

  const presses: Record<string, (machine: Machine) => unknown> = {
    'the power button': machine => machine.powerButton(),
    'the monitor’s system_powerdown': machine => new Monitor(machine).execute('system_powerdown'),
  };
  for (const [name, press] of Object.entries(presses)) {
    test(`shuts down by ${name}`, { timeout: TIMEOUT }, async ({ skip }) => {
      if (!faithful(accel)) return skip(SLOW);
      const files = filesFromEnvironment();
      if ('missing' in files) return skip(files.missing);
      await using machine = await createMachine({
        accel,
        ...files,
        append: `${QUIET} tsvmm.modules=button,evdev -- /tests/power-button.sh`,
        timeoutMs: TIMEOUT,
      });
      const run = machine.run();
      await machine.serial.waitFor('power-button: ready');
      await press(machine);
      await machine.serial.waitFor('power-button: pressed');
      expect(await run).toMatchObject({ reason: 'poweroff', status: 0 });
      expect(machine.serial.text).not.toMatch(TROUBLE);
    });
  }

  test(
    'has a shell that gets all that was typed before it booted',
    { timeout: TIMEOUT },
    async ({ skip }) => {
      if (!faithful(accel)) return skip(SLOW);
      const files = filesFromEnvironment();
      if ('missing' in files) return skip(files.missing);
      await using machine = await createMachine({
        accel,
        ...files,
        append: `${QUIET} -- sh`,
        timeoutMs: TIMEOUT,
      });
      const numbers = Array.from({ length: 100 }, (_, i) => i);
      // In its parts, so that the terminal's echo is not taken for the answer.
      const commands = numbers.map(i => `echo 'answer' ${i}\n`).join('');
      void machine.serial.write(`${commands}exit 7\n`);
      expect(await machine.run()).toMatchObject({ reason: 'reset' });
      const { text, status } = parseLinuxReport(machine.serial.text);
      expect([...text.matchAll(/^answer (\d+)$/gm)].map(([, number]) => Number(number))).toEqual(numbers);
      expect(status).toBe(7);
    },
  );

  test('talks through virtio consoles and ports', { timeout: TIMEOUT }, async ({ skip }) => {
    if (!faithful(accel)) return skip(SLOW);
    const files = filesFromEnvironment();
    if ('missing' in files) return skip(files.missing);
    await using machine = await createMachine({
      accel,
      ...files,
      append: `${QUIET} tsvmm.modules=virtio_pci,virtio_console -- /tests/consoles.sh`,
      consoles: [{}, { kind: 'port', name: 'org.example.agent' }],
      timeoutMs: TIMEOUT,
    });
    const [terminal, port] = machine.consoles;
    terminal.resize(132, 50);
    const run = machine.run();
    await terminal.waitFor('consoles: size 50 132\n');
    await terminal.write('what the host says\n');
    await terminal.waitFor('consoles: heard what the host says\n');

    await port.waitFor('ready\n');
    const data = randomBytes(100_000);
    await port.write(data);
    await port.waitFor(`${createHash('md5').update(data).digest('hex')}  -\n`);

    await terminal.waitFor('consoles: unplug\n');
    port.unplug();
    await terminal.waitFor('consoles: plug\n');
    port.plug();
    await terminal.waitFor('consoles: again /dev/vport0p1\n');
    expect(await run).toMatchObject({ reason: 'reset' });
    expect(parseLinuxReport(machine.serial.text)).toMatchObject({ status: 0, done: true });
    expect(machine.serial.text).not.toMatch(TROUBLE);
  });
});
