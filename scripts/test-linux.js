#!/usr/bin/env node
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { CLOUD_KERNEL, debianKernel } from './kvm-in-qemu/debian-kernel.js';
import { HarnessError } from './kvm-in-qemu/errors.js';
import { linuxPrograms } from './kvm-in-qemu/linux-guest.js';
import { REPOSITORY } from './kvm-in-qemu/repository.js';
import { checkTools } from './kvm-in-qemu/tools.js';

const HELP = `Usage: npm run test:linux -- [vitest options]

Boots Debian's kernels, cloud and generic, this release's and a newer one, on 1, 2 and 4 vCPUs and has them run
OpenSSL, C compilers and CPython's tests. Takes an hour or so. Give -t 'part of a name' to run some of it.

Environment:
  TSVMM_CACHE   cache folder for what is downloaded, about 600 MB (default: .cache in the repository)
`;

const KERNELS = [CLOUD_KERNEL, 'linux-image-amd64', 'linux-image-6.12-cloud-amd64', 'linux-image-6.12-amd64'];

const progress = (/** @type {string} */ line) => process.stderr.write(`${line}\n`);

async function main() {
  const args = process.argv.slice(2);
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return;
  }
  checkTools();
  /** @type {string[]} */
  const kernels = [];
  for (const name of KERNELS) {
    const { release, bzImage } = await debianKernel(progress, name);
    kernels.push(`${release}=${bzImage}`);
  }
  const { initrd, tree } = await linuxPrograms(progress);
  const environment = {
    TSVMM_LINUX_KERNELS: kernels.join(' '),
    TSVMM_LINUX_PROGRAMS: initrd,
    TSVMM_LINUX_TREE: tree,
  };
  const vitest = spawn(
    process.execPath,
    [
      join(REPOSITORY, 'node_modules/vitest/vitest.mjs'),
      'run',
      'test/guests/linux-programs.test.ts',
      ...args,
    ],
    { cwd: REPOSITORY, stdio: 'inherit', env: { ...process.env, ...environment } },
  );
  vitest.on('exit', status => {
    process.exitCode = status ?? 1;
  });
}

try {
  await main();
} catch (error) {
  if (!(error instanceof HarnessError)) throw error;
  progress(`test-linux: ${error.message}`);
  process.exitCode = 2;
}
