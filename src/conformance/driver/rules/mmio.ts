import type { RegisterArea } from '../../../devices/virtio/observer.js';
import type { QueueAreas } from '../../../devices/virtio/queue/virtqueue.js';
import { Status } from '../../../devices/virtio/status.js';
import type { VirtioMmio } from '../../../devices/virtio/transport/mmio.js';
import { hex } from '../../../errors.js';
import type { AccessSize } from '../../../vmm/device.js';
import type { DriverEvents } from '../driver-events.js';
import type { TransportRules } from '../transport-rules.js';
import type { WatchedDevice } from '../watched-device.js';
import { configField, hasOwnWidth } from './config-space.js';

/** Control registers (virtio 1.4, 4.2.2; those of 4.2.4 have numbers that version 1 leaves free). */
const R = {
  MAGIC_VALUE: 0x000,
  VERSION: 0x004,
  DEVICE_ID: 0x008,
  VENDOR_ID: 0x00c,
  DEVICE_FEATURES: 0x010,
  DEVICE_FEATURES_SEL: 0x014,
  DRIVER_FEATURES: 0x020,
  DRIVER_FEATURES_SEL: 0x024,
  QUEUE_SEL: 0x030,
  QUEUE_SIZE_MAX: 0x034,
  QUEUE_SIZE: 0x038,
  QUEUE_READY: 0x044,
  QUEUE_NOTIFY: 0x050,
  INTERRUPT_STATUS: 0x060,
  INTERRUPT_ACK: 0x064,
  STATUS: 0x070,
  QUEUE_DESC: 0x080,
  QUEUE_DRIVER: 0x090,
  QUEUE_DEVICE: 0x0a0,
  SHM_SEL: 0x0ac,
  SHM_LEN: 0x0b0,
  SHM_BASE: 0x0b8,
  QUEUE_RESET: 0x0c0,
  CONFIG_GENERATION: 0x0fc,
} as const;
const CONFIG = 0x100;

const READ_ONLY: readonly number[] = [
  R.MAGIC_VALUE,
  R.VERSION,
  R.DEVICE_ID,
  R.VENDOR_ID,
  R.DEVICE_FEATURES,
  R.QUEUE_SIZE_MAX,
  R.INTERRUPT_STATUS,
  R.SHM_LEN,
  R.SHM_LEN + 4,
  R.SHM_BASE,
  R.SHM_BASE + 4,
  R.CONFIG_GENERATION,
];
const WRITE_ONLY: readonly number[] = [
  R.DEVICE_FEATURES_SEL,
  R.DRIVER_FEATURES,
  R.DRIVER_FEATURES_SEL,
  R.QUEUE_SEL,
  R.QUEUE_SIZE,
  R.QUEUE_NOTIFY,
  R.INTERRUPT_ACK,
  R.QUEUE_DESC,
  R.QUEUE_DESC + 4,
  R.QUEUE_DRIVER,
  R.QUEUE_DRIVER + 4,
  R.QUEUE_DEVICE,
  R.QUEUE_DEVICE + 4,
  R.SHM_SEL,
];
const READ_WRITE: readonly number[] = [R.QUEUE_READY, R.STATUS, R.QUEUE_RESET];
/** GuestPageSize, QueueAlign and QueuePFN (4.2.4). */
const LEGACY: readonly number[] = [0x028, 0x03c, 0x040];
const SHARED_MEMORY: readonly number[] = [R.SHM_SEL, R.SHM_LEN, R.SHM_LEN + 4, R.SHM_BASE, R.SHM_BASE + 4];

const AREAS: readonly (readonly [offset: number, part: keyof QueueAreas])[] = [
  [R.QUEUE_DESC, 'descriptors'],
  [R.QUEUE_DRIVER, 'driver'],
  [R.QUEUE_DEVICE, 'device'],
];

/** "virt", little-endian. */
const MAGIC = 0x7472_6976;

/** Bits of InterruptStatus. */
const KNOWN_INTERRUPTS = 3;
/** Looks in a row at which an interrupt waits for its acknowledgement, before it counts as forgotten. */
const PATIENCE = 10;

/** Virtio over MMIO (virtio 1.4, 4.2). */
export class MmioRules implements TransportRules, DriverEvents {
  /** Registers that the driver has read since power-on, as far as order matters. */
  private readonly begun = new Set<number>();
  private deviceSelected = false;
  private driverSelected = false;
  /** QueueReady was set to 0 and not read since. */
  private unread = new Set<number>();
  /** InterruptStatus was read since the last acknowledgement. */
  private interruptRead = false;
  /** The clause by which the driver is to leave the device alone, from what it has read. */
  private forbidden: string | undefined;
  private waited = 0;

