import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { HostBlockFile } from '../../../src/host/block-file.js';

/** A block device of the host, where one can be made. */
function loopDevice(path: string): string | undefined {
  const { status, stdout } = spawnSync('losetup', ['--show', '-f', path], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

const folder = mkdtempSync(join(tmpdir(), 'tsvmm-loop-'));
writeFileSync(join(folder, 'probe'), new Uint8Array(4096));
const probe = loopDevice(join(folder, 'probe'));
if (probe !== undefined) spawnSync('losetup', ['-d', probe]);
rmSync(folder, { recursive: true });

it.skipIf(probe === undefined)('a block device has its size, is read, written and discarded', () => {
  const place = mkdtempSync(join(tmpdir(), 'tsvmm-loop-'));
  const path = join(place, 'disk');
  writeFileSync(path, new Uint8Array(1 << 20).fill(7));
  const device = loopDevice(path)!;
  try {
    const file = HostBlockFile.open(device, false);
    expect(file.size()).toBe(1 << 20);
    file.write([new Uint8Array(512).fill(1)], 4096);
    expect(file.punchHole(65_536, 4096)).toBe(true);
    file.sync();
    const bytes = new Uint8Array(1 << 20);
    expect(file.read([bytes], 0)).toBe(1 << 20);
    expect([bytes[0], bytes[4096], bytes[65_536]]).toEqual([7, 1, 0]);
    expect(() => file.truncate(1 << 21)).toThrow(/has the size that it has/);
    expect(() => HostBlockFile.open(device, false)).toThrow(/somebody else is using it/);
    file.close();
    expect(readFileSync(path)[4096]).toBe(1);
  } finally {
    spawnSync('losetup', ['-d', device]);
    rmSync(place, { recursive: true });
  }
});
