import { matches, type IpAddress } from './addresses.js';
import { copyOf, read16 } from './bytes.js';
import type { Endpoint, HostDatagram, HostFailure } from './host.js';
import type { IpPath } from './ip-path.js';
import type { Network } from './network.js';
import { IPV6_HEADER, type IpPacket } from './packet.js';
import { DNS_PORT } from './routes.js';
import type { Udp } from './udp.js';
import { UDP_HEADER } from './udp-header.js';

/** How long a port is kept after its last datagram (RFC 4787, 4.3: two minutes at least). */
const IDLE_MS = 240_000;
/** After a question to a name server: one answer comes. */
const DNS_IDLE_MS = 15_000;
/** Sent before the packet of which something is said: its headers. */
const QUOTE_LENGTH = IPV6_HEADER + UDP_HEADER;

/** A port of a guest's, and the host's socket for it. */
export class UdpFlow {
  /** When it is given up, on the network's clock. */
  deadline = 0;
  private readonly socket: HostDatagram;
  /** Where the last datagram went: as the guest sees it, and as the host does. */
  private remote: IpAddress;
  private remotePort = 0;
  private to: Endpoint = { address: '', port: 0 };
  /** What the last answer came by. */
  private path?: IpPath;
  private readonly mac = new Uint8Array(6);
  /** The headers of the last datagram. */
  private readonly quote = new Uint8Array(QUOTE_LENGTH);
  private quoteLength = 0;

  constructor(
    private readonly network: Network,
    private readonly udp: Udp,
    readonly guest: IpAddress,
    readonly port: number,
  ) {
    this.remote = guest;
    this.socket = network.host.openUdp(guest.length === 4 ? 4 : 6, {
      message: (bytes, from) => this.receive(bytes, from),
      failed: (reason, to) => this.failed(reason, to),
    });
  }

  /** Whether the last datagram went where this one goes. */
  isTo(packet: IpPacket, port: number): boolean {
    return port === this.remotePort && matches(this.remote, packet.bytes, packet.destination);
  }

  /** What comes next goes where `packet` goes, which is `to` for the host. */
  direct(packet: IpPacket, to: Endpoint): void {
    this.remote = packet.copyDestination();
    this.remotePort = read16(packet.bytes, packet.payload + 2);
    this.to = to;
  }

  transmit(packet: IpPacket): void {
    const { bytes, header, payload, end, segmentSize } = packet;
    const idle = this.remotePort === DNS_PORT ? DNS_IDLE_MS : IDLE_MS;
    this.deadline = Math.max(this.deadline, this.network.timers.now() + idle);
    this.keepHeaders(packet, header, Math.min(payload + UDP_HEADER - header, QUOTE_LENGTH));
    const start = payload + UDP_HEADER;
    if (segmentSize === 0 || end - start <= segmentSize) {
      this.socket.send(bytes.subarray(start, end), this.to);
      return;
    }
    for (let at = start; at < end; at += segmentSize) {
      this.socket.send(bytes.subarray(at, Math.min(at + segmentSize, end)), this.to);
    }
  }

  close(): void {
    this.socket.close();
  }

  private keepHeaders(packet: IpPacket, start: number, length: number): void {
    this.quoteLength = length;
    for (let i = 0; i < length; i++) this.quote[i] = packet.bytes[start + i];
    for (let i = 0; i < 6; i++) {
      if (this.mac[i] !== packet.sourceMac[i]) delete this.path;
      this.mac[i] = packet.sourceMac[i];
    }
  }

  private receive(bytes: Uint8Array, from: Endpoint): void {
    const sender = this.senderOf(from);
    if (!sender) return;
    this.deadline = Math.max(this.deadline, this.network.timers.now() + IDLE_MS);
    if (!this.path || this.path.source !== sender) this.path = this.udp.path(this.mac, sender, this.guest);
    this.udp.send(this.path, from.port, this.port, bytes);
  }

  /** Who the guest thinks that an answer is from. */
  private senderOf(from: Endpoint): IpAddress | undefined {
    if (from.address === this.to.address) return this.remote;
    return this.network.routes.inward(from.address, this.guest.length === 4 ? 4 : 6);
  }

  private failed(reason: HostFailure, to: Endpoint | undefined): void {
    if (this.quoteLength === 0) return;
    // Of what went elsewhere before nobody knows the headers any more.
    if (to && (to.port !== this.to.port || to.address !== this.to.address)) return;
    const { errors, options } = this.network;
    const quote = { mac: this.mac, packet: copyOf(this.quote, 0, this.quoteLength) };
    if (reason === 'refused') errors.send(quote, 'port');
    else if (reason === 'unreachable') errors.send(quote, 'no-route');
    else if (reason === 'too-big') errors.send(quote, 'too-big', Math.min(options.mtu, 1280));
  }
}
