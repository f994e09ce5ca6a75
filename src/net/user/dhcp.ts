import {
  broadcastOf,
  contains,
  hostOf,
  isUnspecified,
  netmaskOf,
  networkOf,
  sameBytes,
  type IpAddress,
} from './addresses.js';
import { copyOf, read16, read32, write16, write32 } from './bytes.js';
import { readOptions, OptionWriter, OPTION, type DhcpOptions } from './dhcp-options.js';
import { BROADCAST_MAC, type MacAddress } from './ethernet.js';
import { IpPath } from './ip-path.js';
import { DhcpLeases } from './dhcp-leases.js';
import type { Network } from './network.js';
import type { CheckedIpv4 } from './options.js';
import { PROTOCOL } from './packet.js';
import { UDP_HEADER } from './udp-header.js';

export const DHCP_PORT = { server: 67, client: 68 } as const;

/** The fixed part of a message (RFC 2131, 2), with the cookie that says that options follow. */
const FIELD = {
  op: 0,
  hardwareType: 1,
  hardwareLength: 2,
  transaction: 4,
  flags: 10,
  clientAddress: 12,
  yourAddress: 16,
  serverAddress: 20,
  relayAddress: 24,
  hardwareAddress: 28,
  cookie: 236,
  options: 240,
} as const;

const BOOT_REQUEST = 1;
const BOOT_REPLY = 2;
const COOKIE = 0x63825363;
const FLAG_BROADCAST = 0x8000;
/** Clients of BOOTP expect at least so much (RFC 1542, 2.1). */
const LEAST_MESSAGE = 300;

/** Message types (RFC 2132, 9.6). */
const TYPE = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

/** What leases are given for: a day, as libslirp does. */
const LEASE_S = 86_400;

const NO_ADDRESS: IpAddress = new Uint8Array(4);
const ALL_HOSTS: IpAddress = new Uint8Array(4).fill(0xff);

interface Request {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly mac: MacAddress;
  readonly options: DhcpOptions;
}

/** Gives guests their addresses (RFC 2131), and answers BOOTP (RFC 951). */
export class DhcpServer {
  private readonly leases: DhcpLeases;

  constructor(
    private readonly network: Network,
    private readonly ipv4: CheckedIpv4,
  ) {
    const { subnet, dhcpStart } = ipv4;
    const reserved = (address: IpAddress): boolean =>
      !contains(subnet, address) ||
      sameBytes(address, networkOf(subnet)) ||
      sameBytes(address, broadcastOf(subnet)) ||
      network.routes.has(address);
    this.leases = new DhcpLeases(
      offset => hostOf({ address: dhcpStart, prefix: 32 }, offset),
      reserved,
      () => network.timers.now(),
      LEASE_S * 1000,
    );
  }

  /** A message from a client, `bytes` from `at` to `end`. */
  receive(bytes: Uint8Array, at: number, end: number): void {
    if (end - at < FIELD.options || bytes[at + FIELD.op] !== BOOT_REQUEST) return;
    if (bytes[at + FIELD.hardwareType] !== 1 || bytes[at + FIELD.hardwareLength] !== 6) return;
    const mac = copyOf(bytes, at + FIELD.hardwareAddress, at + FIELD.hardwareAddress + 6);
    const hasOptions = read32(bytes, at + FIELD.cookie) === COOKIE;
    const options = hasOptions ? readOptions(bytes, at + FIELD.options, end) : new Map<number, Uint8Array>();
    this.answer({ bytes, at, mac, options });
  }

  private answer(request: Request): void {
    const { options, mac } = request;
    const server = options.get(OPTION.serverIdentifier);
    const forUs = !server || sameBytes(server, this.ipv4.gateway);
    const wanted = addressIn(options.get(OPTION.requestedAddress));
    switch (options.get(OPTION.messageType)?.[0]) {
      case undefined:
      case TYPE.discover: {
        const address = this.leases.offer(mac, wanted);
        if (!address) return;
        const isDhcp = options.has(OPTION.messageType);
        if (!isDhcp) this.leases.take(mac, address);
        this.reply(request, isDhcp ? TYPE.offer : undefined, address);
        break;
      }
      case TYPE.request:
        // The client has taken another server's offer.
        if (!forUs) this.leases.release(mac);
        else this.confirm(request, wanted ?? this.clientAddress(request));
        break;
      case TYPE.decline:
        if (forUs && wanted) this.leases.decline(mac, wanted);
        break;
      case TYPE.release:
        if (forUs) this.leases.release(mac);
        break;
      case TYPE.inform:
        this.reply(request, TYPE.ack, NO_ADDRESS);
        break;
    }
  }

