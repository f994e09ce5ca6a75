import {
  contains,
  broadcastOf,
  familyOf,
  formatIp,
  ipv4Of,
  isGroup,
  isLinkLocal,
  isLoopback,
  isUnspecified,
  networkOf,
  parseIp,
  sameBytes,
  type Family,
  type IpAddress,
} from './addresses.js';
import type { GuestForward } from './forwards.js';
import type { Endpoint } from './host.js';
import type { CheckedFamily, CheckedUserNetwork } from './options.js';

/** Where something that the guest sends goes: out of the host, to name servers, to a forward's target, or nowhere. */
export type Route =
  | { readonly kind: 'host'; readonly to: Endpoint }
  | { readonly kind: 'nameserver' }
  | { readonly kind: 'forward'; readonly target: GuestForward['target'] }
  /** Nobody listens there. */
  | { readonly kind: 'refused' }
  /** The network is restricted. */
  | { readonly kind: 'prohibited' }
  /** Nobody has that address. */
  | { readonly kind: 'unreachable' }
  /** A group, a broadcast address, one that is no destination at all. */
  | { readonly kind: 'nowhere' };

export const DNS_PORT = 53;

/** The gateway's address on the link (libslirp's, so that routes that people have written down stay right). */
export const LINK_LOCAL_GATEWAY: IpAddress = parseIp('fe80::2')!;

const LOOPBACK: Readonly<Record<Family, string>> = { 4: '127.0.0.1', 6: '::1' };

const REFUSED: Route = { kind: 'refused' };
const PROHIBITED: Route = { kind: 'prohibited' };
const UNREACHABLE: Route = { kind: 'unreachable' };
const NOWHERE: Route = { kind: 'nowhere' };
const NAMESERVER: Route = { kind: 'nameserver' };

/** Which addresses mean what, seen from the guest and seen from the host. */
export class Routes {
  constructor(private readonly options: CheckedUserNetwork) {}

  family(family: Family): CheckedFamily | undefined {
    return family === 4 ? this.options.ipv4 : this.options.ipv6;
  }

  /** The address that stands for the host. */
  gateway(family: Family): IpAddress | undefined {
    return this.family(family)?.gateway;
  }

  /** Whether the network itself answers at an address: the gateway, the name server. */
  isOwn(address: IpAddress): boolean {
    const own = this.family(familyOf(address));
    if (!own) return false;
    return (
      sameBytes(address, own.gateway) ||
      sameBytes(address, own.dns) ||
      (address.length === 16 && sameBytes(address, LINK_LOCAL_GATEWAY))
    );
  }

  /** Whether it has an address: its own ones, and those behind which something of the host is. */
  has(address: IpAddress): boolean {
    return (
      this.isOwn(address) || this.options.forwards.guest.some(forward => sameBytes(forward.address, address))
    );
  }

  /** Whether packets from an address are a guest's. */
  isGuest(address: IpAddress): boolean {
    const own = this.family(familyOf(address));
    if (!own || isUnspecified(address) || this.isOwn(address)) return false;
    return contains(own.subnet, address) || isLinkLocal(address);
  }

  /** Where something goes that the guest sends to an address. */
  outward(address: IpAddress, port: number): Route {
    const own = this.family(familyOf(address));
    if (!own) return NOWHERE;
    const forward = this.options.forwards.guest.find(
      candidate => candidate.port === port && sameBytes(candidate.address, address),
    );
    if (forward) return { kind: 'forward', target: forward.target };
    if (isGroup(address) || isUnspecified(address) || isLoopback(address)) return NOWHERE;
    if (this.isOwn(address)) return this.toOwn(address, port, own);
    if (contains(own.subnet, address)) return isBroadcast(own, address) ? NOWHERE : UNREACHABLE;
    if (isLinkLocal(address) || ipv4Of(address) || address[0] === 0) return NOWHERE;
    if (this.options.restrict) return PROHIBITED;
    return { kind: 'host', to: { address: formatIp(address), port } };
  }

  private toOwn(address: IpAddress, port: number, own: CheckedFamily): Route {
    if (this.options.restrict) return PROHIBITED;
    if (sameBytes(address, own.dns)) return port === DNS_PORT ? NAMESERVER : REFUSED;
    return { kind: 'host', to: { address: LOOPBACK[familyOf(address)], port } };
  }

  /** The address at which the guest sees one of the host's; `undefined` when it has none for it. */
  inward(text: string, family: Family): IpAddress | undefined {
    const own = this.family(family);
    // What a system says of interfaces ("%eth0") the guest cannot use.
    const parsed = parseIp(text.replace(/%.*/, ''));
    if (!own || !parsed) return undefined;
    const address = ipv4Of(parsed) ?? parsed;
    if (isLoopback(address) || isLinkLocal(address) || familyOf(address) !== family) return own.gateway;
    // An address of the host that the guest takes for one of its neighbours'.
    return contains(own.subnet, address) ? own.gateway : address;
  }
}

function isBroadcast({ subnet }: CheckedFamily, address: IpAddress): boolean {
  if (address.length === 16) return false;
  return sameBytes(address, broadcastOf(subnet)) || sameBytes(address, networkOf(subnet));
}
