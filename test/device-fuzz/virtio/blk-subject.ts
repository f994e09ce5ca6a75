import type { BlockBackend, BlockResult } from '../../../src/block/backend.js';
import { Throttle, type GatedRequest } from '../../../src/block/throttle.js';
import { VirtioBlk } from '../../../src/devices/virtio/blk/blk.js';
import type { Clock } from '../../../src/vmm/clock.js';
import { DeviceFailure } from '../failure.js';
import { pick, valueOf } from '../operations.js';
import type { Piece } from './rings.js';
import type { Subject } from './subject.js';

const SECTOR = 512;
const TYPES = [0, 0, 0, 1, 1, 1, 4, 8, 11, 13, 2, 5, 0x8000_0000, 0xffff_ffff] as const;
const LENGTHS = [0, 1, 20, 511, 512, 513, 1024, 4096] as const;
const MAX_RANGES = 34;
/** Sectors of a disk that is larger than what a turn does, and of which nothing is there. */
const LARGE_DISK = 2 ** 32;
/** The request that is being made: it is copied before the next one. */
const headerBytes = new Uint8Array(16);
const header = new DataView(headerBytes.buffer);
const rangeBytes = new Uint8Array(16 * MAX_RANGES);
const ranges = new DataView(rangeBytes.buffer);
const zeroes = new Uint8Array(4096);
/** Requests that may wait anywhere: as many as both queues have entries. */
const MAX_WAITING = 512;

/** A disk whose requests end at once, later, or with an error; it checks what it is asked for. */
class UnrulyBackend implements BlockBackend {
  size = 64 * SECTOR;
  readonly readOnly = false;
  readonly deferred = true;
  readonly discardGranularity = SECTOR;
  onResize?: () => void;
  readonly waiting: (() => void)[] = [];
  mode = 0;

  read(offset: number, buffers: readonly Uint8Array[], done: (result: BlockResult) => void): void {
    this.inside(
      offset,
      buffers.reduce((sum, { length }) => sum + length, 0),
    );
    this.end(() => buffers.forEach(buffer => buffer.fill(0x5a)), done);
  }

  write(offset: number, buffers: readonly Uint8Array[], done: (result: BlockResult) => void): void {
    this.inside(
      offset,
      buffers.reduce((sum, { length }) => sum + length, 0),
    );
    this.end(() => undefined, done);
  }

  flush(done: (result: BlockResult) => void): void {
    this.end(() => undefined, done);
  }

  discard(offset: number, length: number, done: (result: BlockResult) => void): void {
    this.inside(offset, length);
    this.end(() => undefined, done);
  }

  writeZeroes(offset: number, length: number, _unmap: boolean, done: (result: BlockResult) => void): void {
    this.inside(offset, length);
    this.end(() => undefined, done);
  }

  resize(size: number, done: (result: BlockResult) => void): void {
    this.size = size;
    this.onResize?.();
    done(undefined);
  }

  close(): void {}

  complete(count: number, newest: boolean): void {
    for (let i = 0; i < count; i++) (newest ? this.waiting.pop() : this.waiting.shift())?.();
  }

  private inside(offset: number, length: number): void {
    if (offset % SECTOR !== 0 || offset < 0 || length < 0 || offset + length > this.size) {
      throw new DeviceFailure(`a request for ${length} bytes at ${offset} of a disk of ${this.size}`);
    }
  }

  private end(action: () => void, done: (result: BlockResult) => void): void {
    const failure = this.mode & 2 ? new Error('the disk is broken') : undefined;
    if ((this.mode & 1) === 0) {
      action();
      done(failure);
    } else {
      // A real back end works on what it was given, whenever that is; a reset leaves it no other choice than not to.
      this.waiting.push(() => done(failure));
    }
  }
}

export function blkSubject(clock: Clock): Subject {
  const backend = new UnrulyBackend();
  const held = new Set<GatedRequest>();
  const throttle = new Throttle({ iopsTotal: 1000 }, clock);
  let throttled = false;
  const type = new VirtioBlk({
    backend,
    serial: 'fuzz',
    queues: 2,
    gate: {
      pass: (write, bytes, request) => {
        if (!throttled) {
          request.proceed();
          return;
        }
        const waiting = {
          get wanted() {
            return request.wanted;
          },
          proceed: () => {
            held.delete(waiting);
            request.proceed();
          },
        };
        held.add(waiting);
        throttle.pass(write, bytes, waiting);
      },
      sweep: () => {
        throttle.sweep();
        for (const waiting of held) if (!waiting.wanted) held.delete(waiting);
      },
    },
  });
  const makeHeader = (a: number, sector: number): void => {
    header.setUint32(0, pick(TYPES, a), true);
    header.setUint32(8, sector, true);
    header.setUint32(12, (a >>> 16) % 16 === 0 ? valueOf(Math.imul(a, 31) >>> 0) : 0, true);
  };
  const makeRanges = (a: number, b: number): Uint8Array => {
    const count = (a >>> 8) % MAX_RANGES;
    for (let i = 0; i < count; i++) {
      // Now and then for all of a large disk: more than is done in one turn.
      const most = (a >>> 27) % 4 === 0 ? 2 ** 32 : 80;
      ranges.setUint32(16 * i, valueOf(b + i) % 80, true);
      ranges.setUint32(16 * i + 8, valueOf(Math.imul(b, 7) >>> 0) % most, true);
      ranges.setUint32(16 * i + 12, (a >>> 24) % 8 === 0 ? valueOf(b) : a & 1, true);
    }
    return rangeBytes.subarray(0, 16 * count + ((a >>> 20) % 16 === 0 ? 3 : 0));
  };
  return {
    type,
    request(_queue, a, b) {
      const sector = (b & 1 ? valueOf(b) : b >>> 1) % (b & 2 ? 2 ** 32 : 64);
      const length = pick(LENGTHS, b >>> 8);
      const kind = pick(TYPES, a);
      makeHeader(a, sector);
      const pieces: Piece[] = [{ data: headerBytes }];
      if (kind === 11 || kind === 13) pieces.push({ data: makeRanges(a, b) });
      else if (kind === 1) pieces.push({ data: zeroes.subarray(0, length) });
      for (let i = (a >>> 4) & 3; i > 0 && kind !== 1; i--) pieces.push({ data: length });
      if ((a >>> 28) % 8 !== 0) pieces.push({ data: 1 });
      return pieces;
    },
    world: [
      { name: 'disk-mode', weight: 2, run: a => void (backend.mode = a & 3) },
      { name: 'disk-complete', weight: 8, run: (a, b) => backend.complete(a & 31, (b & 1) !== 0) },
      {
        name: 'disk-resize',
        weight: 1,
        run: a => backend.resize((a & 0x300 ? a % 128 : LARGE_DISK) * SECTOR, () => undefined),
      },
      { name: 'disk-throttle', weight: 1, run: a => void (throttled = (a & 1) !== 0) },
    ],
    check() {
      if (held.size > MAX_WAITING) throw new DeviceFailure(`${held.size} requests are held back`);
      if (backend.waiting.length > MAX_WAITING * 64) backend.waiting.length = 0;
    },
  };
}
