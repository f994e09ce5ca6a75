#!/usr/bin/env node
// Compares the software CPU's decoder with objdump over the text of large binaries: the files that are given, or the
// kernel, some of its modules and programs from Debian's archive, 32-bit libraries among them:
// npm run check:decoder -- [file…]
import { spawnSync } from 'node:child_process';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { cached } from './kvm-in-qemu/cache.js';
import { debianKernel, kernelModules } from './kvm-in-qemu/debian-kernel.js';
import { HarnessError } from './kvm-in-qemu/errors.js';
import { run } from './kvm-in-qemu/process.js';

/** Programs and libraries that are looked at, by package: a folder in it, and what their names look like. */
const PACKAGES = /** @type {const} */ ({
  bash: ['bin', /^bash$/],
  'binutils-x86-64-linux-gnu': ['usr/bin', /-(as|ld\.gold)$/],
  'cpp-12': ['usr/lib/gcc/x86_64-linux-gnu/12', /^cc1$/],
  gdb: ['usr/bin', /^gdb$/],
  git: ['usr/bin', /^git$/],
  'lib32stdc++6': ['usr/lib32', /^libstdc\+\+\.so\.6\.0/],
  libavcodec59: ['usr/lib/x86_64-linux-gnu', /\.so\.59\./],
  libc6: ['lib/x86_64-linux-gnu', /^lib[cm]\.so\.6$/],
  'libc6-i386': ['lib32', /^lib[cm]\.so\.6$/],
  libllvm15: ['usr/lib/x86_64-linux-gnu', /^libLLVM-15\.so\.1$/],
  libnode108: ['usr/lib/x86_64-linux-gnu', /^libnode\.so\.108$/],
  'libruby3.1': ['usr/lib/x86_64-linux-gnu', /^libruby-3\.1\.so\.3\.1\.\d/],
  'libsqlite3-0': ['usr/lib/x86_64-linux-gnu', /\.so\.0\.8/],
  libssl3: ['usr/lib/x86_64-linux-gnu', /^lib(crypto|ssl)\.so\.3$/],
  'libstdc++6': ['usr/lib/x86_64-linux-gnu', /^libstdc\+\+\.so\.6\.0/],
  'libx265-199': ['usr/lib/x86_64-linux-gnu', /\.so\.199$/],
  'mariadb-server-core': ['usr/sbin', /^mariadbd$/],
  openssl: ['usr/bin', /^openssl$/],
  'perl-base': ['usr/bin', /^perl$/],
  'postgresql-15': ['usr/lib/postgresql/15/bin', /^postgres$/],
  'python3.11-minimal': ['usr/bin', /^python3\.11$/],
  'qemu-system-x86': ['usr/bin', /^qemu-system-x86_64$/],
  vim: ['usr/bin', /^vim\.basic$/],
});

const MODULES = ['aesni_intel', 'btrfs', 'kvm', 'mlx5_core', 'xfs'];

/**
 * @param {string} name
 * @returns {Promise<string>} folder with an unpacked package of this machine's Debian release
 */
function unpackedPackage(name) {
  return cached(`unpacked/${name}`, async unfinished => {
    process.stderr.write(`downloading ${name}\n`);
    await run('apt-get', ['download', '-q', name], { cwd: unfinished });
    for (const file of await readdir(unfinished)) {
      await run('dpkg-deb', ['-x', file, '.'], { cwd: unfinished });
      await rm(join(unfinished, file));
    }
  });
}

/** @returns {Promise<string[]>} */
async function kernelFiles() {
  const kernel = await debianKernel(line => process.stderr.write(`${line}\n`));
  const folder = await cached(`unpacked/modules-${kernel.release}`, async unfinished => {
    for (const { name, data } of await kernelModules(kernel, MODULES)) {
      if (MODULES.includes(name)) await writeFile(join(unfinished, `${name}.ko`), data);
    }
  });
  return [kernel.vmlinux, ...MODULES.map(name => join(folder, `${name}.ko`))];
}

/** @returns {Promise<string[]>} */
async function defaultFiles() {
  const files = await kernelFiles();
  for (const [name, [folder, pattern]] of Object.entries(PACKAGES)) {
    const path = join(await unpackedPackage(name), folder);
    const found = (await readdir(path)).filter(file => pattern.test(file));
    if (found.length === 0) throw new HarnessError(`${name} has nothing like ${pattern} in /${folder}`);
    files.push(...found.map(file => join(path, file)));
  }
  return files;
}

const { positionals } = parseArgs({ allowPositionals: true });
const files = positionals.length > 0 ? positionals.map(file => resolve(file)) : await defaultFiles();
const { status } = spawnSync(
  'npx',
  ['vitest', 'run', 'test/cpu-decoder/binaries.test.ts', '--disable-console-intercept'],
  { stdio: 'inherit', env: { ...process.env, CPU_DECODER_FILES: JSON.stringify(files) } },
);
process.exitCode = status ?? 1;
