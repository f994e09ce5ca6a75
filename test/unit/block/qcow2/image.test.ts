import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { operationWithin, pattern } from '../operations.js';
import { apply, open, readAll, sizeOf } from './images.js';
import { checkImage, NO_QEMU_IMG, qemuImg } from './qemu-img.js';

/** Images are made and checked by qemu-img, and read by it in the end: it is the oracle. */

const SIZE = 256 << 10;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsvmm-qcow2-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

const at = (name: string): string => join(folder, name);

function create(options: string, size = SIZE, name = 'disk.qcow2', more: readonly string[] = []): string {
  qemuImg(['create', '-q', '-f', 'qcow2', '-o', options, ...more, at(name), String(size)]);
  return at(name);
}

/** What qemu-img reads in an image. */
function contents(path: string): Uint8Array {
  qemuImg(['convert', '-f', 'qcow2', '-O', 'raw', path, at('contents.raw')]);
  return readFileSync(at('contents.raw'));
}

function expectSame(actual: Uint8Array, expected: Uint8Array): void {
  expect(Buffer.compare(actual, expected)).toBe(0);
}

/** Neither corruption nor leaks: the image was closed. */
function expectClean(path: string): void {
  expect(checkImage(path)).toEqual({ corruptions: 0, leaks: 0 });
}

function raw(name: string, bytes: Uint8Array): string {
  writeFileSync(at(name), bytes);
  return at(name);
}

/** Overwrites bytes of a file. */
function poke(path: string, position: number, bytes: readonly number[]): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, Uint8Array.from(bytes), 0, bytes.length, position);
  closeSync(fd);
}

type Preparation = (size: number) => { readonly path: string; readonly model: Uint8Array };

const PREPARATIONS: Record<string, Preparation> = {
  'version 3': () => ({ path: create('compat=1.1'), model: new Uint8Array(SIZE) }),
  'version 2': () => ({ path: create('compat=0.10'), model: new Uint8Array(SIZE) }),
  'clusters of 512 bytes, 64-bit refcounts': () => ({
    path: create('cluster_size=512,refcount_bits=64'),
    model: new Uint8Array(SIZE),
  }),
  'clusters of 2 MiB': () => ({ path: create('cluster_size=2M'), model: new Uint8Array(SIZE) }),
  'preallocated clusters': () => ({ path: create('preallocation=metadata'), model: new Uint8Array(SIZE) }),
  'lazy refcounts': () => ({ path: create('lazy_refcounts=on'), model: new Uint8Array(SIZE) }),
  'a raw backing file that is shorter': () => {
    const below = pattern(SIZE / 2 + 1000, 3);
    raw('base.raw', below);
    const model = new Uint8Array(SIZE);
    model.set(below);
    return { path: create('cluster_size=4096', SIZE, 'disk.qcow2', ['-b', 'base.raw', '-F', 'raw']), model };
  },
  'a qcow2 backing file, version 2': () => {
    const model = pattern(SIZE, 5);
    raw('base.raw', model);
    qemuImg(['convert', '-f', 'raw', '-O', 'qcow2', at('base.raw'), at('base.qcow2')]);
    const more = ['-b', at('base.qcow2'), '-F', 'qcow2'];
    return { path: create('compat=0.10', SIZE, 'disk.qcow2', more), model: Uint8Array.from(model) };
  },
  'compressed clusters': () => {
    const model = Uint8Array.from({ length: SIZE }, (_, i) => (i >> 7) & 0xff);
    raw('base.raw', model);
    qemuImg(['convert', '-c', '-f', 'raw', '-O', 'qcow2', at('base.raw'), at('disk.qcow2')]);
    return { path: at('disk.qcow2'), model };
  },
  'an internal snapshot': () => {
    const model = pattern(SIZE, 7);
    raw('base.raw', model);
    const options = 'cluster_size=4096';
    qemuImg(['convert', '-f', 'raw', '-O', 'qcow2', '-o', options, at('base.raw'), at('disk.qcow2')]);
    qemuImg(['snapshot', '-c', 'before', at('disk.qcow2')]);
    return { path: at('disk.qcow2'), model: Uint8Array.from(model) };
  },
};
for (const bits of [1, 2, 4, 8, 32]) {
  PREPARATIONS[`${bits}-bit refcounts`] = () => ({
    path: create(`cluster_size=1024,refcount_bits=${bits}`),
    model: new Uint8Array(SIZE),
  });
}

