import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../../src/errors.js';
import { open } from './images.js';

/** Headers that no image may have, and those of images that are not supported; offsets as in the specification. */

const CLUSTER = 65_536;

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsvmm-qcow2-'));
  path = join(folder, 'disk.qcow2');
});

afterEach(() => rmSync(folder, { recursive: true }));

/** The smallest image: header, refcount table, one refcount block, L1 table, a cluster each; 64 KiB of disk. */
function image(change: (view: DataView, bytes: Uint8Array) => void = () => {}): string {
  const bytes = new Uint8Array(4 * CLUSTER);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x5146_49fb);
  view.setUint32(4, 3);
  view.setUint32(20, 16);
  view.setUint32(28, CLUSTER);
  view.setUint32(36, 1);
  view.setUint32(44, 3 * CLUSTER);
  view.setUint32(52, CLUSTER);
  view.setUint32(56, 1);
  view.setUint32(96, 4);
  view.setUint32(100, 104);
  view.setUint32(CLUSTER + 4, 2 * CLUSTER);
  for (let i = 0; i < 4; i++) view.setUint16(2 * CLUSTER + 2 * i, 1);
  change(view, bytes);
  writeFileSync(path, bytes);
  return path;
}

function text(bytes: Uint8Array, at: number, value: string): void {
  bytes.set(new TextEncoder().encode(value), at);
}

function backing(view: DataView, bytes: Uint8Array, name: string, format?: string): void {
  view.setUint32(12, 512);
  view.setUint32(16, name.length);
  text(bytes, 512, name);
  if (format === undefined) return;
  view.setUint32(104, 0xe279_2aca);
  view.setUint32(108, format.length);
  text(bytes, 112, format);
}

