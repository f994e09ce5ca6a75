import { ConfigError } from '../../errors.js';
import { contains, formatIp, isUnspecified, parseIp, sameBytes, type IpAddress } from './addresses.js';
import type { CheckedFamily, CheckedIpv4 } from './options.js';

export const PROTOCOLS = ['tcp', 'udp'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** A port of the host behind which is one of the guest's. */
export interface HostForward {
  readonly protocol?: Protocol;
  /** Of the host: all of IPv4's when there is none. */
  readonly hostAddress?: string;
  /** 0: one that is free. */
  readonly hostPort: number;
  /** The first that DHCP gives when there is none. */
  readonly guestAddress?: string;
  readonly guestPort: number;
}

/** A port of the guest's network behind which is a service of the host. */
export interface GuestForward {
  /** One of the network's, but not the guest's own. */
  readonly address: string;
  readonly port: number;
  /** Where connections go: an address and a port of the host's network, or the path of a unix socket. */
  readonly target: { readonly address: string; readonly port: number } | { readonly path: string };
}

export interface CheckedHostForward {
  readonly protocol: Protocol;
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly guestAddress: IpAddress;
  readonly guestPort: number;
}

export interface CheckedGuestForward {
  readonly address: IpAddress;
  readonly port: number;
  readonly target: GuestForward['target'];
}

export interface CheckedForwards {
  readonly host: readonly CheckedHostForward[];
  readonly guest: readonly CheckedGuestForward[];
}

const HOST_FORWARD_SYNTAX = '[tcp|udp]:[ADDRESS]:PORT-[ADDRESS]:PORT';
const GUEST_FORWARD_SYNTAX = 'tcp:ADDRESS:PORT-tcp:ADDRESS:PORT or tcp:ADDRESS:PORT-unix:PATH';

/** @throws ConfigError that says which forward makes no sense */
export function checkForwards(
  hostForwards: readonly (string | HostForward)[],
  guestForwards: readonly (string | GuestForward)[],
  ipv4: CheckedIpv4 | undefined,
  ipv6: CheckedFamily | undefined,
): CheckedForwards {
  const host = hostForwards.map(forward =>
    checkHostForward(typeof forward === 'string' ? parseHostForward(forward) : forward, ipv4, ipv6),
  );
  const guest = guestForwards.map(forward =>
    checkGuestForward(typeof forward === 'string' ? parseGuestForward(forward) : forward, ipv4, ipv6),
  );
  for (const [i, { protocol, hostAddress, hostPort }] of host.entries()) {
    const twice = host
      .slice(0, i)
      .some(
        other =>
          other.protocol === protocol && other.hostAddress === hostAddress && other.hostPort === hostPort,
      );
    if (twice && hostPort !== 0) {
      throw new ConfigError(`hostfwd: ${protocol} port ${hostPort} of the host is forwarded twice`);
    }
  }
  return { host, guest };
}

/** An IPv6 address is in brackets; others may be. */
const PLACE = String.raw`(?:\[([^\]]*)\]|([^:\[\]]*)):(\d{1,5})`;

function parseHostForward(text: string): HostForward {
  const match = new RegExp(`^(tcp|udp)?:${PLACE}-${PLACE}$`).exec(text);
  if (!match) throw new ConfigError(`hostfwd: '${text}' is not understood: write ${HOST_FORWARD_SYNTAX}`);
  const [, protocol, hostBracket, hostPlain, hostPort, guestBracket, guestPlain, guestPort] = match;
  const hostAddress = hostBracket || hostPlain;
  const guestAddress = guestBracket || guestPlain;
  return {
    protocol: protocol === 'udp' ? 'udp' : 'tcp',
    ...(hostAddress && { hostAddress }),
    hostPort: Number(hostPort),
    ...(guestAddress && { guestAddress }),
    guestPort: Number(guestPort),
  };
}

function checkHostForward(
  forward: HostForward,
  ipv4: CheckedIpv4 | undefined,
  ipv6: CheckedFamily | undefined,
): CheckedHostForward {
  const { protocol = 'tcp', hostAddress = '0.0.0.0', hostPort, guestPort } = forward;
  if (!PROTOCOLS.includes(protocol))
    throw new ConfigError(`hostfwd: '${String(protocol)}' is neither tcp nor udp`);
  const host = parseIp(hostAddress);
  if (!host) throw new ConfigError(`hostfwd: '${hostAddress}' is not an IP address of the host`);
  checkPort('hostfwd', hostPort, 0);
  checkPort('hostfwd', guestPort, 1);
  return {
    protocol,
    hostAddress: formatIp(host),
    hostPort,
    guestAddress: guestOf('hostfwd', forward.guestAddress, ipv4, ipv6),
    guestPort,
  };
}

function guestOf(
  key: string,
  text: string | undefined,
  ipv4: CheckedIpv4 | undefined,
  ipv6: CheckedFamily | undefined,
): IpAddress {
  if (text === undefined || text === '0.0.0.0') {
    if (!ipv4) throw new ConfigError(`${key}: without IPv4 the guest's address must be given`);
    return ipv4.dhcpStart;
  }
  const address = parseIp(text);
  if (!address) throw new ConfigError(`${key}: '${text}' is not an IP address`);
  const family = address.length === 4 ? ipv4 : ipv6;
  if (!family || !contains(family.subnet, address) || isUnspecified(address)) {
    throw new ConfigError(`${key}: ${text} is not in the guest's network`);
  }
  if (sameBytes(address, family.gateway)) throw new ConfigError(`${key}: ${text} is the gateway's address`);
  return address;
}

function parseGuestForward(text: string): GuestForward {
  const match = new RegExp(`^(?:tcp)?:${PLACE}-(?:tcp:${PLACE}|unix:(.+))$`).exec(text);
  if (!match) throw new ConfigError(`guestfwd: '${text}' is not understood: write ${GUEST_FORWARD_SYNTAX}`);
  const [, bracket, plain, port, targetBracket, targetPlain, targetPort, path] = match;
  return {
    address: bracket || plain,
    port: Number(port),
    target: path ? { path } : { address: targetBracket || targetPlain, port: Number(targetPort) },
  };
}

function checkGuestForward(
  { address, port, target }: GuestForward,
  ipv4: CheckedIpv4 | undefined,
  ipv6: CheckedFamily | undefined,
): CheckedGuestForward {
  checkPort('guestfwd', port, 1);
  const parsed = parseIp(address);
  const family = parsed?.length === 4 ? ipv4 : ipv6;
  if (!parsed || !family || !contains(family.subnet, parsed)) {
    throw new ConfigError(`guestfwd: '${address}' is not an address of the guest's network`);
  }
  if ('path' in target) return { address: parsed, port, target };
  const host = parseIp(target.address);
  if (!host) throw new ConfigError(`guestfwd: '${target.address}' is not an IP address`);
  checkPort('guestfwd', target.port, 1);
  return { address: parsed, port, target: { address: formatIp(host), port: target.port } };
}

function checkPort(key: string, port: number, least: number): void {
  if (!Number.isInteger(port) || port < least || port > 65535) {
    throw new ConfigError(`${key}: a port is ${least} to 65535, not ${port}`);
  }
}
