import { BlkFeature } from '../../../devices/virtio/blk/requests.js';
import { ConsoleFeature } from '../../../devices/virtio/console/messages.js';
import { DeviceId } from '../../../devices/virtio/device-type.js';
import { has } from '../../../devices/virtio/features.js';
import { NetFeature } from '../../../devices/virtio/net/net-features.js';
import type { AccessSize } from '../../../vmm/device.js';
import type { DriverEvents } from '../driver-events.js';
import type { WatchedDevice } from '../watched-device.js';

/** One field of a device-specific configuration space. */
export interface ConfigField {
  readonly name: string;
  readonly offset: number;
  /** Bytes; 8-byte fields are accessed in halves. */
  readonly width: 1 | 2 | 4 | 8;
  /** It is there with one of these features alone. */
  readonly needs?: bigint;
}

function field(name: string, offset: number, width: ConfigField['width'], needs?: bigint): ConfigField {
  return { name, offset, width, ...(needs !== undefined && { needs }) };
}

const B = BlkFeature;
const N = NetFeature;
const SIZE_MAX = 1n << 1n;

/** Configuration layouts of virtio 1.4 (5.1.4, 5.2.4, 5.3.4), as far as tsvmm's devices have them. */
const LAYOUTS: Readonly<Record<number, readonly ConfigField[]>> = {
  [DeviceId.NET]: [
    ...Array.from({ length: 6 }, (_, i) => field(`mac[${i}]`, i, 1, N.MAC)),
    field('status', 6, 2, N.STATUS),
    field('max_virtqueue_pairs', 8, 2, N.MQ | (1n << 60n)),
    field('mtu', 10, 2, N.MTU),
    field('speed', 12, 4, N.SPEED_DUPLEX),
    field('duplex', 16, 1, N.SPEED_DUPLEX),
  ],
  [DeviceId.BLOCK]: [
    field('capacity', 0, 8),
    field('size_max', 8, 4, SIZE_MAX),
    field('seg_max', 12, 4, B.SEG_MAX),
    field('cylinders', 16, 2, B.GEOMETRY),
    field('heads', 18, 1, B.GEOMETRY),
    field('sectors', 19, 1, B.GEOMETRY),
    field('blk_size', 20, 4, B.BLK_SIZE),
    field('physical_block_exp', 24, 1, B.TOPOLOGY),
    field('alignment_offset', 25, 1, B.TOPOLOGY),
    field('min_io_size', 26, 2, B.TOPOLOGY),
    field('opt_io_size', 28, 4, B.TOPOLOGY),
    field('writeback', 32, 1, B.CONFIG_WCE),
    field('num_queues', 34, 2, B.MQ),
    field('max_discard_sectors', 36, 4, B.DISCARD),
    field('max_discard_seg', 40, 4, B.DISCARD),
    field('discard_sector_alignment', 44, 4, B.DISCARD),
    field('max_write_zeroes_sectors', 48, 4, B.WRITE_ZEROES),
    field('max_write_zeroes_seg', 52, 4, B.WRITE_ZEROES),
    field('write_zeroes_may_unmap', 56, 1, B.WRITE_ZEROES),
  ],
  [DeviceId.CONSOLE]: [
    field('cols', 0, 2, ConsoleFeature.SIZE),
    field('rows', 2, 2, ConsoleFeature.SIZE),
    field('max_nr_ports', 4, 4, ConsoleFeature.MULTIPORT),
    field('emerg_wr', 8, 4, ConsoleFeature.EMERG_WRITE),
  ],
};

export function configField(type: number, offset: number): ConfigField | undefined {
  return LAYOUTS[type]?.find(entry => offset >= entry.offset && offset < entry.offset + entry.width);
}

/** True for an access of the field's own width, or of half of a 64-bit one. */
export function hasOwnWidth({ offset, width }: ConfigField, at: number, size: AccessSize): boolean {
  if (width === 8) return size === 4 && (at === offset || at === offset + 4);
  return at === offset && size === width;
}

/** The device's configuration space (virtio 1.4, 2.5). */
export class ConfigSpaceRules implements DriverEvents {
  /** The generation was read, and no field of 64 bits since; such a field was read since. */
  private before = false;
  private wide: string | undefined;

  constructor(private readonly watched: WatchedDevice) {}

  reset(): void {
    this.before = false;
    this.wide = undefined;
  }

  generationRead(): void {
    if (this.wide !== undefined) this.judgeGeneration(this.before, 'reads the generation only behind it');
    this.before = true;
  }

  statusWritten(): void {
    if (this.wide !== undefined) this.judgeGeneration(false, 'does not read the generation behind it');
  }

  notified(): void {
    this.statusWritten();
  }

  configRead(offset: number): void {
    const { watched } = this;
    const entry = configField(watched.device.type.id, offset);
    if (entry?.width === 8 && watched.via === 'modern') this.wide = entry.name;
    if (entry?.needs === undefined) return;
    const { name, needs } = entry;
    watched.check(
      '2.5.1/optional-fields',
      has(watched.offered, needs),
      () => `it reads ${name}, whose feature is not offered`,
    );
  }

  private judgeGeneration(ok: boolean, how: string): void {
    const { wide } = this;
    this.wide = undefined;
    this.before = false;
    this.watched.check('2.5.1/generation', ok, () => `it reads ${wide}, of 64 bits, and ${how}`);
  }
}
