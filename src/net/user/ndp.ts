import { isGroup, isUnspecified, parseIp, type IpAddress } from './addresses.js';
import { copyOf, write16, write32 } from './bytes.js';
import { multicastMac, type MacAddress } from './ethernet.js';
import { hasValidIcmpChecksum } from './echo.js';
import { IpPath } from './ip-path.js';
import type { Network } from './network.js';
import { PROTOCOL, type IpPacket } from './packet.js';
import { LINK_LOCAL_GATEWAY } from './routes.js';
import { writeDomainName, domainNameLength } from './domain-name.js';

/** ICMPv6 types (RFC 4861, 4). */
const TYPE = {
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighbourSolicitation: 135,
  neighbourAdvertisement: 136,
} as const;

/** Option types (RFC 4861, 4.6; RFC 8106, 5). */
const OPTION = {
  sourceLinkAddress: 1,
  targetLinkAddress: 2,
  prefix: 3,
  mtu: 5,
  nameserver: 25,
  searchList: 31,
} as const;

/** Flags of a neighbour advertisement. */
const FLAG = { router: 0x80, solicited: 0x40, override: 0x20 } as const;
/** Of a prefix: on this link, and for addresses that hosts make up themselves. */
const ON_LINK_AUTONOMOUS = 0xc0;

/** Neighbour discovery is of this link alone: what came through a router is not heard. */
const HOP_LIMIT = 255;
const ALL_NODES = parseIp('ff02::1')!;

const ROUTER_LIFETIME_S = 1800;
const PREFERRED_LIFETIME_S = 14_400;
const VALID_LIFETIME_S = 86_400;
/** Within a quarter of the router's lifetime. */
const ADVERTISE_MS = 400_000;

/** IPv6's neighbour discovery and router advertisements (RFC 4861), from which guests make their addresses (RFC 4862). */
export class NeighbourDiscovery {
  private readonly timer;

  constructor(private readonly network: Network) {
    this.timer = network.timers.timer(() => this.advertise(ALL_NODES, multicastMac(ALL_NODES)));
  }

  receive(packet: IpPacket): void {
    const { bytes, payload, end } = packet;
    if (packet.hopLimit !== HOP_LIMIT || end - payload < 8 || bytes[payload + 1] !== 0) return;
    if (!hasValidIcmpChecksum(packet)) return;
    const source = packet.copySource();
    switch (bytes[payload]) {
      case TYPE.routerSolicitation:
        this.learn(source, packet, payload + 8, OPTION.sourceLinkAddress);
        if (isUnspecified(source)) this.advertise(ALL_NODES, multicastMac(ALL_NODES));
        else this.advertise(source, copyOf(packet.sourceMac));
        break;
      case TYPE.neighbourSolicitation:
        if (end - payload < 24) return;
        this.learn(source, packet, payload + 24, OPTION.sourceLinkAddress);
        this.answer(packet, source, copyOf(bytes, payload + 8, payload + 24));
        break;
      case TYPE.neighbourAdvertisement:
        if (end - payload < 24) return;
        this.learn(copyOf(bytes, payload + 8, payload + 24), packet, payload + 24, OPTION.targetLinkAddress);
        break;
    }
  }

  /** Asks who has an address of the guest's. */
  ask(address: IpAddress): void {
    const gateway = this.network.routes.gateway(6);
    if (!gateway) return;
    const group = parseIp('ff02::1:ff00:0')!;
    group.set(address.subarray(13), 13);
    const path = this.path(multicastMac(group), gateway, group);
    const { frame } = this.network.link;
    const at = this.begin(path, TYPE.neighbourSolicitation, 0);
    frame.set(address, at + 8);
    this.writeLinkAddress(at + 24, OPTION.sourceLinkAddress);
    this.send(path, 32);
  }

  private learn(address: IpAddress, packet: IpPacket, options: number, type: number): void {
    const { routes, neighbours } = this.network;
    if (!routes.isGuest(address)) return;
    const mac = findLinkAddress(packet.bytes, options, packet.end, type);
    neighbours.learn(address, mac ?? copyOf(packet.sourceMac));
  }

