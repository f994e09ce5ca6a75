import type { Family } from '../../net/user/addresses.js';
import type { DatagramEvents, Endpoint, HostDatagram } from '../../net/user/host.js';
import { socket } from '../libc.js';
import { makeSocket, SocketDatagram } from './datagram.js';

/** Linux's numbers (bits/socket.h, netinet/in.h). */
const AF: Readonly<Record<Family, number>> = { 4: 2, 6: 10 };
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO: Readonly<Record<Family, number>> = { 4: 1, 6: 58 };

/** Echo has no ports; Node wants one. */
const ANY_PORT = 1;

/**
 * A socket for echo requests (icmp(7), "ping socket"), which Node then takes for one of UDP's. `undefined` where the system
 * has none, or not for this user's group (net.ipv4.ping_group_range).
 */
export function openPing(family: Family, events: DatagramEvents): HostDatagram | undefined {
  if (process.platform !== 'linux') return undefined;
  const fd = socket(AF[family], SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO[family]);
  if (fd < 0) return undefined;
  const adopted = makeSocket(family);
  const datagram = new SocketDatagram(adopted, events);
  adopted.bind({ fd, exclusive: true });
  return {
    send: (bytes: Uint8Array, to: Endpoint) => datagram.send(bytes, { address: to.address, port: ANY_PORT }),
    close: () => datagram.close(),
  };
}