  constructor(
    private readonly watched: WatchedDevice,
    private readonly mmio: VirtioMmio,
  ) {}

  read(_area: RegisterArea, offset: number, size: AccessSize, value: number): void {
    const { watched, mmio } = this;
    if (offset >= CONFIG) {
      this.judgeForbidden(offset);
      this.configWidth(offset - CONFIG, size);
      watched.tell('configRead', offset - CONFIG, size);
      return;
    }
    this.judgeIdentity(offset, value);
    this.judgeAccess(offset, size);
    this.judgeBeginning(offset);
    watched.check(
      '4.2.2.2/write-only',
      !WRITE_ONLY.includes(offset),
      () => `it reads the register ${hex(offset)}`,
    );
    switch (offset) {
      case R.STATUS:
        watched.tell('statusRead', value);
        break;
      case R.DEVICE_FEATURES:
        watched.check('4.2.2.2/select-device', this.deviceSelected, () => 'it reads DeviceFeatures first');
        watched.tell('featuresRead', mmio.deviceFeaturesSel);
        break;
      case R.QUEUE_READY:
        this.readBack(mmio.queueSel, true);
        watched.tell('queueResetRead', mmio.queueSel, value === 0);
        break;
      case R.CONFIG_GENERATION:
        watched.tell('generationRead');
        break;
      case R.QUEUE_RESET:
        watched.tell('queueResetRead', mmio.queueSel, value === 0);
        break;
      case R.INTERRUPT_STATUS:
        this.interruptRead = true;
        break;
    }
  }

  beforeWrite(_area: RegisterArea, offset: number, _size: AccessSize, value: number): void {
    const { watched, mmio } = this;
    this.judgeForbidden(offset);
    const queue = mmio.queueSel;
    const area = AREAS.find(([first]) => offset === first || offset === first + 4);
    if ((area || offset === R.QUEUE_SIZE) && !mmio.legacy) {
      const ready = watched.device.queues[queue]?.enabled === true;
      watched.check('4.2.2.2/ready-untouched', !ready, () => `it changes queue ${queue}, which is ready`);
    }
    switch (offset) {
      case R.STATUS:
        if (value === 0) watched.resetting();
        else watched.statusWritten(value);
        break;
      case R.DRIVER_FEATURES: {
        watched.check('4.2.2.2/select-driver', this.driverSelected, () => 'it writes DriverFeatures first');
        const agreed = (watched.device.status & Status.FEATURES_OK) !== 0;
        watched.tell('featuresWritten', mmio.driverFeaturesSel, value, agreed);
        break;
      }
      case R.QUEUE_READY:
        if (value === 0) this.stopQueue(queue);
        break;
      case R.QUEUE_RESET:
        if (value === 1) watched.stopping(queue, 'queue_reset');
        break;
      case R.QUEUE_NOTIFY:
        watched.notifying(value & 0xffff);
        break;
      case R.INTERRUPT_ACK:
        this.acknowledge(value);
        break;
    }
  }

  written(_area: RegisterArea, offset: number, size: AccessSize, value: number): void {
    const { watched, mmio } = this;
    if (offset >= CONFIG) {
      this.configWidth(offset - CONFIG, size);
      watched.tell('configWritten', offset - CONFIG, size, value);
      return;
    }
    this.judgeAccess(offset, size);
    this.judgeBeginning(offset);
    watched.check(
      '4.2.2.2/read-only',
      !READ_ONLY.includes(offset),
      () => `it writes the register ${hex(offset)}`,
    );
    const area = AREAS.find(([first]) => offset === first || offset === first + 4);
    if (area) watched.tell('queueAddressWritten', mmio.queueSel, area[1]);
    switch (offset) {
      case R.DEVICE_FEATURES_SEL:
        this.deviceSelected = true;
        break;
      case R.DRIVER_FEATURES_SEL:
        this.driverSelected = true;
        break;
      case R.QUEUE_SIZE:
        watched.check(
          '4.2.2.2/queue-size',
          value <= mmio.largestQueue,
          () => `it writes a size of ${value}, of at most ${mmio.largestQueue}`,
        );
        watched.tell('queueSizeWritten', mmio.queueSel, value);
        break;
      case R.QUEUE_READY:
        if (value !== 0) watched.tell('queueEnabled', mmio.queueSel);
        this.readBack(mmio.queueSel, value === 0 ? undefined : false);
        break;
    }
  }

  configuration(): void {}

  reset(): void {
    this.interruptRead = false;
    this.waited = 0;
    this.unread.clear();
  }

