import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DiskOption } from 'tsvmm';
import { onEachAccelerator, runGuest } from './harness.js';

const SECTOR = 512;
const SECTORS = 2048;

const CONTENTS = Uint8Array.from({ length: SECTORS * SECTOR }, (_, i) => (i * 31 + (i >> 9)) & 0xff);
/** What the guest makes of the first two sectors. */
const SUM = CONTENTS.subarray(0, 2 * SECTOR).reduce((sum, byte, i) => sum + byte * (i + 1), 0);
/** What it writes to the last two. */
const WRITTEN = Uint8Array.from({ length: 2 * SECTOR }, (_, i) => (i * 5 + 1) & 0xff);

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tsvmm-virtio-'));
  file = join(folder, 'disk.img');
  await writeFile(file, CONTENTS);
});

afterEach(() => rm(folder, { recursive: true }));

onEachAccelerator('virtio devices on the PCI bus', accel => {
  const run = async (disk: Omit<DiskOption, 'file'>, append: string, cpus = 1) => {
    const disks = [{ file, serial: 'DISK-1', ...disk }];
    const { report, text } = await runGuest('virtio.elf', { accel, cpus, disks, rng: true, append });
    expect(report.succeeded, text).toBe(true);
    const value = (name: string): string | undefined =>
      report.checks.find(check => check.name === name)?.value;
    expect(value('functions')).toBe('4');
    expect(value('disk-capacity')).toBe(String(SECTORS));
    expect(value('disk-sum')).toBe(String(SUM));
    expect(value('disk-id')).toBe('DISK-1');
    expect(value('rng-length')).toBe('64');
  };

  for (const kind of ['modern', 'legacy']) {
    for (const interrupt of ['msix', 'intx', 'none']) {
      test(`by the ${kind} interface of transitional devices, interrupts: ${interrupt}`, async () => {
        await run({}, `interface=${kind} interrupt=${interrupt} disk-write=1`, 2);
        const expected = Uint8Array.from(CONTENTS);
        expected.set(WRITTEN, expected.length - WRITTEN.length);
        expect(Buffer.compare(await readFile(file), expected)).toBe(0);
      });
    }
  }

  test.each(['modern', 'legacy'] as const)('of a disk that is %s alone', async kind => {
    await run({ interface: kind }, `interface=${kind}`);
  });

  test('of which a disk keeps in memory what is written, with three queues', async () => {
    await run({ snapshot: true, queues: 3 }, 'disk-write=1');
    expect(Buffer.compare(await readFile(file), CONTENTS)).toBe(0);
  });
});
