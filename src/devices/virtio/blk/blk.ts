import { SECTOR_SIZE, type BlockBackend, type BlockResult } from '../../../block/backend.js';
import type { RequestGate } from '../../../block/throttle.js';
import type { BusTarget, DeviceState } from '../../../vmm/device.js';
import { DeviceId, type DeviceHost, type DeviceType } from '../device-type.js';
import { has } from '../features.js';
import type { Chain, ChainState } from '../queue/chain.js';
import type { Virtqueue } from '../queue/virtqueue.js';
import { CONFIG_SIZE, CONFIGURATION, MAX_RANGES, MAX_RANGE_SECTORS } from './config.js';
import { BlkRequest, Step, type ClearedRange, type RequestOwner } from './request.js';
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
/**
 * Bytes that the back end moves at once, and of all requests together before the machine looks around: the longest
 * request is 4 GiB.
 */
const PIECE = 4 << 20;
const BYTES_A_TURN = 4 * PIECE;
/** Bytes that are cleared at once: as many as the back end has to look at this many of its units for, at most. */
const UNITS_A_PIECE = 1 << 14;
const MAX_CLEARED = 64 << 20;
/** Bytes of a request to a deferred back end that are kept aside, so that guests cannot fill the host's memory. */
const MAX_ASIDE = 64 * 1024;

/** Block device (virtio 1.3, 5.2). */
export class VirtioBlk implements DeviceType, RequestOwner {
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
  readonly backend: BlockBackend;
  private readonly serial: Uint8Array;
  private readonly readOnly: boolean;
  private host!: DeviceHost;
  private readonly writethrough: boolean;
  private readonly gate: RequestGate | undefined;
  private readonly clearedAtOnce: number;
  private readonly pending = new Set<BlkRequest>();
  private readonly free: BlkRequest[] = [];
  /** Requests whose next piece waits for its turn. */
  private backlog: BlkRequest[] = [];
  private goingOn = false;
  /** Bytes that may still be moved in this turn. */
  private left = BYTES_A_TURN;
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
    this.clearedAtOnce = Math.min(MAX_CLEARED, UNITS_A_PIECE * backend.discardGranularity);
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

  newTurn(): void {
    this.left = BYTES_A_TURN;
  }

  notify(index: number): void {
    this.serving = true;
    const others = this.goOn();
    this.host.serve(index, this.handle[index]);
    this.serving = false;
    if (others) this.queueSizes.forEach((_, other) => this.host.signal(other));
  }

  resetQueue(index: number): void {
    for (const request of this.pending) if (request.index === index) this.pending.delete(request);
    this.backlog = this.backlog.filter(request => this.pending.has(request));
    if (this.backlog.length > 0) this.host.serveLater(this.backlog[0].index);
    this.gate?.sweep();
  }

  reset(): void {
    this.pending.clear();
    this.backlog = [];
    this.gate?.sweep();
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
    const request = this.free.pop() ?? new BlkRequest(this);
    request.hold(chain, queue, index);
    this.pending.add(request);
    this.proceed(request);
  }

  /** @internal For requests. */
  isPending(request: BlkRequest): boolean {
    return this.pending.has(request);
  }

  /** @internal For requests: the next piece, now if there is room in this turn and the device may use memory. */
  proceed(request: BlkRequest): void {
    if (!this.host.mastering) this.putOff(request);
    else if (request.ended) this.pieceDone(request, request.result);
    else if (request.step === Step.PARSE) this.parse(request);
    else if (request.step === Step.FLUSH) this.backend.flush(request.done);
    else if (request.rest === 0) this.finish(request);
    else if (this.left <= 0) this.putOff(request);
    // The disk may have become smaller since.
    else if (!this.inRange(request.offset / SECTOR_SIZE, request.rest / SECTOR_SIZE)) {
      this.end(request, RequestStatus.IOERR);
    } else if (request.step === Step.READ || request.step === Step.WRITE) this.move(request);
    else this.clear(request);
  }

  /** @internal For requests. What the driver has taken back is not waited for any more. */
  pieceDone(request: BlkRequest, result: BlockResult): void {
    if (!this.pending.has(request)) return;
    if (!this.host.mastering) {
      request.ended = true;
      request.result = result;
      this.putOff(request);
      return;
    }
    request.ended = false;
    if (result) {
      this.end(request, RequestStatus.IOERR);
      return;
    }
    if (request.step === Step.READ && request.aside) request.chain.write(request.at, request.aside);
    request.aside = undefined;
    if (request.step === Step.FLUSH || !request.advance()) this.finish(request);
    else if (this.backlog.length > 0 || this.goingOn) this.putOff(request);
    else this.proceed(request);
  }

  /** Its turn comes after that of the others, and after the machine has looked around. */
  private putOff(request: BlkRequest): void {
    this.backlog.push(request);
    if (!this.goingOn) this.host.serveLater(request.index);
  }

  /**
   * A piece of each request that had been put off, over and over, until this turn is over.
   * @returns whether there were any
   */
  private goOn(): boolean {
    if (this.backlog.length === 0) return false;
    this.goingOn = true;
    while (this.backlog.length > 0 && this.left > 0 && this.host.mastering) {
      const requests = this.backlog;
      this.backlog = [];
      let next = 0;
      while (next < requests.length && this.left > 0) this.proceed(requests[next++]);
      if (next < requests.length) this.backlog = [...requests.slice(next), ...this.backlog];
    }
    this.goingOn = false;
    if (this.backlog.length > 0) this.host.serveLater(this.backlog[0].index);
    return true;
  }

