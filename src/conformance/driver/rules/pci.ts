import { Feature, has } from '../../../devices/virtio/features.js';
import type { RegisterArea } from '../../../devices/virtio/observer.js';
import type { QueueAreas } from '../../../devices/virtio/queue/virtqueue.js';
import { Status } from '../../../devices/virtio/status.js';
import type { VirtioPci } from '../../../devices/virtio/transport/pci.js';
import { hex } from '../../../errors.js';
import type { AccessSize } from '../../../vmm/device.js';
import type { TransportRules } from '../transport-rules.js';
import type { WatchedDevice } from '../watched-device.js';
import { configField, hasOwnWidth } from './config-space.js';
import { CommonField as Field, isWholeField, READ_ONLY } from './pci-common-fields.js';
import { PciCapabilityRules } from './pci-capabilities.js';
import { PciLegacyRules } from './pci-legacy.js';

/** Where tsvmm's device has its structures: a page each, and 4 bytes a queue for notifications. */
const ISR = 0x1000;
const CONFIG = 0x2000;
const NOTIFY = 0x3000;
const NOTIFY_MULTIPLIER = 4;
const NO_VECTOR = 0xffff;

const AREAS: readonly (readonly [offset: number, part: keyof QueueAreas])[] = [
  [Field.QUEUE_DESC, 'descriptors'],
  [Field.QUEUE_DRIVER, 'driver'],
  [Field.QUEUE_DEVICE, 'device'],
];

/** Virtio over PCI by the interface of version 1 (virtio 1.4, 4.1). */
export class PciRules implements TransportRules {
  private readonly capabilities: PciCapabilityRules;
  private readonly legacy: PciLegacyRules;
  /** Registers of vectors that were written and not read since, and what was written. */
  private readonly unverified = new Map<number, number>();

  constructor(
    private readonly watched: WatchedDevice,
    private readonly pci: VirtioPci,
  ) {
    this.capabilities = new PciCapabilityRules(watched, pci);
    this.legacy = new PciLegacyRules(watched, pci);
  }

  read(area: RegisterArea, offset: number, size: AccessSize, value: number): void {
    if (area === 'pci-legacy') this.legacy.read(offset, size, value);
    else if (offset < ISR) this.commonRead(offset, size, value);
    else if (offset < CONFIG) this.isrRead();
    else if (offset < NOTIFY) {
      this.configWidth(offset - CONFIG, size);
      this.watched.tell('configRead', offset - CONFIG, size);
    }
  }

  beforeWrite(area: RegisterArea, offset: number, size: AccessSize, value: number): void {
    const { watched, pci } = this;
    if (area === 'pci-legacy') this.legacy.beforeWrite(offset, size, value);
    else if (offset >= NOTIFY) this.notify(offset, size, value);
    else if (offset === Field.DEVICE_STATUS && size === 1) {
      if (value === 0) {
        this.unverified.clear();
        watched.resetting();
      } else {
        if (value & ~watched.device.status & Status.DRIVER_OK) this.vectorsVerified();
        watched.statusWritten(value);
      }
    } else if (offset === Field.QUEUE_RESET && value === 1) watched.stopping(pci.queueSelect, 'queue_reset');
    else if (offset === Field.DRIVER_FEATURE && size === 4) {
      const agreed = (watched.device.status & Status.FEATURES_OK) !== 0;
      watched.tell('featuresWritten', pci.driverFeatureSelect, value, agreed);
    }
  }

  written(area: RegisterArea, offset: number, size: AccessSize, value: number): void {
    const { watched } = this;
    if (area === 'pci-legacy') this.legacy.written(offset, size, value);
    else if (offset < ISR) this.commonWritten(offset, size, value);
    else if (offset >= CONFIG && offset < NOTIFY) {
      this.configWidth(offset - CONFIG, size);
      watched.tell('configWritten', offset - CONFIG, size, value);
    }
  }

  configuration(direction: 'read' | 'write', offset: number, size: AccessSize, value: number): void {
    this.capabilities.access(direction, offset, size, value);
  }

  private commonRead(offset: number, size: AccessSize, value: number): void {
    const { watched, pci } = this;
    this.fieldWidth(offset, size);
    switch (offset) {
      case Field.DEVICE_STATUS:
        watched.tell('statusRead', value);
        break;
      case Field.DEVICE_FEATURE:
        watched.tell('featuresRead', pci.deviceFeatureSelect);
        break;
      case Field.CONFIG_GENERATION:
        watched.tell('generationRead');
        break;
      case Field.QUEUE_RESET:
      case Field.QUEUE_ENABLE:
        watched.tell('queueResetRead', pci.queueSelect, value === 0);
        break;
      case Field.CONFIG_MSIX_VECTOR:
      case Field.QUEUE_MSIX_VECTOR:
        this.verified(this.vectorKey(offset), true);
        break;
    }
  }

