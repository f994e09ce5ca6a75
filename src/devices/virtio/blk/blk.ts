import { SECTOR_SIZE, type BlockBackend, type BlockResult } from '../../../block/backend.js';
import type { RequestGate } from '../../../block/throttle.js';
import type { BusTarget, DeviceState } from '../../../vmm/device.js';
import { DeviceId, type DeviceHost, type DeviceType } from '../device-type.js';
import { has } from '../features.js';
import type { Chain, ChainState } from '../queue/chain.js';
import type { Virtqueue } from '../queue/virtqueue.js';
import { CONFIG_SIZE, CONFIGURATION, MAX_RANGES, MAX_RANGE_SECTORS } from './config.js';
import {
  BlkFeature,
  HEADER_SIZE,
  ID_SIZE,
  RANGE_SIZE,
  RANGE_UNMAP,
  RequestStatus,
  RequestType,
} from './requests.js';

export interface VirtioBlkOptions {
  readonly backend: BlockBackend;
  /** What GET_ID answers: up to 20 characters. */
  readonly serial?: string;
  /** Request queues; 1 by default. */
  readonly queues?: number;
  /** Entries of each; 256 by default. */
  readonly queueSize?: number;
  /** Bytes of a logical and of a physical block: powers of two, 512 by default. */
  readonly blockSize?: number;
  readonly physicalBlockSize?: number;
  readonly readOnly?: boolean;
  /** Each write is on stable storage when it is answered, until the driver chooses otherwise. */
  readonly writethrough?: boolean;
  /** Holds requests back. */
  readonly gate?: RequestGate;
}

/** A request that the back end works on. Used again when it has been answered, and only then. */
class Request {
  chain!: Chain;
  queue!: Virtqueue;
  /** Of its queue. */
  index = 0;
  /** Bytes of data that the driver has got when it ends well. */
  filled = 0;
  /** For the back end. */
  readonly done: (result: BlockResult) => void;
  /** The same for a write after which the back end's buffers are to be flushed. */
  readonly written: (result: BlockResult) => void;

  constructor(end: (request: Request, status: number) => void, backend: BlockBackend) {
    this.done = result => end(this, result ? RequestStatus.IOERR : RequestStatus.OK);
    this.written = result => (result ? this.done(result) : backend.flush(this.done));
  }
}

type BlkState = {
  readonly writeback: boolean;
  /** Requests under way: they are made again. */
  readonly pending: readonly { readonly index: number; readonly chain: ChainState }[];
};

const REQUEST_NAMES: ReadonlyMap<number, string> = new Map([
  [RequestType.IN, 'read'],
  [RequestType.OUT, 'write'],
  [RequestType.FLUSH, 'flush'],
  [RequestType.GET_ID, 'get id'],
  [RequestType.DISCARD, 'discard'],
  [RequestType.WRITE_ZEROES, 'write zeroes'],
]);

/** Descriptors of a request besides its data: header and status. */
const EXTRA_SEGMENTS = 2;
const MAX_SAFE_HIGH = 0x1f_ffff;
/** Bytes of a request to a deferred back end that are read at once, so that guests cannot fill the host's memory. */
const MAX_ASIDE = 64 * 1024;

/** Block device (virtio 1.3, 5.2). */
export class VirtioBlk implements DeviceType {
  readonly id = DeviceId.BLOCK;
  readonly pciClass = 0x01_00_00;
  readonly features: bigint;
  readonly queueSizes: readonly number[];
  readonly config: BusTarget;
  readonly configSize = CONFIG_SIZE;
  readonly blockSize: number;
  readonly physicalBlockExponent: number;
  /** In logical blocks. */
  readonly minIoBlocks: number;
  /** In sectors. */
  readonly discardAlignment: number;
  readonly maxSegments: number;
  /** What the driver has chosen of writeback and writethrough, if it may. */
  writeback: boolean;
  private readonly backend: BlockBackend;
  private readonly serial: Uint8Array;
  private readonly readOnly: boolean;
  private host!: DeviceHost;
  private readonly writethrough: boolean;
  private readonly gate: RequestGate | undefined;
  private readonly pending = new Set<Request>();
  private readonly free: Request[] = [];
  private serving = false;
  private readonly header = new Uint8Array(HEADER_SIZE);
  private readonly headerView = new DataView(this.header.buffer);
  private readonly handle: ((chain: Chain, queue: Virtqueue) => void)[];

