#!/usr/bin/env node
import { spawn } from 'node:child_process';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Initramfs } from './kvm-in-qemu/cpio.js';
import { HarnessError } from './kvm-in-qemu/errors.js';
import { linuxGuest } from './kvm-in-qemu/linux-guest.js';
import { REPOSITORY } from './kvm-in-qemu/repository.js';
import { temporaryFolder } from './kvm-in-qemu/temporary.js';
import { checkTools } from './kvm-in-qemu/tools.js';

const HELP = `Usage: npm run check:linux-drivers -- [--interface=NAME] [options of tsvmm conformance driver]

Boots Debian's cloud kernel with a disk, a network card, a console and a source of entropy under tsvmm conformance driver,
and has it use them all (test/guests/linux-drivers/drivers.sh). --interface is that of the disk and of the network card.

Environment:
  TSVMM_CACHE   cache folder for what is downloaded (default: .cache in the repository)
`;

const DISK_BYTES = 64 << 20;
const DOWNLOAD = Buffer.alloc(16 << 20, 'tsvmm ');
const MODULES = 'virtio_pci,virtio_mmio,virtio_blk,virtio_net,virtio_console,virtio_rng';

const progress = (/** @type {string} */ line) => process.stderr.write(`${line}\n`);

async function main() {
  const args = process.argv.slice(2);
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return;
  }
  const own = args.find(arg => arg.startsWith('--interface='));
  const kind = own ? `,interface=${own.slice('--interface='.length)}` : '';
  checkTools();
  const guest = await linuxGuest(progress);
  const folder = await temporaryFolder(join(tmpdir(), 'tsvmm-linux-drivers-'));
  const initrd = join(folder, 'initrd');
  await writeFile(initrd, await withScript(guest.initrd, folder));
  const disk = join(folder, 'disk');
  await writeFile(disk, '');
  await truncate(disk, DISK_BYTES);
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.end(request.url === '/data' ? DOWNLOAD : 'thanks'));
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const append = `console=ttyS0 quiet tsvmm.end=poweroff tsvmm.modules=${MODULES} -- /tests/drivers.sh http://10.0.2.2:${port}`;
  const command = ['conformance', 'driver', guest.bzImage, '--initrd', initrd, '--append', append];
  const devices = ['--disk', `${disk}${kind}`, '--net', `user${kind}`, '--rng', '--console', 'none'];
  const limit = args.some(arg => arg.startsWith('--timeout')) ? [] : ['--timeout', '10m'];
  const options = [
    '--memory',
    '512M',
    '--exit-on',
    'linux-drivers: console',
    ...limit,
    ...args.filter(arg => arg !== own),
  ];
  const tsvmm = spawn(
    process.execPath,
    [join(REPOSITORY, 'dist/bundle/main.js'), ...command, ...devices, ...options],
    { stdio: 'inherit' },
  );
  process.exitCode = await new Promise(resolve => tsvmm.on('exit', status => resolve(status ?? 1)));
  server.close();
}

/** Linux unpacks archives that stand one behind the other. */
async function withScript(/** @type {string} */ initrd, /** @type {string} */ folder) {
  const extra = new Initramfs();
  const script = await readFile(join(REPOSITORY, 'test/guests/linux-drivers/drivers.sh'));
  extra.file('/tests/drivers.sh', script, 0o755);
  const path = join(folder, 'script.cpio');
  await extra.write(path);
  return Buffer.concat([await readFile(initrd), await readFile(path)]);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof HarnessError)) throw error;
  progress(error.message);
  process.exitCode = 2;
}
