import type { VirtioBlk } from '../../../devices/virtio/blk/blk.js';
import { MAX_RANGES } from '../../../devices/virtio/blk/config.js';
import {
  BlkFeature,
  HEADER_SIZE,
  ID_SIZE,
  RANGE_SIZE,
  RANGE_UNMAP,
  RequestType,
} from '../../../devices/virtio/blk/requests.js';
import { has } from '../../../devices/virtio/features.js';
import { Status } from '../../../devices/virtio/status.js';
import type { DriverEvents } from '../driver-events.js';
import type { ExposedChain } from '../exposed-chain.js';
import type { WatchedDevice } from '../watched-device.js';
import type { WatchedQueue } from '../watched-queue.js';

const SECTOR = 512;
const STATUS_SIZE = 1;
const SECURE_ERASE = 14;
const WRITEBACK = 32;
const CAPACITY_END = 8;
/** Writes without a FLUSH that look as if there never was one: of fewer it may be that nobody has asked for one. */
const MANY_WRITES = 256;
/** Looks in a row at which something is still to be done, before it counts as forgotten. */
const PATIENCE = 10;

/** Block devices (virtio 1.4, 5.2). */
export class BlkRules implements DriverEvents {
  private writes = 0;
  private flushes = 0;
  /** Looks since the configuration has changed and capacity was not read; -1 when it has not. */
  private capacityUnread = -1;

  constructor(
    private readonly watched: WatchedDevice,
    private readonly blk: VirtioBlk,
  ) {}

  configChanged(): void {
    if (this.capacityUnread < 0) this.capacityUnread = 0;
  }

  sampled(): void {
    if (this.capacityUnread >= 0 && ++this.capacityUnread === PATIENCE) this.judgeCapacity(false);
  }

  configRead(offset: number): void {
    const { watched } = this;
    if (offset < CAPACITY_END) this.judgeCapacity(true);
    if (offset !== WRITEBACK || watched.via === 'legacy') return;
    const agreed = (watched.device.status & Status.FEATURES_OK) !== 0;
    watched.check('5.2.5.1/writeback-late', agreed, () => 'it reads writeback before FEATURES_OK');
  }

  statusWritten(value: number, before: number): void {
    const { watched } = this;
    if (!(value & ~before & Status.DRIVER_OK) || !has(watched.offered, BlkFeature.RO)) return;
    const accepted = has(watched.device.driverFeatures, BlkFeature.RO);
    watched.check('5.2.6.1/read-only', accepted, () => 'it does not accept VIRTIO_BLK_F_RO');
  }

  /** A driver that wrote much, and takes its leave without a flush. */
  reset(): void {
    if (this.writes >= MANY_WRITES && this.flushes === 0) this.judgeFlushing(false);
    this.writes = 0;
    this.flushes = 0;
    this.capacityUnread = -1;
  }

  exposed(queue: WatchedQueue, chain: ExposedChain): void {
    const header = chain.copy(0, HEADER_SIZE);
    if (header.length < HEADER_SIZE) return;
    const view = new DataView(header.buffer);
    const type = view.getUint32(0, true);
    const sector = view.getUint32(8, true) + view.getUint32(12, true) * 2 ** 32;
    const readable = chain.readableBytes - HEADER_SIZE;
    const writable = chain.writableBytes - STATUS_SIZE;
    const judge: Judging = (id, ok, what) =>
      this.watched.check(`5.2.6.1/${id}`, ok, what, queue.index, () => chain.show());
    switch (type) {
      case RequestType.IN:
        this.judgeTransfer(judge, sector, writable);
        break;
      case RequestType.OUT:
        this.writes++;
        this.judgeTransfer(judge, sector, readable);
        break;
      case RequestType.FLUSH:
        this.flushes++;
        this.judgeFlushing(true);
        judge('flush-sector', sector === 0, () => `a FLUSH of sector ${sector}`);
        judge(
          'flush-data',
          readable === 0 && writable === 0,
          () => `a FLUSH with ${readable + writable} bytes`,
        );
        break;
      case RequestType.GET_ID:
        judge('id-length', writable === ID_SIZE, () => `a GET_ID with ${writable} bytes`);
        break;
      case RequestType.DISCARD:
      case RequestType.WRITE_ZEROES:
      case SECURE_ERASE:
        this.judgeRanges(judge, chain, type, readable);
        break;
    }
  }

  private judgeTransfer(judge: Judging, sector: number, bytes: number): void {
    const { capacity } = this.blk;
    judge('whole-sectors', bytes % SECTOR === 0, () => `a request of ${bytes} bytes`);
    judge(
      'within-capacity',
      sector + Math.ceil(bytes / SECTOR) <= capacity,
      () => `a request of ${bytes} bytes from sector ${sector}, of ${capacity} sectors`,
    );
  }

  private judgeRanges(judge: Judging, chain: ExposedChain, type: number, bytes: number): void {
    judge('whole-ranges', bytes % RANGE_SIZE === 0, () => `ranges in ${bytes} bytes`);
    const ranges = Math.floor(bytes / RANGE_SIZE);
    const what = (): string => `a request of ${ranges} ranges, of at most ${MAX_RANGES}`;
    if (type === RequestType.DISCARD) judge('discard-ranges', ranges <= MAX_RANGES, what);
    else if (type === RequestType.WRITE_ZEROES) judge('zeroes-ranges', ranges <= MAX_RANGES, what);
    const list = chain.copy(HEADER_SIZE, Math.min(ranges, MAX_RANGES) * RANGE_SIZE);
    const view = new DataView(list.buffer, list.byteOffset, list.length);
    for (let at = 0; at + RANGE_SIZE <= list.length; at += RANGE_SIZE) {
      if (type === RequestType.DISCARD) {
        const flags = view.getUint32(at + 12, true);
        judge('discard-unmap', (flags & RANGE_UNMAP) === 0, () => 'a DISCARD with unmap');
      }
      const sector = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
      const count = view.getUint32(at + 8, true);
      judge(
        'within-capacity',
        sector + count <= this.blk.capacity,
        () => `a range of ${count} sectors from ${sector}`,
      );
    }
  }

  /** After the configuration has changed. */
  private judgeCapacity(ok: boolean): void {
    if (this.capacityUnread < 0) return;
    this.capacityUnread = -1;
    this.watched.check(
      '5.2.6.1/capacity-again',
      ok,
      () => 'it does not read capacity again after the configuration has changed',
    );
  }

  private judgeFlushing(ok: boolean): void {
    const { watched } = this;
    const accepted = watched.device.driverFeatures;
    if (!has(accepted, BlkFeature.FLUSH)) return;
    const what = (): string =>
      'it accepts VIRTIO_BLK_F_FLUSH, writes much, and resets the device without a FLUSH';
    watched.check('5.2.5.1/flush-means-it', ok, what);
    if (!has(accepted, BlkFeature.CONFIG_WCE)) watched.check('5.2.5.1/writeback-assumed', ok, what);
  }
}

type Judging = (id: string, ok: boolean, what: () => string) => void;
