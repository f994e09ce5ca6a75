#!/usr/bin/env node
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './cases/ports.js';
import { HarnessError } from './kvm-in-qemu/errors.js';
import { VIRTIO_MODULES } from './kvm-in-qemu/linux-guest.js';
import { REPOSITORY } from './kvm-in-qemu/repository.js';
import { temporaryFolder } from './kvm-in-qemu/temporary.js';
import { driversGuest } from './linux-drivers/guest.js';
import { Program, withHttpServer, withPrograms } from './linux-net/peers.js';

const HELP = `Usage: npm run check:linux-drivers -- [--interface=NAME] [options of tsvmm conformance driver]

Boots Debian's cloud kernel with a disk, a network card, a console and a source of entropy under tsvmm conformance driver,
and has it use them all: file systems, fio, downloads and uploads, iperf3 (test/guests/linux-drivers/drivers.sh).
--interface is that of the disk and of the network card. The host needs iperf3, and apt for the guest's packages.

Environment:
  TSVMM_CACHE   cache folder for what is downloaded (default: .cache in the repository)
`;

const DISK_BYTES = 64 << 20;
const DOWNLOAD = Buffer.alloc(16 << 20, 'tsvmm ');

const progress = (/** @type {string} */ line) => process.stderr.write(`${line}\n`);

async function main() {
  const args = process.argv.slice(2);
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return;
  }
  const own = args.find(arg => arg.startsWith('--interface='));
  const kind = own ? `,interface=${own.slice('--interface='.length)}` : '';
  const guest = await driversGuest(progress);
  const folder = await temporaryFolder(join(tmpdir(), 'tsvmm-linux-drivers-'));
  const disk = join(folder, 'disk');
  await writeFile(disk, '');
  await truncate(disk, DISK_BYTES);
  const measured = await freePort();
  const iperf3 = new Program('iperf3', ['-s', '-B', '127.0.0.1', '-p', measured, '--forceflush']);
  iperf3.process.on('error', () => progress('there is no iperf3: install it'));
  await withPrograms([iperf3], async () => {
    await iperf3.printed(/Server listening/);
    if (iperf3.process.exitCode !== null) throw new HarnessError(`iperf3 does not start:\n${iperf3.output}`);
    await withHttpServer(
      (request, response) => {
        request.resume();
        request.on('end', () => response.end(request.url === '/data' ? DOWNLOAD : 'thanks'));
      },
      async port => {
        const script = `/tests/drivers.sh http://10.0.2.2:${port} ${measured}`;
        const append = `console=ttyS0 quiet tsvmm.end=poweroff tsvmm.modules=${VIRTIO_MODULES.join(',')} -- ${script}`;
        const command = [
          'conformance',
          'driver',
          guest.bzImage,
          '--initrd',
          guest.initrd,
          '--append',
          append,
        ];
        const devices = ['--disk', `${disk}${kind}`, '--net', `user${kind}`, '--rng', '--console', 'none'];
        const limit = args.some(arg => arg.startsWith('--timeout')) ? [] : ['--timeout', '15m'];
        const options = ['--memory', '1G', '--exit-on', 'linux-drivers: console', ...limit];
        const tsvmm = spawn(
          process.execPath,
          [
            join(REPOSITORY, 'dist/bundle/main.js'),
            ...command,
            ...devices,
            ...options,
            ...args.filter(arg => arg !== own),
          ],
          { stdio: 'inherit' },
        );
        const [status] = await once(tsvmm, 'exit');
        process.exitCode = status ?? 1;
      },
    );
  });
}

try {
  await main();
} catch (error) {
  if (!(error instanceof HarnessError)) throw error;
  progress(error.message);
  process.exitCode = 2;
}
