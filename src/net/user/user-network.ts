import type { NetBackend, NetCard, Offload, OffloadSupport } from '../backend.js';
import { Arp } from './arp.js';
import { read16 } from './bytes.js';
import { DhcpServer } from './dhcp.js';
import { DnsProxy } from './dns-proxy.js';
import { Echo } from './echo.js';
import { ETHERNET_HEADER, ETHERTYPE, isGroupMac, type MacAddress } from './ethernet.js';
import { matches } from './addresses.js';
import type { Protocol } from './forwards.js';
import type { Closable, NetworkHost } from './host.js';
import { IcmpErrors } from './icmp-errors.js';
import { IpInput } from './ip-input.js';
import { IpOutput } from './ip-output.js';
import { Link } from './link.js';
import { NeighbourDiscovery } from './ndp.js';
import { Neighbours } from './neighbours.js';
import type { Network } from './network.js';
import type { CheckedUserNetwork } from './options.js';
import { Routes } from './routes.js';
import { Tcp } from './tcp/tcp.js';
import { Timers } from './timers.js';
import { Udp } from './udp.js';
import { UdpForward } from './udp-forward.js';

/** Bytes for data of TCP on its way, each way. */
const MEMORY = 512 << 20;

/** A port of the host that leads to the guest. */
export interface OpenForward {
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
}

/**
 * A network that needs no privileges: what the guest sends is taken apart up to its TCP and UDP payloads, which
 * ordinary sockets of the host carry on; what they receive goes back as the guest's own network would bring it.
 */
export class UserNetwork implements NetBackend {
  readonly accepts: OffloadSupport = { checksum: true, tcp4: true, tcp6: true, udp: true };
  readonly mtu: number;
  /** The ports of the host that lead to the guest, with their numbers where any would do. */
  readonly forwards: OpenForward[] = [];
  private readonly network: Network;
  private readonly listeners: Closable[] = [];
  private readonly arp: Arp;
  private readonly discovery: NeighbourDiscovery;
  private readonly dns: DnsProxy;
  private readonly echo: Echo;
  private readonly udp: Udp;
  private readonly tcp: Tcp;
  private readonly input: IpInput;

  private constructor(options: CheckedUserNetwork, host: NetworkHost, memory: number) {
    this.mtu = options.mtu;
    const timers = new Timers(host);
    const link = new Link();
    // Whatever needs the network gets it whole: the rest of it is made from it.
    const network = { options, host, timers, link, mac: macOf(options), routes: new Routes(options) } as {
      -readonly [Key in keyof Network]: Network[Key];
    };
    this.network = network;
    network.output = new IpOutput(link, options.mtu);
    network.errors = new IcmpErrors(network);
    network.neighbours = new Neighbours(timers, address =>
      address.length === 4 ? this.arp.ask(address) : this.discovery.ask(address),
    );
    this.arp = new Arp(network);
    this.discovery = new NeighbourDiscovery(network);
    this.dns = new DnsProxy(network);
    this.echo = new Echo(network);
    this.udp = new Udp(network, this.dns, options.ipv4 && new DhcpServer(network, options.ipv4));
    this.tcp = new Tcp(network, memory);
    this.input = new IpInput(network, this.echo, this.discovery, this.udp, this.tcp);
  }

  /**
   * A network whose forwarded ports are open.
   * @param memory most bytes of TCP's data that wait in one direction, for guest or host
   * @throws ConfigError when one of them cannot be had
   */
  static async open(options: CheckedUserNetwork, host: NetworkHost, memory = MEMORY): Promise<UserNetwork> {
    const network = new UserNetwork(options, host, memory);
    try {
      await network.openForwards();
    } catch (error) {
      network.close();
      throw error;
    }
    return network;
  }

  /** What it carries at this moment, and frames that the card had no room for. */
  get statistics(): { readonly connections: number; readonly datagramPorts: number; readonly lost: number } {
    return { connections: this.tcp.size, datagramPorts: this.udp.size, lost: this.network.link.lost };
  }

  attach(card: NetCard): void {
    this.network.link.card = card;
  }

  transmit(frame: Uint8Array, offload?: Offload): void {
    if (frame.length < ETHERNET_HEADER) return;
    // On a hub there are frames for others.
    if (!isGroupMac(frame, 0) && !matches(this.network.mac, frame, 0)) return;
    switch (read16(frame, 12)) {
      case ETHERTYPE.arp:
        if (this.network.options.ipv4) this.arp.receive(frame);
        break;
      case ETHERTYPE.ipv4:
        if (this.network.options.ipv4) this.input.receive(frame, 4, offload);
        break;
      case ETHERTYPE.ipv6:
        if (this.network.options.ipv6) this.input.receive(frame, 6, offload);
        break;
    }
  }

  onRoom(): void {
    this.tcp.onRoom();
  }

  close(): void {
    for (const listener of this.listeners) listener.close();
    this.tcp.close();
    this.udp.close();
    this.dns.close();
    this.echo.close();
    this.network.timers.close();
  }

  private async openForwards(): Promise<void> {
    const { host, options } = this.network;
    for (const forward of options.forwards.host) {
      const { protocol, hostAddress: address, hostPort } = forward;
      if (protocol === 'udp') {
        const opened = await UdpForward.open(this.network, this.udp, forward);
        this.udp.addForward(opened);
        this.forwards.push({ protocol, address, port: opened.port });
      } else {
        const listener = await host.listen({ address, port: hostPort }, stream =>
          this.tcp.forward(stream, forward),
        );
        this.listeners.push(listener);
        this.forwards.push({ protocol, address, port: listener.port });
      }
    }
  }
}

/** The gateway's: locally administered, with its IPv4 address in it, as libslirp makes it. */
function macOf({ ipv4 }: CheckedUserNetwork): MacAddress {
  return ipv4 ? Uint8Array.of(0x52, 0x55, ...ipv4.gateway) : Uint8Array.of(0x52, 0x56, 0, 0, 0, 2);
}
