import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMMAND_LINE, diskGuest } from '../../scripts/linux-disk/guest.js';
import { runMachine } from './machines.js';
import { processorTime } from './processes.js';
import { figure } from './report.js';
import { median } from './stats.js';

/** The disk of each run: a new one, so that writes to it find nothing allocated in the first pass. */
const DISK = '256M';
const PASSES = 3;
const LEAST = 0.5;

/** What test/guests/linux-disk/bench.sh says before and behind each measurement. */
const LINE = /^disk-bench: (begin|end) (\S+) (\d+)$/;

/** Bytes of a request, by the end of a measurement's name. */
const SIZES = /** @type {const} */ ({ '4k': 4096, '1m': 1 << 20 });

/**
 * Reads and writes of a Linux guest to virtio-blk without its page cache, one request at a time, beside QEMU TCG.
 * @param {{ readonly rounds: number, readonly clock: 'wall' | 'processor' }} options
 */
export async function measureDisk({ rounds, clock }) {
  const { bzImage, initrd } = await diskGuest(line => process.stderr.write(`${line}\n`));
  const folder = mkdtempSync(join(tmpdir(), 'tsvmm-bench-disk-'));
  const figures = [];
  try {
    for (const format of /** @type {const} */ (['raw', 'qcow2'])) {
      /** @type {Record<'tsvmm' | 'tcg', Map<string, number[]>>} */
      const speeds = { tsvmm: new Map(), tcg: new Map() };
      for (let round = 0; round < rounds; round++) {
        for (const machine of /** @type {const} */ (['tsvmm', 'tcg'])) {
          const path = join(folder, 'disk');
          makeDisk(path, format);
          const guest = {
            kernel: bzImage,
            initrd,
            commandLine: `${COMMAND_LINE} reboot=k panic=-1 -- /tests/bench.sh ${PASSES}`,
            disk: { path, format },
          };
          for (const [name, speed] of await run(machine, guest, clock)) {
            speeds[machine].set(name, [...(speeds[machine].get(name) ?? []), ...speed]);
          }
        }
      }
      for (const [name, values] of speeds.tsvmm) {
        const [value, peer] = [median(values), median(speeds.tcg.get(name) ?? [NaN])];
        figures.push(
          figure(`${format} ${name}`, unitOf(name), value, {
            peer,
            peerName: 'QEMU TCG',
            compared: value / peer,
            bar: { kind: 'ratio', least: LEAST },
          }),
        );
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return figures;
}

/**
 * @param {string} path
 * @param {'raw' | 'qcow2'} format
 */
function makeDisk(path, format) {
  rmSync(path, { force: true });
  const { status, stderr } = spawnSync('qemu-img', ['create', '-q', '-f', format, path, DISK]);
  if (status !== 0) throw new Error(`qemu-img create: ${String(stderr)}`);
}

/** @param {string} name */
function unitOf(name) {
  return name.endsWith('4k') ? 'IOPS' : 'MB/s';
}

/**
 * @param {'tsvmm' | 'tcg'} machine
 * @param {import('./machines.js').Guest} guest
 * @param {'wall' | 'processor'} clock
 * @returns {Promise<Map<string, number[]>>} for each measurement, its speed in each pass
 */
async function run(machine, guest, clock) {
  /** @type {Map<string, number[]>} */
  const speeds = new Map();
  let begin = NaN;
  const output = await runMachine(machine, guest, (line, { pid }) => {
    const match = LINE.exec(line);
    if (!match) return;
    const now = clock === 'wall' ? performance.now() : processorTime(pid) / 1e6;
    const [, what, name, count] = match;
    if (what === 'begin') {
      begin = now;
      return;
    }
    const seconds = (now - begin) / 1000;
    const size = SIZES[/** @type {keyof typeof SIZES} */ (name.slice(-2))];
    const speed = unitOf(name) === 'IOPS' ? Number(count) / seconds : (Number(count) * size) / seconds / 1e6;
    speeds.set(name, [...(speeds.get(name) ?? []), speed]);
  });
  if (speeds.size === 0 || /disk-bench: .* failed/.test(output))
    throw new Error(`nothing was measured:\n${output}`);
  return speeds;
}