  private confirm(request: Request, address: IpAddress): void {
    if (this.leases.take(request.mac, address)) this.reply(request, TYPE.ack, address);
    else this.reply(request, TYPE.nak, NO_ADDRESS);
  }

  private clientAddress({ bytes, at }: Request): IpAddress {
    return copyOf(bytes, at + FIELD.clientAddress, at + FIELD.clientAddress + 4);
  }

  /** @param type `undefined` for BOOTP */
  private reply(request: Request, type: number | undefined, address: IpAddress): void {
    const { network, ipv4 } = this;
    const { bytes, at } = request;
    const path = this.pathFor(request, type, address);
    const { frame } = network.link;
    const start = path.headerLength;
    const message = start + UDP_HEADER;
    frame.fill(0, message, message + LEAST_MESSAGE);
    // Transaction, flags and the client's own addresses are the request's.
    frame.set(bytes.subarray(at, at + FIELD.yourAddress), message);
    frame.set(
      bytes.subarray(at + FIELD.relayAddress, at + FIELD.hardwareAddress + 16),
      message + FIELD.relayAddress,
    );
    frame[message + FIELD.op] = BOOT_REPLY;
    frame.fill(0, message + 8, message + 10);
    if (type === TYPE.nak) frame.fill(0, message + FIELD.clientAddress, message + FIELD.yourAddress);
    frame.set(address, message + FIELD.yourAddress);
    if (type !== TYPE.nak) frame.set(ipv4.gateway, message + FIELD.serverAddress);
    write32(frame, message + FIELD.cookie, COOKIE);
    const options = new OptionWriter(frame, message + FIELD.options);
    if (type !== undefined) {
      options.bytes(OPTION.messageType, [type]).bytes(OPTION.serverIdentifier, ipv4.gateway);
    }
    if (type !== TYPE.nak) this.writeOptions(options, type !== undefined && !isUnspecified(address));
    const length = UDP_HEADER + Math.max(options.end() - message, LEAST_MESSAGE);
    write16(frame, start, DHCP_PORT.server);
    write16(frame, start + 2, DHCP_PORT.client);
    write16(frame, start + 4, length);
    path.writeChecksum(frame, start + 6, length);
    network.output.send(path, length);
  }

  private writeOptions(options: OptionWriter, leased: boolean): void {
    const { subnet, gateway, dns } = this.ipv4;
    const { hostname, domainName, dnsSearch, mtu, restrict } = this.network.options;
    options.bytes(OPTION.subnetMask, netmaskOf(subnet)).bytes(OPTION.broadcastAddress, broadcastOf(subnet));
    // A restricted guest has nothing to ask beyond its network.
    if (!restrict) options.bytes(OPTION.router, gateway).bytes(OPTION.nameserver, dns);
    if (hostname !== undefined) options.text(OPTION.hostname, hostname);
    if (domainName !== undefined) options.text(OPTION.domainName, domainName);
    options.bytes(OPTION.mtu, [mtu >> 8, mtu & 0xff]);
    if (leased) {
      options
        .seconds(OPTION.leaseTime, LEASE_S)
        .seconds(OPTION.renewalTime, LEASE_S / 2)
        .seconds(OPTION.rebindingTime, (LEASE_S * 7) / 8);
    }
    if (dnsSearch.length > 0) options.names(OPTION.searchList, dnsSearch);
  }

  /** Where a reply goes (RFC 2131, 4.1): there is no relay, the network has one cable. */
  private pathFor(request: Request, type: number | undefined, address: IpAddress): IpPath {
    const { mac } = this.network;
    const { gateway } = this.ipv4;
    const client = this.clientAddress(request);
    const known = !isUnspecified(client) && type !== TYPE.nak;
    if (known) return new IpPath(mac, request.mac, gateway, client, PROTOCOL.udp);
    const broadcast = (read16(request.bytes, request.at + FIELD.flags) & FLAG_BROADCAST) !== 0;
    const everyone = broadcast || type === TYPE.nak || isUnspecified(address);
    if (everyone) return new IpPath(mac, BROADCAST_MAC, gateway, ALL_HOSTS, PROTOCOL.udp);
    return new IpPath(mac, request.mac, gateway, address, PROTOCOL.udp);
  }
}

function addressIn(option: Uint8Array | undefined): IpAddress | undefined {
  return option?.length === 4 && !isUnspecified(option) ? option : undefined;
}
