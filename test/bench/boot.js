import { runMachine } from './machines.js';
import { figure } from './report.js';
import { interleave, median } from './stats.js';

/** @typedef {import('./machines.js').Guest} Guest */

/** What is to be measured has not been given; the message says how to. */
export class MissingInput extends Error {}

/**
 * What a variable of the environment names, which these sections cannot do without.
 * @param {string} variable
 * @param {string} howToGet
 */
function fileFrom(variable, howToGet) {
  const path = process.env[variable];
  if (path === undefined || path === '') throw new MissingInput(`${variable} is not set: ${howToGet}`);
  return path;
}

const MOST_LINUX = 3;
const LINUX_MEMORY_MIB = 512;
const LINUX_INIT = /^tsvmm-linux: /;
const LINUX_FILES = 'eval "$(node scripts/test-kvm.js --print-guests)"';

/** Debian's cloud kernel with the initial RAM disk of the tests. */
export function linuxGuest() {
  return {
    kernel: fileFrom('TSVMM_LINUX_BZIMAGE', LINUX_FILES),
    initrd: fileFrom('TSVMM_LINUX_INITRD', LINUX_FILES),
    commandLine: 'console=ttyS0 reboot=k panic=-1 quiet',
    memoryMib: LINUX_MEMORY_MIB,
  };
}

/**
 * From the start of the process to the first line of Linux' /init.
 * @param {{ readonly rounds: number }} options
 */
export async function measureLinuxBoot({ rounds }) {
  return [await compareBoots('Linux to /init', linuxGuest(), LINUX_INIT, rounds, MOST_LINUX)];
}

const MOST_OSV = 1.5;
const OSV_HELLO = /^Hello from C code$/;
const OSV_FILE = 'build OSv with fs=ramfs image=native-example, and name its build/release/kernel.elf';

/** OSv with an application in its ramfs. */
export function osvGuest() {
  return {
    kernel: fileFrom('TSVMM_OSV_KERNEL', OSV_FILE),
    commandLine: '--console=serial --rootfs=ramfs --nopci --verbose /hello',
  };
}

/**
 * From the start of the process to the line of the application in OSv's ramfs, on one and on four vCPUs.
 * @param {{ readonly rounds: number }} options
 */
export async function measureOsvBoot({ rounds }) {
  const figures = [];
  for (const cpus of [1, 4]) {
    const name = `OSv to its application, ${cpus} vCPU${cpus > 1 ? 's' : ''}`;
    figures.push(await compareBoots(name, { ...osvGuest(), cpus }, OSV_HELLO, rounds, MOST_OSV));
  }
  return figures;
}

const MOST_MICROVM = 1;

/**
 * The same on tsvmm's microvm, beside QEMU's pc, where OSv looks for PCI devices as it does by itself.
 * @param {{ readonly rounds: number }} options
 */
export async function measureMicrovmBoot({ rounds }) {
  const { kernel } = osvGuest();
  const program = '--console=serial --rootfs=ramfs --verbose /hello';
  const figures = [];
  for (const cpus of [1, 4]) {
    const name = `OSv to its application on a microvm, ${cpus} vCPU${cpus > 1 ? 's' : ''}`;
    const own = {
      kernel,
      cpus,
      machine: /** @type {const} */ ('microvm'),
      commandLine: `--nopci ${program}`,
    };
    const peer = { kernel, cpus, commandLine: program };
    figures.push(await compareBoots(name, own, OSV_HELLO, rounds, MOST_MICROVM, peer));
  }
  return figures;
}

/**
 * @param {string} name
 * @param {Guest} guest
 * @param {RegExp} line
 * @param {number} rounds
 * @param {number} most tsvmm's time as a multiple of TCG's
 * @param {Guest} peerGuest what TCG boots
 */
async function compareBoots(name, guest, line, rounds, most, peerGuest = guest) {
  const ms = await interleave(rounds, {
    tsvmm: () => timeToLine('tsvmm', guest, line),
    tcg: () => timeToLine('tcg', peerGuest, line),
  });
  const [value, peer] = [median(ms.tsvmm), median(ms.tcg)];
  return figure(name, 'ms', value, {
    peer,
    peerName: 'QEMU TCG',
    compared: value / peer,
    bar: { kind: 'ratio', most },
  });
}

/**
 * Milliseconds from the start of the process to the line, after which it is ended.
 * @param {import('./machines.js').MachineName} machine
 * @param {Guest} guest
 * @param {RegExp} wanted
 */
async function timeToLine(machine, guest, wanted) {
  const started = performance.now();
  let elapsed = NaN;
  const output = await runMachine(machine, guest, (line, running) => {
    if (!Number.isNaN(elapsed) || !wanted.test(line)) return;
    elapsed = performance.now() - started;
    running.stop();
  });
  if (Number.isNaN(elapsed)) throw new Error(`the guest ended without the line ${wanted}:\n${output}`);
  return elapsed;
}