  constructor(options: VirtioBlkOptions) {
    const { backend, serial = '', queues = 1, queueSize = 256, blockSize = 512 } = options;
    const { physicalBlockSize = blockSize, readOnly = false, writethrough = false, gate } = options;
    this.backend = backend;
    this.serial = new TextEncoder().encode(serial).subarray(0, ID_SIZE);
    this.readOnly = readOnly || backend.readOnly;
    this.blockSize = blockSize;
    this.physicalBlockExponent = Math.log2(physicalBlockSize / blockSize);
    this.minIoBlocks = physicalBlockSize / blockSize;
    this.discardAlignment = Math.max(1, backend.discardGranularity / SECTOR_SIZE);
    this.maxSegments = queueSize - EXTRA_SEGMENTS;
    this.queueSizes = Array.from({ length: queues }, () => queueSize);
    this.handle = this.queueSizes.map((_, index) => (chain, queue) => this.begin(chain, queue, index));
    this.writethrough = writethrough;
    this.writeback = !writethrough;
    this.gate = gate;
    const { SEG_MAX, GEOMETRY, RO, BLK_SIZE, FLUSH, TOPOLOGY, CONFIG_WCE, MQ, DISCARD, WRITE_ZEROES } =
      BlkFeature;
    this.features =
      SEG_MAX |
      GEOMETRY |
      BLK_SIZE |
      TOPOLOGY |
      FLUSH |
      (queues > 1 ? MQ : 0n) |
      (this.readOnly ? RO : CONFIG_WCE | DISCARD | WRITE_ZEROES);
    this.config = CONFIGURATION.bind(this);
    backend.onResize = () => this.host.configChanged();
  }

  /** In sectors of 512 bytes. */
  get capacity(): number {
    return this.backend.size / SECTOR_SIZE;
  }

  setWriteback(on: boolean): void {
    if (has(this.host.features, BlkFeature.CONFIG_WCE)) this.writeback = on;
  }

  connect(host: DeviceHost): void {
    this.host = host;
  }

  start(): void {
    // Without FLUSH a driver cannot ask for it: each write is to be stable then (5.2.5.2).
    if (!has(this.host.features, BlkFeature.FLUSH)) this.writeback = false;
    this.queueSizes.forEach((_, index) => this.notify(index));
  }

  requestName(_index: number, chain: Chain): string {
    if (chain.readableBytes < HEADER_SIZE) return 'malformed';
    chain.readInto(0, this.header, 0, HEADER_SIZE);
    return REQUEST_NAMES.get(this.headerView.getUint32(0, true)) ?? 'unknown';
  }

  notify(index: number): void {
    this.serving = true;
    this.host.serve(index, this.handle[index]);
    this.serving = false;
  }

  resetQueue(index: number): void {
    for (const request of this.pending) if (request.index === index) this.pending.delete(request);
  }

  reset(): void {
    this.pending.clear();
    this.writeback = !this.writethrough;
  }

  save(): DeviceState {
    return {
      writeback: this.writeback,
      pending: Array.from(this.pending, ({ index, chain }) => ({ index, chain: chain.save() })),
    } satisfies BlkState;
  }

  load(state: DeviceState): void {
    const { writeback, pending } = state as BlkState;
    this.writeback = writeback;
    for (const { index, chain } of pending) {
      const queue = this.host.queue(index);
      if (queue) this.begin(queue.adopt(chain), queue, index);
    }
  }

  private begin(chain: Chain, queue: Virtqueue, index: number): void {
    // Without header or status there is nothing to answer (5.2.6).
    if (chain.readableBytes < HEADER_SIZE || chain.writableBytes < 1) {
      queue.push(chain, 0);
      return;
    }
    const request = this.free.pop() ?? new Request((ended, status) => this.end(ended, status), this.backend);
    request.chain = chain;
    request.queue = queue;
    request.index = index;
    request.filled = 0;
    this.pending.add(request);
    chain.readInto(0, this.header, 0, HEADER_SIZE);
    const sector = this.readSector(this.headerView, 8);
    const type = this.headerView.getUint32(0, true);
    switch (type) {
      case RequestType.IN:
        this.admit(request, sector, chain.writableBytes - 1, false);
        return;
      case RequestType.OUT:
        if (this.readOnly) this.end(request, RequestStatus.IOERR);
        else this.admit(request, sector, chain.readableBytes - HEADER_SIZE, true);
        return;
      case RequestType.FLUSH:
        this.backend.flush(request.done);
        return;
      case RequestType.GET_ID:
        request.filled = this.identify(chain);
        this.end(request, RequestStatus.OK);
        return;
      case RequestType.DISCARD:
      case RequestType.WRITE_ZEROES:
        this.clear(request, type === RequestType.WRITE_ZEROES);
        return;
      default:
        this.end(request, RequestStatus.UNSUPP);
    }
  }

  private readSector(view: DataView, at: number): number {
    const high = view.getUint32(at + 4, true);
    return high > MAX_SAFE_HIGH ? Infinity : high * 2 ** 32 + view.getUint32(at, true);
  }

  private admit(request: Request, sector: number, length: number, write: boolean): void {
    if (length % SECTOR_SIZE !== 0 || !this.inRange(sector, length / SECTOR_SIZE)) {
      this.end(request, RequestStatus.IOERR);
    } else if (this.gate) {
      this.gate.pass(
        write,
        length,
        this.ifPending(request, () => this.transfer(request, sector, length, write)),
      );
    } else {
      this.transfer(request, sector, length, write);
    }
  }

