import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlockBackend, BlockFile, BlockResult } from '../../../src/block/backend.js';
import { OverlayBackend } from '../../../src/block/overlay.js';
import { RawBackend } from '../../../src/block/raw.js';
import { HostBlockFile } from '../../../src/host/block-file.js';
import { MemoryFile } from './memory-file.js';
import { operationWithin, pattern, type Operation } from './operations.js';

const SIZE = 300 * 1024;

/** Waits for a request that is done at once. */
function now(request: (done: (result: BlockResult) => void) => void): BlockResult {
  let outcome: { result: BlockResult } | undefined;
  request(result => {
    if (outcome) throw new Error('done twice');
    outcome = { result };
  });
  if (!outcome) throw new Error('not done');
  return outcome.result;
}

function read(backend: BlockBackend, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(0xee);
  const half = length >> 1;
  expect(
    now(done => backend.read(offset, [bytes.subarray(0, half), bytes.subarray(half)], done)),
  ).toBeUndefined();
  return bytes;
}

const operation = operationWithin(SIZE, 150 * 1024);

/** Does the same to the back end and to plain bytes, and compares. */
function agrees(backend: BlockBackend, model: Uint8Array, operations: readonly Operation[]): void {
  for (const { kind, offset, length, seed } of operations) {
    const size = Math.min(length, SIZE - offset);
    if (kind === 'read') {
      expect(Buffer.compare(read(backend, offset, size), model.subarray(offset, offset + size))).toBe(0);
    } else if (kind === 'write') {
      const data = pattern(size, seed);
      const cut = Math.min(seed, size);
      const buffers = [data.subarray(0, cut), data.subarray(cut)];
      expect(now(done => backend.write(offset, buffers, done))).toBeUndefined();
      model.set(data, offset);
    } else if (kind === 'flush') {
      expect(now(done => backend.flush(done))).toBeUndefined();
    } else {
      const unmap = kind === 'unmap';
      expect(now(done => backend.writeZeroes(offset, size, unmap, done))).toBeUndefined();
      model.fill(0, offset, offset + size);
    }
  }
  expect(Buffer.compare(read(backend, 0, SIZE), model)).toBe(0);
}

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsvmm-block-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

function hostFile(bytes: Uint8Array, readOnly = false): HostBlockFile {
  const path = join(folder, 'disk.img');
  writeFileSync(path, bytes);
  return HostBlockFile.open(path, readOnly);
}

const FILES: Readonly<Record<string, (bytes: Uint8Array) => BlockFile>> = {
  'a file of the host': bytes => hostFile(bytes),
  'a file that cannot have holes': bytes => Object.assign(new MemoryFile(bytes), { canPunch: false }),
};

describe.each(Object.entries(FILES))('a raw image in %s', (_name, make) => {
  it('keeps what is written', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 12 }), operations => {
        const model = pattern(SIZE, 1);
        const backend = new RawBackend(make(Uint8Array.from(model)));
        try {
          agrees(backend, model, operations);
        } finally {
          backend.close();
        }
      }),
      { numRuns: 25 },
    );
  });
});

