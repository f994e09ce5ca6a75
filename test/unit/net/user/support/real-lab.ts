import { nodeNetworkHost } from '../../../../../src/host/network/network-host.js';
import type { NetworkHost } from '../../../../../src/net/user/host.js';
import { checkUserNetwork, type UserNetworkOptions } from '../../../../../src/net/user/options.js';
import { UserNetwork } from '../../../../../src/net/user/user-network.js';
import { FakeCard } from './fake-card.js';
import { ethernet, GUEST_IP, GUEST_MAC, ip } from './frames.js';
import { GuestTcp, type GuestTcpOptions } from './tcp-guest.js';

/** A user network on the sockets of this machine, with a guest that the test plays. */
export class RealLab {
  readonly card = new FakeCard();
  private readonly guests = new Map<string, GuestTcp>();
  private readonly waiting = new Set<() => void>();
  private poked = false;

  private constructor(readonly network: UserNetwork) {
    network.attach(this.card);
    this.card.onFrame = frame => {
      const { tcp } = frame;
      if (!tcp) this.card.received.push(frame);
      else
        (
          this.guests.get(`${tcp.toPort} ${tcp.fromPort}`) ?? this.listener?.(tcp.toPort, tcp.fromPort)
        )?.receive(tcp);
      this.poke();
    };
  }

  /** Makes the guest's end of a connection to one of its ports. */
  listener?: (port: number, from: number) => GuestTcp;

  static async open(options: UserNetworkOptions = {}, host: Partial<NetworkHost> = {}): Promise<RealLab> {
    const network = await UserNetwork.open(checkUserNetwork(options), { ...nodeNetworkHost, ...host });
    return new RealLab(network);
  }

  /** The guest sends; it does not while it receives. */
  transmit(frame: Buffer): void {
    queueMicrotask(() => this.network.transmit(frame));
  }

  guest(options: Omit<GuestTcpOptions, 'transmit'>): GuestTcp {
    const guest = new GuestTcp({ ...options, transmit: frame => this.transmit(frame) });
    this.guests.set(`${options.fromPort} ${options.toPort}`, guest);
    return guest;
  }

  /** The guest says where it is. */
  introduce(): void {
    const fixed = Buffer.from('0001080006040002', 'hex');
    const packet = Buffer.concat([fixed, GUEST_MAC, ip(GUEST_IP), Buffer.alloc(6), ip('10.0.2.2')]);
    this.network.transmit(ethernet(0x0806, packet));
  }

  /** Something has happened that somebody may wait for. */
  poke(): void {
    if (this.poked) return;
    this.poked = true;
    setImmediate(() => {
      this.poked = false;
      for (const look of this.waiting) look();
    });
  }

  /** Resolves when `condition` holds: it is looked at when a frame comes, and when somebody pokes. */
  until(condition: () => boolean): Promise<void> {
    return new Promise(resolve => {
      const look = (): void => {
        if (!condition()) return;
        this.waiting.delete(look);
        resolve();
      };
      this.waiting.add(look);
      look();
    });
  }
}
