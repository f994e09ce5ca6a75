import { Accepted, MAX_FRAME, MIN_FRAME, type Cable } from '../../../net/cable.js';
import { Field, FRAME_HEADER_SIZE, GsoType, HeaderFlag } from '../../../net/frame-header.js';
import { completeChecksum } from '../../../net/offload.js';
import type { BusTarget, DeviceState } from '../../../vmm/device.js';
import { DeviceId, type DeviceHost, type DeviceType } from '../device-type.js';
import { has } from '../features.js';
import type { Chain } from '../queue/chain.js';
import type { Virtqueue } from '../queue/virtqueue.js';
import { CONFIG_SIZE, CONFIGURATION } from './config.js';
import { ControlQueue } from './control.js';
import { ReceiveFilter, type FilterState } from './filter.js';
import { GUEST_OFFLOADS, NetFeature, OFFERED } from './net-features.js';
import { ReceiveSteering } from './steering.js';
import { TransmitHeaderCheck } from './transmit-header.js';

export interface VirtioNetOptions {
  readonly cable: Cable;
  /** Wakes the cable's other end: there are frames for it, or room for frames. */
  readonly kick: () => void;
  /** Has `poll` called soon. */
  readonly again: () => void;
  /** 6 bytes. */
  readonly mac: Uint8Array;
  /** Largest payload of a frame that there is room for at the other end; the driver's affair when absent. */
  readonly mtu?: number | undefined;
  /** Pairs of queues, 1 to {@link MAX_QUEUE_PAIRS}; 1 by default. */
  readonly queuePairs?: number;
}

const QUEUE_SIZE = 256;
const CONTROL_QUEUE_SIZE = 64;
/** Of a legacy driver that does not merge buffers: without num_buffers (virtio 1.3, 5.1.6.1). */
const LEGACY_HEADER_SIZE = 10;
/** Frames that are received before the machine looks at something else. */
const FRAMES_A_TURN = 256;

type NetState = {
  readonly started: boolean;
  readonly mac: readonly number[];
  readonly linkUp: boolean;
  readonly announcing: boolean;
  readonly pairs: number;
  readonly offloads: string;
  readonly filter: FilterState;
};

/** Network device (virtio 1.3, 5.1). */
export class VirtioNet implements DeviceType {
  readonly id = DeviceId.NET;
  readonly pciClass = 0x02_00_00;
  readonly features: bigint;
  readonly queueSizes: readonly number[];
  readonly config: BusTarget;
  readonly configSize = CONFIG_SIZE;
  readonly mac = new Uint8Array(6);
  readonly mtu: number | undefined;
  readonly maxPairs: number;
  readonly filter = new ReceiveFilter();
  linkUp: boolean;
  /** The driver is to announce where it is: it may be somewhere else than before (5.1.6.5.4). */
  announcing = false;
  private host!: DeviceHost;
  private readonly cable: Cable;
  private readonly kick: () => void;
  private readonly again: () => void;
  private readonly permanentMac: Uint8Array;
  private readonly steering = new ReceiveSteering();
  private readonly control = new ControlQueue(this);
  private readonly headerCheck = new TransmitHeaderCheck();
  private readonly senders: readonly ((chain: Chain, queue: Virtqueue) => void | false)[];
  private started = false;
  private headerSize = FRAME_HEADER_SIZE;
  private mergeable = false;
  /** Offloads that the driver accepts at this moment. */
  private offloads = 0n;
  /** Queue pairs that the driver uses. */
  private pairs = 1;
  /** Transmit queues, by their pair, that wait for room in the cable. */
  private readonly stalled: Uint8Array;
  /** Receive queues, by their pair, with buffers that the driver has not been told of. */
  private readonly filled: Uint8Array;
  /** Frames were put into the cable that its other end has not been told of. */
  private sent = false;
  /** Buffers of the frame that is being received. */
  private readonly chains: Chain[] = [];

