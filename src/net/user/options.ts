import { ConfigError } from '../../errors.js';
import {
  contains,
  formatIp,
  hostOf,
  isUnspecified,
  netmaskOf,
  networkOf,
  parseIp,
  sameBytes,
  broadcastOf,
  type Family,
  type IpAddress,
  type Subnet,
} from './addresses.js';
import { checkForwards, type CheckedForwards, type GuestForward, type HostForward } from './forwards.js';
import { MAX_MTU, MIN_MTU } from './limits.js';

/** A network of the user's own: what it is like, and what it lets through. Everything has a default. */
export interface UserNetworkOptions {
  /** Whether there is IPv4, and IPv6: both by default. */
  readonly ipv4?: boolean;
  readonly ipv6?: boolean;
  /** The guest's IPv4 network, `10.0.2.0/24`. */
  readonly net?: string;
  /** The gateway, at which the guest also sees the host itself: the second address, `10.0.2.2`. */
  readonly host?: string;
  /** The name server that the guest is told: the third address, `10.0.2.3`. */
  readonly dns?: string;
  /** The first address that DHCP gives away: the fifteenth, `10.0.2.15`. */
  readonly dhcpStart?: string;
  /** The guest's IPv6 network, `fec0::/64`: its prefix has 64 bits, as stateless addresses need it. */
  readonly ipv6Net?: string;
  /** `fec0::2` */
  readonly ipv6Host?: string;
  /** `fec0::3` */
  readonly ipv6Dns?: string;
  /** The name that DHCP gives the guest; none by default. */
  readonly hostname?: string;
  readonly domainName?: string;
  /** Domains in which the guest is to look for names. */
  readonly dnsSearch?: readonly string[];
  /** The guest reaches nothing but what is forwarded: neither the host nor beyond. */
  readonly restrict?: boolean;
  /** Largest IP packet, in bytes: 1280 to 65521, 1500 by default. */
  readonly mtu?: number;
  /** What the host forwards to the guest: `tcp:[address]:port-[address]:port`, or the same in parts. */
  readonly hostForwards?: readonly (string | HostForward)[];
  /** Addresses of the network behind which something of the host is: `tcp:address:port-tcp:address:port`. */
  readonly guestForwards?: readonly (string | GuestForward)[];
}

/** One family's addresses. */
export interface CheckedFamily {
  readonly subnet: Subnet;
  readonly gateway: IpAddress;
  readonly dns: IpAddress;
}

export interface CheckedIpv4 extends CheckedFamily {
  readonly dhcpStart: IpAddress;
}

/** The same with every default filled in: plain data, that another thread can be sent. */
export interface CheckedUserNetwork {
  readonly ipv4?: CheckedIpv4;
  readonly ipv6?: CheckedFamily;
  readonly hostname?: string;
  readonly domainName?: string;
  readonly dnsSearch: readonly string[];
  readonly restrict: boolean;
  readonly mtu: number;
  readonly forwards: CheckedForwards;
}

/** @throws ConfigError that says what makes no sense */
export function checkUserNetwork(options: UserNetworkOptions = {}): CheckedUserNetwork {
  const { hostname, domainName, dnsSearch = [], restrict = false, mtu = 1500 } = options;
  if (hostname !== undefined) checkName('hostname', hostname);
  if (domainName !== undefined) checkName('domainname', domainName);
  for (const name of dnsSearch) checkName('dnssearch', name);
  if (!Number.isInteger(mtu) || mtu < MIN_MTU || mtu > MAX_MTU) {
    throw new ConfigError(`a user network's mtu is ${MIN_MTU} to ${MAX_MTU}, not ${mtu}`, { mtu });
  }
  const ipv4 = options.ipv4 === false ? undefined : checkIpv4(options);
  const ipv6 = options.ipv6 === false ? undefined : checkIpv6(options);
  if (!ipv4 && !ipv6) throw new ConfigError('a user network has ipv4, ipv6 or both');
  return {
    ...(ipv4 && { ipv4 }),
    ...(ipv6 && { ipv6 }),
    ...(hostname !== undefined && { hostname }),
    ...(domainName !== undefined && { domainName }),
    dnsSearch,
    restrict,
    mtu,
    forwards: checkForwards(options.hostForwards ?? [], options.guestForwards ?? [], ipv4, ipv6),
  };
}

/** From a /8 to a /29: room for a gateway, a name server and a guest. */
const IPV4_PREFIXES = { least: 8, most: 29 };