describe.skipIf(NO_QEMU_IMG)('a qcow2 image', () => {
  describe.each(Object.entries(PREPARATIONS))('with %s', (name, prepare) => {
    it('is what its raw twin is, to tsvmm and to qemu-img', () => {
      fc.assert(
        fc.property(fc.array(operationWithin(SIZE, 90_000), { minLength: 5, maxLength: 30 }), operations => {
          const { path, model } = prepare(SIZE);
          const original = Uint8Array.from(model);
          const image = open(path);
          expect(image.size).toBe(SIZE);
          for (const operation of operations) expect(apply(image, model, operation)).toBe(true);
          expectSame(readAll(image), model);
          image.close();
          expectClean(path);
          expectSame(contents(path), model);
          const again = open(path, true);
          expectSame(readAll(again), model);
          again.close();
          if (name === 'an internal snapshot') {
            qemuImg(['snapshot', '-a', 'before', path]);
            expectSame(contents(path), original);
          }
          rmSync(path);
        }),
        { numRuns: 3, endOnFailure: true },
      );
    });
  });

  it('gives back what is discarded', () => {
    const size = 1 << 20;
    const path = create('compat=1.1', size);
    const image = open(path);
    image.write(0, [pattern(size, 1)]);
    image.flush();
    const before = sizeOf(path);
    // Whole clusters alone: the last of these is not.
    image.discard(0, size - 1000);
    image.flush();
    expect(sizeOf(path)).toBeLessThan(before / 2);
    const model = new Uint8Array(size);
    model.set(pattern(size, 1).subarray(size - 65_536), size - 65_536);
    expectSame(readAll(image), model);
    // What was given back is taken again.
    image.write(0, [pattern(size, 2)]);
    image.close();
    expectClean(path);
    expectSame(contents(path), pattern(size, 2));
  });

  it('does not show its backing file where something was discarded', () => {
    raw('base.raw', pattern(SIZE, 3));
    const path = create('compat=1.1', SIZE, 'disk.qcow2', ['-b', 'base.raw', '-F', 'raw']);
    const image = open(path);
    image.write(0, [pattern(65_536, 1)]);
    image.discard(0, 65_536);
    image.close();
    expectSame(contents(path).subarray(0, 65_536), new Uint8Array(65_536));
    expectSame(contents(path).subarray(65_536), pattern(SIZE, 3).subarray(65_536));
    expectClean(path);
  });

  it.each([
    ['version 3', 'compat=1.1,cluster_size=512'],
    ['version 2', 'compat=0.10,cluster_size=512'],
  ])('becomes larger, %s, and what is new is zeroes', (_name, options) => {
    raw('base.raw', pattern(3 * SIZE, 3));
    const path = create(options, SIZE - 512, 'disk.qcow2', ['-b', 'base.raw', '-F', 'raw']);
    const image = open(path);
    const model = new Uint8Array(2 * SIZE);
    model.set(pattern(3 * SIZE, 3).subarray(0, SIZE - 512));
    image.resize(2 * SIZE);
    expect(image.size).toBe(2 * SIZE);
    image.write(2 * SIZE - 600, [pattern(600, 9)]);
    model.set(pattern(600, 9), 2 * SIZE - 600);
    expectSame(readAll(image), model);
    // A whole new L1 table.
    image.resize(40 * SIZE);
    expect(() => image.resize(SIZE)).toThrow(/cannot be made smaller/);
    image.close();
    expectClean(path);
    const grown = contents(path);
    expect(grown.length).toBe(40 * SIZE);
    expectSame(grown.subarray(0, 2 * SIZE), model);
    expectSame(grown.subarray(2 * SIZE), new Uint8Array(38 * SIZE));
  });

  it('finds room for more refcounts than its table had', () => {
    const path = create('cluster_size=512,refcount_bits=64', 16 << 20);
    expect(readFileSync(path).readUInt32BE(56)).toBe(1);
    const model = pattern(3 << 20, 4);
    const image = open(path);
    image.write(0, [model]);
    image.close();
    expect(readFileSync(path).readUInt32BE(56)).toBeGreaterThan(1);
    expectClean(path);
    expectSame(contents(path).subarray(0, model.length), model);
  });

  it('larger than its caches keeps every table that was changed', () => {
    // 32 L2 tables of 2 MiB, of which 16 are kept.
    const size = 16 * 1024 ** 4;
    const path = create('cluster_size=2M', size);
    const image = open(path);
    const distance = size / 32;
    for (let i = 0; i < 32; i++) image.write(i * distance, [pattern(4096, i)]);
    const bytes = new Uint8Array(4096);
    for (let i = 0; i < 32; i++) {
      image.read(i * distance, [bytes]);
      expectSame(bytes, pattern(4096, i));
    }
    image.close();
    expectClean(path);
  });

  it('is one of which qemu-img keeps its hands off while it is in use', () => {
    const path = create('compat=1.1');
    const image = open(path);
    expect(() => qemuImg(['info', path])).toThrow(/Failed to get shared "write" lock/);
    image.close();
    const reader = open(path, true);
    expect(qemuImg(['info', path])).toContain('file format: qcow2');
    expect(() => qemuImg(['resize', path, '2M'])).toThrow(/Failed to get "write" lock/);
    reader.close();
  });

  it('clears the bits of what it knows nothing of', () => {
    const path = create('compat=1.1');
    qemuImg(['bitmap', '--add', path, 'changes']);
    expect(readFileSync(path)[95]).toBe(1);
    open(path, true).close();
    expect(readFileSync(path)[95]).toBe(1);
    open(path).close();
    expect(readFileSync(path)[95]).toBe(0);
  });

  it('that contradicts itself is left alone and marked', () => {
    const path = create('compat=1.1');
    const image = open(path);
    image.write(0, [pattern(512, 1)]);
    image.close();
    // The first entry of the L1 table: an offset that is no cluster's.
    const l1 = Number(readFileSync(path).readBigUInt64BE(40));
    poke(path, l1 + 6, [0x02, 0x00]);
    const broken = open(path);
    const bytes = new Uint8Array(512);
    expect(() => broken.read(0, [bytes])).toThrow(/the image is corrupt: an entry leads nowhere/);
    expect(() => broken.write(SIZE / 2, [bytes])).toThrow(/the image is corrupt/);
    broken.close();
    expect(() => open(path)).toThrow(/marked as corrupt: .*\(readonly\).* qemu-img check -r all/);
    open(path, true).close();
  });

  it('whose own tables are not counted does not lose them', () => {
    const path = create('compat=1.1');
    const block = Number(readFileSync(path).readBigUInt64BE(Number(readFileSync(path).readBigUInt64BE(48))));
    poke(path, block, [0, 0, 0, 0, 0, 0, 0, 0]);
    const image = open(path);
    expect(() => image.write(0, [pattern(512, 1)])).toThrow(/its own tables are not counted as used/);
    image.close();
    expect(readFileSync(path).subarray(0, 4)).toEqual(Buffer.from('QFI\xfb', 'latin1'));
  });
});
