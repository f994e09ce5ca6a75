import { formatIp, type IpAddress } from './addresses.js';
import { copyOf, read16 } from './bytes.js';
import type { CheckedHostForward } from './forwards.js';
import type { Bound, Endpoint, HostDatagram } from './host.js';
import type { Network } from './network.js';
import type { IpPacket } from './packet.js';
import { UDP_HEADER } from './udp-header.js';
import type { Udp } from './udp.js';

/** Others that talk to one port, at most; the one that has been silent longest makes room. */
const MAX_PEERS = 1024;
const IDLE_MS = 240_000;

interface Peer {
  readonly endpoint: Endpoint;
  deadline: number;
}

/** A UDP port of the host behind which is one of the guest's. */
export class UdpForward {
  /** By how the guest sees them, those heard last at the end. */
  private readonly peers = new Map<string, Peer>();
  private socket?: HostDatagram & Bound;

  private constructor(
    private readonly network: Network,
    private readonly udp: Udp,
    private readonly forward: CheckedHostForward,
  ) {}

  /** @throws ConfigError when the host's port cannot be had */
  static async open(network: Network, udp: Udp, forward: CheckedHostForward): Promise<UdpForward> {
    const opened = new UdpForward(network, udp, forward);
    const { hostAddress: address, hostPort: port } = forward;
    opened.socket = await network.host.bindUdp(
      { address, port },
      {
        message: (bytes, from) => opened.receive(bytes, from),
        // Whoever it was for has gone away.
        failed: () => {},
      },
    );
    return opened;
  }

  /** The host's. */
  get port(): number {
    return this.socket!.port;
  }

  /** Carries a packet on if it answers somebody. */
  take(packet: IpPacket): boolean {
    const { forward, peers, socket } = this;
    const { bytes, payload } = packet;
    if (!packet.isFrom(forward.guestAddress) || read16(bytes, payload) !== forward.guestPort) return false;
    const peer = peers.get(keyOf(packet.copyDestination(), read16(bytes, payload + 2)));
    if (!peer || !socket) return false;
    peer.deadline = this.network.timers.now() + IDLE_MS;
    socket.send(bytes.subarray(payload + UDP_HEADER, packet.end), peer.endpoint);
    return true;
  }

  close(): void {
    this.socket?.close();
  }

  private receive(bytes: Uint8Array, from: Endpoint): void {
    const { guestAddress, guestPort } = this.forward;
    const { neighbours, routes } = this.network;
    const sender = routes.inward(from.address, guestAddress.length === 4 ? 4 : 6);
    if (!sender) return;
    this.remember(keyOf(sender, from.port), from);
    let message = bytes;
    let returned = false;
    neighbours.resolve(guestAddress, mac => {
      if (mac) this.udp.send(this.udp.path(mac, sender, guestAddress), from.port, guestPort, message);
      returned = true;
    });
    // The answer comes later: the bytes are the host's again before.
    if (!returned) message = copyOf(bytes);
  }

  private remember(key: string, endpoint: Endpoint): void {
    const now = this.network.timers.now();
    this.peers.delete(key);
    for (const [oldest, { deadline }] of this.peers) {
      if (this.peers.size < MAX_PEERS && deadline > now) break;
      this.peers.delete(oldest);
    }
    this.peers.set(key, {
      endpoint: { address: endpoint.address, port: endpoint.port },
      deadline: now + IDLE_MS,
    });
  }
}

function keyOf(address: IpAddress, port: number): string {
  return `${formatIp(address)} ${port}`;
}
