import type { VirtioNet } from '../../../devices/virtio/net/net.js';
import { NetFeature as F } from '../../../devices/virtio/net/net-features.js';
import { has } from '../../../devices/virtio/features.js';
import { ETHERNET_HEADER, EtherType, word } from '../../../net/headers.js';
import type { WatchedDevice } from '../watched-device.js';

const ARP = 0x0806;
const RARP = 0x8035;
/** ARP for Ethernet and IPv4: sender's and target's address (RFC 826). */
const ARP_SENDER = 14;
const ARP_TARGET = 24;
const IPV4_SOURCE = 12;
const IPV6_HEADER = 40;
const IPV6_NEXT_HEADER = 6;
const ICMPV6 = 58;
const NEIGHBOUR_ADVERTISEMENT = 136;
/** Looks in a row at which something is still to be done, before it counts as forgotten. */
const PATIENCE = 10;

/** Announcements that the device asks for (virtio 1.4, 5.1.9.5.4). */
export class NetAnnounceRules {
  /** The device has asked, and looks since then; -1 when it has not. */
  private asked = -1;
  private announced = false;
  private acknowledged = false;
  /** Who has no address has nothing to announce. */
  private hasAddress = false;

  constructor(
    private readonly watched: WatchedDevice,
    private readonly net: VirtioNet,
  ) {}

  reset(): void {
    this.asked = -1;
    this.hasAddress = false;
  }

  configChanged(): void {
    if (!this.net.announcing || !has(this.watched.device.features, F.GUEST_ANNOUNCE)) return;
    if (this.asked >= 0) return;
    this.asked = 0;
    this.announced = false;
    this.acknowledged = false;
  }

  /** The driver has sent VIRTIO_NET_CTRL_ANNOUNCE_ACK. */
  acknowledge(): void {
    this.watched.check('5.1.9.5.4.1/announce-ack', true, () => '');
    this.acknowledged = true;
  }

  sent(frame: Uint8Array): void {
    if (frame.length < ETHERNET_HEADER + ARP_TARGET + 4) return;
    const type = word(frame, ETHERNET_HEADER - 2);
    if (type === ARP) {
      const sender = address(frame, ETHERNET_HEADER + ARP_SENDER);
      if (sender !== 0) this.hasAddress = true;
      if (sender === address(frame, ETHERNET_HEADER + ARP_TARGET)) this.announced = true;
    } else if (type === RARP || isAdvertisement(frame, type)) {
      this.announced = true;
    } else if (type === EtherType.IPV4 && address(frame, ETHERNET_HEADER + IPV4_SOURCE) !== 0) {
      this.hasAddress = true;
    }
  }

  sampled(): void {
    if (this.asked < 0) return;
    this.asked++;
    const done = this.acknowledged && (this.announced || !this.hasAddress);
    if (!done && this.asked < PATIENCE) return;
    this.asked = -1;
    const { watched } = this;
    if (this.announced || this.hasAddress) {
      watched.check('5.1.9.5.4.1/announces', this.announced, () => 'it does not announce itself');
    }
    if (this.acknowledged) return;
    watched.check('5.1.9.5.4.1/announce-ack', false, () => 'it does not acknowledge ANNOUNCE');
  }
}

function isAdvertisement(frame: Uint8Array, type: number): boolean {
  const message = ETHERNET_HEADER + IPV6_HEADER;
  return (
    type === EtherType.IPV6 &&
    frame[ETHERNET_HEADER + IPV6_NEXT_HEADER] === ICMPV6 &&
    frame[message] === NEIGHBOUR_ADVERTISEMENT
  );
}

function address(frame: Uint8Array, at: number): number {
  return word(frame, at) * 2 ** 16 + word(frame, at + 2);
}
