import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unpackResults } from '../../../../scripts/kvm-in-qemu/results.js';

let folder: string;
let archive: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tsvmm-results-'));
  archive = join(folder, 'results.tar');
});
afterEach(() => rm(folder, { recursive: true }));

async function pack(status?: string) {
  await writeFile(join(folder, 'report.json'), '{}');
  const members = ['report.json'];
  if (status !== undefined) {
    await writeFile(join(folder, 'status'), status);
    members.push('status');
  }
  execFileSync('tar', ['-cf', archive, '-C', folder, ...members]);
}

describe('unpackResults', () => {
  it('unpacks the files and returns the status', async () => {
    await pack('7\n');
    const to = join(folder, 'out');
    expect(await unpackResults(archive, to)).toBe(7);
    expect(await readFile(join(to, 'report.json'), 'utf8')).toBe('{}');
  });

  it('refuses an archive without a status, or with an unreadable one', async () => {
    await pack();
    await expect(unpackResults(archive, join(folder, 'a'))).rejects.toThrow('before it had handed all');
    await pack('');
    await expect(unpackResults(archive, join(folder, 'b'))).rejects.toThrow('no exit status');
  });

  it('refuses an archive that is cut short, and an empty one', async () => {
    await pack('0\n');
    await truncate(archive, 700);
    await expect(unpackResults(archive, join(folder, 'a'))).rejects.toThrow();
    await truncate(archive, 0);
    await expect(unpackResults(archive, join(folder, 'b'))).rejects.toThrow();
  });
});
