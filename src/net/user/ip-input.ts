import type { Offload } from '../backend.js';
import { isGroup, type Family } from './addresses.js';
import type { Echo } from './echo.js';
import { ETHERNET_HEADER } from './ethernet.js';
import { readIpv4 } from './ipv4.js';
import { readIpv6 } from './ipv6.js';
import type { NeighbourDiscovery } from './ndp.js';
import type { Network } from './network.js';
import { IpPacket, PROTOCOL } from './packet.js';
import { Reassembler } from './reassembly.js';
import type { Tcp } from './tcp/tcp.js';
import type { Udp } from './udp.js';

/** ICMPv6 messages that are about neighbours. */
const DISCOVERY = { first: 133, last: 137 } as const;
const IPV6_NO_NEXT_HEADER = 59;

/** Takes the guest's IP packets apart and hands what they carry to whom it concerns. */
export class IpInput {
  private readonly packet = new IpPacket();
  private readonly reassembler: Reassembler;

  constructor(
    private readonly network: Network,
    private readonly echo: Echo,
    private readonly discovery: NeighbourDiscovery,
    private readonly udp: Udp,
    private readonly tcp: Tcp,
  ) {
    this.reassembler = new Reassembler(network.timers);
  }

  receive(frame: Uint8Array, family: Family, offload: Offload | undefined): void {
    const { packet } = this;
    const read = family === 4 ? readIpv4 : readIpv6;
    if (!read(frame, ETHERNET_HEADER, frame.length, packet)) return;
    for (let i = 0; i < 6; i++) packet.sourceMac[i] = frame[6 + i];
    // A checksum that is only begun has not been on a wire, where it could have been damaged.
    packet.checksumValid = offload?.csumStart !== undefined || offload?.checksumsValid === true;
    packet.segmentSize = offload?.gso === 'udp' ? (offload.gsoSize ?? 0) : 0;
    if (packet.hopLimit === 0) return;
    if (packet.isFragment && !this.reassembler.add(packet)) return;
    if (this.expires(packet)) this.network.errors.about(packet, 'time-exceeded');
    else this.dispatch(packet);
  }

  /** Whether the gateway would have to drop it on its way further (RFC 1812, 5.3.1). */
  private expires(packet: IpPacket): boolean {
    if (packet.hopLimit > 1) return false;
    const destination = packet.copyDestination();
    return !isGroup(destination) && this.network.routes.outward(destination, 0).kind === 'host'
      ? !this.network.routes.has(destination)
      : false;
  }

  private dispatch(packet: IpPacket): void {
    switch (packet.protocol) {
      case PROTOCOL.tcp:
        this.tcp.receive(packet);
        break;
      case PROTOCOL.udp:
        this.udp.receive(packet);
        break;
      case PROTOCOL.icmp:
        if (packet.family === 4 && this.isFromGuest(packet)) this.echo.receive(packet);
        break;
      case PROTOCOL.icmpv6:
        this.receiveIcmpv6(packet);
        break;
      case IPV6_NO_NEXT_HEADER:
        break;
      default:
        // As the gateway, that knows no other protocols; of others nothing is known.
        if (this.isFromGuest(packet) && this.network.routes.has(packet.copyDestination())) {
          this.network.errors.about(packet, 'protocol');
        }
        break;
    }
  }

  private receiveIcmpv6(packet: IpPacket): void {
    if (packet.family !== 6 || packet.payload >= packet.end) return;
    const type = packet.bytes[packet.payload];
    if (type >= DISCOVERY.first && type <= DISCOVERY.last) this.discovery.receive(packet);
    else if (this.isFromGuest(packet)) this.echo.receive(packet);
  }

  private isFromGuest(packet: IpPacket): boolean {
    return this.network.routes.isGuest(packet.copySource());
  }
}
