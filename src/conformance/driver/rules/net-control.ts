import { has } from '../../../devices/virtio/features.js';
import { GUEST_OFFLOADS, NetFeature as F } from '../../../devices/virtio/net/net-features.js';
import type { ExposedChain } from '../exposed-chain.js';
import type { WatchedDevice } from '../watched-device.js';
import type { WatchedQueue } from '../watched-queue.js';

/** Classes of commands (virtio 1.4, 5.1.9.5). */
const Class = { RX: 0, MAC: 1, ANNOUNCE: 3, MQ: 4, GUEST_OFFLOADS: 5 } as const;
const BASIC_MODES = 2;
const MAC_TABLE_SET = 0;
const MAC_SIZE = 6;
const HEADER_SIZE = 2;
const MAX_COMMAND = 2 + 2 * (4 + 1024 * MAC_SIZE);

/** The control queue of network devices (virtio 1.4, 5.1.9.5). */
export class NetControlRules {
  /** Queue pairs that the driver has asked for. */
  pairs = 1;
  pairsAsked = false;
  addressSet = false;

  constructor(
    private readonly watched: WatchedDevice,
    private readonly maxPairs: () => number,
    private readonly acknowledgeAnnouncement: () => void,
  ) {}

  reset(): void {
    this.pairs = 1;
    this.pairsAsked = false;
    this.addressSet = false;
  }

  sent(queue: WatchedQueue, chain: ExposedChain): void {
    const { watched } = this;
    const command = chain.copy(0, MAX_COMMAND);
    if (command.length < HEADER_SIZE) return;
    const features = watched.device.features;
    const view = new DataView(command.buffer, command.byteOffset, command.length);
    const judge: Judging = (id, ok, what) => watched.check(id, ok, what, queue.index, () => chain.show());
    const [kind, code] = command;
    switch (kind) {
      case Class.RX:
        this.receiveMode(judge, code, features);
        break;
      case Class.MAC:
        this.address(judge, code, features, view);
        break;
      case Class.MQ:
        if (code === 0 && command.length >= 4) this.usePairs(judge, view.getUint16(HEADER_SIZE, true));
        break;
      case Class.ANNOUNCE:
        this.acknowledgeAnnouncement();
        break;
      case Class.GUEST_OFFLOADS: {
        if (command.length < HEADER_SIZE + 8) return;
        const wanted = view.getBigUint64(HEADER_SIZE, true);
        const more = wanted & ~(features & GUEST_OFFLOADS);
        judge('5.1.9.5.9.2/offloads', more === 0n, () => `it enables the offloads 0x${more.toString(16)}`);
        break;
      }
    }
  }

  private receiveMode(judge: Judging, code: number, features: bigint): void {
    const what = (): string => `it sends the receive mode ${code} without its feature`;
    if (code < BASIC_MODES) judge('5.1.9.5.1.2/rx', has(features, F.CTRL_RX), what);
    else judge('5.1.9.5.1.2/rx-extra', has(features, F.CTRL_RX_EXTRA), what);
  }

  private address(judge: Judging, code: number, features: bigint, view: DataView): void {
    judge(
      '5.1.9.5.2.2/mac-class',
      has(features, F.CTRL_RX),
      () => 'it sends a command of the MAC class without VIRTIO_NET_F_CTRL_RX',
    );
    if (code !== MAC_TABLE_SET) {
      this.addressSet = true;
      judge('5.1.9.5.2.2/mac-set', true, () => '');
      return;
    }
    const unicast = tableEnd(view, HEADER_SIZE);
    const multicast = tableEnd(view, unicast);
    judge(
      '5.1.9.5.2.2/mac-table',
      multicast === view.byteLength,
      () => `two tables of addresses in ${view.byteLength - HEADER_SIZE} bytes`,
    );
  }

  private usePairs(judge: Judging, pairs: number): void {
    const most = this.maxPairs();
    judge(
      '5.1.9.5.6.1/pairs-range',
      pairs >= 1 && pairs <= most,
      () => `it asks for ${pairs} pairs of ${most}`,
    );
    if (pairs < 1 || pairs > most) return;
    this.pairs = pairs;
    this.pairsAsked = true;
    const { queues } = this.watched.device;
    const missing = queues.slice(0, 2 * pairs).findIndex(({ enabled }) => !enabled);
    judge('5.1.9.5.6.1/configured-first', missing < 0, () => `queue ${missing} is not enabled`);
  }
}

/** Where the table of addresses at `at` ends; beyond the command when it is cut off. */
function tableEnd(view: DataView, at: number): number {
  if (at + 4 > view.byteLength) return Infinity;
  return at + 4 + view.getUint32(at, true) * MAC_SIZE;
}

type Judging = (id: string, ok: boolean, what: () => string) => void;