  constructor({ cable, kick, again, mac, mtu, queuePairs = 1 }: VirtioNetOptions) {
    this.cable = cable;
    this.kick = kick;
    this.again = again;
    this.permanentMac = mac.slice();
    this.mac.set(mac);
    this.mtu = mtu;
    this.maxPairs = queuePairs;
    this.linkUp = cable.link;
    this.features =
      OFFERED | (mtu === undefined ? 0n : NetFeature.MTU) | (queuePairs > 1 ? NetFeature.MQ : 0n);
    this.queueSizes = [...Array<number>(2 * queuePairs).fill(QUEUE_SIZE), CONTROL_QUEUE_SIZE];
    this.config = CONFIGURATION.bind(this);
    this.stalled = new Uint8Array(queuePairs);
    this.filled = new Uint8Array(queuePairs);
    this.senders = Array.from(
      { length: queuePairs },
      (_, pair) => (chain: Chain, queue: Virtqueue) => this.send(chain, queue, pair),
    );
  }

  connect(host: DeviceHost): void {
    this.host = host;
  }

  /** What driver and device agreed on. */
  get negotiated(): bigint {
    return this.host.features;
  }

  start(): void {
    this.adapt();
    this.acceptOffloads(this.negotiated & GUEST_OFFLOADS);
    if (has(this.negotiated, NetFeature.CTRL_VLAN)) this.filter.filterVlans();
    // What came before was for nobody.
    this.discardFrames();
    this.started = true;
    this.queueSizes.forEach((_, index) => this.notify(index));
  }

  requestName(index: number): string {
    if (index === this.controlQueue) return 'control';
    return index % 2 === 0 ? 'receive' : 'send';
  }

  notify(index: number): void {
    // Legacy drivers may send before DRIVER_OK (3.1.2).
    if (!this.started) this.adapt();
    if (index === this.controlQueue) {
      this.host.serve(index, (chain, queue) => queue.push(chain, this.control.serve(chain)));
    } else if (index >= 2 * this.maxPairs) {
      // Without VIRTIO_NET_F_MQ the last queue is nobody's.
    } else if (index % 2 === 0) {
      if (this.deliver()) this.again();
    } else {
      this.transmit(index >>> 1);
    }
  }

  /**
   * Looks at the cable: frames for the guest, room for frames of the guest, the link.
   * @returns whether there is more to do, after others had their turn
   */
  poll(): boolean {
    this.noticeLink();
    for (let pair = 0; pair < this.maxPairs; pair++) {
      if (this.stalled[pair] !== 0 && this.cable.toHost.halfFree) this.transmit(pair);
    }
    return this.deliver();
  }

  resetQueue(index: number): void {
    if (index >= 2 * this.maxPairs) return;
    if (index % 2 === 0) this.filled[index >>> 1] = 0;
    else this.stalled[index >>> 1] = 0;
  }

  reset(): void {
    this.started = false;
    this.mac.set(this.permanentMac);
    this.announcing = false;
    this.pairs = 1;
    this.acceptOffloads(0n);
    this.filter.reset();
    this.steering.reset();
    this.stalled.fill(0);
    this.filled.fill(0);
  }

  save(): DeviceState {
    return {
      started: this.started,
      mac: Array.from(this.mac),
      linkUp: this.linkUp,
      announcing: this.announcing,
      pairs: this.pairs,
      offloads: this.offloads.toString(16),
      filter: this.filter.save(),
    } satisfies NetState;
  }

  /** Frames on their way are lost, as on any network; the driver is asked to tell the others where it is now. */
  load(state: DeviceState): void {
    const { started, mac, linkUp, announcing, pairs, offloads, filter } = state as NetState;
    this.started = started;
    this.mac.set(mac);
    this.linkUp = linkUp;
    this.announcing = announcing;
    this.pairs = pairs;
    this.filter.load(filter);
    this.adapt();
    this.acceptOffloads(BigInt(`0x${offloads}`));
    this.stalled.fill(1);
    if (started && linkUp) this.announce();
    this.again();
  }

  /** The driver uses the first `pairs` queue pairs. */
  usePairs(pairs: number): void {
    this.pairs = pairs;
    this.steering.reset();
  }

  /** The driver accepts these offloads, and no others. */
  acceptOffloads(offloads: bigint): void {
    this.offloads = offloads;
    const { GUEST_CSUM, GUEST_TSO4, GUEST_TSO6, GUEST_USO4, GUEST_USO6 } = NetFeature;
    const udp = has(offloads, GUEST_USO4) && has(offloads, GUEST_USO6);
    this.cable.accepted =
      (has(offloads, GUEST_CSUM) ? Accepted.CHECKSUM : 0) |
      (has(offloads, GUEST_TSO4) ? Accepted.TCP4 : 0) |
      (has(offloads, GUEST_TSO6) ? Accepted.TCP6 : 0) |
      (udp ? Accepted.UDP : 0);
  }

