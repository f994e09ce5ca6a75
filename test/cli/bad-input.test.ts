import {
  chmodSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { guestPath } from '../guests/harness.js';
import { makeFifo, temporaryFolder, tsvmm, type TsvmmOptions } from './tsvmm.js';

/** What a case may need: its folder holds only what it made there. */
interface Place {
  readonly folder: string;
  /** The path of a file with this content. */
  readonly file: (name: string, content: Uint8Array | string) => string;
  /** The path of a file that has this size and takes no space. */
  readonly sparse: (name: string, size: number) => string;
}

/** A command line that cannot work. */
interface Case {
  readonly title: string;
  readonly args: (place: Place) => readonly string[] | Promise<readonly string[]>;
  /** The one line on stderr, behind `tsvmm: `. */
  readonly message: RegExp;
}

const HELLO = guestPath('hello.elf');

const run = (...args: string[]): Case['args'] => {
  return () => ['run', ...args];
};

const inFolder = (path: (place: Place) => string, ...args: string[]): Case['args'] => {
  return place => ['run', ...args, path(place)];
};

const COMMANDS: readonly Case[] = [
  {
    title: 'unknown command',
    args: () => ['rnu'],
    message: /unknown command 'rnu' \(Did you mean run\?\) \(see tsvmm --help\)/,
  },
  {
    title: 'unknown option before the command',
    args: () => ['--fast', 'run', HELLO],
    message: /unknown option '--fast'/,
  },
  { title: 'a kernel without a command', args: () => [HELLO], message: /unknown command/ },
  {
    title: 'help for an unknown command',
    args: () => ['help', 'nothing'],
    message: /unknown command 'nothing'/,
  },
  {
    title: 'run without a kernel',
    args: () => ['run'],
    message: /missing required argument 'kernel' \(see tsvmm run --help\)/,
  },
  {
    title: 'run with kernel arguments only',
    args: () => ['run', '--', HELLO],
    message: /missing required argument 'kernel'/,
  },
  {
    title: 'inspect without a kernel',
    args: () => ['inspect'],
    message: /missing required argument 'kernel' \(see tsvmm inspect --help\)/,
  },
  { title: 'inspect of two kernels', args: () => ['inspect', HELLO, HELLO], message: /too many arguments/ },
  { title: 'doctor with an argument', args: () => ['doctor', 'kvm'], message: /too many arguments/ },
  { title: 'two kernels', args: run(HELLO, HELLO), message: /too many arguments/ },
  {
    title: 'kernel arguments without --',
    args: run(HELLO, 'console=ttyS0'),
    message: /too many arguments.*--/,
  },
];

const FLAGS: readonly Case[] = [
  {
    title: 'unknown option',
    args: run('--memroy', '1G', HELLO),
    message: /unknown option '--memroy' \(Did you mean --memory\?\)/,
  },
  {
    title: 'option without its value',
    args: run(HELLO, '--memory'),
    message: /'-m, --memory <size>' argument missing/,
  },
  {
    title: '--memory nothing',
    args: run('--memory', '', HELLO),
    message: /--memory.*Write a size such as 512M/,
  },
  { title: '--memory 0', args: run('--memory', '0', HELLO), message: /memory must be between 2M and 1T/ },
  { title: '--memory -1', args: run('--memory=-1', HELLO), message: /--memory.*Write a size/ },
  { title: '--memory 1K', args: run('--memory', '1K', HELLO), message: /memory must be between 2M and 1T/ },
  { title: '--memory 10T', args: run('--memory', '10T', HELLO), message: /memory must be between 2M and 1T/ },
  {
    title: '--memory 1e400',
    args: run('--memory', `1${'0'.repeat(400)}`, HELLO),
    message: /memory must be between 2M and 1T/,
  },
  { title: '--memory NaN', args: run('--memory', 'NaN', HELLO), message: /--memory.*Write a size/ },
  { title: '--memory 1X', args: run('--memory', '1X', HELLO), message: /--memory.*'1X'.*Write a size/ },
  {
    title: '--memory twice',
    args: run('--memory', '1G', '-m', '2G', HELLO),
    message: /--memory is given twice/,
  },
  { title: '--cpus 0', args: run('--cpus', '0', HELLO), message: /--cpus.*from 1 to 254/ },
  { title: '--cpus -1', args: run('--cpus=-1', HELLO), message: /--cpus.*from 1 to 254/ },
  { title: '--cpus 1.5', args: run('--cpus', '1.5', HELLO), message: /--cpus.*from 1 to 254/ },
  { title: '--cpus 300', args: run('--cpus', '300', HELLO), message: /--cpus.*from 1 to 254/ },
  { title: '--cpus many', args: run('--cpus', 'many', HELLO), message: /--cpus.*from 1 to 254/ },
  { title: '--cpus 1e1', args: run('--cpus', '1e1', HELLO), message: /--cpus.*from 1 to 254/ },
  { title: '--cpus twice', args: run('--cpus', '1', '--cpus', '2', HELLO), message: /--cpus is given twice/ },
  {
    title: '--accel unknown',
    args: run('--accel', 'xen', HELLO),
    message: /--accel.*'xen'.*Write one of auto, kvm/,
  },
  {
    title: '--accel twice',
    args: run('--accel', 'kvm', '--accel', 'auto', HELLO),
    message: /--accel is given twice/,
  },
  {
    title: '--boot unknown',
    args: run('--boot', 'efi', HELLO),
    message: /--boot.*'efi'.*Write one of auto, linux64/,
  },
  {
    title: '--boot twice',
    args: run('--boot', 'pvh', '--boot', 'elf', HELLO),
    message: /--boot is given twice/,
  },
  {
    title: '--icount with KVM',
    args: run('--icount', '--accel', 'kvm', HELLO),
    message: /icount works with accel wasm only/,
  },
  {
    title: '--icount with a KVM device',
    args: run('--icount', '--kvm-device', '/dev/kvm', HELLO),
    message: /icount works with accel wasm only/,
  },
  { title: '--seed alone', args: run('--seed', '1', HELLO), message: /--seed needs --icount/ },
  {
    title: '--rtc-base alone',
    args: run('--rtc-base', '2024-01-01', HELLO),
    message: /--rtc-base needs --icount/,
  },
  {
    title: '--icount-shift alone',
    args: run('--icount-shift', '1', HELLO),
    message: /--icount-shift needs --icount/,
  },
  {
    title: '--icount-shift 11',
    args: run('--icount', '--icount-shift', '11', HELLO),
    message: /--icount-shift.*from 0 to 10/,
  },
  {
    title: '--seed 2^32',
    args: run('--icount', '--seed', String(2 ** 32), HELLO),
    message: /--seed.*from 0 to 4294967295/,
  },
  {
    title: '--rtc-base in words',
    args: run('--icount', '--rtc-base', 'yesterday', HELLO),
    message: /--rtc-base.*Write a time UTC/,
  },
  { title: '--timeout 0', args: run('--timeout', '0', HELLO), message: /--timeout.*Write a time/ },
  { title: '--timeout negative', args: run('--timeout=-5s', HELLO), message: /--timeout.*Write a time/ },
  {
    title: '--timeout in words',
    args: run('--timeout', 'soon', HELLO),
    message: /--timeout.*30s, 500ms or 2m/,
  },
  {
    title: '--timeout of a year',
    args: run('--timeout', '8760h', HELLO),
    message: /--timeout.*below 24 days/,
  },
  { title: '--exit-on nothing', args: run('--exit-on', '', HELLO), message: /--exit-on.*empty/ },
  {
    title: '--exit-on broken',
    args: run('--exit-on', '/(unclosed/', HELLO),
    message: /--exit-on.*Unterminated group/,
  },
  {
    title: '--exit-on with unknown flags',
    args: run('--exit-on', '/x/qq', HELLO),
    message: /--exit-on.*flags/,
  },
  {
    title: '--append twice',
    args: run('--append', 'a', '--append', 'b', HELLO),
    message: /--append is given twice/,
  },
  {
    title: '--initrd nothing',
    args: run('--initrd', '', HELLO),
    message: /--initrd.*Write the path of a file/,
  },
  {
    title: '--initrd twice',
    args: run('--initrd', HELLO, '--initrd', HELLO, HELLO),
    message: /--initrd is given twice/,
  },
  { title: '--module nothing', args: run('--module', ' ', HELLO), message: /--module needs a file/ },
  {
    title: '--kvm-device twice',
    args: run('--kvm-device', 'a', '--kvm-device', 'b', HELLO),
    message: /--kvm-device is given twice/,
  },
  {
    title: 'a flag with a line break',
    args: run('--boot', 'a\nb\x1b[2J', HELLO),
    message: /'a\\nb\\x1b\[2J'/,
  },
];

const DISKS: readonly Case[] = [
  {
    title: '--disk that is not there',
    args: run('--accel', 'wasm', '--disk', '/nowhere/disk.img', HELLO),
    message: /disk \/nowhere\/disk\.img: ENOENT/,
  },
  {
    title: '--disk that looks like a qcow2 image',
    args: ({ file }) => [
      'run',
      '--accel',
      'wasm',
      '--disk',
      file('disk', Uint8Array.of(0x51, 0x46, 0x49, 0xfb)),
      HELLO,
    ],
    message: /looks like a qcow2 image: say format=qcow2, or format=raw/,
  },
  {
    title: '--disk that is no qcow2 image',
    args: ({ file }) => ['run', '--accel', 'wasm', '--disk', `${file('disk', 'raw')},format=qcow2`, HELLO],
    message: /disk .*: it is not a qcow2 image/,
  },
  {
    title: '--disk of an unknown format',
    args: run('--disk', 'disk.img,format=vdi', HELLO),
    message: /--disk: format is one of raw, qcow2, not 'vdi'/,
  },
];

const SERIAL: readonly Case[] = [
  {
    title: '--serial unknown',
    args: run('--serial', 'com1', HELLO),
    message: /--serial com1: write stdio, file:PATH/,
  },
  { title: '--serial nothing', args: run('--serial', '', HELLO), message: /--serial.*write stdio/ },
  {
    title: '--serial file without a path',
    args: run('--serial', 'file:', HELLO),
    message: /--serial file:: write/,
  },
  {
    title: '--serial unix without a path',
    args: run('--serial', 'unix:', HELLO),
    message: /--serial unix:: write/,
  },
  {
    title: '--serial none with a path',
    args: run('--serial', 'none:here', HELLO),
    message: /--serial none:here: write/,
  },
  {
    title: '--serial stdio twice',
    args: run('--serial', 'stdio', '--serial', 'stdio', HELLO),
    message: /only one serial port can have the terminal/,
  },
  {
    title: 'five serial ports',
    args: run(...Array<string[]>(5).fill(['--serial', 'none']).flat(), HELLO),
    message: /at most 4 serial ports/,
  },
  {
    title: 'two serial ports in one file',
    args: run('--serial', 'file:a', '--serial', 'file:./a', HELLO),
    message: /names .*\/a twice/,
  },
  {
    title: 'a socket path of 200 bytes',
    args: run('--serial', `unix:/tmp/${'x'.repeat(195)}`, HELLO),
    message: /at most 107 bytes, this one has 200/,
  },
  {
    title: 'a serial file in no folder',
    args: ({ folder }) => ['run', '--serial', `file:${folder}/missing/log`, HELLO],
    message: /cannot write to .*\/missing\/log: no such file or directory/,
  },
  {
    title: 'a serial file that is a folder',
    args: ({ folder }) => ['run', '--serial', `file:${folder}`, HELLO],
    message: /cannot write to .*: illegal operation on a directory/,
  },
  {
    title: 'a serial FIFO that nobody reads',
    args: ({ folder }) => ['run', '--serial', `file:${makeFifo(folder)}`, HELLO],
    message: /nobody reads it; start its reader first/,
  },
  {
    title: 'a socket in no folder',
    args: ({ folder }) => ['run', '--serial', `unix:${folder}/missing/socket`, HELLO],
    message: /cannot listen on .*\/missing\/socket: /,
  },
  {
    title: 'a socket where a file is',
    args: ({ file }) => ['run', '--serial', `unix:${file('log', 'mine')}`, HELLO],
    message: /it exists and is not a socket; choose another path/,
  },
  {
    title: 'a socket that somebody serves',
    args: async ({ folder }) => {
      const path = join(folder, 'socket');
      const server = createServer(client => client.end());
      onTestFinished(() => void server.close());
      await new Promise<void>(resolve => server.listen(path, resolve));
      return ['run', '--serial', `unix:${path}`, HELLO];
    },
    message: /another process listens there; choose another path/,
  },
];

const FILES: readonly Case[] = [
  {
    title: 'a serial file that is the kernel',
    args: ({ folder, file }) => [
      'run',
      '--serial',
      `file:${join(folder, '.', 'kernel')}`,
      file('kernel', readFileSync(HELLO)),
    ],
    message: /would overwrite a file that the guest gets/,
  },
  {
    title: 'a serial file that is a module',
    args: ({ file }) => {
      const module = file('module', 'data');
      return ['run', '--serial', `file:${module}`, '--module', `${module} words`, HELLO];
    },
    message: /would overwrite a file that the guest gets/,
  },
  {
    title: 'a missing kernel',
    args: inFolder(({ folder }) => join(folder, 'kernel')),
    message: /cannot read kernel .*: there is no such file/,
  },
  { title: 'a kernel without a name', args: run(''), message: /'kernel'.*Write the path of a file/ },
  {
    title: 'a kernel below a file',
    args: run(`${HELLO}/kernel`),
    message: /a part of its path is not a directory/,
  },
  { title: 'a kernel with a long name', args: run('k'.repeat(300)), message: /its name is too long/ },
  {
    title: 'a kernel that links to itself',
    args: inFolder(({ folder }) => loop(folder)),
    message: /symbolic links/,
  },
  { title: 'a folder', args: inFolder(({ folder }) => folder), message: /it is a directory/ },
  { title: 'a FIFO', args: inFolder(({ folder }) => makeFifo(folder)), message: /it is a FIFO/ },
  { title: '/dev/zero', args: run('/dev/zero'), message: /cannot read kernel \/dev\/zero: it is a device/ },
  { title: '/dev/null', args: run('/dev/null'), message: /it is a device/ },
  { title: 'inspect of /dev/zero', args: () => ['inspect', '/dev/zero'], message: /it is a device/ },
  {
    title: 'inspect of nothing',
    args: () => ['inspect', '/nowhere/kernel'],
    message: /there is no such file/,
  },
  { title: 'an empty kernel', args: inFolder(({ file }) => file('empty', '')), message: /the file is empty/ },
  {
    title: 'a text',
    args: inFolder(({ file }) => file('readme', 'A kernel, surely.\n')),
    message: /the file is not a kernel/,
  },
  {
    title: 'a script',
    args: inFolder(({ file }) => file('script', '#!/bin/sh\n')),
    message: /this is a script/,
  },
  {
    title: 'gzip',
    args: inFolder(({ file }) => file('kernel.gz', Buffer.from('1f8b0800', 'hex'))),
    message: /unpack it first: gzip -dc/,
  },
  {
    title: 'a sparse file of 10 TiB',
    args: inFolder(({ sparse }) => sparse('huge', 10 * 2 ** 40)),
    message: /10240\.0 GiB/,
  },
  {
    title: 'a sparse file of 100 MiB',
    args: inFolder(({ sparse }) => sparse('large', 100 << 20)),
    message: /the file is not a kernel/,
  },
  {
    title: 'an initrd that is missing',
    args: run('--initrd', '/nowhere/initrd', HELLO),
    message: /cannot read initrd \/nowhere\/initrd: there is no such file/,
  },
  {
    title: 'an initrd that is a device',
    args: run('--initrd', '/dev/zero', HELLO),
    message: /cannot read initrd \/dev\/zero: it is a device/,
  },
  {
    title: 'an initrd larger than memory',
    args: ({ sparse }) => ['run', '--memory', '64M', '--initrd', sparse('initrd', 65 << 20), HELLO],
    message: /initrd.*65 MiB.*64 MiB; give it more memory/,
  },
  {
    title: 'a module that is missing',
    args: run('--module', '/nowhere/module words', HELLO),
    message: /cannot read module \/nowhere\/module: there is no such file/,
  },
  {
    title: 'a module larger than memory',
    args: ({ sparse }) => ['run', '--memory', '64M', '--module', sparse('module', 65 << 20), HELLO],
    message: /module.*65 MiB.*64 MiB; give it more memory/,
  },
  {
    title: 'a kernel larger than memory',
    args: inFolder(({ file }) => file('kernel', withBigSegment())),
    message: /where the machine has no RAM \(it has 256 MiB\)/,
  },
  {
    title: 'a command line of 100 KiB for Linux',
    args: run('--append', 'x'.repeat(100 << 10), guestPath('hello.bzimage')),
    message: /command line/,
  },
  {
    title: 'a command line for a kernel that takes none',
    args: run('--append', 'x', guestPath('hello-elf64.elf')),
    message: /command line/,
  },
];

const IMAGES: readonly Case[] = [
  ...[4, 40, 63, 70, 4000, 5000].map(size => truncated('hello.elf', size)),
  ...[20, 100, 3000].map(size => truncated('hello-elf32.elf', size)),
  ...[520, 1000].map(size => truncated('hello.bzimage', size)),
  ...[300, 5000].map(size => truncated('hello-multiboot1.elf', size)),
  ...[300, 5000].map(size => truncated('hello-multiboot2.elf', size)),
  {
    title: 'an ELF for AArch64',
    args: inFolder(({ file }) => file('arm', patched('hello.elf', 18, 183, 0))),
    message: /AArch64/i,
  },
  {
    title: 'a big-endian ELF',
    args: inFolder(({ file }) => file('big', patched('hello.elf', 5, 2))),
    message: /endian/,
  },
  {
    title: 'an object file',
    args: inFolder(({ file }) => file('object', patched('hello.elf', 16, 1, 0))),
    message: /relocatable/,
  },
  {
    title: 'a 64-bit kernel by a bzImage protocol',
    args: run('--boot', 'linux64', HELLO),
    message: /cannot be booted with linux64: this is not a bzImage/,
  },
  {
    title: 'a PVH kernel by Multiboot',
    args: run('--boot', 'multiboot1', HELLO),
    message: /cannot be booted with multiboot1: .*header/,
  },
  {
    title: 'a PVH kernel by Multiboot 2',
    args: run('--boot', 'multiboot2', HELLO),
    message: /cannot be booted with multiboot2: .*header/,
  },
  {
    title: 'a bzImage by PVH',
    args: run('--boot', 'pvh', guestPath('hello.bzimage')),
    message: /cannot be booted with pvh/,
  },
  {
    title: 'a bzImage as plain ELF',
    args: run('--boot', 'elf', guestPath('hello.bzimage')),
    message: /cannot be booted with elf/,
  },
];

const KVM_DEVICES: readonly Case[] = [
  {
    title: 'no KVM device',
    args: run('--kvm-device', '/nowhere/kvm', HELLO),
    message: /there is no \/nowhere\/kvm: load the kvm-intel or kvm-amd module/,
  },
  {
    title: 'no KVM device, with --accel auto',
    args: run('--accel', 'auto', '--kvm-device', '/nowhere/kvm', HELLO),
    message: /there is no \/nowhere\/kvm: load the kvm-intel or kvm-amd module/,
  },
  {
    title: 'a file as the KVM device',
    args: ({ file }) => ['run', '--kvm-device', file('kvm', ''), HELLO],
    message: /is not a KVM device/,
  },
  {
    title: 'a folder as the KVM device',
    args: ({ folder }) => ['run', '--kvm-device', folder, HELLO],
    message: / is a directory, not a KVM device/,
  },
  {
    title: '/dev/null as the KVM device',
    args: run('--kvm-device', '/dev/null', HELLO),
    message: /\/dev\/null is not a KVM device/,
  },
];

async function expectOneLine(
  args: readonly string[],
  message: RegExp,
  options: TsvmmOptions = {},
): Promise<void> {
  const { status, stdout, stderr } = await tsvmm(args, options);
  expect(stderr).toMatch(/^tsvmm: [^\n]*\n$/);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/\n\s+at |node:internal|undefined|\[object/);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
}

async function check({ args, message }: Case): Promise<void> {
  const folder = temporaryFolder();
  await expectOneLine(await args(placeIn(folder)), message, { cwd: folder });
}

describe.each([
  ['commands', COMMANDS],
  ['flags', FLAGS],
  ['disks', DISKS],
  ['serial ports', SERIAL],
  ['files', FILES],
  ['images', IMAGES],
  ['KVM devices', KVM_DEVICES],
])('%s', (_title, cases) => {
  test.for(cases)('$title', check);
});

describe('without permission', () => {
  const asRoot = process.getuid!() === 0;
  const NOBODY = 65534;

  test('a kernel', async ({ skip }) => {
    const folder = temporaryFolder();
    const kernel = placeIn(folder).file('kernel', readFileSync(HELLO));
    chmodSync(kernel, 0);
    chmodSync(folder, 0o755);
    const options = asRoot ? { uid: NOBODY } : {};
    if ((await tsvmm(['--version'], options)).status !== 0) skip('another user cannot run tsvmm here');
    await expectOneLine(['run', kernel], /cannot read kernel .*: no permission/, options);
  });

  test('a folder for a socket, and a KVM device', async ({ skip }) => {
    const folder = temporaryFolder();
    const closed = join(folder, 'closed');
    mkdirSync(closed, { mode: 0 });
    chmodSync(folder, 0o755);
    const options = asRoot ? { uid: NOBODY } : {};
    if ((await tsvmm(['--version'], options)).status !== 0) skip('another user cannot run tsvmm here');
    const device = placeIn(folder).file('kvm', '');
    chmodSync(device, 0);
    await expectOneLine(['run', '--kvm-device', device, HELLO], /no permission.*kvm group/, options);
    await expectOneLine(['inspect', join(closed, 'kernel')], /no permission/, options);
  });
});

test('there are at least sixty cases', () => {
  const cases = [COMMANDS, FLAGS, DISKS, SERIAL, FILES, IMAGES, KVM_DEVICES].flat();
  expect(cases.length).toBeGreaterThanOrEqual(60);
  expect(new Set(cases.map(({ title }) => title)).size).toBe(cases.length);
});

function placeIn(folder: string): Place {
  return {
    folder,
    file: (name, content) => {
      const path = join(folder, name);
      writeFileSync(path, content);
      return path;
    },
    sparse: (name, size) => {
      const path = join(folder, name);
      const fd = openSync(path, 'w');
      ftruncateSync(fd, size);
      closeSync(fd);
      return path;
    },
  };
}

function loop(folder: string): string {
  const path = join(folder, 'loop');
  symlinkSync(path, path);
  return path;
}

function truncated(name: string, size: number): Case {
  return {
    title: `${name}, its first ${size} bytes`,
    args: inFolder(({ file }) => file(name, readFileSync(guestPath(name)).subarray(0, size))),
    message: /./,
  };
}

/** A guest with some of its bytes replaced. */
function patched(name: string, offset: number, ...bytes: number[]): Uint8Array {
  const image = readFileSync(guestPath(name));
  image.set(bytes, offset);
  return image;
}

/** hello.elf, whose first segment wants 1 GiB of memory (elf(5), p_memsz). */
function withBigSegment(): Uint8Array {
  const image = readFileSync(HELLO);
  const programHeaders = Number(image.readBigUInt64LE(32));
  image.writeBigUInt64LE(2n ** 30n, programHeaders + 40);
  return image;
}