  sampled(): void {
    if (this.mmio.interruptStatus === 0) {
      this.waited = 0;
      return;
    }
    this.waited++;
    if (this.waited !== PATIENCE) return;
    this.watched.check(
      '4.2.3.4.1/acknowledges-after',
      false,
      () => `InterruptStatus stays ${this.mmio.interruptStatus}: it does not acknowledge`,
    );
  }

  private stopQueue(queue: number): void {
    if (this.watched.device.queues[queue]?.enabled) this.watched.stopping(queue, 'disabled');
    this.unread.add(queue);
  }

  /** @param ok undefined: it was the write itself */
  private readBack(queue: number, ok: boolean | undefined): void {
    if (ok === undefined || !this.unread.delete(queue)) return;
    this.watched.check('4.2.2.2/not-ready-read-back', ok, () => `it goes on with queue ${queue} at once`);
  }

  private acknowledge(value: number): void {
    const { watched, mmio } = this;
    this.waited = 0;
    watched.check(
      '4.2.2.2/acknowledges',
      (value & ~KNOWN_INTERRUPTS) === 0,
      () => `it acknowledges ${hex(value)}`,
    );
    watched.check('4.2.3.4.1/acknowledges-after', true, () => '');
    if (mmio.interruptStatus === 0 && !this.interruptRead) return;
    watched.check(
      '4.2.3.4.1/reads-status',
      this.interruptRead,
      () => 'it acknowledges without reading InterruptStatus',
    );
    this.interruptRead = false;
  }

  private judgeAccess(offset: number, size: AccessSize): void {
    const { watched, mmio } = this;
    const known =
      READ_ONLY.includes(offset & ~3) ||
      WRITE_ONLY.includes(offset & ~3) ||
      READ_WRITE.includes(offset & ~3) ||
      (mmio.legacy && LEGACY.includes(offset & ~3));
    watched.check('4.2.2.2/known-offsets', known, () => `it accesses offset ${hex(offset)}`);
    watched.check(
      '4.2.2.2/control-width',
      size === 4 && offset % 4 === 0,
      () => `an access of ${size} bytes at offset ${hex(offset)}`,
    );
    watched.check(
      '4.2.3.1.1/no-shared-memory',
      !SHARED_MEMORY.includes(offset),
      () => `it uses the shared memory register ${hex(offset)}`,
    );
  }

  /** MagicValue, Version and DeviceID before anything else. */
  private judgeBeginning(offset: number): void {
    const { begun, watched } = this;
    const checked = begun.has(R.MAGIC_VALUE) && begun.has(R.VERSION);
    if (offset === R.DEVICE_ID && !begun.has(offset)) {
      watched.check(
        '4.2.3.1.1/magic-first',
        checked,
        () => 'it reads DeviceID before MagicValue and Version',
      );
    } else if (offset > R.DEVICE_ID && !begun.has(CONFIG)) {
      begun.add(CONFIG);
      watched.check('4.2.3.1.1/magic-first', checked, () => 'it does not begin by MagicValue and Version');
      watched.check(
        '4.2.3.1.1/device-id-next',
        begun.has(R.DEVICE_ID),
        () => 'it does not read DeviceID first',
      );
    }
    if (offset <= R.DEVICE_ID) begun.add(offset);
  }

  /** What the first registers say: of another magic number, version or device the driver is to read no more. */
  private judgeIdentity(offset: number, value: number): void {
    const { watched, mmio } = this;
    const wrong =
      (offset === R.MAGIC_VALUE && value !== MAGIC && 'magic') ||
      (offset === R.VERSION && value !== mmio.version && 'version') ||
      (offset === R.DEVICE_ID && value === 0 && 'device-0');
    if (!wrong) {
      this.judgeForbidden(offset);
      return;
    }
    this.forbidden ??= `4.2.2.2/${wrong}`;
    watched.check(this.forbidden, true, () => '');
  }

  private judgeForbidden(offset: number): void {
    const { forbidden, watched } = this;
    // It may read all three before it looks at any.
    if (forbidden === undefined || offset <= R.DEVICE_ID) return;
    watched.check(forbidden, false, () => `it goes on to the register at offset ${hex(offset)}`);
  }

  private configWidth(offset: number, size: AccessSize): void {
    const { watched } = this;
    const entry = configField(watched.device.type.id, offset);
    if (!entry || this.mmio.legacy) return;
    watched.check(
      '4.2.2.2/config-width',
      hasOwnWidth(entry, offset, size),
      () => `an access of ${size} bytes at offset ${offset} of the configuration, where ${entry.name} is`,
    );
  }
}
