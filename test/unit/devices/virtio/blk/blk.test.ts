import { describe, expect, it } from 'vitest';
import type { BlockBackend, BlockResult } from '../../../../../src/block/backend.js';
import { totalLength } from '../../../../../src/block/buffers.js';
import { RawBackend } from '../../../../../src/block/raw.js';
import type { GatedRequest, RequestGate } from '../../../../../src/block/throttle.js';
import { VirtioBlk, type VirtioBlkOptions } from '../../../../../src/devices/virtio/blk/blk.js';
import { Feature } from '../../../../../src/devices/virtio/features.js';
import { MemoryFile } from '../../../block/memory-file.js';
import { areasAt, SplitDriver, type Buffer as Segment } from '../queue/driver-ring.js';
import { legacyAreasAt, ModernPci, TRANSPORTS, type Transport } from '../transport/drivers.js';

/** Expected behaviour from virtio 1.3, 5.2. */

const IN = 0;
const OUT = 1;
const FLUSH = 4;
const GET_ID = 8;
const DISCARD = 11;
const WRITE_ZEROES = 13;

const OK = 0;
const IOERR = 1;
const UNSUPP = 2;

const F_RO = 1n << 5n;
const F_FLUSH = 1n << 9n;
const F_CONFIG_WCE = 1n << 11n;
const F_MQ = 1n << 12n;

const SECTORS = 64;
const QUEUE = 0x10_0000;
const QUEUE_SIZE = 256;
const HEADER = 0x20_0000;
const DATA = 0x21_0000;
const STATUS = 0x22_0000;

function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i + seed) & 0xff);
}

/** A back end whose requests end when the test says so. */
class Slow implements BlockBackend {
  readonly readOnly = false;
  readonly deferred = true;
  readonly discardGranularity = 512;
  readonly under: RawBackend;
  readonly waiting: (() => void)[] = [];
  onResize?: () => void;

  constructor(readonly file: MemoryFile) {
    this.under = new RawBackend(file);
  }

  get size(): number {
    return this.under.size;
  }

  read(offset: number, buffers: readonly Uint8Array[], done: (result: BlockResult) => void): void {
    this.waiting.push(() => this.under.read(offset, buffers, done));
  }

  write(offset: number, buffers: readonly Uint8Array[], done: (result: BlockResult) => void): void {
    this.waiting.push(() => this.under.write(offset, buffers, done));
  }

  flush(done: (result: BlockResult) => void): void {
    this.waiting.push(() => this.under.flush(done));
  }

  discard(offset: number, length: number, done: (result: BlockResult) => void): void {
    this.waiting.push(() => this.under.discard(offset, length, done));
  }

  writeZeroes(offset: number, length: number, unmap: boolean, done: (result: BlockResult) => void): void {
    this.waiting.push(() => this.under.writeZeroes(offset, length, unmap, done));
  }

  resize(size: number, done: (result: BlockResult) => void): void {
    this.under.resize(size, done);
  }

  close(): void {
    this.under.close();
  }
}

/** A disk and its driver. */
class Rig {
  readonly file: MemoryFile;
  readonly transport: Transport;
  readonly drivers: SplitDriver[] = [];

  constructor({
    Way = ModernPci,
    features = F_FLUSH,
    file = new MemoryFile(pattern(SECTORS * 512, 0)),
    backend = new RawBackend(file),
    queues = 1,
    ...options
  }: Partial<VirtioBlkOptions> & {
    Way?: new (type: VirtioBlk) => Transport;
    features?: bigint;
    file?: MemoryFile;
  } = {}) {
    this.file = file;
    this.transport = new Way(new VirtioBlk({ backend, queues, ...options }));
    this.start(features, queues);
  }

  start(features: bigint, queues = 1): void {
    const { transport } = this;
    this.drivers.length = 0;
    transport.status = 0;
    transport.status = 3;
    transport.writeFeatures(features | (transport.legacy ? 0n : Feature.VERSION_1));
    if (!transport.legacy) {
      transport.status = 11;
      expect(transport.status).toBe(11);
    }
    for (let i = 0; i < queues; i++) {
      const base = QUEUE + i * 0x2_0000;
      transport.memory.bytes(base, 0x2_0000).fill(0);
      const size = transport.queueSize(i);
      expect(size).toBe(QUEUE_SIZE);
      const areas = transport.legacy ? legacyAreasAt(base, size) : areasAt(base);
      transport.setUpQueue(i, size, areas);
      this.drivers.push(new SplitDriver(transport.memory, size, areas));
    }
    transport.status = transport.status | 4;
  }

