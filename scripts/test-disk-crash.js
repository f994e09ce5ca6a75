#!/usr/bin/env node
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readyGuest } from './cases/ready-guest.js';
import { HarnessError } from './kvm-in-qemu/errors.js';
import { REPOSITORY } from './kvm-in-qemu/repository.js';
import { requireTool } from './kvm-in-qemu/tools.js';
import { COMMAND_LINE, diskGuest } from './linux-disk/guest.js';

const HELP = `Usage: npm run test:disk-crash -- [options]

First a Linux guest copies a file on ext4 on virtio-blk: what it reads before and after must be what the host knows.
Then this kills tsvmm by SIGKILL in the middle of the guest's writes, again and again, each time at another moment. After each: the journal is replayed, e2fsck -fn must find nothing, every file whose fsync the guest has
seen return must be whole, and qemu-img check must find no corruption (leaked clusters are allowed). The next round
goes on with the same image.

  --rounds N     kills of each format (default 100; 0: copies alone)
  --format F     raw or qcow2 alone (default: both)
  --seed N       of the moments (default 1)
  --accel NAME   accelerator (default wasm)
  --initrd FILE  boot TSVMM_LINUX_BZIMAGE with this initial RAM disk, made by a run before, instead of making both
  --keep         leave the images

Environment:
  TSVMM_LINUX_BZIMAGE  with --initrd: the kernel, of the same version
  TSVMM_CACHE    cache folder for the kernel (default: .cache in the repository)
`;

const CLI = join(REPOSITORY, 'dist/bundle/main.js');
const IMAGE_MIB = 64;
/** Bytes of the file that the guest copies. */
const COPIED = 3_000_001;
/** Bytes of a file that the guest writes. */
const RECORD = 40_000;
/** Kills come after this many files at most, and this many ms at most after the last of them. */
const MOST_FILES = 12;
const MOST_DELAY_MS = 400;