function checkIpv4(options: UserNetworkOptions): CheckedIpv4 {
  const subnet = parseSubnet('net', options.net ?? '10.0.2.0/24', 4);
  if (subnet.prefix < IPV4_PREFIXES.least || subnet.prefix > IPV4_PREFIXES.most) {
    throw new ConfigError(`net: a prefix has 8 to 29 bits, not ${subnet.prefix}`);
  }
  const inside = (key: string, text: string | undefined, host: number): IpAddress =>
    parseInside(key, text, subnet, host);
  const size = 2 ** (32 - subnet.prefix);
  const checked: CheckedIpv4 = {
    subnet,
    gateway: inside('host', options.host, 2),
    dns: inside('dns', options.dns, 3),
    dhcpStart: inside('dhcpstart', options.dhcpStart, Math.min(15, size - 4)),
  };
  for (const [key, address] of Object.entries({ host: checked.gateway, dns: checked.dns })) {
    if (sameBytes(address, checked.dhcpStart)) {
      throw new ConfigError(`dhcpstart: ${formatIp(address)} is the address of ${key}`);
    }
  }
  checkApart(checked);
  return checked;
}

function checkIpv6(options: UserNetworkOptions): CheckedFamily {
  const subnet = parseSubnet('ipv6-net', options.ipv6Net ?? 'fec0::/64', 6);
  if (subnet.prefix !== 64) {
    throw new ConfigError(`ipv6-net: a prefix has 64 bits, not ${subnet.prefix}`);
  }
  const checked: CheckedFamily = {
    subnet,
    gateway: parseInside('ipv6-host', options.ipv6Host, subnet, 2),
    dns: parseInside('ipv6-dns', options.ipv6Dns, subnet, 3),
  };
  checkApart(checked);
  return checked;
}

function checkApart({ gateway, dns }: CheckedFamily): void {
  if (sameBytes(gateway, dns)) {
    throw new ConfigError(`${formatIp(dns)} cannot be the gateway and the name server`);
  }
}

function parseSubnet(key: string, text: string, family: Family): Subnet {
  const [, addressText, prefixText] = /^([^/]+)(?:\/(.+))?$/.exec(text) ?? [];
  const address = parseIp(addressText ?? '');
  if (!address || (address.length === 4) !== (family === 4)) {
    throw new ConfigError(`${key}: '${text}' is not an IPv${family} network: write ${EXAMPLES[family]}`);
  }
  const prefix = parsePrefix(prefixText ?? DEFAULT_PREFIX[family], address.length * 8);
  if (prefix === undefined) throw new ConfigError(`${key}: '${prefixText}' is not the length of a prefix`);
  return { address: networkOf({ address, prefix }), prefix };
}

const EXAMPLES: Readonly<Record<Family, string>> = { 4: '10.0.2.0/24', 6: 'fec0::/64' };
const DEFAULT_PREFIX: Readonly<Record<Family, string>> = { 4: '24', 6: '64' };

/** Bits, or a netmask in dotted decimal. */
function parsePrefix(text: string, bits: number): number | undefined {
  if (/^\d{1,3}$/.test(text)) return Number(text) <= bits ? Number(text) : undefined;
  const mask = bits === 32 ? parseIp(text) : undefined;
  if (mask?.length !== 4) return undefined;
  const prefix = mask.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
  return sameBytes(netmaskOf({ address: mask, prefix }), mask) ? prefix : undefined;
}

/** An address of the network: a given one, or number `host`. */
function parseInside(key: string, text: string | undefined, subnet: Subnet, host: number): IpAddress {
  if (text === undefined) return hostOf(subnet, host);
  const address = parseIp(text);
  if (!address) throw new ConfigError(`${key}: '${text}' is not an IP address`);
  const family = address.length === 4 ? 4 : 6;
  const reserved =
    sameBytes(address, networkOf(subnet)) || (family === 4 && sameBytes(address, broadcastOf(subnet)));
  if (!contains(subnet, address) || reserved || isUnspecified(address)) {
    throw new ConfigError(`${key}: ${text} is no host of ${formatIp(subnet.address)}/${subnet.prefix}`);
  }
  return address;
}

/** A domain name in text, as it goes into a DHCP or DNS message (RFC 1035, 2.3.4). */
function checkName(key: string, name: string): void {
  const labels = name.replace(/\.$/, '').split('.');
  if (name.length > 253 || !labels.every(label => /^[\w-]{1,63}$/.test(label))) {
    throw new ConfigError(`${key}: '${name}' is not a name`);
  }
}
