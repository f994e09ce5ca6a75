import { sameBytes, type Family, type IpAddress } from './addresses.js';
import { read16, write16 } from './bytes.js';
import { addWords, fold } from '../checksum.js';
import type { HostDatagram } from './host.js';
import { quoteOf, type Quote } from './icmp-errors.js';
import { IpPath } from './ip-path.js';
import type { Network } from './network.js';
import { PROTOCOL, type IpPacket } from './packet.js';
import type { NetTimer } from './timers.js';

const HEADER = 8;
/** Programs that ping at one time, at most; the one that has been silent longest makes room. */
const MAX_SESSIONS = 64;
const TIMEOUT_MS = 60_000;

interface EchoTypes {
  readonly protocol: number;
  readonly request: number;
  readonly reply: number;
}

const TYPES: Readonly<Record<Family, EchoTypes>> = {
  4: { protocol: PROTOCOL.icmp, request: 8, reply: 0 },
  6: { protocol: PROTOCOL.icmpv6, request: 128, reply: 129 },
};

/** One program of a guest that pings: its requests have one identifier (RFC 792; RFC 4443, 4.1). */
interface Session {
  readonly key: string;
  readonly identifier: number;
  readonly guest: IpAddress;
  readonly socket: HostDatagram;
  last: Quote;
  deadline: number;
}

/**
 * Echo requests: those to the network's own addresses it answers, others a socket of the host carries on, if the host
 * lets this user have one.
 */
export class Echo {
  private readonly sessions = new Map<string, Session>();
  private readonly timer: NetTimer;

  constructor(private readonly network: Network) {
    this.timer = network.timers.timer(() => this.expire());
  }

  receive(packet: IpPacket): void {
    const { bytes, payload, end, family } = packet;
    if (end - payload < HEADER || bytes[payload] !== TYPES[family].request || bytes[payload + 1] !== 0)
      return;
    if (!hasValidIcmpChecksum(packet)) return;
    const destination = packet.copyDestination();
    const route = this.network.routes.outward(destination, 0);
    if (this.network.routes.has(destination)) this.answer(packet, destination);
    else if (route.kind === 'unreachable') this.network.errors.about(packet, 'host');
    else if (route.kind === 'prohibited') this.network.errors.about(packet, 'prohibited');
    else if (route.kind === 'host') this.forward(packet, route.to.address);
  }

  close(): void {
    for (const { socket } of this.sessions.values()) socket.close();
    this.sessions.clear();
  }

  private answer(packet: IpPacket, from: IpAddress): void {
    const { bytes, payload, end } = packet;
    this.reply(
      packet.sourceMac,
      from,
      packet.copySource(),
      bytes.subarray(payload, end),
      read16(bytes, payload + 4),
    );
  }

  /** Sends an echo reply whose sequence number and data are those of `message`. */
  private reply(
    mac: Uint8Array,
    from: IpAddress,
    to: IpAddress,
    message: Uint8Array,
    identifier: number,
  ): void {
    const { link, output } = this.network;
    const { protocol, reply } = TYPES[from.length === 4 ? 4 : 6];
    const path = new IpPath(this.network.mac, mac, from, to, protocol);
    const at = path.headerLength;
    link.frame.set(message, at);
    link.frame[at] = reply;
    link.frame[at + 1] = 0;
    write16(link.frame, at + 4, identifier);
    path.writeChecksum(link.frame, at + 2, message.length);
    output.send(path, message.length);
  }

  private forward(packet: IpPacket, address: string): void {
    const session = this.sessionOf(packet);
    if (!session) return;
    session.last = quoteOf(packet);
    session.deadline = this.network.timers.now() + TIMEOUT_MS;
    session.socket.send(packet.bytes.subarray(packet.payload, packet.end), { address, port: 0 });
  }

  private sessionOf(packet: IpPacket): Session | undefined {
    const { bytes, payload, family } = packet;
    const identifier = read16(bytes, payload + 4);
    const guest = packet.copySource();
    const key = `${guest.join('.')} ${identifier}`;
    const found = this.sessions.get(key);
    if (found) {
      // The one that was heard last is kept longest.
      this.sessions.delete(key);
      this.sessions.set(key, found);
      return found;
    }
    const socket = this.network.host.openPing(family, {
      message: (message, from) => this.answered(key, message, from.address),
      failed: reason => {
        const session = this.sessions.get(key);
        if (!session) return;
        if (reason === 'unreachable' || reason === 'refused') this.network.errors.send(session.last, 'host');
        if (reason === 'too-big') this.network.errors.send(session.last, 'too-big', 1280);
      },
    });
    if (!socket) return undefined;
    if (this.sessions.size >= MAX_SESSIONS) this.drop(this.sessions.values().next().value!);
    const session: Session = { key, identifier, guest, socket, last: quoteOf(packet), deadline: 0 };
    this.sessions.set(key, session);
    if (!this.timer.armed) this.timer.arm(TIMEOUT_MS);
    return session;
  }

  private answered(key: string, message: Uint8Array, address: string): void {
    const session = this.sessions.get(key);
    if (!session || message.length < HEADER) return;
    const family = session.guest.length === 4 ? 4 : 6;
    const from = this.network.routes.inward(address, family);
    if (!from || message[0] !== TYPES[family].reply) return;
    if (sameBytes(from, this.network.routes.gateway(family)!)) return;
    this.reply(session.last.mac, from, session.guest, message, session.identifier);
  }

  private drop(session: Session): void {
    this.sessions.delete(session.key);
    session.socket.close();
  }

  private expire(): void {
    const now = this.network.timers.now();
    for (const session of this.sessions.values()) {
      if (session.deadline <= now) this.drop(session);
    }
    if (this.sessions.size > 0) this.timer.arm(TIMEOUT_MS);
  }
}

/** That of ICMPv6 has the pseudo-header, that of ICMP has not. */
export function hasValidIcmpChecksum(packet: IpPacket): boolean {
  if (packet.family === 6 || packet.checksumValid) return packet.hasValidChecksum();
  return fold(addWords(packet.bytes, packet.payload, packet.end)) === 0xffff;
}
