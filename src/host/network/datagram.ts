import { copyOf } from '../../net/user/bytes.js';
import { createSocket, type Socket } from 'node:dgram';
import { ConfigError } from '../../errors.js';
import type { Family } from '../../net/user/addresses.js';
import type { Bound, DatagramEvents, Endpoint, HostDatagram } from '../../net/user/host.js';
import { failureOf } from './failure.js';

/** What is sent is copied here, until the host keeps something of it. */
let sendBuffer = new Uint8Array(65536);

/** Datagrams of one socket that the host has not taken yet. */
const MAX_UNSENT = 64;

/** Addresses are never names: nothing is looked up, and a send has been tried when it returns. */
function noLookup(
  address: string,
  _options: unknown,
  done: (error: null, address: string, family: number) => void,
): void {
  done(null, address, address.includes(':') ? 6 : 4);
}

/** A UDP socket of Node's, as a user network sees it. */
export class SocketDatagram implements HostDatagram {
  private over = false;

  constructor(
    private readonly socket: Socket,
    events: DatagramEvents,
    /** Whether it is for one address alone. */
    private readonly connected = false,
  ) {
    socket.on('message', (bytes: Uint8Array, from) => {
      if (!this.over) events.message(bytes, from);
    });
    socket.on('error', error => {
      if (!this.over) events.failed(failureOf(error));
    });
    this.failed = (error, to) => {
      if (!this.over) events.failed(failureOf(error), to);
    };
  }

  private readonly failed: (error: Error, to: Endpoint) => void;

  send(bytes: Uint8Array, to: Endpoint): void {
    if (this.over) return;
    if (this.connected) {
      this.sendConnected(copyOf(bytes), to);
      return;
    }
    // The host does not get rid of what it has: datagrams may be lost, memory may not.
    if (this.socket.getSendQueueCount() >= MAX_UNSENT) return;
    const copy = sendBuffer.subarray(0, bytes.length);
    copy.set(bytes);
    this.socket.send(copy, to.port, to.address, error => {
      if (error) this.failed(error, to);
    });
    // Whatever the kernel has not taken at once is still read from there.
    if (this.socket.getSendQueueSize() > 0) sendBuffer = new Uint8Array(sendBuffer.length);
  }

  close(): void {
    if (this.over) return;
    this.over = true;
    this.socket.close();
  }

  /** The socket says that it is connected a little later than it is; when it cannot be, it says that alone. */
  private sendConnected(bytes: Uint8Array, to: Endpoint): void {
    this.socket.once('connect', () => {
      if (this.over) return;
      this.socket.send(bytes, error => {
        if (error) this.failed(error, to);
      });
    });
  }
}

export function makeSocket(family: Family): Socket {
  return createSocket(
    family === 4 ? { type: 'udp4', lookup: noLookup } : { type: 'udp6', ipv6Only: true, lookup: noLookup },
  );
}

export function openDatagram(family: Family, events: DatagramEvents): HostDatagram {
  const socket = makeSocket(family);
  const datagram = new SocketDatagram(socket, events);
  socket.bind({ port: 0, exclusive: true });
  return datagram;
}

export function connectDatagram(to: Endpoint, events: DatagramEvents): HostDatagram {
  const socket = makeSocket(to.address.includes(':') ? 6 : 4);
  const datagram = new SocketDatagram(socket, events, true);
  socket.connect(to.port, to.address);
  return datagram;
}

/** @throws ConfigError when the address cannot be had */
export async function bindDatagram(at: Endpoint, events: DatagramEvents): Promise<HostDatagram & Bound> {
  const socket = makeSocket(at.address.includes(':') ? 6 : 4);
  await new Promise<void>((resolve, reject) => {
    socket.once('error', error =>
      reject(new ConfigError(`cannot listen on UDP port ${at.port} of ${at.address}: ${error.message}`)),
    );
    socket.bind({ address: at.address, port: at.port, exclusive: true }, resolve);
  });
  socket.removeAllListeners('error');
  return Object.assign(new SocketDatagram(socket, events), { port: socket.address().port });
}
