import { NO_OFFLOADS, type NetBackend, type NetCard, type OffloadSupport } from '../backend.js';
import type { NetworkHost } from './host.js';
import { Link } from './link.js';
import type { CheckedUserNetwork } from './options.js';
import { Timers } from './timers.js';

/**
 * A network that needs no privileges: what the guest sends is taken apart up to its TCP and UDP payloads, which
 * ordinary sockets of the host carry on; what they receive goes back as the guest's own network would bring it.
 */
export class UserNetwork implements NetBackend {
  readonly accepts: OffloadSupport = NO_OFFLOADS;
  readonly mtu: number;
  private readonly link = new Link();
  private readonly timers: Timers;
  private frames = 0;

  private constructor(options: CheckedUserNetwork, host: NetworkHost) {
    this.mtu = options.mtu;
    this.timers = new Timers(host);
  }

  /**
   * A network whose forwarded ports are open.
   * @throws ConfigError when one of them cannot be had
   */
  static async open(options: CheckedUserNetwork, host: NetworkHost): Promise<UserNetwork> {
    return Promise.resolve(new UserNetwork(options, host));
  }

  attach(card: NetCard): void {
    this.link.card = card;
  }

  transmit(frame: Uint8Array): void {
    this.frames += frame.length;
  }

  onRoom(): void {}

  close(): void {
    this.timers.close();
  }
}
