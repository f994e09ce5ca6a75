import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Initramfs } from '../../../../scripts/kvm-in-qemu/cpio.js';
import { findTool } from '../../../../scripts/kvm-in-qemu/tools.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tsvmm-cpio-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('Initramfs', () => {
  it('writes records in the "newc" format, padded to four bytes', async () => {
    const initramfs = new Initramfs();
    initramfs.file('/init', 'hello', 0o755);
    const path = join(folder, 'initrd');
    const size = await initramfs.write(path);
    const archive = await readFile(path);

    expect(archive).toHaveLength(size);
    const field = (n: number) => Number.parseInt(archive.toString('latin1', 6 + n * 8, 14 + n * 8), 16);
    expect(archive.toString('latin1', 0, 6)).toBe('070701');
    expect(field(1)).toBe(0o100755);
    expect(field(6)).toBe(5); // file size
    expect(field(11)).toBe(5); // name size with its NUL
    expect(archive.toString('latin1', 110, 116)).toBe('init\0\0'.slice(0, 6));
    expect(archive.toString('latin1', 116, 124)).toBe('hello\0\0\0');
    expect(archive.toString('latin1', 124, 130)).toBe('070701');
    expect(archive.toString('latin1', 124 + 110)).toContain('TRAILER!!!\0');
    expect(size % 4).toBe(0);
  });

  it.skipIf(!findTool('cpio'))('is read by cpio: parents first, links, devices, file trees', async () => {
    const source = join(folder, 'source');
    await mkdir(join(source, 'deep/er'), { recursive: true });
    await writeFile(join(source, 'deep/er/file'), 'abc');
    await writeFile(join(source, 'skipped'), '');
    await symlink('deep/er', join(source, 'link'));

    const initramfs = new Initramfs();
    initramfs.characterDevice('/dev/console', 5, 1);
    const copied = await initramfs.copyTree('/a/tree', source, name => name !== 'skipped');
    const path = join(folder, 'initrd');
    await initramfs.write(path);

    expect(copied).toEqual([join(source, 'deep/er/file')]);
    const listing = execFileSync('cpio', ['-itv', '--quiet'], { input: await readFile(path) }).toString();
    const rows = listing
      .trim()
      .split('\n')
      .map(row => row.split(/\s+/));
    expect(rows.map(row => [row[0], row.slice(-1)[0]])).toEqual([
      ['drwxr-xr-x', 'dev'],
      ['crw-------', 'dev/console'],
      ['drwxr-xr-x', 'a'],
      ['drwxr-xr-x', 'a/tree'],
      ['drwxr-xr-x', 'a/tree/deep'],
      ['drwxr-xr-x', 'a/tree/deep/er'],
      ['-rw-r--r--', 'a/tree/deep/er/file'],
      ['lrwxrwxrwx', 'deep/er'], // "a/tree/link -> deep/er"
    ]);
    expect(rows[1]?.slice(4, 6)).toEqual(['5,', '1']);
    const content = execFileSync('cpio', ['-i', '--quiet', '--to-stdout', 'a/tree/deep/er/file'], {
      input: await readFile(path),
    });
    expect(content.toString()).toBe('abc');
  });
});
