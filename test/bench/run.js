#!/usr/bin/env node
import { accessSync, constants, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { measureAllocation } from './allocation.js';
import {
  MissingInput,
  linuxGuest,
  measureLinuxBoot,
  measureMicrovmBoot,
  measureOsvBoot,
  osvGuest,
} from './boot.js';
import { measureColdStart } from './cold-start.js';
import { measureCompute } from './compute.js';
import { measureDisk } from './disk.js';
import { measureExitCost } from './exit-cost.js';
import { measureIdle } from './idle.js';
import { measureMemory } from './memory.js';
import { measureNetwork } from './network.js';
import { formatTable, toJson } from './report.js';

const HELP = `Usage: npm run bench -- [options] [section…]

Measures tsvmm against its peers on this machine: in one run and in turn, so that the ratios hold where the figures do
not. Sections: exits allocation cold-start idle memory, which measure the machine on KVM and are the default; cpu,
which measures the software CPU on a compute guest, beside QEMU TCG and v86; linux-boot and osv-boot, which boot the
kernels that TSVMM_LINUX_BZIMAGE, TSVMM_LINUX_INITRD and TSVMM_OSV_KERNEL name on both; osv-microvm, which boots OSv on
tsvmm's microvm and QEMU's pc; disk, in which Linux reads and writes a virtio disk on the software CPU and on QEMU TCG; net, in which it sends and
receives through the user network on both.

  --rounds N      rounds of everything that is compared (default 9; cold-start: 15; cpu, linux-boot, osv-boot: 5)
  --exits N       exits of one run of the guest (default 50000)
  --clock CLOCK   what is timed by: processor or wall (default: exits by processor, cpu by wall)
  --loop NAME     cpu: this loop alone
  --bits N        cpu: 64 or 32 alone
  --scale N       cpu: passes of each loop, as a multiple of the usual (default 1)
  --kvm           cpu: tsvmm on KVM too
  --idle SECONDS  how long an idle guest is watched (default 10)
  --json FILE     write the figures there too
  --help          show this
`;

const { values, positionals } = parseCommandLine();

/** @typedef {import('./report.js').Figure} Figure */

/**
 * Figures, or figures and a table of their own that is shown in their place.
 * @type {Readonly<Record<string, () => Promise<Figure[] | { figures: Figure[], text: string }>>>}
 */
const SECTIONS = {
  exits: () =>
    measureExitCost({
      rounds: count(values.rounds ?? '9'),
      exits: count(values.exits),
      clock: clock('processor'),
    }),
  allocation: () => measureAllocation({ rounds: count(values.rounds ?? '5') }),
  'cold-start': () => measureColdStart({ rounds: count(values.rounds ?? '15') }),
  idle: () => measureIdle({ seconds: count(values.idle) }),
  memory: () => measureMemory(),
  cpu: () =>
    measureCompute({
      rounds: count(values.rounds ?? '5'),
      clock: clock('wall'),
      withKvm: values.kvm,
      scale: count(values.scale),
      ...(values.loop === undefined ? {} : { loop: values.loop }),
      ...(values.bits === undefined ? {} : { bits: count(values.bits) }),
    }),
  disk: () => measureDisk({ rounds: count(values.rounds ?? '3'), clock: clock('wall') }),
  net: () => measureNetwork({ rounds: count(values.rounds ?? '3'), clock: clock('wall') }),
  'linux-boot': () => measureLinuxBoot({ rounds: count(values.rounds ?? '5') }),
  'osv-boot': () => measureOsvBoot({ rounds: count(values.rounds ?? '5') }),
  'osv-microvm': () => measureMicrovmBoot({ rounds: count(values.rounds ?? '5') }),
};

/** The sections that need KVM, and run when none is named. */
const ON_KVM = ['exits', 'allocation', 'cold-start', 'idle', 'memory'];

function parseCommandLine() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: 'string' },
        exits: { type: 'string', default: '50000' },
        clock: { type: 'string' },
        loop: { type: 'string' },
        bits: { type: 'string' },
        scale: { type: 'string', default: '1' },
        kvm: { type: 'boolean', default: false },
        idle: { type: 'string', default: '10' },
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return refuse(/** @type {Error} */ (error).message);
  }
}

/** @param {string} text */
function count(text) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) refuse(`'${text}' is not a whole number above 0`);
  return value;
}

/** @param {'processor' | 'wall'} otherwise */
function clock(otherwise) {
  const { clock = otherwise } = values;
  return clock === 'wall' || clock === 'processor'
    ? clock
    : refuse(`'${clock}' is not a clock: processor, wall`);
}

/**
 * @param {string} why
 * @returns {never}
 */
function refuse(why) {
  process.stderr.write(`bench: ${why}\n`);
  process.exit(2);
}

async function main() {
  if (values.help) return void process.stdout.write(HELP);
  const wanted = positionals.length > 0 ? positionals : ON_KVM;
  const unknown = wanted.find(name => !(name in SECTIONS));
  if (unknown !== undefined) refuse(`there is no section '${unknown}': ${Object.keys(SECTIONS).join(', ')}`);
  if (values.kvm || wanted.some(name => ON_KVM.includes(name))) checkKvm();
  if (wanted.includes('linux-boot')) linuxGuest();
  if (wanted.includes('osv-boot') || wanted.includes('osv-microvm')) osvGuest();
  /** @type {Figure[]} */
  const all = [];
  /** @type {Figure[]} */
  const inTable = [];
  for (const name of wanted) {
    process.stderr.write(`bench: ${name}\n`);
    const result = await SECTIONS[name]();
    const figures = Array.isArray(result) ? result : result.figures;
    all.push(...figures);
    if (Array.isArray(result)) {
      inTable.push(...figures);
    } else {
      process.stdout.write(`${result.text}\n\n`);
      inTable.push(...figures.filter(figure => figure.bar !== undefined));
    }
  }
  if (inTable.length > 0) process.stdout.write(`${formatTable(inTable)}\n`);
  if (values.json !== undefined) writeFileSync(values.json, `${toJson(all)}\n`);
}

function checkKvm() {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    refuse('/dev/kvm is not there or may not be used: see tsvmm doctor');
  }
}

try {
  await main();
} catch (error) {
  if (error instanceof MissingInput) refuse(error.message);
  throw error;
}