  private parse(request: BlkRequest): void {
    const { chain } = request;
    chain.readInto(0, this.header, 0, HEADER_SIZE);
    const sector = this.readSector(this.headerView, 8);
    const type = this.headerView.getUint32(0, true);
    switch (type) {
      case RequestType.IN:
        this.admit(request, Step.READ, sector, chain.writableBytes - 1);
        return;
      case RequestType.OUT:
        if (this.readOnly) this.end(request, RequestStatus.IOERR);
        else this.admit(request, Step.WRITE, sector, chain.readableBytes - HEADER_SIZE);
        return;
      case RequestType.FLUSH:
        request.step = Step.FLUSH;
        this.proceed(request);
        return;
      case RequestType.GET_ID:
        request.filled = this.identify(chain);
        this.end(request, RequestStatus.OK);
        return;
      case RequestType.DISCARD:
      case RequestType.WRITE_ZEROES:
        this.admitRanges(request, type === RequestType.WRITE_ZEROES);
        return;
      default:
        this.end(request, RequestStatus.UNSUPP);
    }
  }

  private readSector(view: DataView, at: number): number {
    const high = view.getUint32(at + 4, true);
    return high > MAX_SAFE_HIGH ? Infinity : high * 2 ** 32 + view.getUint32(at, true);
  }

  private admit(request: BlkRequest, step: Step, sector: number, length: number): void {
    if (length % SECTOR_SIZE !== 0 || !this.inRange(sector, length / SECTOR_SIZE)) {
      this.end(request, RequestStatus.IOERR);
      return;
    }
    request.transfer(step, sector * SECTOR_SIZE, length);
    if (step === Step.READ) request.filled = length;
    if (this.gate) this.gate.pass(step === Step.WRITE, length, request);
    else this.proceed(request);
  }

  /** The next piece of a read or write. */
  private move(request: BlkRequest): void {
    const { chain, offset, rest, at } = request;
    const reads = request.step === Step.READ;
    if (!this.backend.deferred) {
      const piece = (request.piece = pieceAt(offset, rest, PIECE));
      this.left -= piece;
      if (reads) this.backend.read(offset, chain.views(true, at, piece), request.done);
      else this.backend.write(offset, chain.views(false, HEADER_SIZE + at, piece), request.done);
      return;
    }
    // By the time at which it is done the driver may have taken its memory back.
    const aside = new Uint8Array(Math.min(rest, MAX_ASIDE));
    request.piece = aside.length;
    this.left -= aside.length;
    if (reads) {
      request.aside = aside;
      this.backend.read(offset, [aside], request.done);
    } else {
      chain.read(HEADER_SIZE + at, aside);
      this.backend.write(offset, [aside], request.done);
    }
  }

  private identify(chain: Chain): number {
    const id = new Uint8Array(Math.min(ID_SIZE, chain.writableBytes - 1));
    id.set(this.serial.subarray(0, id.length));
    return chain.write(0, id);
  }

  /** DISCARD and WRITE_ZEROES: a list of ranges (5.2.6.2). All are checked before the first is touched. */
  private admitRanges(request: BlkRequest, zeroes: boolean): void {
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
    const cleared = ranges.map(({ sector, sectors, flags }): ClearedRange => ({
      offset: sector * SECTOR_SIZE,
      length: sectors * SECTOR_SIZE,
      unmap: (flags & RANGE_UNMAP) !== 0,
    }));
    request.clear(zeroes ? Step.WRITE_ZEROES : Step.DISCARD, cleared);
    if (this.gate) this.gate.pass(true, 0, request);
    else this.proceed(request);
  }

  /** The next piece of a discard or write-zeroes. */
  private clear(request: BlkRequest): void {
    const { offset, rest, unmap } = request;
    const piece = (request.piece = pieceAt(offset, rest, this.clearedAtOnce));
    this.left -= (piece / this.clearedAtOnce) * BYTES_A_TURN;
    if (request.step === Step.DISCARD) this.backend.discard(offset, piece, request.done);
    else this.backend.writeZeroes(offset, piece, unmap, request.done);
  }

  /** All pieces are done. */
  private finish(request: BlkRequest): void {
    const { step } = request;
    if (!this.writeback && (step === Step.WRITE || step === Step.WRITE_ZEROES)) {
      request.step = Step.FLUSH;
      this.backend.flush(request.done);
    } else {
      this.end(request, RequestStatus.OK);
    }
  }

  private inRange(sector: number, sectors: number): boolean {
    return sector <= this.capacity && sectors <= this.capacity - sector;
  }

  /** Answers, unless the driver has taken the queue back in the meantime. */
  private end(request: BlkRequest, status: number): void {
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

/** Bytes of the piece at `offset`: all the rest, or up to the next multiple of `size`, so that back ends get whole units. */
function pieceAt(offset: number, rest: number, size: number): number {
  return rest <= size ? rest : size - (offset % size);
}
