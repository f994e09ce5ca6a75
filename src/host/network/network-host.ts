import { randomFillSync } from 'node:crypto';
import type { NetworkHost } from '../../net/user/host.js';
import { bindDatagram, connectDatagram, openDatagram } from './datagram.js';
import { hostAddressesOf, hostNameservers } from './names.js';
import { connectStream, listenForStreams } from './stream.js';

/**
 * Native code, which a network does not wait for; where it cannot be loaded, nobody pings, and of datagrams that were
 * refused nobody hears.
 */
let ping: typeof import('./ping.js') | undefined;
let udpErrors: typeof import('./udp-errors.js') | undefined;
Promise.all([import('./ping.js'), import('./udp-errors.js')]).then(
  loaded => ([ping, udpErrors] = loaded),
  () => {},
);

/** Node's sockets and clock, for user networks. */
export const nodeNetworkHost: NetworkHost = {
  now: () => performance.now(),
  after: (delay, action) => {
    const timer = setTimeout(action, delay);
    return () => clearTimeout(timer);
  },
  defer: action => void setImmediate(action),
  random: bytes => void randomFillSync(bytes),
  connect: connectStream,
  connectUnix: (path, events) => connectStream({ path }, events),
  listen: listenForStreams,
  openUdp: (family, events) => udpErrors?.openHearingDatagram(family, events) ?? openDatagram(family, events),
  connectUdp: connectDatagram,
  bindUdp: bindDatagram,
  openPing: (family, events) => ping?.openPing(family, events),
  nameservers: hostNameservers,
  addressesOf: hostAddressesOf,
};