  /** What waits for the gate is not done any more once the driver has taken its buffers back. */
  private ifPending(request: Request, action: () => void): () => void {
    return () => {
      if (this.pending.has(request)) action();
    };
  }

  private transfer(request: Request, sector: number, length: number, write: boolean): void {
    const { chain } = request;
    const offset = sector * SECTOR_SIZE;
    // The disk may have become smaller while the request was held back.
    if (!this.inRange(sector, length / SECTOR_SIZE)) {
      this.end(request, RequestStatus.IOERR);
    } else if (!write) {
      request.filled = length;
      if (this.backend.deferred) this.readAside(request, offset, length, 0);
      else this.backend.read(offset, chain.views(true, 0, length), request.done);
    } else {
      const views = chain.views(false, HEADER_SIZE, length);
      this.backend.write(offset, views, this.writeback ? request.done : request.written);
    }
  }

  /** Reads `length` bytes from `offset` on, piece by piece; what arrives is the driver's while the request is under way. */
  private readAside(request: Request, offset: number, length: number, from: number): void {
    const piece = new Uint8Array(Math.min(length - from, MAX_ASIDE));
    this.backend.read(offset + from, [piece], result => {
      if (!result && this.pending.has(request)) {
        request.chain.write(from, piece);
        const next = from + piece.length;
        if (next < length && this.inRange((offset + next) / SECTOR_SIZE, (length - next) / SECTOR_SIZE)) {
          this.readAside(request, offset, length, next);
          return;
        }
        // The disk has become smaller in between.
        if (next < length) {
          this.end(request, RequestStatus.IOERR);
          return;
        }
      }
      request.done(result);
    });
  }

  private identify(chain: Chain): number {
    const id = new Uint8Array(Math.min(ID_SIZE, chain.writableBytes - 1));
    id.set(this.serial.subarray(0, id.length));
    return chain.write(0, id);
  }

  /** DISCARD and WRITE_ZEROES: a list of ranges (5.2.6.2). All are checked before the first is touched. */
  private clear(request: Request, zeroes: boolean): void {
    const { chain } = request;
    const length = chain.readableBytes - HEADER_SIZE;
    const count = length / RANGE_SIZE;
    if (this.readOnly || count < 1 || count > MAX_RANGES || !Number.isInteger(count)) {
      this.end(request, RequestStatus.IOERR);
      return;
    }
    const bytes = new Uint8Array(length);
    chain.read(HEADER_SIZE, bytes);
    const view = new DataView(bytes.buffer);
    const ranges = Array.from({ length: count }, (_, i) => {
      const at = i * RANGE_SIZE;
      return {
        sector: this.readSector(view, at),
        sectors: view.getUint32(at + 8, true),
        flags: view.getUint32(at + 12, true),
      };
    });
    const allowed = zeroes ? RANGE_UNMAP : 0;
    if (ranges.some(({ flags }) => (flags & ~allowed) !== 0)) {
      this.end(request, RequestStatus.UNSUPP);
      return;
    }
    if (ranges.some(({ sector, sectors }) => sectors > MAX_RANGE_SECTORS || !this.inRange(sector, sectors))) {
      this.end(request, RequestStatus.IOERR);
      return;
    }
    const next = (i: number, result: BlockResult): void => {
      if (result || i === ranges.length) {
        if (zeroes && !this.writeback) request.written(result);
        else request.done(result);
        return;
      }
      const { sector, sectors, flags } = ranges[i];
      // The disk may have become smaller since.
      if (!this.inRange(sector, sectors)) {
        this.end(request, RequestStatus.IOERR);
        return;
      }
      const offset = sector * SECTOR_SIZE;
      const size = sectors * SECTOR_SIZE;
      const done = (outcome: BlockResult): void => next(i + 1, outcome);
      if (zeroes) this.backend.writeZeroes(offset, size, (flags & RANGE_UNMAP) !== 0, done);
      else this.backend.discard(offset, size, done);
    };
    const begin = (): void => next(0, undefined);
    if (this.gate) this.gate.pass(true, 0, this.ifPending(request, begin));
    else begin();
  }

  private inRange(sector: number, sectors: number): boolean {
    return sector <= this.capacity && sectors <= this.capacity - sector;
  }

  /** Answers, unless the driver has taken the queue back in the meantime. */
  private end(request: Request, status: number): void {
    if (!this.pending.delete(request)) return;
    const { chain, queue, index } = request;
    const data = chain.writableBytes - 1;
    const filled = status === RequestStatus.OK ? request.filled : 0;
    chain.write8(data, status);
    // What counts is written from the buffer's start on (2.7.8.1): the status does only behind all of the data.
    queue.push(chain, filled === data ? data + 1 : filled);
    this.free.push(request);
    // What is done at once is told of when the whole batch is.
    if (!this.serving) this.host.signal(index);
  }
}