  header(type: number, sector: bigint): Segment {
    const { memory } = this.transport;
    memory.write32(HEADER, type);
    memory.write32(HEADER + 4, 0);
    memory.write64(HEADER + 8, sector);
    return { gpa: HEADER, length: 16 };
  }

  /** Makes a request available and notifies; the status byte is what is there before. */
  submit(type: number, sector: bigint | number, data: readonly Segment[], queue = 0): void {
    const { memory } = this.transport;
    memory.write8(STATUS, 0xee);
    const status: Segment = { gpa: STATUS, length: 1, writable: true };
    this.drivers[queue].add(this.header(type, BigInt(sector)), ...data, status);
    this.transport.notify(queue);
  }

  /** The same, to its end: the status and the used length. */
  request(type: number, sector: bigint | number, data: readonly Segment[] = []): number {
    this.submit(type, sector, data);
    const used = this.drivers[0].collect();
    expect(used).toHaveLength(1);
    const status = this.transport.memory.read8(STATUS);
    const writable = data.reduce((sum, segment) => sum + (segment.writable ? segment.length : 0), 0);
    // Of what fails, no data has been written, and the status lies behind them (2.7.8.1).
    const filled = type === GET_ID ? Math.min(20, writable) : writable;
    expect(used[0].length).toBe(
      filled < writable ? filled : status === OK || writable === 0 ? writable + 1 : 0,
    );
    return status;
  }

  /** A DISCARD or WRITE_ZEROES request with these ranges. */
  clear(
    type: number,
    ...ranges: readonly [sector: bigint | number, sectors: number, flags?: number][]
  ): number {
    const { memory } = this.transport;
    ranges.forEach(([sector, sectors, flags = 0], i) => {
      memory.write64(DATA + 16 * i, BigInt(sector));
      memory.write32(DATA + 16 * i + 8, sectors);
      memory.write32(DATA + 16 * i + 12, flags);
    });
    return this.request(type, 0, [{ gpa: DATA, length: 16 * ranges.length }]);
  }

  out(offset: number, length: number): Segment {
    return { gpa: DATA + offset, length };
  }

  into(offset: number, length: number): Segment {
    return { gpa: DATA + offset, length, writable: true };
  }
}

describe.each(Object.entries(TRANSPORTS))('a disk over %s', (_name, Way) => {
  it('is read and written', () => {
    const rig = new Rig({ Way });
    const { memory } = rig.transport;
    expect(rig.request(IN, 3, [rig.into(0, 512), rig.into(0x1000, 1024)])).toBe(OK);
    expect(memory.bytes(DATA, 512)).toEqual(rig.file.bytes.slice(1536, 2048));
    expect(memory.bytes(DATA + 0x1000, 1024)).toEqual(rig.file.bytes.slice(2048, 3072));
    memory.write(DATA, pattern(1024, 77));
    expect(rig.request(OUT, 62, [rig.out(0, 100), rig.out(100, 924)])).toBe(OK);
    expect(rig.file.bytes.slice(62 * 512)).toEqual(pattern(1024, 77));
    expect(rig.transport.interrupts().every(name => name === 'queue0')).toBe(true);
  });

  it('tells its size', () => {
    const rig = new Rig({ Way });
    expect(rig.transport.readConfig(0, 4)).toBe(SECTORS);
    expect(rig.transport.readConfig(4, 4)).toBe(0);
    // Byte by byte too, as OSv reads it.
    expect([0, 1, 2, 3].map(i => rig.transport.readConfig(i, 1))).toEqual([SECTORS, 0, 0, 0]);
  });
});

