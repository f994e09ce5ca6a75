import { has } from '../../../devices/virtio/features.js';
import { NetFeature as F } from '../../../devices/virtio/net/net-features.js';
import type { VirtioNet } from '../../../devices/virtio/net/net.js';
import { Status } from '../../../devices/virtio/status.js';
import { FRAME_HEADER_SIZE } from '../../../net/frame-header.js';
import { ETHERNET_HEADER } from '../../../net/headers.js';
import type { DriverEvents } from '../driver-events.js';
import type { ExposedChain } from '../exposed-chain.js';
import type { WatchedDevice } from '../watched-device.js';
import type { WatchedQueue } from '../watched-queue.js';
import { NetAnnounceRules } from './net-announce.js';
import { NetControlRules } from './net-control.js';
import { NetEchoRules } from './net-echo.js';
import { NetTransmitRules } from './net-transmit.js';

/** Receive buffers without merging (virtio 1.4, 5.1.9.3.1): a frame of 1514 bytes, or the largest segment, and the header. */
const FRAME_BUFFER = 1526;
const SEGMENT_BUFFER = 65_562;
/** The header of a legacy driver is shorter by this. */
const LEGACY_SHORTER = 2;
const GUEST_UFO = 1n << 10n;
const GUEST_SEGMENTS = F.GUEST_TSO4 | F.GUEST_TSO6 | F.GUEST_USO4 | F.GUEST_USO6 | GUEST_UFO;
const GUEST_HDRLEN = 1n << 59n;
const STATUS_FIELD = 6;
const MAC_FIELD_END = 6;
const SPEED_FIELD = 12;
/** Looks in a row at which something is still to be done, before it counts as forgotten. */
const PATIENCE = 10;

/** Network devices (virtio 1.4, 5.1). */
export class NetRules implements DriverEvents {
  private readonly transmit: NetTransmitRules;
  private readonly control: NetControlRules;
  private readonly announcements: NetAnnounceRules;
  private readonly echoes: NetEchoRules;
  private linkRead = false;
  private linkJudged = false;
  private samples = 0;
  /** Looks since the configuration has changed and speed was not read; -1 when it has not. */
  private speedUnread = -1;

  constructor(
    private readonly watched: WatchedDevice,
    private readonly net: VirtioNet,
  ) {
    const mac = new Uint8Array(MAC_FIELD_END);
    const macOfConfig = (): Uint8Array => mac.map((_, i) => net.config.read(i, 1));
    this.announcements = new NetAnnounceRules(watched, net);
    this.echoes = new NetEchoRules(watched);
    this.control = new NetControlRules(
      watched,
      () => net.maxPairs,
      () => this.announcements.acknowledge(),
    );
    this.transmit = new NetTransmitRules(
      watched,
      macOfConfig,
      () => this.control.addressSet,
      (frame, queue) => {
        this.announcements.sent(frame);
        this.echoes.sent(frame, queue);
      },
    );
  }

  reset(): void {
    this.transmit.reset();
    this.control.reset();
    this.announcements.reset();
    this.linkRead = false;
    this.linkJudged = false;
    this.samples = 0;
    this.speedUnread = -1;
  }

  configChanged(): void {
    this.announcements.configChanged();
    if (this.speedUnread < 0 && has(this.watched.device.features, F.SPEED_DUPLEX)) this.speedUnread = 0;
  }

  configRead(offset: number): void {
    if (offset === STATUS_FIELD) this.linkRead = true;
    if (offset === SPEED_FIELD) this.judgeSpeed(true);
    this.watched.check('5.1.4.2/config-read-only', true, () => '');
  }

  configWritten(offset: number): void {
    const { watched } = this;
    // Legacy drivers set their address there (5.1.4.4).
    if (watched.via === 'legacy' && offset < MAC_FIELD_END) return;
    watched.check('5.1.4.2/config-read-only', false, () => `it writes the configuration at offset ${offset}`);
  }

  statusWritten(value: number, before: number): void {
    const { watched } = this;
    const agreed = watched.via === 'legacy' ? Status.DRIVER_OK : Status.FEATURES_OK;
    if (!(value & ~before & agreed)) return;
    const { offered } = watched;
    const accepted = watched.device.driverFeatures;
    const wanted = [
      ['5.1.4.2/mac', F.MAC, 'MAC'],
      ['5.1.4.2/mtu', F.MTU, 'MTU'],
      [`5.1.9.2.1/accepts-hdrlen`, GUEST_HDRLEN, 'GUEST_HDRLEN'],
    ] as const;
    for (const [id, feature, name] of wanted) {
      if (has(offered, feature)) {
        watched.check(id, has(accepted, feature), () => `it does not accept VIRTIO_NET_F_${name}`);
      }
    }
    if (!has(accepted, F.CTRL_RX_EXTRA)) return;
    watched.check(
      '5.1.4.2/rx-extra',
      has(accepted, F.CTRL_VQ),
      () => 'it accepts VIRTIO_NET_F_CTRL_RX_EXTRA without CTRL_VQ',
    );
  }