describe('a raw image', () => {
  it('has whole sectors, and tells when its size changes', () => {
    const file = new MemoryFile(new Uint8Array(1000));
    const backend = new RawBackend(file);
    expect(backend.size).toBe(512);
    let told = 0;
    backend.onResize = () => told++;
    backend.refresh();
    expect(told).toBe(0);
    file.truncate(4096);
    backend.refresh();
    expect([backend.size, told]).toEqual([4096, 1]);
  });

  it('reads zeroes where the file has been cut', () => {
    const file = new MemoryFile(pattern(2048, 3));
    const backend = new RawBackend(file);
    file.truncate(600);
    const expected = new Uint8Array(1024);
    expected.set(pattern(2048, 3).subarray(512, 600));
    expect(read(backend, 512, 1024)).toEqual(expected);
  });

  it('gives the host’s errors on', () => {
    const file = new MemoryFile(new Uint8Array(2048));
    const backend = new RawBackend(file);
    file.failure = new Error('no space left on device');
    const buffers = [new Uint8Array(512)];
    for (const request of [
      (done: (result: BlockResult) => void) => backend.read(0, buffers, done),
      (done: (result: BlockResult) => void) => backend.write(0, buffers, done),
      (done: (result: BlockResult) => void) => backend.flush(done),
      (done: (result: BlockResult) => void) => backend.discard(0, 512, done),
      (done: (result: BlockResult) => void) => backend.writeZeroes(0, 512, true, done),
    ]) {
      expect(now(request)).toBe(file.failure);
    }
  });

  it('gives back the space of what is discarded', () => {
    const path = join(folder, 'sparse.img');
    writeFileSync(path, pattern(1 << 20, 1));
    const backend = new RawBackend(HostBlockFile.open(path, false));
    const before = statSync(path).blocks;
    expect(now(done => backend.discard(0, 1 << 20, done))).toBeUndefined();
    expect(statSync(path)).toMatchObject({ size: 1 << 20 });
    expect(statSync(path).blocks).toBeLessThan(before);
    backend.close();
  });

  it('of which there are more buffers than one call takes', () => {
    const backend = new RawBackend(hostFile(new Uint8Array(4096)));
    const data = pattern(3000, 9);
    const bytes = Array.from(data, (_, i) => data.subarray(i, i + 1));
    expect(now(done => backend.write(5, bytes, done))).toBeUndefined();
    const copy = new Uint8Array(3000);
    const pieces = Array.from(copy, (_, i) => copy.subarray(i, i + 1));
    expect(now(done => backend.read(5, pieces, done))).toBeUndefined();
    expect(copy).toEqual(data);
    backend.close();
  });
});

describe('a disk file of the host', () => {
  it('is locked: one may write, or several read', () => {
    const path = join(folder, 'disk.img');
    writeFileSync(path, new Uint8Array(512));
    const reader = HostBlockFile.open(path, true);
    const another = HostBlockFile.open(path, true);
    expect(() => HostBlockFile.open(path, false)).toThrow(/somebody else is using it/);
    reader.close();
    another.close();
    const writer = HostBlockFile.open(path, false);
    expect(() => HostBlockFile.open(path, true)).toThrow(/somebody else is using it/);
    writer.close();
  });

  it('is refused with a reason', () => {
    expect(() => HostBlockFile.open(join(folder, 'none.img'), false)).toThrow(/disk .*none.img: ENOENT/);
    expect(() => HostBlockFile.open(folder, true)).toThrow(/neither a file nor a block device/);
  });
});

describe('an overlay', () => {
  it('keeps what is written, and the disk below as it was', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 12 }), operations => {
        const original = pattern(SIZE, 2);
        const file = new MemoryFile(Uint8Array.from(original));
        const model = Uint8Array.from(original);
        agrees(new OverlayBackend(new RawBackend(file)), model, operations);
        expect(Buffer.compare(file.bytes, original)).toBe(0);
        expect(file.calls).not.toContain('write');
      }),
      { numRuns: 25 },
    );
  });

  it('can be written where the disk below cannot', () => {
    const overlay = new OverlayBackend(
      new RawBackend(Object.assign(new MemoryFile(new Uint8Array(512)), { readOnly: true })),
    );
    expect(overlay.readOnly).toBe(false);
    expect(now(done => overlay.write(0, [pattern(512, 1)], done))).toBeUndefined();
    expect(read(overlay, 0, 512)).toEqual(pattern(512, 1));
  });

  it('gives errors from below on and stays usable', () => {
    const file = new MemoryFile(new Uint8Array(1024));
    const overlay = new OverlayBackend(new RawBackend(file));
    file.failure = new Error('input/output error');
    expect(now(done => overlay.write(0, [pattern(512, 1)], done))).toBe(file.failure);
    const failure = file.failure;
    expect(now(done => overlay.writeZeroes(0, 512, true, done))).toBe(failure);
    file.failure = undefined;
    expect(now(done => overlay.write(0, [pattern(512, 1)], done))).toBeUndefined();
    expect(read(overlay, 0, 512)).toEqual(pattern(512, 1));
  });
});