describe('a disk', () => {
  it('takes its header and status in any pieces', () => {
    const rig = new Rig();
    const { memory } = rig.transport;
    rig.header(IN, 1n);
    rig.drivers[0].add({ gpa: HEADER, length: 3 }, { gpa: HEADER + 3, length: 13 }, rig.into(0, 511), {
      gpa: DATA + 511,
      length: 2,
      writable: true,
    });
    rig.transport.notify(0);
    expect(rig.drivers[0].collect()).toMatchObject([{ length: 513 }]);
    expect(memory.bytes(DATA, 512)).toEqual(rig.file.bytes.slice(512, 1024));
    expect(memory.read8(DATA + 512)).toBe(OK);
  });

  it('flushes when the driver asks, and after each write when it cannot', () => {
    const rig = new Rig();
    expect(rig.request(OUT, 0, [rig.out(0, 512)])).toBe(OK);
    expect(rig.file.calls).not.toContain('sync');
    expect(rig.request(FLUSH, 0)).toBe(OK);
    expect(rig.file.calls).toContain('sync');
    const careful = new Rig({ features: 0n });
    expect(careful.request(OUT, 0, [careful.out(0, 512)])).toBe(OK);
    expect(careful.file.calls).toEqual(['write', 'sync']);
  });

  it('flushes after each write when it is told to, until the driver chooses otherwise', () => {
    const rig = new Rig({ features: F_FLUSH | F_CONFIG_WCE, writethrough: true });
    expect(rig.transport.readConfig(32, 1)).toBe(0);
    expect(rig.request(OUT, 0, [rig.out(0, 512)])).toBe(OK);
    expect(rig.file.calls).toEqual(['write', 'sync']);
    expect(rig.clear(WRITE_ZEROES, [0, 1])).toBe(OK);
    expect(rig.file.calls.slice(2)).toEqual(['write', 'sync']);
    rig.transport.writeConfig(32, 1, 1);
    expect(rig.request(OUT, 0, [rig.out(0, 512)])).toBe(OK);
    expect(rig.file.calls.slice(4)).toEqual(['write']);
    rig.start(F_FLUSH | F_CONFIG_WCE);
    expect(rig.transport.readConfig(32, 1)).toBe(0);
  });

  it('lets the driver choose between writeback and writethrough', () => {
    const rig = new Rig({ features: F_FLUSH | F_CONFIG_WCE });
    expect(rig.transport.readConfig(32, 1)).toBe(1);
    rig.transport.writeConfig(32, 1, 0);
    expect(rig.request(OUT, 0, [rig.out(0, 512)])).toBe(OK);
    expect(rig.file.calls).toEqual(['write', 'sync']);
    rig.start(F_FLUSH);
    rig.transport.writeConfig(32, 1, 0);
    expect(rig.transport.readConfig(32, 1)).toBe(1);
  });

  it('tells its serial number', () => {
    const rig = new Rig({ serial: 'disk-0123456789-0123456789' });
    expect(rig.request(GET_ID, 0, [rig.into(0, 20)])).toBe(OK);
    expect(Buffer.from(rig.transport.memory.bytes(DATA, 20)).toString()).toBe('disk-0123456789-0123');
    expect(rig.request(GET_ID, 0, [rig.into(64, 4)])).toBe(OK);
    expect(Buffer.from(rig.transport.memory.bytes(DATA + 64, 4)).toString()).toBe('disk');
  });

  it('writes zeroes and discards', () => {
    const rig = new Rig();
    expect(rig.clear(WRITE_ZEROES, [2, 3], [10, 1, 1])).toBe(OK);
    const expected = pattern(SECTORS * 512, 0);
    expected.fill(0, 1024, 2560).fill(0, 5120, 5632);
    expect(rig.file.bytes).toEqual(expected);
    expect(rig.clear(DISCARD, [4, 4])).toBe(OK);
    expect(rig.file.calls.filter(call => call === 'punch')).toHaveLength(2);
  });

  it.each<[string, (rig: Rig) => number, number]>([
    ['a read beyond the end', rig => rig.request(IN, SECTORS - 1, [rig.into(0, 1024)]), IOERR],
    ['a sector beyond the end', rig => rig.request(IN, SECTORS + 1, []), IOERR],
    ['a sector that overflows', rig => rig.request(OUT, 0xffff_ffff_ffff_ffffn, [rig.out(0, 512)]), IOERR],
    ['a sector that overflows in bytes', rig => rig.request(IN, 1n << 55n, [rig.into(0, 512)]), IOERR],
    ['half a sector', rig => rig.request(OUT, 0, [rig.out(0, 256)]), IOERR],
    ['a request that nobody knows', rig => rig.request(99, 0, [rig.into(0, 512)]), UNSUPP],
    ['a SCSI command', rig => rig.request(2, 0, [rig.out(0, 16), rig.into(64, 96)]), UNSUPP],
    ['an unaligned list of ranges', rig => rig.request(DISCARD, 0, [rig.out(0, 24)]), IOERR],
    ['no range', rig => rig.request(DISCARD, 0), IOERR],
    ['a range beyond the end', rig => rig.clear(WRITE_ZEROES, [0, 1], [SECTORS, 1]), IOERR],
    ['a range that overflows', rig => rig.clear(WRITE_ZEROES, [0xffff_ffff_ffff_ffffn, 2]), IOERR],
    ['a range that is too long', rig => rig.clear(WRITE_ZEROES, [0, 0xffff_ffff]), IOERR],
    ['too many ranges', rig => rig.clear(DISCARD, ...Array<[number, number]>(33).fill([0, 1])), IOERR],
    ['a discard with the unmap flag', rig => rig.clear(DISCARD, [0, 1, 1]), UNSUPP],
    ['flags that nobody knows', rig => rig.clear(WRITE_ZEROES, [0, 1, 2]), UNSUPP],
  ])('refuses %s and touches nothing', (_name, provoke, status) => {
    const rig = new Rig();
    expect(provoke(rig)).toBe(status);
    expect(rig.file.calls).toEqual([]);
    expect(rig.request(IN, 0, [rig.into(0, 512)])).toBe(OK);
  });

  it('gives back requests that have no header or no status', () => {
    const rig = new Rig();
    const [driver] = rig.drivers;
    driver.add({ gpa: HEADER, length: 15 }, { gpa: STATUS, length: 1, writable: true });
    driver.add({ gpa: HEADER, length: 16 });
    rig.transport.notify(0);
    expect(driver.collect().map(({ length }) => length)).toEqual([0, 0]);
  });

  it('tells the host’s errors by the status', () => {
    const rig = new Rig();
    rig.file.failure = new Error('input/output error');
    expect(rig.request(IN, 0, [rig.into(0, 512)])).toBe(IOERR);
    expect(rig.request(OUT, 0, [rig.out(0, 512)])).toBe(IOERR);
    expect(rig.request(FLUSH, 0)).toBe(IOERR);
    expect(rig.clear(WRITE_ZEROES, [0, 1])).toBe(IOERR);
  });

  it('can be read-only', () => {
    const rig = new Rig({ readOnly: true });
    expect(rig.transport.readFeatures() & F_RO).toBe(F_RO);
    expect(rig.request(IN, 0, [rig.into(0, 512)])).toBe(OK);
    expect(rig.request(OUT, 0, [rig.out(0, 512)])).toBe(IOERR);
    expect(rig.clear(DISCARD, [0, 1])).toBe(IOERR);
    expect(rig.file.calls).toEqual(['read']);
  });

  it('has as many queues as asked for', () => {
    const rig = new Rig({ queues: 4, features: F_FLUSH | F_MQ });
    expect(rig.transport.readConfig(34, 2)).toBe(4);
    rig.submit(OUT, 5, [rig.out(0, 512)], 3);
    expect(rig.drivers[3].collect()).toHaveLength(1);
    expect(rig.drivers[0].collect()).toEqual([]);
    expect(rig.transport.interrupts()).toEqual(['queue3']);
  });

  it('tells the driver when its size changes', () => {
    const file = new MemoryFile(new Uint8Array(SECTORS * 512));
    const backend = new RawBackend(file);
    const rig = new Rig({ backend, file });
    const generation = (): number => (rig.transport as ModernPci).read(0x15, 1);
    const before = generation();
    file.truncate(2 * SECTORS * 512);
    backend.refresh();
    expect(rig.transport.interrupts()).toEqual(['config']);
    expect(rig.transport.readConfig(0, 4)).toBe(2 * SECTORS);
    expect(generation()).not.toBe(before);
  });

  it('interrupts once for a batch', () => {
    const rig = new Rig();
    const [driver] = rig.drivers;
    for (let i = 0; i < 3; i++) {
      driver.add(rig.header(FLUSH, 0n), { gpa: STATUS + i, length: 1, writable: true });
    }
    rig.transport.notify(0);
    expect(driver.collect()).toHaveLength(3);
    expect(rig.transport.interrupts()).toEqual(['queue0']);
  });
});

