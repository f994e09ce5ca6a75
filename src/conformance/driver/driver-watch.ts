import type { Clock } from '../../vmm/clock.js';
import { VIRTIO_CLAUSES } from '../clauses/virtio/index.js';
import type { DriverCheck } from './driver-check.js';
import { Judge, type ClauseFindings, type GuestPlace } from './judge.js';
import { variantOf } from './variants/index.js';
import type { Variant } from './variants/variant.js';
import { WatchedDevice } from './watched-device.js';

/** What there was to watch: which clauses apply. */
export interface WatchedSummary {
  readonly name: string;
  /** Virtio device id. */
  readonly type: number;
  readonly transport: 'pci' | 'mmio';
  /** A driver has got as far as to DRIVER_OK. */
  readonly driven: boolean;
  /** What the device could not go on with. */
  readonly violations: readonly string[];
}

/** Everything that one run tells: plain data. */
export interface DriverFindings {
  readonly clauses: readonly ClauseFindings[];
  readonly devices: readonly WatchedSummary[];
}

/** Watches every virtio device of one machine. */
export class DriverWatch {
  private readonly devices: WatchedDevice[] = [];
  private readonly judge: Judge;
  private readonly variant: Variant;

  /**
   * @param check what of the drivers is checked, and how devices behave
   * @param place where the guest is, which means something while it is in an access
   */
  constructor(
    check: DriverCheck,
    private readonly clock: Clock,
    place: () => GuestPlace,
  ) {
    this.variant = variantOf(check.variant);
    this.judge = new Judge(
      VIRTIO_CLAUSES.filter(({ party }) => party === 'driver'),
      () => (this.devices.some(({ accessing }) => accessing) ? place() : undefined),
    );
  }

  /** Somebody who watches the device that is called `name`. */
  observer(name: string): WatchedDevice {
    const device = new WatchedDevice(name, this.judge, this.clock, this.variant);
    this.devices.push(device);
    return device;
  }

  /** What is known by now. */
  findings(): DriverFindings {
    for (const device of this.devices) device.finish();
    return {
      clauses: this.judge.findings(),
      devices: this.devices.map(watched => ({
        name: watched.name,
        type: watched.device.type.id,
        transport: watched.isPci ? 'pci' : 'mmio',
        driven: watched.driven,
        violations: watched.device.violations.map(({ rule, section }) => `${rule} (${section})`),
      })),
    };
  }
}
