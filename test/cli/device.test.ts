import { expect, test } from 'vitest';
import { guestPath } from '../guests/harness.js';
import { temporaryFolder, tsvmm } from './tsvmm.js';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const HELLO = guestPath('hello.elf');

test('a machine has the devices that --device names', async () => {
  const disk = join(temporaryFolder(), 'disk.img');
  writeFileSync(disk, Buffer.alloc(64 << 10));
  const devices = [
    ['--disk', `${disk},id=d0`, '--device', 'virtio-blk-pci-non-transitional,drive=d0,serial=S1'],
    ['--net', 'none,id=n0', '--device', 'virtio-net-device,netdev=n0'],
    ['--device', 'virtio-rng-pci'],
  ].flat();
  const monitor = ['--monitor', 'stdio', '--serial', 'none'];
  const { stdout, status } = await tsvmm(
    ['run', '--accel', 'wasm', ...devices, ...monitor, guestPath('idle.elf')],
    { input: 'info devices\ninfo pci\nquit\n' },
  );
  expect(stdout).toMatch(/1af4:1042/);
  expect(stdout).toMatch(/^virtio-net0\n {2}mmio 00000000feb00000-/m);
  expect(stdout).toMatch(/1af4:1005/);
  expect(status).toBe(130);
});

test('consoles and ports go where --chardev says', async () => {
  const socket = join(temporaryFolder(), 'agent.sock');
  const consoles = [
    ['--device', 'virtio-serial-pci-non-transitional,id=vs'],
    ['--chardev', 'null,id=c0', '--device', 'virtconsole,chardev=c0'],
    ['--chardev', `socket,id=a,path=${socket},server=on,wait=off`],
    ['--device', 'virtserialport,bus=vs.0,chardev=a,name=agent'],
    ['--chardev', 'stdio,id=com', '--serial', 'chardev:com'],
  ].flat();
  const { stdout, status } = await tsvmm(
    ['run', '--accel', 'wasm', ...consoles, '--exit-on', '/name PASS agent\n/', guestPath('console.elf')],
    {},
  );
  expect(stdout).toMatch(/^console\.name PASS agent$/m);
  expect(status).toBe(0);
});

test('a console device can be there without ports', async () => {
  const { stdout } = await tsvmm(
    ['run', '--accel', 'wasm', '--device', 'virtio-serial-pci', '--monitor', 'stdio', guestPath('idle.elf')],
    { input: 'info pci\nquit\n' },
  );
  expect(stdout).toMatch(/1af4:1003/);
});

test.each([
  [['-M', 'microvm', '--device', 'virtio-rng-pci'], /needs a PCI bus/],
  [['--device', 'virtio-rng-pci,disable-legacy=maybe'], /disable-legacy is on or off/],
  [['-M', 'microvm', '--device', 'virtio-serial-pci'], /the console device's interface .* needs a PCI bus/],
  [['--device', 'virtconsole,chardev=none'], /there is no --chardev or --console with id=none/],
  [['--chardev', 'stdio,id=a', '--device', 'virtconsole,chardev=a', '--serial', 'stdio'], /both name stdio/],
  [['--device', 'rtl8139'], /there is no 'rtl8139': --device help lists what there is/],
])('%j is refused in one line', async (args, message) => {
  const { status, stdout, stderr } = await tsvmm(['run', ...args, HELLO]);
  expect(stderr).toMatch(message);
  expect(stderr.trimEnd()).not.toContain('\n');
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
});
