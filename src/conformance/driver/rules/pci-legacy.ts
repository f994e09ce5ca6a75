import { Status } from '../../../devices/virtio/status.js';
import type { VirtioPci } from '../../../devices/virtio/transport/pci.js';
import { hex } from '../../../errors.js';
import type { AccessSize } from '../../../vmm/device.js';
import type { WatchedDevice } from '../watched-device.js';

/** Offsets of the legacy header (virtio 1.4, 4.1.4.10). */
const Header = {
  DEVICE_FEATURES: 0x00,
  DRIVER_FEATURES: 0x04,
  QUEUE_ADDRESS: 0x08,
  QUEUE_NOTIFY: 0x10,
  DEVICE_STATUS: 0x12,
  ISR_STATUS: 0x13,
} as const;
const HEADER_SIZE = 0x14;
const MSIX_SIZE = 4;

/** Virtio over PCI by the legacy interface: what the specification asks of transitional drivers too. */
export class PciLegacyRules {
  constructor(
    private readonly watched: WatchedDevice,
    private readonly pci: VirtioPci,
  ) {}

  read(offset: number, size: AccessSize, value: number): void {
    const { watched, pci } = this;
    if (offset === Header.DEVICE_FEATURES) watched.tell('featuresRead', 0);
    else if (offset === Header.DEVICE_STATUS) watched.tell('statusRead', value);
    else if (offset === Header.ISR_STATUS) {
      watched.check(
        '4.1.4.5.2/no-isr-with-msix',
        !pci.msix?.enabled,
        () => 'it reads the ISR status, with MSI-X enabled',
      );
    } else if (offset >= this.config) watched.tell('configRead', offset - this.config, size);
  }

  beforeWrite(offset: number, size: AccessSize, value: number): void {
    const { watched, pci } = this;
    const { device } = watched;
    if (offset === Header.DEVICE_STATUS) {
      if (value === 0) watched.resetting();
      else watched.statusWritten(value);
    } else if (offset === Header.QUEUE_ADDRESS && value === 0) watched.stopping(pci.queueSelect, 'disabled');
    else if (offset === Header.DRIVER_FEATURES) {
      watched.tell('featuresWritten', 0, value, (device.status & Status.DRIVER_OK) !== 0);
    } else if (offset === Header.QUEUE_NOTIFY) {
      watched.notifying(value);
      const what = (): string => `it notifies by ${size} bytes, ${hex(value)}`;
      watched.check('4.1.5.2.1/notify-16', size === 2, what, value);
      watched.check('4.1.5.2.1/notify-index', value < device.queues.length, what, value);
    }
  }

  written(offset: number, size: AccessSize, value: number): void {
    const { watched } = this;
    if (offset === Header.QUEUE_ADDRESS && value !== 0) watched.tell('queueEnabled', this.pci.queueSelect);
    else if (offset >= this.config) watched.tell('configWritten', offset - this.config, size, value);
  }

  private get config(): number {
    return HEADER_SIZE + (this.pci.msix?.enabled ? MSIX_SIZE : 0);
  }
}