  /** A legacy driver writes one byte of its address. */
  writeLegacyMac(index: number, value: number): void {
    if (this.host.legacy) this.mac[index] = value;
  }

  /** The control queue comes behind the receive and transmit queues that the driver knows of (5.1.2). */
  private get controlQueue(): number {
    if (!has(this.negotiated, NetFeature.CTRL_VQ)) return -1;
    return has(this.negotiated, NetFeature.MQ) ? 2 * this.maxPairs : 2;
  }

  /** What follows from the features and from how the driver came. */
  private adapt(): void {
    this.mergeable = has(this.negotiated, NetFeature.MRG_RXBUF);
    // Drivers exist that reach the device by the modern interface and do not acknowledge VERSION_1 (OSv's): they use the
    // header of version 1 all the same.
    this.headerSize = this.host.legacy && !this.mergeable ? LEGACY_HEADER_SIZE : FRAME_HEADER_SIZE;
  }

  private transmit(pair: number): void {
    this.stalled[pair] = 0;
    this.host.serve(2 * pair + 1, this.senders[pair]);
    if (!this.sent) return;
    this.sent = false;
    this.kick();
  }

  /** Puts one frame into the cable; false when it has no room. What makes no sense is not sent (5.1.6.2.2). */
  private send(chain: Chain, queue: Virtqueue, pair: number): void | false {
    const { toHost } = this.cable;
    const { headerSize } = this;
    const length = chain.readableBytes - headerSize;
    if (length < MIN_FRAME || length > MAX_FRAME || !this.cable.link) {
      queue.push(chain, 0);
      return;
    }
    let at = toHost.reserve(length);
    if (at < 0) {
      if (toHost.awaitRoom()) {
        queue.unpop(chain);
        this.stalled[pair] = 1;
        return false;
      }
      at = toHost.reserve(length);
    }
    const { bytes } = toHost;
    const header = at - FRAME_HEADER_SIZE;
    if (headerSize === FRAME_HEADER_SIZE) {
      chain.readInto(0, bytes, header, headerSize + length);
    } else {
      chain.readInto(0, bytes, header, headerSize);
      chain.readInto(headerSize, bytes, at, length);
    }
    if (this.headerCheck.check(toHost, at, length, this.negotiated)) {
      if (this.pairs > 1) this.steering.sent(bytes, at, length, pair);
      toHost.commit(length);
      this.sent = true;
    }
    queue.push(chain, 0);
  }

  /** Gives frames to the guest as long as it has buffers; true when there are more of both. */
  private deliver(): boolean {
    const { toGuest } = this.cable;
    let left = FRAMES_A_TURN;
    let received = false;
    for (; left > 0; left--) {
      const at = toGuest.peek();
      if (at < 0 || !this.receive(at, toGuest.lengthAt(at))) break;
      toGuest.shift(at);
      received = true;
    }
    if (!received) return false;
    for (let pair = 0; pair < this.maxPairs; pair++) {
      if (this.filled[pair] === 0) continue;
      this.filled[pair] = 0;
      this.host.signal(2 * pair);
    }
    if (toGuest.takeWaiting()) this.kick();
    return left === 0;
  }

  /** One frame for the guest; false when it has to wait for buffers. */
  private receive(at: number, length: number): boolean {
    const { bytes } = this.cable.toGuest;
    // A card that may not write what it receives has to drop it.
    if (!this.started || !this.host.mastering) return true;
    if (!this.filter.passes(bytes, at, length, this.mac)) return true;
    if (!this.prepareHeader(at, length)) return true;
    const pair = this.pairs > 1 ? this.steering.pairFor(bytes, at, length) % this.pairs : 0;
    const queue = this.host.queue(2 * pair);
    if (!queue) return true;
    const size = this.headerSize + length;
    switch (this.takeBuffers(queue, size, pair)) {
      case 'none':
        return false;
      case 'too small':
        return true;
      case 'taken':
        this.fillBuffers(queue, at, length);
        this.filled[pair] = 1;
        return true;
    }
  }