/** A gate that lets through what the test says. */
class ManualGate implements RequestGate {
  readonly held: GatedRequest[] = [];
  readonly seen: [write: boolean, bytes: number][] = [];
  /** Of those that were held when it was swept last, how many were wanted. */
  wanted: number | undefined;

  pass(write: boolean, bytes: number, request: GatedRequest): void {
    this.seen.push([write, bytes]);
    this.held.push(request);
  }

  sweep(): void {
    this.wanted = this.held.filter(({ wanted }) => wanted).length;
  }
}

describe('a disk with a gate', () => {
  it('does what the gate lets through, and nothing after the driver has taken its buffers back', () => {
    const gate = new ManualGate();
    const rig = new Rig({ gate });
    rig.submit(IN, 0, [rig.into(0, 512)]);
    rig.submit(OUT, 1, [rig.out(512, 1024)]);
    rig.transport.memory.bytes(DATA, 16).fill(0);
    rig.submit(DISCARD, 0, [rig.out(0, 16)]);
    expect(rig.drivers[0].collect()).toEqual([]);
    expect(rig.request(FLUSH, 0)).toBe(OK);
    expect(rig.file.calls).toEqual(['sync']);
    gate.held[0].proceed();
    expect(rig.file.calls).toEqual(['sync', 'read']);
    rig.start(F_FLUSH);
    gate.held[1].proceed();
    gate.held[2].proceed();
    expect(rig.file.calls).toEqual(['sync', 'read']);
    expect(gate.seen).toEqual([
      [false, 512],
      [true, 1024],
      [true, 0],
    ]);
  });

  it.each<[string, (rig: Rig) => void]>([
    ['resets the device', rig => rig.start(F_FLUSH)],
    ['takes the queue back', rig => (rig.transport as ModernPci).resetQueue(0)],
  ])('leaves nothing at the gate when the driver %s', (_name, takeBack) => {
    const gate = new ManualGate();
    const rig = new Rig({ gate });
    for (let i = 0; i < 20; i++) rig.submit(IN, 0, [rig.into(0, 512)]);
    expect(gate.held.every(({ wanted }) => wanted)).toBe(true);
    gate.wanted = undefined;
    takeBack(rig);
    expect(gate.wanted).toBe(0);
  });
});

