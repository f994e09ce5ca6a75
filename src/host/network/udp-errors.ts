import { formatIp, type Family } from '../../net/user/addresses.js';
import type { DatagramEvents, Endpoint, HostDatagram, HostFailure } from '../../net/user/host.js';
import * as libc from '../libc.js';
import { makeSocket, SocketDatagram } from './datagram.js';

/** Linux's numbers (bits/socket.h, netinet/in.h, linux/in6.h). */
const AF: Readonly<Record<Family, number>> = { 4: 2, 6: 10 };
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO: Readonly<Record<Family, number>> = { 4: 0, 6: 41 };
const RECVERR: Readonly<Record<Family, number>> = { 4: 11, 6: 25 };
const IPV6_V6ONLY = 26;
const MSG_ERRQUEUE = 0x2000;

/** struct msghdr: addresses and lengths of name, parts and control data. */
const MSGHDR_SIZE = 56;
const NAME = 0;
const NAME_LENGTH = 8;
const CONTROL = 32;
const CONTROL_LENGTH = 40;
/** struct sockaddr_in, sockaddr_in6. */
const SOCKADDR_SIZE = 28;
const SIN_PORT = 2;
const SIN_ADDRESS: Readonly<Record<Family, number>> = { 4: 4, 6: 8 };
/** struct sock_extended_err (linux/errqueue.h), behind a struct cmsghdr. */
const CONTROL_SIZE = 256;
const EE_ERRNO = 16;
const EE_ORIGIN = 20;
const SO_EE_ORIGIN_ICMP = 2;
const SO_EE_ORIGIN_ICMP6 = 3;

/** Of what routers and hosts say, by errno; that a packet was too big the host itself minds. */
const FAILURES: Readonly<Record<number, HostFailure>> = {
  111: 'refused',
  113: 'unreachable',
  101: 'unreachable',
};

/** What is read into by all sockets of the thread; shared memory stays where it is. */
const message = new Uint8Array(new SharedArrayBuffer(MSGHDR_SIZE + SOCKADDR_SIZE + CONTROL_SIZE));
const name = message.subarray(MSGHDR_SIZE, MSGHDR_SIZE + SOCKADDR_SIZE);
const control = message.subarray(MSGHDR_SIZE + SOCKADDR_SIZE);
const view = new DataView(message.buffer);
const address = libc.addressOf(message);

/**
 * A socket for UDP that hears what became of its datagrams although it is connected to nobody (ip(7), `IP_RECVERR`), and
 * Node takes for its own. `undefined` where the system has no such thing.
 */
export function openHearingDatagram(family: Family, events: DatagramEvents): HostDatagram | undefined {
  if (process.platform !== 'linux') return undefined;
  const fd = libc.socket(AF[family], SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return undefined;
  const on = new Uint8Array(Int32Array.of(1).buffer);
  libc.setsockopt(fd, IPPROTO[family], RECVERR[family], on, on.length);
  if (family === 6) libc.setsockopt(fd, IPPROTO[family], IPV6_V6ONLY, on, on.length);
  const adopted = makeSocket(family);
  const datagram = new SocketDatagram(adopted, {
    message: (bytes, from) => events.message(bytes, from),
    // What Node reports may be of a datagram before, and while it is in the queue Node finds no rest.
    failed: (reason, to) => {
      if (!drain(fd, family, events)) events.failed(reason, to);
    },
  });
  adopted.bind({ fd, exclusive: true });
  return datagram;
}

/** Takes all errors out of a socket's queue, and reports them. @returns whether there were any */
function drain(fd: number, family: Family, events: DatagramEvents): boolean {
  let found = false;
  while (receiveError(fd)) {
    found = true;
    const origin = control[EE_ORIGIN];
    if (origin !== SO_EE_ORIGIN_ICMP && origin !== SO_EE_ORIGIN_ICMP6) continue;
    const reason = FAILURES[view.getUint32(control.byteOffset + EE_ERRNO, true)];
    if (reason) events.failed(reason, destination(family));
  }
  return found;
}

function receiveError(fd: number): boolean {
  message.fill(0);
  view.setBigUint64(NAME, address + BigInt(name.byteOffset), true);
  view.setUint32(NAME_LENGTH, name.length, true);
  view.setBigUint64(CONTROL, address + BigInt(control.byteOffset), true);
  view.setBigUint64(CONTROL_LENGTH, BigInt(control.length), true);
  return libc.recvmsg(fd, message, MSG_ERRQUEUE) >= 0;
}

/** Where the datagram was sent to. */
function destination(family: Family): Endpoint {
  const port = name[SIN_PORT] * 256 + name[SIN_PORT + 1];
  const at = SIN_ADDRESS[family];
  return { address: formatIp(name.slice(at, at + (family === 4 ? 4 : 16))), port };
}
