import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openImage, type ImageOptions } from '../../../src/block/open-image.js';
import { pattern } from './operations.js';
import { host } from './qcow2/images.js';
import { NO_QEMU_IMG, qemuImg } from './qcow2/qemu-img.js';

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsvmm-image-'));
  file = join(folder, 'disk');
});

afterEach(() => rmSync(folder, { recursive: true }));

const options = (more: Partial<ImageOptions> = {}): ImageOptions => ({
  file,
  format: undefined,
  readOnly: false,
  snapshot: false,
  giveBack: true,
  ...more,
});

describe('a disk', () => {
  it('is raw when nothing is said, but not when it looks like an image', () => {
    writeFileSync(file, pattern(1024, 1));
    expect(openImage(options(), host).size).toBe(1024);
    const other = join(folder, 'other');
    const bytes = pattern(1024, 1);
    bytes.set(Buffer.from('QFI\xfb', 'latin1'));
    writeFileSync(other, bytes);
    expect(() => openImage(options({ file: other }), host)).toThrow(
      /looks like a qcow2 image: say format=qcow2, or/,
    );
    // What was refused is not locked.
    const raw = openImage(options({ file: other, format: 'raw' }), host);
    expect(raw.size).toBe(1024);
    raw.close();
  });

  it.skipIf(NO_QEMU_IMG)('in a qcow2 image can be written in memory alone', () => {
    qemuImg(['create', '-q', '-f', 'qcow2', file, '1M']);
    const before = readFileSync(file);
    const overlay = openImage(options({ format: 'qcow2', snapshot: true }), host);
    expect([overlay.size, overlay.readOnly]).toEqual([1 << 20, false]);
    const data = pattern(70_000, 5);
    const done = (result: unknown): void => expect(result).toBeUndefined();
    overlay.write(1000, [data], done);
    overlay.resize(3 << 20, done);
    overlay.write((3 << 20) - 512, [data.subarray(0, 512)], done);
    const copy = new Uint8Array(70_000);
    overlay.read(1000, [copy], done);
    expect(Buffer.compare(copy, data)).toBe(0);
    overlay.read((3 << 20) - 512, [copy.subarray(0, 512)], done);
    expect(Buffer.compare(copy.subarray(0, 512), data.subarray(0, 512))).toBe(0);
    overlay.read(1 << 20, [copy], done);
    expect(Buffer.compare(copy, new Uint8Array(70_000))).toBe(0);
    overlay.close();
    expect(Buffer.compare(readFileSync(file), before)).toBe(0);
  });
});

describe('an overlay that was made smaller and larger again', () => {
  it('has zeroes where it was cut off', () => {
    writeFileSync(file, pattern(200_192, 1));
    const overlay = openImage(options({ snapshot: true }), host);
    const done = (result: unknown): void => expect(result).toBeUndefined();
    overlay.write(60_000, [pattern(10_000, 2)], done);
    overlay.resize(66_048, done);
    overlay.resize(200_192, done);
    const expected = new Uint8Array(200_192);
    expected.set(pattern(200_192, 1).subarray(0, 66_048));
    expected.set(pattern(10_000, 2).subarray(0, 6048), 60_000);
    const copy = new Uint8Array(200_192);
    overlay.read(0, [copy], done);
    expect(Buffer.compare(copy, expected)).toBe(0);
    overlay.close();
  });
});