/** A disk of 1 TiB that does everything at once and keeps nothing. */
class Vast implements BlockBackend {
  readonly readOnly = false;
  readonly discardGranularity = 512;
  readonly size = 2 ** 40;
  /** What was asked for since the last look, in bytes. */
  private pieces: number[] = [];

  read(_offset: number, buffers: readonly Uint8Array[], done: (result: BlockResult) => void): void {
    for (const buffer of buffers) buffer.fill(1);
    this.note(totalLength(buffers), done);
  }

  write(_offset: number, buffers: readonly Uint8Array[], done: (result: BlockResult) => void): void {
    this.note(totalLength(buffers), done);
  }

  flush(done: (result: BlockResult) => void): void {
    done(undefined);
  }

  discard(_offset: number, length: number, done: (result: BlockResult) => void): void {
    this.note(length, done);
  }

  writeZeroes(_offset: number, length: number, _unmap: boolean, done: (result: BlockResult) => void): void {
    this.note(length, done);
  }

  resize(_size: number, done: (result: BlockResult) => void): void {
    done(undefined);
  }

  close(): void {}

  take(): number[] {
    return this.pieces.splice(0);
  }

  private note(bytes: number, done: (result: BlockResult) => void): void {
    this.pieces.push(bytes);
    done(undefined);
  }
}

