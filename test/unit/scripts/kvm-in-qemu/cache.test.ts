import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cached } from '../../../../scripts/kvm-in-qemu/cache.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tsvmm-cache-'));
  vi.stubEnv('TSVMM_CACHE', folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const fill = (text: string) => (path: string) => writeFile(join(path, 'file'), text);

describe('cached', () => {
  it('builds an entry once', async () => {
    const first = await cached('kind/entry', fill('one'));
    const second = await cached('kind/entry', fill('two'));
    expect(second).toBe(first);
    expect(await readFile(join(second, 'file'), 'utf8')).toBe('one');
  });

  it('leaves nothing behind when building fails, and builds again next time', async () => {
    const interrupted = async (path: string) => {
      await writeFile(join(path, 'file'), 'half a downl');
      throw new Error('connection lost');
    };
    await expect(cached('kind/entry', interrupted)).rejects.toThrow('connection lost');
    expect(await readdir(join(folder, 'kind'))).toEqual([]);
    const path = await cached('kind/entry', fill('whole'));
    expect(await readFile(join(path, 'file'), 'utf8')).toBe('whole');
  });

  it('lets two runs build the same entry at once', async () => {
    const paths = await Promise.all([cached('entry', fill('same')), cached('entry', fill('same'))]);
    expect(paths[0]).toBe(paths[1]);
    expect(await readdir(folder)).toEqual(['entry']);
  });
});