describe('a qcow2 image', () => {
  it('that is as small as can be can be opened', () => {
    const small = open(image());
    expect(small.size).toBe(CLUSTER);
    small.write(0, [new Uint8Array(512).fill(1)]);
    small.close();
  });

  it.each<[string, (view: DataView, bytes: Uint8Array) => void, RegExp]>([
    ['is none', view => view.setUint32(0, 0), /it is not a qcow2 image/],
    ['has an unknown version', view => view.setUint32(4, 4), /qcow2 version 4 is not supported/],
    ['is encrypted', view => view.setUint32(32, 2), /it is encrypted/],
    ['has tiny clusters', view => view.setUint32(20, 8), /clusters of 2\^8 bytes are not possible/],
    ['has huge clusters', view => view.setUint32(20, 22), /clusters of 2\^22 bytes are not possible/],
    ['has wide refcounts', view => view.setUint32(96, 7), /refcounts of 2\^7 bits are not possible/],
    ['has a short header', view => view.setUint32(100, 96), /a header of 96 bytes is not possible/],
    ['has a long header', view => view.setUint32(100, CLUSTER + 8), /a header of 65544 bytes/],
    ['has an enormous disk', view => view.setUint32(24, 2 ** 31), /a disk of .* bytes is not possible/],
    ['has half a sector', view => view.setUint32(28, CLUSTER + 100), /a disk of 65636 bytes/],
    ['has an L1 table that is too small', view => view.setUint32(36, 0), /its L1 table is too small/],
    ['has an L1 table that is too large', view => view.setUint32(36, 2 ** 32 - 1), /L1 table is too large/],
    ['has an L1 table in the middle of a cluster', view => view.setUint32(44, 100), /its L1 table cannot be/],
    ['has an L1 table behind 2^53', view => view.setUint32(40, 2 ** 31), /its L1 table cannot be there/],
    ['has an L1 table behind its end', view => view.setUint32(44, 4 * CLUSTER), /L1 table is cut short/],
    ['has no refcount table', view => view.setUint32(56, 0), /it has no refcount table/],
    ['has a huge refcount table', view => view.setUint32(56, 129), /its refcount table is too large/],
    [
      'has a refcount table that ends too late',
      view => view.setUint32(56, 100),
      /refcount table is cut short/,
    ],
    ['has a refcount table at 0', view => view.setUint32(52, 0), /its refcount table cannot be there/],
    ['has many snapshots', view => view.setUint32(60, 65_537), /it has too many snapshots/],
    ['has snapshots in its header', view => view.setUint32(60, 1), /its snapshot table cannot be there/],
    ['has data elsewhere', view => view.setUint32(76, 4), /not supported: external data file/],
    ['has extended L2 entries', view => view.setUint32(76, 16), /not supported: extended L2 entries/],
    ['is from the future', view => view.setUint32(72, 2 ** 31), /not supported: incompatible feature 63/],
    [
      'is from the future and says how that is called',
      (view, bytes) => {
        view.setUint32(76, 1 << 5);
        view.setUint32(104, 0x6803_f857);
        view.setUint32(108, 48);
        bytes[113] = 5;
        text(bytes, 114, 'tele\x07portation');
      },
      /not supported: tele\?portation/,
    ],
    [
      'is compressed by zstd',
      (view, bytes) => {
        view.setUint32(76, 8);
        view.setUint32(100, 112);
        bytes[104] = 1;
      },
      /its zstd compression is not supported: qemu-img convert/,
    ],
    ['was not closed', view => view.setUint32(76, 1), /dirty bit.*qemu-img check -r all/],
    [
      'has an extension without end',
      view => {
        view.setUint32(104, 1);
        view.setUint32(108, 2 ** 32 - 1);
      },
      /a header extension does not end/,
    ],
    [
      'has a backing file whose name is too long',
      view => {
        view.setUint32(12, 512);
        view.setUint32(16, 1024);
      },
      /the name of its backing file is not where it can be/,
    ],
    [
      'has a backing file of no format',
      (v, b) => backing(v, b, 'base'),
      /does not say what format .* base has/,
    ],
    ['has a backing file of another format', (v, b) => backing(v, b, 'base', 'vmdk'), /the format vmdk/],
    [
      'has a backing file on a server',
      (v, b) => backing(v, b, 'nbd:host:1', 'raw'),
      /'nbd:host:1' is not a plain/,
    ],
    [
      'has a backing file in JSON',
      (v, b) => backing(v, b, 'json:{}', 'raw'),
      /'json:\{\}' is not a plain file/,
    ],
    ['has a backing file that is not there', (v, b) => backing(v, b, 'none', 'raw'), /none: ENOENT/],
    [
      'lies on a file that is none',
      (v, b) => backing(v, b, '/dev/null', 'qcow2'),
      /\/dev\/null: neither a file/,
    ],
  ])('that %s is refused', (_name, change, why) => {
    image(change);
    expect(() => open(path)).toThrow(ConfigError);
    expect(() => open(path)).toThrow(why);
  });

  it('that is a backing file of itself is refused', () => {
    image((view, bytes) => backing(view, bytes, 'disk.qcow2', 'qcow2'));
    expect(() => open(path, true)).toThrow(/disk.qcow2: it is a backing file of itself/);
  });

  it.each([0, 3, 71, 72, 103, 104, 200, CLUSTER, 2 * CLUSTER])(
    'of which %i bytes are left is refused',
    length => {
      image();
      truncateSync(path, length);
      expect(() => open(path)).toThrow(ConfigError);
    },
  );

  it('whose header and tables are full of nonsense makes no other error than one of its own', () => {
    const word = fc.tuple(
      fc.oneof(fc.nat(27), fc.constantFrom(CLUSTER / 4, CLUSTER / 2, (3 * CLUSTER) / 4)),
      fc.oneof(fc.nat(2 ** 32 - 1), fc.constantFrom(0, 1, CLUSTER, 2 * CLUSTER, 0x8000_0000, 2 ** 32 - 1)),
    );
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), words => {
        image(view => words.forEach(([index, value]) => view.setUint32(index * 4, value)));
        let opened;
        try {
          opened = open(path);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
          return;
        }
        const end = opened.size - Math.min(opened.size, 512);
        const sector = [new Uint8Array(Math.min(opened.size, 512))];
        for (const action of [
          () => opened.read(0, sector),
          () => opened.write(0, sector),
          () => opened.write(end, sector),
          () => opened.writeZeroes(0, sector[0].length, true),
          () => opened.flush(),
          () => opened.close(),
        ]) {
          try {
            action();
          } catch (error) {
            // What cannot be written because of its place comes from the host.
            expect((error as Error).message).toMatch(
              /the image is corrupt|EFBIG|EINVAL|cannot become larger/,
            );
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});