describe('a disk with more to do than is done at once', () => {
  const MIB = 1 << 20;
  /** The same mebibyte of memory `count` times: what a driver may ask for. */
  const again = (count: number, writable: boolean): Segment[] =>
    Array.from({ length: count }, () => ({ gpa: 0x30_0000, length: MIB, writable }));

  function turns(rig: Rig, backend: Vast): number[][] {
    const all: number[][] = [];
    for (let pieces = backend.take(); pieces.length > 0; pieces = backend.take()) {
      all.push(pieces.map(bytes => bytes / MIB));
      rig.transport.elapse();
    }
    return all;
  }

  it.each<[string, number, boolean]>([
    ['reads', IN, true],
    ['writes', OUT, false],
  ])('%s it in turns', (_name, type, writable) => {
    const backend = new Vast();
    const rig = new Rig({ backend });
    rig.submit(type, 0, again(40, writable));
    expect(rig.drivers[0].collect()).toEqual([]);
    expect(turns(rig, backend)).toEqual([
      [4, 4, 4, 4],
      [4, 4, 4, 4],
      [4, 4],
    ]);
    expect(rig.drivers[0].collect()).toMatchObject([{ length: writable ? 40 * MIB + 1 : 1 }]);
    expect(rig.transport.memory.read8(STATUS)).toBe(OK);
    expect(rig.transport.interrupts()).toEqual(['queue0']);
  });

  it('lets requests overtake those that take several turns', () => {
    const backend = new Vast();
    const rig = new Rig({ backend, queues: 3, features: F_FLUSH | F_MQ });
    for (const queue of [0, 1]) rig.submit(IN, 0, again(100, true), queue);
    rig.submit(IN, 0, [rig.into(0, 512)], 2);
    expect(rig.drivers[2].collect()).toEqual([]);
    rig.transport.elapse();
    expect(rig.drivers[2].collect()).toHaveLength(1);
    for (const queue of [0, 1]) expect(rig.drivers[queue].collect()).toEqual([]);
    for (let left = 20; left > 0; left--) rig.transport.elapse();
    for (const queue of [0, 1]) expect(rig.drivers[queue].collect()).toHaveLength(1);
  });

  it('does no more for many queues than for one', () => {
    const backend = new Vast();
    const rig = new Rig({ backend, queues: 3, features: F_FLUSH | F_MQ });
    for (const queue of [0, 1, 2]) rig.submit(IN, 0, again(32, true), queue);
    backend.take();
    const moved: number[] = [];
    for (let left = 6; left > 0; left--) {
      rig.transport.elapse();
      moved.push(backend.take().reduce((sum, bytes) => sum + bytes / MIB, 0));
    }
    expect(Math.max(...moved)).toBeLessThanOrEqual(16);
    expect(rig.drivers.map(driver => driver.collect().length)).toEqual([1, 1, 1]);
  });

  it.each<[string, number]>([
    ['discards', DISCARD],
    ['writes zeroes', WRITE_ZEROES],
  ])('%s it in turns', (_name, type) => {
    const backend = new Vast();
    const rig = new Rig({ backend });
    const { memory } = rig.transport;
    // Ranges of 40 MiB in an image of clusters of 512 bytes: 8 MiB are 16384 of them.
    for (const i of [0, 1]) {
      memory.write64(DATA + 16 * i, BigInt(i) << 20n);
      memory.write64(DATA + 16 * i + 8, BigInt((40 * MIB) / 512));
    }
    rig.submit(type, 0, [rig.out(0, 32)]);
    expect(turns(rig, backend)).toEqual(Array(10).fill([8]));
    expect(rig.drivers[0].collect()).toHaveLength(1);
    expect(memory.read8(STATUS)).toBe(OK);
  });

  it.each<[string, (rig: Rig) => void]>([
    ['resets the device', rig => rig.start(F_FLUSH)],
    ['takes the queue back', rig => (rig.transport as ModernPci).resetQueue(0)],
  ])('leaves off when the driver %s', (_name, takeBack) => {
    const backend = new Vast();
    const rig = new Rig({ backend });
    rig.submit(OUT, 0, again(40, false));
    backend.take();
    takeBack(rig);
    rig.transport.elapse();
    expect(backend.take()).toEqual([]);
  });

  it('goes on with the other queues when the driver takes one back', () => {
    const backend = new Vast();
    const rig = new Rig({ backend, queues: 2, features: F_FLUSH | F_MQ });
    rig.submit(IN, 0, again(40, true), 0);
    rig.submit(IN, 0, again(40, true), 1);
    (rig.transport as ModernPci).resetQueue(0);
    for (let left = 4; left > 0; left--) rig.transport.elapse();
    expect(rig.drivers[1].collect()).toHaveLength(1);
  });

  it('begins again from a state that was saved in between', () => {
    const backend = new Vast();
    const rig = new Rig({ backend });
    rig.submit(IN, 0, again(20, true));
    const state = structuredClone(rig.transport.whole.save());
    rig.transport.whole.load(state);
    for (let left = 4; left > 0; left--) rig.transport.elapse();
    expect(rig.drivers[0].collect()).toHaveLength(1);
  });
});