const progress = (/** @type {string} */ line) => process.stderr.write(`${line}\n`);

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    format: { type: 'string' },
    seed: { type: 'string', default: '1' },
    accel: { type: 'string', default: 'wasm' },
    initrd: { type: 'string' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** @typedef {{ round: number, record: number }} Writer who wrote a file last */

/** @param {number} seed */
function random(seed) {
  let state = seed;
  return () => {
    // Numerical Recipes' generator; only the upper bits are used.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}

/**
 * Boots the guest, lets it write and kills tsvmm.
 *
 * @param {{ guest: { bzImage: string, initrd: string }, disk: string, round: number, first: number, files: number,
 *   delay: number }} options
 * @returns {Promise<{ name: string, record: number }[]>} the files that it said were on stable storage, in their order
 */
async function writeAndKill({ guest, disk, round, first, files, delay }) {
  const append = `${COMMAND_LINE} -- /tests/write.sh ${round} ${first}`;
  const args = ['run', '--accel', values.accel, '-m', '128M', '--disk', disk];
  const machine = spawn(
    process.execPath,
    [CLI, ...args, '--initrd', guest.initrd, '-a', append, guest.bzImage],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  /** @type {{ name: string, record: number }[]} */
  const synced = [];
  let last = '';
  machine.stderr.on('data', data => (last += String(data)));
  const ended = new Promise(resolve => machine.once('exit', (_status, signal) => resolve(signal)));
  let unfinished = '';
  for await (const text of machine.stdout.setEncoding('latin1')) {
    last = `${last}${text}`.slice(-4000);
    // The kill may cut the last line short.
    const lines = `${unfinished}${text}`.split('\n');
    unfinished = lines.pop() ?? '';
    for (const line of lines) {
      const match = /^disk-writer: synced (\d+) (\S+)\r?$/.exec(line);
      if (!match) continue;
      synced.push({ name: match[2], record: Number(match[1]) });
      if (synced.length === files) setTimeout(() => machine.kill('SIGKILL'), delay);
    }
  }
  if ((await ended) !== 'SIGKILL') throw new Error(`tsvmm ended by itself:\n${last}`);
  return synced;
}

/**
 * Has the guest copy the file "data" of its disk, and compares sums.
 *
 * @param {{ bzImage: string, initrd: string }} guest
 * @param {string} disk
 * @param {Buffer} data
 */
function copyInGuest(guest, disk, data) {
  const append = `${COMMAND_LINE} reboot=k panic=-1 -- /tests/copy.sh`;
  const args = ['run', '--accel', values.accel, '-m', '128M', '--disk', disk, '--initrd', guest.initrd];
  const output = tool(process.execPath, [CLI, ...args, '-a', append, guest.bzImage]);
  const sum = createHash('md5').update(data).digest('hex');
  const sums = [...output.matchAll(/^disk-copy: (\w+) (\w+) /gm)].map(
    ([, name, value]) => `${name} ${value}`,
  );
  if (sums.join() !== `data ${sum},copy ${sum}`)
    throw new Error(`${disk}: the copy is not what ${sum} is:\n${output}`);
}

/**
 * @param {string} path
 * @returns {{ corruptions: number, leaks: number }}
 */
function checkQcow2(path) {
  // 2: corruptions, 3: leaks alone.
  const report = tool('qemu-img', ['check', '--output=json', path], [0, 2, 3]);
  const { corruptions = 0, leaks = 0 } = JSON.parse(report);
  return { corruptions, leaks };
}

/**
 * Looks at the file system as it was left, in a copy.
 *
 * @param {{ raw: string, folder: string, expected: Map<string, Writer>, unfinished: string }} options
 * @returns {Promise<string[]>} what is wrong
 */
async function inspect({ raw, folder, expected, unfinished }) {
  // 1: it did something.
  tool('e2fsck', ['-E', 'journal_only', '-y', raw], [0, 1]);
  tool('e2fsck', ['-fn', raw]);
  const names = [...expected.keys()].filter(name => name !== unfinished);
  const out = join(folder, 'dumped');
  tool('mkdir', ['-p', out]);
  const commands = names.map(name => `dump /${name} ${join(out, name)}`).join('\n');
  await writeFile(join(folder, 'commands'), `${commands}\n`);
  tool('debugfs', ['-f', join(folder, 'commands'), raw]);
  /** @type {string[]} */
  const wrong = [];
  for (const name of names) {
    const { round, record } = /** @type {Writer} */ (expected.get(name));
    const line = `round ${round} record ${record}\n`;
    const whole = Buffer.alloc(RECORD, line);
    const found = await readFile(join(out, name)).catch(() => Buffer.alloc(0));
    if (!found.equals(whole))
      wrong.push(`${name}: not what was synced as record ${record} of round ${round}`);
  }
  await rm(out, { recursive: true });
  return wrong;
}

/**
 * @param {string} name
 * @param {string[]} args
 * @param {number[]} [statuses] with which it may end
 * @returns {string} what it wrote to standard output
 */
function tool(name, args, statuses = [0]) {
  const { status, stdout, stderr } = spawnSync(name, args, { encoding: 'utf8' });
  if (status !== null && statuses.includes(status)) return stdout;
  throw new Error(`${name} ${args.join(' ')}: status ${status}\n${stdout}${stderr}`);
}

/** The file that the guest writes as number `record`. @param {number} record */
function nameOf(record) {
  return record % 3 === 0 ? `again-${record % 5}` : `file-${record % 400}`;
}

/**
 * @param {'raw' | 'qcow2'} format
 * @param {{ bzImage: string, initrd: string }} guest
 * @param {string} folder
 */
async function campaign(format, guest, folder) {
  const raw = join(folder, 'disk.raw');
  const image = format === 'raw' ? raw : join(folder, 'disk.qcow2');
  tool('truncate', ['-s', `${IMAGE_MIB}M`, raw]);
  tool('mkfs.ext4', ['-q', '-F', raw]);
  const data = randomBytes(COPIED);
  await writeFile(join(folder, 'data'), data);
  tool('debugfs', ['-w', '-R', `write ${join(folder, 'data')} data`, raw]);
  if (format === 'qcow2') tool('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, image]);
  const disk = `${image},format=${format}`;
  copyInGuest(guest, disk, data);
  if (format === 'qcow2') {
    const { corruptions, leaks } = checkQcow2(image);
    if (corruptions + leaks > 0)
      throw new Error(`qemu-img check: ${corruptions} corruptions, ${leaks} leaks`);
  }
  progress(`${format}: a file of ${COPIED} bytes copied by the guest, its sums are right`);
  const next = random(Number(values.seed));
  /** @type {Map<string, Writer>} */
  const expected = new Map();
  const rounds = Number(values.rounds);
  let record = 0;
  let synced = 0;
  let leaks = 0;
  for (let round = 1; round <= rounds; round++) {
    const files = 1 + Math.floor(next() * MOST_FILES);
    const delay = Math.floor(next() * MOST_DELAY_MS);
    const written = await writeAndKill({ guest, disk, round, first: record, files, delay });
    for (const { name, record: number } of written) expected.set(name, { round, record: number });
    record = written[written.length - 1].record + 1;
    synced += written.length;
    /** @type {string[]} */
    const wrong = [];
    const copy = join(folder, 'copy.raw');
    if (format === 'raw') {
      await copyFile(raw, copy);
    } else {
      const { corruptions, leaks: leaked } = checkQcow2(image);
      if (corruptions > 0) wrong.push(`qemu-img check finds ${corruptions} corruptions`);
      leaks = leaked;
      tool('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', image, copy]);
    }
    // The one that was being written when the machine died may be anything.
    wrong.push(...(await inspect({ raw: copy, folder, expected, unfinished: nameOf(record) })));
    expected.delete(nameOf(record));
    if (wrong.length > 0) throw new Error(`${format}, round ${round}:\n${wrong.join('\n')}`);
    progress(
      `${format}: ${round} of ${rounds} kills, ${synced} files synced and whole` +
        (format === 'qcow2' ? `, ${leaks} clusters leaked so far` : ''),
    );
  }
  return `${format}: ${rounds} kills, ${synced} synced files, none lost; e2fsck clean${
    format === 'qcow2' ? `; qemu-img check: no corruption, ${leaks} leaked clusters` : ''
  }`;
}

async function main() {
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  requireTool('qemu-img', 'qemu-utils');
  for (const tool of ['mkfs.ext4', 'e2fsck', 'debugfs']) requireTool(tool, 'e2fsprogs');
  const guest = values.initrd ? readyGuest(values.initrd) : await diskGuest(progress);
  const folder = await mkdtemp(join(tmpdir(), 'tsvmm-disk-crash-'));
  try {
    for (const format of /** @type {const} */ (['raw', 'qcow2'])) {
      if (values.format !== undefined && values.format !== format) continue;
      const place = await mkdtemp(join(folder, `${format}-`));
      process.stdout.write(`${await campaign(format, guest, place)}\n`);
    }
  } finally {
    if (values.keep) progress(`images are in ${folder}`);
    else await rm(folder, { recursive: true });
  }
}

try {
  await main();
} catch (error) {
  progress(`test-disk-crash: ${error instanceof HarnessError ? error.message : String(error)}`);
  process.exitCode = error instanceof HarnessError ? 2 : 1;
}
