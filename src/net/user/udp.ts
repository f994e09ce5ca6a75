import { matches, type IpAddress } from './addresses.js';
import { copyOf, read16, write16 } from './bytes.js';
import { DHCP_PORT, type DhcpServer } from './dhcp.js';
import type { DnsProxy } from './dns-proxy.js';
import type { MacAddress } from './ethernet.js';
import { IpPath } from './ip-path.js';
import type { Network } from './network.js';
import { PROTOCOL, type IpPacket } from './packet.js';
import { DNS_PORT } from './routes.js';
import { UdpFlow } from './udp-flow.js';
import { UdpForward } from './udp-forward.js';
import { UDP_HEADER } from './udp-header.js';
import type { NetTimer } from './timers.js';

/** Ports of guests that have a socket of the host, at most; the one that has been silent longest makes room. */
const MAX_FLOWS = 2048;
const SWEEP_MS = 10_000;

/**
 * UDP (RFC 768). Each port of a guest's has a socket of the host for as long as it is used: whatever answers there
 * reaches the guest, as RFC 4787 asks of a NAT (endpoint-independent mapping and filtering).
 */
export class Udp {
  /** By the guest's port; guests with the same port follow one another. */
  private readonly flows = new Map<number, UdpFlow[]>();
  private count = 0;
  private readonly forwards: UdpForward[] = [];
  private readonly timer: NetTimer;

  constructor(
    private readonly network: Network,
    private readonly dns: DnsProxy,
    private readonly dhcp: DhcpServer | undefined,
  ) {
    this.timer = network.timers.timer(() => this.sweep());
  }

  /** Ports of guests that have a socket now. */
  get size(): number {
    return this.count;
  }

  receive(packet: IpPacket): void {
    const { bytes, payload: at } = packet;
    if (packet.end - at < UDP_HEADER) return;
    const length = read16(bytes, at + 4);
    if (length < UDP_HEADER || length > packet.end - at) return;
    packet.end = at + length;
    // IPv4 alone may do without a checksum.
    const hasChecksum = packet.family === 6 || read16(bytes, at + 6) !== 0;
    if (hasChecksum && !packet.hasValidChecksum()) return;
    const port = read16(bytes, at + 2);
    if (packet.family === 4 && port === DHCP_PORT.server && this.dhcp) {
      this.dhcp.receive(bytes, at + UDP_HEADER, packet.end);
      return;
    }
    if (!this.network.routes.isGuest(packet.copySource())) return;
    if (this.answersForward(packet)) return;
    this.route(packet, read16(bytes, at), port);
  }

  addForward(forward: UdpForward): void {
    this.forwards.push(forward);
  }

  /** Sends a datagram to the guest. */
  send(path: IpPath, fromPort: number, toPort: number, message: Uint8Array): void {
    const { link, output } = this.network;
    const { frame } = link;
    const at = path.headerLength;
    const length = UDP_HEADER + message.length;
    if (length > 0xffff - path.headerLength) return;
    write16(frame, at, fromPort);
    write16(frame, at + 2, toPort);
    write16(frame, at + 4, length);
    frame.set(message, at + UDP_HEADER);
    path.writeChecksum(frame, at + 6, length);
    output.send(path, length);
  }

  path(mac: MacAddress, from: IpAddress, to: IpAddress): IpPath {
    return new IpPath(this.network.mac, mac, from, to, PROTOCOL.udp);
  }

  close(): void {
    for (const flows of this.flows.values()) for (const flow of flows) flow.close();
    this.flows.clear();
    for (const forward of this.forwards) forward.close();
  }

  private answersForward(packet: IpPacket): boolean {
    for (const forward of this.forwards) if (forward.take(packet)) return true;
    return false;
  }

  private route(packet: IpPacket, fromPort: number, port: number): void {
    const known = this.find(packet, fromPort);
    if (known?.isTo(packet, port)) {
      known.transmit(packet);
      return;
    }
    const destination = packet.copyDestination();
    const { errors, routes } = this.network;
    const route = routes.outward(destination, port);
    switch (route.kind) {
      case 'nameserver':
        this.askName(packet, destination, fromPort);
        break;
      case 'host': {
        const flow = known ?? this.open(packet, fromPort);
        flow.direct(packet, route.to);
        flow.transmit(packet);
        break;
      }
      case 'refused':
      case 'forward':
        errors.about(packet, 'port');
        break;
      case 'prohibited':
        errors.about(packet, 'prohibited');
        break;
      case 'unreachable':
        errors.about(packet, 'host');
        break;
      case 'nowhere':
        break;
    }
  }

  private askName(packet: IpPacket, server: IpAddress, fromPort: number): void {
    const guest = packet.copySource();
    const mac = copyOf(packet.sourceMac);
    const message = packet.bytes.subarray(packet.payload + UDP_HEADER, packet.end);
    this.dns.ask(message, answer => this.send(this.path(mac, server, guest), DNS_PORT, fromPort, answer));
  }

  private find(packet: IpPacket, port: number): UdpFlow | undefined {
    const flows = this.flows.get(port);
    if (!flows) return undefined;
    for (const flow of flows) {
      if (flow.guest.length === packet.addressLength && matches(flow.guest, packet.bytes, packet.source)) {
        return flow;
      }
    }
    return undefined;
  }

  private open(packet: IpPacket, port: number): UdpFlow {
    if (this.count >= MAX_FLOWS) this.dropOldest();
    const flow = new UdpFlow(this.network, this, packet.copySource(), port);
    const flows = this.flows.get(port);
    if (flows) flows.push(flow);
    else this.flows.set(port, [flow]);
    this.count++;
    if (!this.timer.armed) this.timer.arm(SWEEP_MS);
    return flow;
  }

  private dropOldest(): void {
    let oldest: UdpFlow | undefined;
    for (const flows of this.flows.values()) {
      for (const flow of flows) if (!oldest || flow.deadline < oldest.deadline) oldest = flow;
    }
    if (oldest) this.drop(oldest);
  }

  private drop(flow: UdpFlow): void {
    const flows = this.flows.get(flow.port)!.filter(other => other !== flow);
    if (flows.length > 0) this.flows.set(flow.port, flows);
    else this.flows.delete(flow.port);
    this.count--;
    flow.close();
  }

  private sweep(): void {
    const now = this.network.timers.now();
    const due = [...this.flows.values()].flat().filter(flow => flow.deadline <= now);
    for (const flow of due) this.drop(flow);
    if (this.count > 0) this.timer.arm(SWEEP_MS);
  }
}