describe('a disk whose host takes its time', () => {
  it('serves requests in any order', () => {
    const backend = new Slow(new MemoryFile(pattern(SECTORS * 512, 0)));
    const rig = new Rig({ backend, file: backend.file });
    rig.submit(IN, 0, [rig.into(0, 512)]);
    rig.submit(IN, 1, [rig.into(512, 512)]);
    expect(rig.drivers[0].collect()).toEqual([]);
    backend.waiting.pop()!();
    expect(rig.drivers[0].collect()).toHaveLength(1);
    expect(rig.transport.interrupts()).toEqual(['queue0']);
    backend.waiting.pop()!();
    expect(rig.drivers[0].collect()).toHaveLength(1);
    expect(rig.transport.memory.bytes(DATA, 1024)).toEqual(rig.file.bytes.slice(0, 1024));
  });

  it('reads what is too much for one piece', () => {
    const sectors = 400;
    const backend = new Slow(new MemoryFile(pattern(sectors * 512, 7).map((byte, i) => byte ^ (i >> 9))));
    const rig = new Rig({ backend, file: backend.file });
    const size = sectors * 512;
    const INTO = 0x30_0000;
    rig.submit(IN, 0, [{ gpa: INTO, length: size, writable: true }]);
    let pieces = 0;
    for (; backend.waiting.length > 0; pieces++) backend.waiting.pop()!();
    expect(pieces).toBe(4);
    expect(rig.drivers[0].collect()).toEqual([{ id: expect.any(Number) as number, length: size + 1 }]);
    expect(rig.transport.memory.read8(STATUS)).toBe(OK);
    expect(Buffer.from(rig.transport.memory.bytes(INTO, size)).equals(rig.file.bytes)).toBe(true);
  });

  it.each<[string, (rig: Rig) => void]>([
    ['resets the device', rig => rig.start(F_FLUSH)],
    ['takes the queue back', rig => (rig.transport as ModernPci).resetQueue(0)],
  ])('leaves memory alone once the driver %s', (_name, takeBack) => {
    const backend = new Slow(new MemoryFile(pattern(SECTORS * 512, 1)));
    const rig = new Rig({ backend, file: backend.file });
    rig.submit(IN, 0, [rig.into(0, 512)]);
    takeBack(rig);
    rig.transport.memory.bytes(DATA, 512).fill(0xdd);
    rig.transport.memory.bytes(QUEUE, 0x2_0000).fill(0xdd);
    backend.waiting.pop()!();
    expect(new Set(rig.transport.memory.bytes(DATA, 512))).toEqual(new Set([0xdd]));
    expect(new Set(rig.transport.memory.bytes(QUEUE, 0x2_0000))).toEqual(new Set([0xdd]));
    expect(rig.transport.memory.read8(STATUS)).toBe(0xee);
    expect(rig.transport.interrupts()).toEqual([]);
  });

  it.each<[string, (rig: Rig) => void]>([
    ['resets the device', rig => rig.start(F_FLUSH)],
    ['takes the queue back', rig => (rig.transport as ModernPci).resetQueue(0)],
  ])('writes what memory held when it was asked to, also once the driver %s', (_name, takeBack) => {
    const backend = new Slow(new MemoryFile(new Uint8Array(400 * 512)));
    const rig = new Rig({ backend, file: backend.file });
    const FROM = 0x30_0000;
    const size = 300 * 512;
    rig.transport.memory.write(FROM, pattern(size, 3));
    rig.submit(OUT, 0, [{ gpa: FROM, length: size }]);
    takeBack(rig);
    rig.transport.memory.bytes(FROM, size).fill(0xdd);
    let pieces = 0;
    for (; backend.waiting.length > 0; pieces++) backend.waiting.pop()!();
    // What had not begun is not begun any more.
    expect(pieces).toBe(1);
    expect(rig.file.bytes.subarray(0, 0x1_0000)).toEqual(pattern(0x1_0000, 3));
    expect(new Set(rig.file.bytes.subarray(0x1_0000))).toEqual(new Set([0]));
  });

  it('forgets requests when the driver resets the device or takes the queue back', () => {
    const backend = new Slow(new MemoryFile(pattern(SECTORS * 512, 0)));
    const rig = new Rig({ backend, file: backend.file });
    rig.submit(IN, 0, [rig.into(0, 512)]);
    rig.start(F_FLUSH);
    backend.waiting.pop()!();
    expect(rig.drivers[0].collect()).toEqual([]);
    rig.submit(IN, 0, [rig.into(0, 512)]);
    (rig.transport as ModernPci).resetQueue(0);
    backend.waiting.pop()!();
    expect(rig.drivers[0].collect()).toEqual([]);
    expect(rig.transport.interrupts()).toEqual([]);
  });

  it('refuses what lies beyond the end of a disk that became smaller in the middle of a request', () => {
    const backend = new Slow(new MemoryFile(pattern(SECTORS * 512, 0)));
    const rig = new Rig({ backend, file: backend.file });
    const { memory } = rig.transport;
    [0, SECTORS - 1].forEach((sector, i) => {
      memory.write64(DATA + 16 * i, BigInt(sector));
      memory.write64(DATA + 16 * i + 8, 1n);
    });
    rig.submit(WRITE_ZEROES, 0, [{ gpa: DATA, length: 32 }]);
    backend.resize(SECTORS * 256, () => undefined);
    backend.waiting.pop()!();
    expect(backend.waiting).toEqual([]);
    expect(memory.read8(STATUS)).toBe(IOERR);
    expect(rig.file.bytes).toHaveLength(SECTORS * 256);
  });

  it('refuses a request that was held back until the disk became too small for it', () => {
    const gate = new ManualGate();
    const backend = new Slow(new MemoryFile(pattern(SECTORS * 512, 0)));
    const rig = new Rig({ backend, file: backend.file, gate });
    rig.submit(OUT, SECTORS - 1, [rig.out(0, 512)]);
    backend.resize(SECTORS * 256, () => undefined);
    gate.held.pop()!.proceed();
    expect(backend.waiting).toEqual([]);
    expect(rig.transport.memory.read8(STATUS)).toBe(IOERR);
  });

  it('goes on from a state that was saved with requests under way', () => {
    const backend = new Slow(new MemoryFile(pattern(SECTORS * 512, 0)));
    const rig = new Rig({ backend, file: backend.file });
    rig.submit(IN, 0, [rig.into(0, 512)]);
    rig.submit(IN, 1, [rig.into(512, 512)]);
    backend.waiting.shift()!();
    const state = structuredClone(rig.transport.whole.save());
    const lost = backend.waiting.splice(0);
    rig.transport.whole.load(state);
    for (const finish of lost) finish();
    expect(rig.drivers[0].collect()).toHaveLength(1);
    expect(backend.waiting).toHaveLength(1);
    backend.waiting.pop()!();
    expect(rig.drivers[0].collect()).toHaveLength(1);
    expect(rig.transport.memory.bytes(DATA + 512, 512)).toEqual(rig.file.bytes.slice(512, 1024));
  });
});

