import { BlkFeature } from '../../../devices/virtio/blk/requests.js';
import { DeviceId } from '../../../devices/virtio/device-type.js';
import { Feature, has } from '../../../devices/virtio/features.js';
import { NetFeature } from '../../../devices/virtio/net/net-features.js';
import { Status } from '../../../devices/virtio/status.js';
import { hex } from '../../../errors.js';
import type { DriverEvents } from '../driver-events.js';
import type { WatchedDevice } from '../watched-device.js';
import { NET_DEPENDENCIES } from './net-dependencies.js';

/** Bits that no device type of tsvmm's, no ring and no transport has given a meaning (2.2 and section 6). */
const RING_BITS =
  Feature.NOTIFY_ON_EMPTY |
  Feature.ANY_LAYOUT |
  Feature.INDIRECT_DESC |
  Feature.EVENT_IDX |
  // 32 to 41, the last of section 6.
  0x3ff_0000_0000n;
/** What the specification has and tsvmm's devices have not: UFO and bits 50 to 63; 0, 1, 7 and 15 to 17. */
const MORE_OF_NET = (1n << 10n) | (1n << 14n) | (0x3fffn << 50n);
const MORE_OF_BLK = 0x3_8083n;
const NOTIF_CONFIG_DATA = 1n << 39n;
const LEGACY_GUARD = 1n << 30n;

/** Feature negotiation (virtio 1.4, 2.2 and 6.1). */
export class FeatureRules implements DriverEvents {
  private readonly wordsRead = new Set<number>();

  constructor(private readonly watched: WatchedDevice) {}

  reset(): void {
    this.wordsRead.clear();
  }

  featuresRead(word: number): void {
    this.wordsRead.add(word);
  }

  featuresWritten(word: number, value: number): void {
    if (value === 0 || word > 1) return;
    this.watched.check(
      '2.2.1/validates',
      this.wordsRead.has(word),
      () => `it accepts ${hex(value)} of features ${word} without having read which are offered`,
    );
  }

  statusWritten(value: number, before: number): void {
    const agreed = this.watched.via === 'legacy' ? Status.DRIVER_OK : Status.FEATURES_OK;
    if (value & ~before & agreed) this.judge();
  }

  private judge(): void {
    const { watched } = this;
    const { device, offered } = watched;
    const accepted = device.driverFeatures;
    const more = accepted & ~offered & ~(watched.via === 'legacy' ? LEGACY_GUARD : 0n);
    watched.check('2.2.1/only-offered', more === 0n, () => `it accepts ${hex(more)}, which is not offered`);
    const reserved =
      ~RING_BITS & ~knownBits(device.type.id) & ~(watched.via === 'legacy' ? LEGACY_GUARD : 0n);
    if (((accepted | offered) & reserved) !== 0n) {
      watched.check(
        '2.2.1/reserved-bits',
        (accepted & reserved) === 0n,
        () => `it accepts ${hex(accepted & reserved)}, which is reserved`,
      );
    }
    if (device.type.id === DeviceId.NET) this.judgeDependencies(accepted);
    else watched.check('2.2.1/dependencies', true, () => '');
    if (watched.via === 'modern') this.judgeRing(accepted, offered);
  }

  private judgeDependencies(accepted: bigint): void {
    const missing = NET_DEPENDENCIES.find(
      ([, feature, needs]) => has(accepted, feature) && !has(accepted, needs),
    );
    this.watched.check(
      '2.2.1/dependencies',
      !missing,
      () => `it accepts ${missing![0]} without what that needs`,
    );
  }

  private judgeRing(accepted: bigint, offered: bigint): void {
    const wanted = [
      ['6.1/packed', Feature.RING_PACKED, 'RING_PACKED'],
      ['6.1/access-platform', Feature.ACCESS_PLATFORM, 'ACCESS_PLATFORM'],
      ['6.1/order-platform', Feature.ORDER_PLATFORM, 'ORDER_PLATFORM'],
      ['6.1/notif-config-data', NOTIF_CONFIG_DATA, 'NOTIF_CONFIG_DATA'],
    ] as const;
    for (const [id, feature, name] of wanted) {
      if (!has(offered, feature)) continue;
      this.watched.check(id, has(accepted, feature), () => `it does not accept VIRTIO_F_${name}`);
    }
    const srIov = 1n << 37n;
    if (!this.watched.isPci || !has(offered | accepted, srIov)) return;
    this.watched.check('6.1/no-sr-iov', !has(accepted, srIov), () => 'it accepts VIRTIO_F_SR_IOV');
  }
}

/** Bits that a device type has given a meaning. */
function knownBits(type: number): bigint {
  const bits: Readonly<Record<number, bigint>> = {
    [DeviceId.NET]: Object.values(NetFeature).reduce((all, bit) => all | bit, MORE_OF_NET),
    [DeviceId.BLOCK]: Object.values(BlkFeature).reduce((all, bit) => all | bit, MORE_OF_BLK),
    [DeviceId.CONSOLE]: 7n,
  };
  return bits[type] ?? 0n;
}