  private commonWritten(offset: number, size: AccessSize, value: number): void {
    const { watched, pci } = this;
    const queue = pci.queueSelect;
    this.fieldWidth(offset, size);
    watched.check(
      '4.1.4.3.2/read-only-fields',
      !READ_ONLY.includes(offset),
      () => `it writes ${hex(value)} to the field at offset ${hex(offset)}`,
    );
    const area = AREAS.find(([first]) => offset === first || offset === first + 4);
    if (area) watched.tell('queueAddressWritten', queue, area[1]);
    switch (offset) {
      case Field.QUEUE_SIZE:
        this.queueSize(queue, value);
        break;
      case Field.QUEUE_ENABLE:
        watched.check(
          '4.1.4.3.2/no-disable',
          value !== 0,
          () => `it writes 0 to queue_enable of queue ${queue}`,
        );
        if (value === 1) watched.tell('queueEnabled', queue);
        break;
      case Field.CONFIG_MSIX_VECTOR:
      case Field.QUEUE_MSIX_VECTOR:
        this.vectorWritten(offset, value);
        break;
    }
  }

  private queueSize(queue: number, value: number): void {
    const { watched } = this;
    const what = (): string => `it writes a size of ${value} of queue ${queue}`;
    if (watched.device.packed) watched.check('4.1.4.3.2/packed-size', value !== 0, what);
    else watched.check('4.1.4.3.2/split-size', value !== 0 && (value & (value - 1)) === 0, what);
    watched.tell('queueSizeWritten', queue, value);
  }

  private fieldWidth(offset: number, size: AccessSize): void {
    this.watched.check(
      '4.1.3.1/field-width',
      isWholeField(offset, size),
      () => `an access of ${size} bytes at offset ${hex(offset)} of the common configuration`,
    );
  }

  private configWidth(offset: number, size: AccessSize): void {
    const { watched } = this;
    const entry = configField(watched.device.type.id, offset);
    if (!entry) return;
    watched.check(
      '4.1.3.1/field-width',
      hasOwnWidth(entry, offset, size),
      () => `an access of ${size} bytes at offset ${offset} of the configuration, where ${entry.name} is`,
    );
  }

  private isrRead(): void {
    this.watched.check(
      '4.1.4.5.2/no-isr-with-msix',
      !this.pci.msix?.enabled,
      () => 'it reads the ISR status, with MSI-X enabled',
    );
  }

  private vectorWritten(offset: number, vector: number): void {
    const { watched, pci } = this;
    if (vector === NO_VECTOR) return;
    const vectors = pci.msix?.vectors ?? 0;
    watched.check(
      '4.1.5.1.2.2/vector-in-table',
      vector < vectors,
      () => `it maps vector ${vector} of a table of ${vectors}`,
    );
    this.unverified.set(this.vectorKey(offset), vector);
  }

  /** Configuration changes, or the selected queue. */
  private vectorKey(offset: number): number {
    return offset === Field.CONFIG_MSIX_VECTOR ? -1 : this.pci.queueSelect;
  }

  /** The driver is about to set DRIVER_OK: what it has not read by now it will not verify. */
  private vectorsVerified(): void {
    for (const key of [...this.unverified.keys()]) this.verified(key, false);
  }

  private verified(key: number, ok: boolean): void {
    const vector = this.unverified.get(key);
    if (vector === undefined) return;
    this.unverified.delete(key);
    const event = key < 0 ? 'configuration changes' : `queue ${key}`;
    this.watched.check(
      '4.1.5.1.2.2/verifies-vector',
      ok,
      () => `it maps ${event} to vector ${vector}, and does not read that back`,
    );
  }

  private notify(offset: number, size: AccessSize, value: number): void {
    const { watched } = this;
    const index = Math.floor((offset - NOTIFY) / NOTIFY_MULTIPLIER);
    const queue = watched.queues[index];
    const withData = has(watched.device.features, Feature.NOTIFICATION_DATA);
    watched.notifying(index);
    const what = (): string => `it notifies queue ${index} by ${size} bytes, ${hex(value)}`;
    if (withData) {
      watched.check('4.1.5.2.1/notify-32', size === 4, what, index);
      watched.check('4.1.5.2.1/notify-data-index', (value & 0xffff) === index, what, index);
      if (queue?.packed) {
        watched.check(
          '2.8.16/next-offset',
          value >>> 16 === queue.nextOffset,
          () => `it notifies with ${hex(value >>> 16)}, and the next descriptor is ${hex(queue.nextOffset)}`,
          index,
        );
      }
    } else {
      watched.check('4.1.5.2.1/notify-16', size === 2, what, index);
      watched.check('4.1.5.2.1/notify-index', value === index, what, index);
    }
  }
}
