import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageClosure } from '../../../../scripts/kvm-in-qemu/node-modules.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tsvmm-closure-'));
});
afterEach(() => rm(root, { recursive: true }));

async function install(packages: Record<string, object>, missing: string[] = []) {
  await writeFile(join(root, 'package-lock.json'), JSON.stringify({ packages }));
  for (const path of Object.keys(packages)) {
    if (!missing.includes(path)) await mkdir(join(root, path), { recursive: true });
  }
}

describe('packageClosure', () => {
  it('follows dependencies and required peers, through cycles, preferring nested packages', async () => {
    await install({
      'node_modules/a': { dependencies: { b: '1', c: '1' } },
      'node_modules/a/node_modules/c': { dependencies: { b: '1' } },
      'node_modules/b': {
        dependencies: { a: '1' },
        peerDependencies: { p: '1', q: '1' },
        peerDependenciesMeta: { q: { optional: true } },
      },
      'node_modules/c': {},
      'node_modules/p': {},
      'node_modules/q': {},
    });
    expect(await packageClosure(root, ['a'])).toEqual([
      'node_modules/a',
      'node_modules/a/node_modules/c',
      'node_modules/b',
      'node_modules/p',
    ]);
  });

  it('leaves out optional dependencies that are not installed here', async () => {
    const a = { optionalDependencies: { 'native-x64': '1', 'native-arm': '1' } };
    await install({ 'node_modules/a': a, 'node_modules/native-x64': {}, 'node_modules/native-arm': {} }, [
      'node_modules/native-arm',
    ]);
    expect(await packageClosure(root, ['a'])).toEqual(['node_modules/a', 'node_modules/native-x64']);
  });

  it('says what to do when a package is missing', async () => {
    await install({ 'node_modules/a': { dependencies: { b: '1' } } });
    await expect(packageClosure(root, ['a'])).rejects.toThrow('package b is not installed: run npm ci');
  });
});