  exposed(queue: WatchedQueue, chain: ExposedChain): void {
    const { index } = queue;
    if (index === this.controlQueue) this.control.sent(queue, chain);
    else if (index >= 2 * this.net.maxPairs) return;
    else if (index % 2 === 0) this.judgeReceiveBuffer(queue, chain);
    else this.judgeSent(queue, chain);
  }

  sampled(): void {
    const { watched, net, control } = this;
    this.announcements.sampled();
    if (this.speedUnread >= 0 && ++this.speedUnread === PATIENCE) this.judgeSpeed(false);
    const [receive] = watched.queues;
    if (!receive || receive.exposures === 0) return;
    this.samples++;
    if (this.samples !== PATIENCE) return;
    const { features } = watched.device;
    if (has(features, F.MTU) && net.mtu !== undefined) this.judgeMtuBuffers(receive, net.mtu, features);
    if (!has(features, F.MQ) || !control.pairsAsked) return;
    for (let index = 0; index < 2 * control.pairs; index += 2) {
      const filled = (watched.queues[index]?.exposures ?? 0) > 0;
      watched.check('5.1.9.3.1/mq-buffers', filled, () => `receive queue ${index} has no buffers`, index);
    }
  }

  private get controlQueue(): number {
    const { features } = this.watched.device;
    if (!has(features, F.CTRL_VQ)) return -1;
    return has(features, F.MQ) ? 2 * this.net.maxPairs : 2;
  }

  private judgeSent(queue: WatchedQueue, chain: ExposedChain): void {
    const { watched, net, control } = this;
    const { features } = watched.device;
    const pair = queue.index >>> 1;
    if (has(features, F.STATUS) && !this.linkJudged) {
      this.linkJudged = true;
      watched.check(
        '5.1.4.2/link-status',
        this.linkRead,
        () => 'it sends without having read the link status',
      );
    }
    if (has(features, F.MQ)) {
      const what = (): string => `it sends by queue ${queue.index}, having asked for ${control.pairs} pairs`;
      if (!control.pairsAsked) watched.check('5.1.9.5.6.1/first-queue', pair === 0, what, queue.index);
      else watched.check('5.1.9.5.6.1/enabled-queues', pair < control.pairs, what, queue.index);
    }
    this.transmit.sent(queue, chain, has(features, F.MTU) ? net.mtu : undefined);
  }

  private judgeReceiveBuffer(queue: WatchedQueue, chain: ExposedChain): void {
    const { watched } = this;
    const { features } = watched.device;
    const size = chain.writableBytes;
    const judge = (id: string, least: number): void =>
      watched.check(
        id,
        size >= least,
        () => `a receive buffer of ${size} bytes`,
        queue.index,
        () => chain.show(),
      );
    if (has(features, F.MRG_RXBUF)) {
      judge('5.1.9.3.1/merged-buffers', FRAME_HEADER_SIZE);
      return;
    }
    const shorter = watched.via === 'legacy' ? LEGACY_SHORTER : 0;
    if (has(features, GUEST_SEGMENTS)) judge('5.1.9.3.1/large-buffers', SEGMENT_BUFFER - shorter);
    else judge('5.1.9.3.1/buffers', FRAME_BUFFER - shorter);
  }

  /** After the configuration has changed. */
  private judgeSpeed(ok: boolean): void {
    if (this.speedUnread < 0) return;
    this.speedUnread = -1;
    this.watched.check(
      '5.1.4.2/speed-again',
      ok,
      () => 'it does not read speed again after the configuration has changed',
    );
  }

  private judgeMtuBuffers(receive: WatchedQueue, mtu: number, features: bigint): void {
    const needed = mtu + ETHERNET_HEADER + FRAME_HEADER_SIZE;
    const sizes = receive.waiting.map(chain => chain.writableBytes);
    const room = has(features, F.MRG_RXBUF)
      ? sizes.reduce((sum, size) => sum + size, 0)
      : Math.max(0, ...sizes);
    this.watched.check(
      '5.1.4.2/mtu-buffers',
      room >= needed,
      () => `receive buffers have room for ${room} bytes, and a packet of the MTU needs ${needed}`,
      receive.index,
    );
  }
}
