import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createMachine, type DiskOption } from 'tsvmm';
import { checkImage, NO_QEMU_IMG, qemuImg } from '../unit/block/qcow2/qemu-img.js';
import { guestPath, onEachAccelerator, runGuest } from './harness.js';

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
  const run = async (disk: Partial<DiskOption>, append: string, cpus = 1) => {
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

  test.skipIf(NO_QEMU_IMG)('of which a disk is a qcow2 image on a raw one', async () => {
    const image = join(folder, 'disk.qcow2');
    qemuImg(['create', '-q', '-f', 'qcow2', '-b', file, '-F', 'raw', image]);
    await run({ file: image, format: 'qcow2' }, 'disk-write=1');
    expect(checkImage(image)).toEqual({ corruptions: 0, leaks: 0 });
    expect(Buffer.compare(await readFile(file), CONTENTS)).toBe(0);
    const raw = join(folder, 'contents.img');
    qemuImg(['convert', '-f', 'qcow2', '-O', 'raw', image, raw]);
    const expected = Uint8Array.from(CONTENTS);
    expected.set(WRITTEN, expected.length - WRITTEN.length);
    expect(Buffer.compare(await readFile(raw), expected)).toBe(0);
  });

  test('of which a disk becomes larger while the guest runs, but no disk that is read-only', async () => {
    const disks = [{ file }, { file: join(folder, 'other.img'), readOnly: true }];
    await writeFile(disks[1].file, CONTENTS);
    await using machine = await createMachine({ accel, kernel: guestPath('idle.elf'), disks });
    const run = machine.run();
    await machine.resizeDisk(0, 2 * SECTORS * SECTOR);
    expect((await stat(file)).size).toBe(2 * SECTORS * SECTOR);
    await expect(machine.resizeDisk(1, SECTOR)).rejects.toThrow('disk 1 is read-only');
    await expect(machine.resizeDisk(2, SECTOR)).rejects.toThrow('there is no disk 2');
    await expect(machine.resizeDisk(0, 1000)).rejects.toThrow("a disk's size is a multiple of 512 bytes");
    await machine.stop();
    await run;
  });

  test('of which a disk is slowed down', async () => {
    const throttling = { iopsTotal: 20, bpsWrite: 1 << 20 };
    await run({ throttling, cache: 'writethrough' }, 'disk-write=1');
    expect((await readFile(file)).subarray(-WRITTEN.length)).toEqual(Buffer.from(WRITTEN));
  });

  test('of which a disk keeps in memory what is written, with three queues', async () => {
    await run({ snapshot: true, queues: 3 }, 'disk-write=1');
    expect(Buffer.compare(await readFile(file), CONTENTS)).toBe(0);
  });
});
