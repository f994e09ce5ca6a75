import type { Chain } from '../queue/chain.js';
import { has } from '../features.js';
import { MAC_SIZE, RX_MODES } from './filter.js';
import { GUEST_OFFLOADS, NetFeature } from './net-features.js';
import type { VirtioNet } from './net.js';

/** Classes of commands (virtio 1.3, 5.1.6.5). */
const Class = { RX: 0, MAC: 1, VLAN: 2, ANNOUNCE: 3, MQ: 4, GUEST_OFFLOADS: 5 } as const;
const Mac = { TABLE_SET: 0, ADDR_SET: 1 } as const;
const Vlan = { ADD: 0, DEL: 1 } as const;
const ANNOUNCE_ACK = 0;
const MQ_VQ_PAIRS_SET = 0;
const GUEST_OFFLOADS_SET = 0;

/** Class and command. */
const HEADER_SIZE = 2;
const OK = 0;
const ERROR = 1;
/** Only the first two modes need no more than VIRTIO_NET_F_CTRL_RX. */
const BASIC_MODES = 2;
const MAX_VLAN = 4095;
/** Bytes of a command that are looked at: two tables of as many addresses as there are on any network. */
const MAX_COMMAND = 2 + 2 * (4 + 1024 * MAC_SIZE);

/** Serves the control queue: one command a buffer, with one byte for the answer (virtio 1.3, 5.1.6.5). */
export class ControlQueue {
  private readonly bytes = new Uint8Array(MAX_COMMAND);
  private readonly view = new DataView(this.bytes.buffer);

  constructor(private readonly net: VirtioNet) {}

  /** @returns bytes written into the buffer */
  serve(chain: Chain): number {
    if (chain.writableBytes < 1) return 0;
    const length = chain.readableBytes;
    const understood =
      length >= HEADER_SIZE &&
      length <= MAX_COMMAND &&
      chain.readInto(0, this.bytes, 0, length) === length &&
      this.execute(this.bytes[0], this.bytes[1], length);
    chain.write8(0, understood ? OK : ERROR);
    return 1;
  }

  private execute(kind: number, command: number, length: number): boolean {
    const { net, bytes, view } = this;
    const features = net.negotiated;
    const argument = length - HEADER_SIZE;
    switch (kind) {
      case Class.RX: {
        const needed = command < BASIC_MODES ? NetFeature.CTRL_RX : NetFeature.CTRL_RX_EXTRA;
        if (!has(features, needed) || command >= RX_MODES.length || argument !== 1) return false;
        net.filter.setMode(RX_MODES[command], bytes[HEADER_SIZE] !== 0);
        return true;
      }
      case Class.MAC:
        if (command === Mac.TABLE_SET) return has(features, NetFeature.CTRL_RX) && this.setTables(length);
        if (command !== Mac.ADDR_SET || !has(features, NetFeature.CTRL_MAC_ADDR) || argument !== MAC_SIZE) {
          return false;
        }
        net.mac.set(bytes.subarray(HEADER_SIZE, length));
        return true;
      case Class.VLAN: {
        if (!has(features, NetFeature.CTRL_VLAN) || argument !== 2) return false;
        const vlan = view.getUint16(HEADER_SIZE, true);
        if (vlan > MAX_VLAN || (command !== Vlan.ADD && command !== Vlan.DEL)) return false;
        net.filter.setVlan(vlan, command === Vlan.ADD);
        return true;
      }
      case Class.ANNOUNCE:
        if (command !== ANNOUNCE_ACK || !has(features, NetFeature.GUEST_ANNOUNCE)) return false;
        net.announcing = false;
        return true;
      case Class.MQ: {
        if (command !== MQ_VQ_PAIRS_SET || !has(features, NetFeature.MQ) || argument !== 2) return false;
        const pairs = view.getUint16(HEADER_SIZE, true);
        if (pairs < 1 || pairs > net.maxPairs) return false;
        net.usePairs(pairs);
        return true;
      }
      case Class.GUEST_OFFLOADS: {
        const supported = has(features, NetFeature.CTRL_GUEST_OFFLOADS);
        if (command !== GUEST_OFFLOADS_SET || !supported || argument !== 8) return false;
        const offloads = view.getBigUint64(HEADER_SIZE, true);
        if ((offloads & ~(features & GUEST_OFFLOADS)) !== 0n) return false;
        net.acceptOffloads(offloads);
        return true;
      }
      default:
        return false;
    }
  }

  /** Two tables, of unicast and of multicast addresses: 32 bits of their number, then the addresses (5.1.6.5.2). */
  private setTables(length: number): boolean {
    const { filter } = this.net;
    const unicast = HEADER_SIZE;
    const unicastEnd = this.tableEnd(unicast, length);
    const multicastEnd = this.tableEnd(unicastEnd, length);
    if (multicastEnd !== length) return false;
    filter.setTable('unicast', this.bytes.subarray(unicast + 4, unicastEnd));
    filter.setTable('multicast', this.bytes.subarray(unicastEnd + 4, multicastEnd));
    return true;
  }

  /** Where the table at `at` ends; beyond `length` when it is cut off. */
  private tableEnd(at: number, length: number): number {
    if (at + 4 > length) return Infinity;
    return at + 4 + this.view.getUint32(at, true) * MAC_SIZE;
  }
}
