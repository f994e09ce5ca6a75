import { randomFillSync } from 'node:crypto';
import type { NetworkHost } from '../../net/user/host.js';
import { bindDatagram, connectDatagram, openDatagram } from './datagram.js';
import { hostAddressesOf, hostNameservers } from './names.js';
import { connectStream, listenForStreams } from './stream.js';

/** Native code, which a network does not wait for; where it cannot be loaded, nobody pings. */
let ping: typeof import('./ping.js') | undefined;
import('./ping.js').then(
  loaded => (ping = loaded),
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
  openUdp: openDatagram,
  connectUdp: connectDatagram,
  bindUdp: bindDatagram,
  openPing: (family, events) => ping?.openPing(family, events),
  nameservers: hostNameservers,
  addressesOf: hostAddressesOf,
};
