import { Feature, has } from '../../../devices/virtio/features.js';
import { Status } from '../../../devices/virtio/status.js';
import { hex } from '../../../errors.js';
import type { DriverEvents } from '../driver-events.js';
import type { WatchedDevice } from '../watched-device.js';

/** Device status, reset and the order of initialization (virtio 1.4, 2.1, 2.4 and 3.1). */
export class StatusRules implements DriverEvents {
  /** The driver has reset the device since it was last used, and has seen that the reset is complete. */
  private wasReset = false;
  private resetSeen = true;
  private failed = false;
  /** After FEATURES_OK, the driver has read whether it has stayed. */
  private agreementRead = false;
  private queueBeforeFeatures = false;
  /** FEATURES_OK was written; and read, when it had not stayed. */
  private agreementAsked = false;
  private refused = false;

  constructor(private readonly watched: WatchedDevice) {}

  reset(): void {
    const { watched } = this;
    if (this.failed) watched.check('2.1.1/reset-after-failed', true, () => '');
    if (watched.queues.some(queue => queue !== undefined && queue.outstanding > 0)) {
      watched.check('3.3.1/reset-before-removal', true, () => '');
    }
    if (this.refused) this.judgeRefused(false);
    this.agreementAsked = false;
    this.wasReset = true;
    this.resetSeen = false;
    this.failed = false;
    this.agreementRead = false;
    this.queueBeforeFeatures = false;
  }

  statusRead(value: number): void {
    if (value === 0 && !this.resetSeen) this.sawReset(true);
    if (value & Status.FEATURES_OK) this.agreementRead = true;
    else if (this.agreementAsked) this.refused = true;
  }

  featuresWritten(word: number, value: number, agreed: boolean): void {
    const { watched } = this;
    this.goesOn();
    if (watched.via === 'legacy') return;
    if (agreed) {
      watched.check(
        '3.1.1/features-final',
        false,
        () => `${hex(value)} as features ${word} after FEATURES_OK`,
      );
    }
    if (!(watched.device.status & Status.DRIVER)) this.order('it writes features before it sets DRIVER');
  }

  queueAddressWritten(index: number): void {
    this.goesOn();
    if (this.watched.via === 'legacy') return;
    if (!(this.watched.device.status & Status.FEATURES_OK)) {
      this.queueBeforeFeatures = true;
      this.order(`it sets up queue ${index} before FEATURES_OK`);
    }
  }

  queueStopped(index: number, how: string, live: boolean): void {
    if (!live || how === 'queue_reset') return;
    this.watched.check(
      '3.3.1/reset-before-removal',
      false,
      () => `it takes queue ${index} back without a reset, with buffers that were not used`,
      index,
    );
  }

  notified(index: number): void {
    const { watched } = this;
    if (watched.via === 'legacy') return;
    const ok = (watched.device.status & Status.DRIVER_OK) !== 0;
    watched.check('3.1.1/no-early-notify', ok, () => `it notifies queue ${index} before DRIVER_OK`);
  }

  configWritten(offset: number): void {
    const { watched } = this;
    if (watched.via === 'legacy') return;
    const ok = (watched.device.status & Status.FEATURES_OK) !== 0;
    watched.check(
      '3.1.1/config-read-only',
      ok,
      () => `it writes the configuration at offset ${offset} before FEATURES_OK`,
    );
  }

  statusWritten(value: number, before: number): void {
    const { watched } = this;
    const cleared = before & ~value & ~Status.DEVICE_NEEDS_RESET;
    watched.check(
      '2.1.1/never-clears',
      cleared === 0,
      () => `status ${hex(before)}, and it writes ${hex(value)}`,
    );
    const set = value & ~before;
    if (set & ~Status.FAILED) {
      if (this.failed)
        watched.check('2.1.1/reset-after-failed', false, () => `it writes status ${hex(value)}`);
      this.goesOn();
    }
    if (value & Status.FAILED) {
      this.failed = true;
      if (this.refused) this.judgeRefused(true);
    }
    if (set & Status.FEATURES_OK) this.agreementAsked = true;
    if (set & Status.ACKNOWLEDGE && !this.wasReset && watched.via === 'modern') {
      this.order('it sets ACKNOWLEDGE without a reset before');
    }
    if (set & Status.DRIVER && !(value & Status.ACKNOWLEDGE)) this.order('it sets DRIVER before ACKNOWLEDGE');
    if (watched.via === 'modern' && set & Status.FEATURES_OK && !(value & Status.DRIVER)) {
      this.order('it sets FEATURES_OK before DRIVER');
    }
    if (set & Status.DRIVER_OK) this.ready(value);
  }

  /** What the driver does after the device has refused its features. */
  private judgeRefused(failed: boolean): void {
    this.refused = false;
    this.watched.check(
      '3.1.1/failed',
      failed,
      () => 'it does not set FAILED after FEATURES_OK has not stayed',
    );
    this.watched.check('3.1.1/stops-when-failed', true, () => '');
  }

  private ready(value: number): void {
    const { watched } = this;
    if (this.refused) {
      this.refused = false;
      watched.check(
        '3.1.1/stops-when-failed',
        false,
        () => 'it sets DRIVER_OK after FEATURES_OK has not stayed',
      );
    }
    const modern = watched.via === 'modern';
    const steps = Status.ACKNOWLEDGE | Status.DRIVER | (modern ? Status.FEATURES_OK : 0);
    watched.check(
      '2.1.1/steps-by-status',
      (value & steps) === steps,
      () => `it sets DRIVER_OK with status ${hex(value)}`,
    );
    if (modern && !this.agreementRead && value & Status.FEATURES_OK) {
      this.order('it sets DRIVER_OK without having read whether FEATURES_OK has stayed');
    } else if (!this.queueBeforeFeatures) {
      watched.check('3.1.1/sequence', true, () => '');
    }
    if (modern) watched.check('3.1.1/features-final', true, () => '');
    if (has(watched.offered, Feature.VERSION_1) && modern) {
      watched.check(
        '6.1/version-1',
        has(watched.device.driverFeatures, Feature.VERSION_1),
        () => `it accepts ${hex(watched.device.driverFeatures)}`,
      );
    }
  }

  /** Something that follows a reset. */
  private goesOn(): void {
    if (!this.resetSeen) this.sawReset(false);
  }

  private sawReset(ok: boolean): void {
    const { watched } = this;
    this.resetSeen = true;
    const what = (): string => 'it goes on after a reset without having read 0 as the status';
    watched.check('2.4.2/reset-complete', ok, what);
    if (watched.isPci && watched.via === 'modern') {
      watched.check('4.1.4.3.2/waits-for-reset', ok, what);
    }
  }

  private order(what: string): void {
    this.watched.check('3.1.1/sequence', false, () => what);
  }
}