  /**
   * Makes the header say what the driver accepts (5.1.6.4.1). The far end keeps to that already, but for frames that were
   * on their way when the driver changed its mind.
   * @returns false when the driver cannot take the frame
   */
  private prepareHeader(at: number, length: number): boolean {
    const { view, bytes } = this.cable.toGuest;
    const header = at - FRAME_HEADER_SIZE;
    const type = view.getUint8(header + Field.GSO_TYPE);
    if (type !== GsoType.NONE) {
      if (!this.acceptsSegment(type & ~GsoType.ECN)) return false;
      if (!has(this.offloads, NetFeature.GUEST_ECN)) {
        view.setUint8(header + Field.GSO_TYPE, type & ~GsoType.ECN);
      }
    }
    const flags = view.getUint8(header + Field.FLAGS);
    if (flags === 0 || has(this.offloads, NetFeature.GUEST_CSUM)) return true;
    view.setUint8(header + Field.FLAGS, 0);
    if (flags & HeaderFlag.NEEDS_CSUM) {
      const start = view.getUint16(header + Field.CSUM_START, true);
      const offset = view.getUint16(header + Field.CSUM_OFFSET, true);
      completeChecksum(bytes.subarray(at, at + length), start, offset);
    }
    return true;
  }

  private acceptsSegment(type: number): boolean {
    switch (type) {
      case GsoType.TCPV4:
        return has(this.offloads, NetFeature.GUEST_TSO4);
      case GsoType.TCPV6:
        return has(this.offloads, NetFeature.GUEST_TSO6);
      default:
        return (
          has(this.offloads, NetFeature.GUEST_USO4) &&
          has(this.offloads, NetFeature.GUEST_USO6) &&
          type === GsoType.UDP_L4
        );
    }
  }

  /**
   * Takes buffers for `size` bytes into `chains`: one, or with VIRTIO_NET_F_MRG_RXBUF as many as it needs (5.1.6.3.2).
   * Without enough of them it takes none, and asks to be notified of more.
   */
  private takeBuffers(queue: Virtqueue, size: number, pair: number): 'taken' | 'none' | 'too small' {
    const { chains } = this;
    chains.length = 0;
    queue.disableNotifications();
    for (let room = 0; room < size;) {
      if (chains.length === (this.mergeable ? queue.size : 1)) return this.putBack(queue, 'too small');
      const chain = queue.pop();
      if (!chain) {
        if (queue.enableNotifications()) {
          queue.disableNotifications();
          continue;
        }
        return this.putBack(queue, 'none');
      }
      if (chains.length === 0 && chain.writableBytes < this.headerSize) {
        // Nobody can use it: it goes back empty.
        queue.push(chain, 0);
        this.filled[pair] = 1;
        return 'too small';
      }
      chains.push(chain);
      room += chain.writableBytes;
    }
    return 'taken';
  }

  private putBack<T>(queue: Virtqueue, result: T): T {
    for (let i = this.chains.length - 1; i >= 0; i--) queue.unpop(this.chains[i]);
    return result;
  }

  /** Writes the frame at `at`, its header first, into `chains`, and gives them back. */
  private fillBuffers(queue: Virtqueue, at: number, length: number): void {
    const { chains, headerSize } = this;
    const { bytes, view } = this.cable.toGuest;
    const header = at - FRAME_HEADER_SIZE;
    if (headerSize === LEGACY_HEADER_SIZE) {
      const [chain] = chains;
      chain.writeFrom(0, bytes, header, headerSize);
      chain.writeFrom(headerSize, bytes, at, length);
      queue.push(chain, headerSize + length);
      return;
    }
    view.setUint16(header + Field.NUM_BUFFERS, chains.length, true);
    let from = header;
    const end = at + length;
    // All buffers of a frame are used together (5.1.6.4.1): a driver that saw some would take it for cut off.
    queue.startBatch();
    for (const chain of chains) {
      const part = Math.min(chain.writableBytes, end - from);
      chain.writeFrom(0, bytes, from, part);
      queue.push(chain, part);
      from += part;
    }
    queue.endBatch();
  }

  private noticeLink(): void {
    const { link } = this.cable;
    if (link === this.linkUp) return;
    this.linkUp = link;
    if (link && this.started) this.announce();
    this.host.configChanged();
  }

  private announce(): void {
    if (!has(this.negotiated, NetFeature.GUEST_ANNOUNCE) || this.announcing) return;
    this.announcing = true;
    this.host.configChanged();
  }

  private discardFrames(): void {
    const { toGuest } = this.cable;
    for (let at = toGuest.peek(); at >= 0; at = toGuest.peek()) toGuest.shift(at);
    if (toGuest.takeWaiting()) this.kick();
  }
}