describe('a disk that may not master the bus', () => {
  const COMMAND = 0x04;
  const setMaster = (rig: Rig, on: boolean): void => {
    (rig.transport as ModernPci).machine.writeConfig(0, COMMAND, on ? 6 : 2, 2);
  };

  it.each<[string, number, boolean]>([
    ['a read', IN, true],
    ['a write', OUT, false],
  ])('answers %s that has ended meanwhile when it may again', (_name, type, writable) => {
    const backend = new Slow(new MemoryFile(pattern(SECTORS * 512, 0)));
    const rig = new Rig({ backend, file: backend.file });
    const { memory } = rig.transport;
    rig.submit(type, 0, [{ gpa: DATA, length: 512, writable }]);
    setMaster(rig, false);
    memory.bytes(DATA, 512).fill(0xdd);
    backend.waiting.pop()!();
    rig.transport.elapse();
    expect(rig.drivers[0].collect()).toEqual([]);
    expect(new Set(memory.bytes(DATA, 512))).toEqual(new Set([0xdd]));
    expect(memory.read8(STATUS)).toBe(0xee);
    expect(rig.transport.interrupts()).toEqual([]);
    setMaster(rig, true);
    rig.transport.elapse();
    expect(rig.drivers[0].collect()).toHaveLength(1);
    expect(memory.read8(STATUS)).toBe(OK);
    if (writable) expect(memory.bytes(DATA, 512)).toEqual(pattern(512, 0));
    expect(rig.transport.interrupts()).toEqual(['queue0']);
  });

  it('begins nothing that the gate lets through meanwhile', () => {
    const gate = new ManualGate();
    const rig = new Rig({ gate });
    rig.submit(OUT, 0, [rig.out(0, 512)]);
    setMaster(rig, false);
    gate.held[0].proceed();
    rig.transport.elapse();
    expect(rig.file.calls).toEqual([]);
    setMaster(rig, true);
    rig.transport.elapse();
    expect(rig.file.calls).toEqual(['write']);
    expect(rig.drivers[0].collect()).toHaveLength(1);
  });

  it('goes on from a state that was saved then', () => {
    const backend = new Slow(new MemoryFile(pattern(SECTORS * 512, 0)));
    const rig = new Rig({ backend, file: backend.file });
    rig.submit(IN, 0, [rig.into(0, 512)]);
    setMaster(rig, false);
    const state = structuredClone(rig.transport.whole.save());
    backend.waiting.splice(0);
    rig.transport.whole.load(state);
    // It has not looked at the request again: memory is not its own.
    expect(backend.waiting).toEqual([]);
    rig.transport.whole.load(structuredClone(rig.transport.whole.save()));
    setMaster(rig, true);
    rig.transport.elapse();
    backend.waiting.pop()!();
    expect(rig.drivers[0].collect()).toHaveLength(1);
  });
});
