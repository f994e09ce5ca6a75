import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { operationWithin, pattern } from '../operations.js';
import { apply, open, openOn, readAll } from './images.js';
import { checkImage, NO_QEMU_IMG, qemuImg } from './qemu-img.js';
import { RecordingFile } from './recording-file.js';

/**
 * The image file is cut off between any two of its writes, as when the process is killed, or keeps any of what was
 * written since the last sync, as when the host loses power. qemu-img says whether it is consistent then.
 */

const SIZE = 96 << 10;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsvmm-crash-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

const PREPARATIONS: Readonly<Record<string, (path: string) => Uint8Array>> = {
  'an empty image': path => {
    qemuImg(['create', '-q', '-f', 'qcow2', '-o', 'cluster_size=512', path, String(SIZE)]);
    return new Uint8Array(SIZE);
  },
  'an image with a snapshot': path => {
    const model = pattern(SIZE, 7);
    writeFileSync(`${path}.raw`, model);
    const options = 'cluster_size=2048';
    qemuImg(['convert', '-f', 'raw', '-O', 'qcow2', '-o', options, `${path}.raw`, path]);
    qemuImg(['snapshot', '-c', 'before', path]);
    return model;
  },
  'a compressed image': path => {
    const model = Uint8Array.from({ length: SIZE }, (_, i) => (i >> 7) & 0xff);
    writeFileSync(`${path}.raw`, model);
    const options = 'cluster_size=4096,refcount_bits=8';
    qemuImg(['convert', '-c', '-f', 'raw', '-O', 'qcow2', '-o', options, `${path}.raw`, path]);
    return model;
  },
  'an image on a backing file': path => {
    const model = pattern(SIZE, 3);
    writeFileSync(`${path}.raw`, model);
    const backing = ['-b', `${path}.raw`, '-F', 'raw'];
    qemuImg(['create', '-q', '-f', 'qcow2', '-o', 'cluster_size=1024', ...backing, path, String(SIZE)]);
    return model;
  },
};

/** Where the image file was cut off, and why; for a loss of power, what of that was lost. */
interface Crash {
  readonly where: number;
  /** Right before a sync, where most can be lost. */
  readonly atSync: boolean;
  readonly power: boolean;
  readonly lost: number;
}

const crash: fc.Arbitrary<Crash> = fc.record({
  where: fc.nat(),
  atSync: fc.boolean(),
  power: fc.boolean(),
  lost: fc.nat(2 ** 31 - 1),
});

/** Each byte is as in one of `versions`. */
function isMixture(bytes: Uint8Array, versions: readonly Uint8Array[]): boolean {
  return bytes.every((byte, i) => versions.some(version => version[i] === byte));
}

describe.skipIf(NO_QEMU_IMG)('after a crash', () => {
  it.each(Object.entries(PREPARATIONS))('%s is consistent and has what was flushed', (_name, prepare) => {
    fc.assert(
      fc.property(
        fc.array(operationWithin(SIZE, 30_000), { minLength: 4, maxLength: 16 }),
        fc.array(crash, { minLength: 8, maxLength: 8 }),
        (operations, crashes) => {
          const path = join(folder, 'disk.qcow2');
          const model = prepare(path);
          const file = new RecordingFile(readFileSync(path));
          const image = openOn(file, path);
          /** The disk when it was flushed last, and after each change since. */
          let versions = [Uint8Array.from(model)];
          /** For each operation, the calls that the file has seen at its end, and what it may leave when it is cut off. */
          const history: { readonly calls: number; readonly versions: readonly Uint8Array[] }[] = [];
          for (const operation of operations) {
            expect(apply(image, model, operation)).toBe(true);
            if (operation.kind !== 'read' && operation.kind !== 'flush')
              versions.push(Uint8Array.from(model));
            history.push({ calls: file.log.length, versions: [...versions] });
            if (operation.kind === 'flush') versions = [Uint8Array.from(model)];
          }
          const syncs = file.log.flatMap(({ what }, i) => (what === 'sync' ? [i] : []));
          for (const { where, atSync, power, lost } of crashes) {
            const calls =
              atSync && syncs.length > 0 ? syncs[where % syncs.length] : where % (file.log.length + 1);
            const crashed = join(folder, 'crashed.qcow2');
            writeFileSync(
              crashed,
              file.after(calls, power ? i => (Math.imul(lost, i + 1) >>> 16) % 2 === 1 : undefined),
            );
            expect(checkImage(crashed).corruptions).toBe(0);
            const again = open(crashed, true);
            const contents = readAll(again);
            again.close();
            expect(isMixture(contents, history.find(entry => calls <= entry.calls)!.versions)).toBe(true);
          }
        },
      ),
      { numRuns: 4, endOnFailure: true },
    );
  });
});