  private answer(packet: IpPacket, source: IpAddress, target: IpAddress): void {
    if (!this.network.routes.has(target)) return;
    // Somebody who wants the address for himself asks without having one: all are told.
    const probing = isUnspecified(source);
    const path = probing
      ? this.path(multicastMac(ALL_NODES), target, ALL_NODES)
      : this.path(packet.sourceMac, target, source);
    const flags = FLAG.router | FLAG.override | (probing ? 0 : FLAG.solicited);
    const at = this.begin(path, TYPE.neighbourAdvertisement, flags * 0x1000000);
    this.network.link.frame.set(target, at + 8);
    this.writeLinkAddress(at + 24, OPTION.targetLinkAddress);
    this.send(path, 32);
  }

  private advertise(to: IpAddress, mac: MacAddress): void {
    const { options, link } = this.network;
    const { ipv6, mtu, dnsSearch, restrict } = options;
    if (!ipv6) return;
    const { frame } = link;
    const path = this.path(mac, LINK_LOCAL_GATEWAY, to);
    // The hop limit to use, no flags, and for how long this is a router at all.
    const lifetime = restrict ? 0 : ROUTER_LIFETIME_S;
    const at = this.begin(path, TYPE.routerAdvertisement, 64 * 0x1000000 + lifetime);
    // Reachable time and retransmission timer: the host's own.
    frame.fill(0, at + 8, at + 16);
    let next = this.writeLinkAddress(at + 16, OPTION.sourceLinkAddress);
    next = this.writePrefix(next, ipv6.subnet.address, ipv6.subnet.prefix);
    next = beginOption(frame, next, OPTION.mtu, 1);
    write32(frame, next - 4, mtu);
    if (!restrict) {
      next = beginOption(frame, next, OPTION.nameserver, 3);
      write32(frame, next - 20, ROUTER_LIFETIME_S);
      frame.set(ipv6.dns, next - 16);
      if (dnsSearch.length > 0) next = this.writeSearchList(next, dnsSearch);
    }
    this.send(path, next - at);
    if (isGroup(to) || !this.timer.armed) this.timer.arm(ADVERTISE_MS);
  }

  private writePrefix(at: number, prefix: IpAddress, length: number): number {
    const { frame } = this.network.link;
    const end = beginOption(frame, at, OPTION.prefix, 4);
    frame[at + 2] = length;
    frame[at + 3] = ON_LINK_AUTONOMOUS;
    write32(frame, at + 4, VALID_LIFETIME_S);
    write32(frame, at + 8, PREFERRED_LIFETIME_S);
    frame.set(prefix, at + 16);
    return end;
  }

  private writeSearchList(at: number, names: readonly string[]): number {
    const { frame } = this.network.link;
    const length = names.reduce((sum, name) => sum + domainNameLength(name), 0);
    const end = beginOption(frame, at, OPTION.searchList, Math.ceil((8 + length) / 8));
    write32(frame, at + 4, ROUTER_LIFETIME_S);
    let next = at + 8;
    for (const name of names) next = writeDomainName(frame, next, name);
    return end;
  }

  private writeLinkAddress(at: number, type: number): number {
    const end = beginOption(this.network.link.frame, at, type, 1);
    this.network.link.frame.set(this.network.mac, at + 2);
    return end;
  }

  private path(mac: MacAddress, from: IpAddress, to: IpAddress): IpPath {
    return new IpPath(this.network.mac, mac, from, to, PROTOCOL.icmpv6, HOP_LIMIT);
  }

  /** Writes the first eight bytes of a message; returns where they are. */
  private begin(path: IpPath, type: number, word: number): number {
    const { frame } = this.network.link;
    const at = path.headerLength;
    write16(frame, at, type << 8);
    write32(frame, at + 4, word);
    return at;
  }

  private send(path: IpPath, length: number): void {
    path.writeChecksum(this.network.link.frame, path.headerLength + 2, length);
    this.network.output.send(path, length);
  }
}

/** Writes an option's header and clears the rest of it; returns where it ends. @param units of eight bytes */
function beginOption(frame: Uint8Array, at: number, type: number, units: number): number {
  frame.fill(0, at, at + units * 8);
  frame[at] = type;
  frame[at + 1] = units;
  return at + units * 8;
}

function findLinkAddress(
  bytes: Uint8Array,
  start: number,
  end: number,
  type: number,
): MacAddress | undefined {
  for (let at = start; at + 8 <= end;) {
    const length = bytes[at + 1] * 8;
    if (length === 0 || at + length > end) return undefined;
    if (bytes[at] === type) return copyOf(bytes, at + 2, at + 8);
    at += length;
  }
  return undefined;
}
