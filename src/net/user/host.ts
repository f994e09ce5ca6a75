import type { Family } from './addresses.js';

/** Why a connection of the host did not come about, or a datagram did not leave. */
export type HostFailure = 'refused' | 'unreachable' | 'too-big' | 'exhausted' | 'other';

/** An address and a port of the host, as text and number. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** What happens on a connection of the host. Never called before the call that made the connection has returned. */
export interface StreamEvents {
  /** It stands; data may come. */
  connected(): void;
  /** It did not come about. Nothing follows. */
  failed(reason: HostFailure): void;
  /** The bytes are the host's again when this returns. */
  data(bytes: Uint8Array): void;
  /** The other side sends nothing any more. */
  ended(): void;
  /** The host has taken everything that was written. */
  drained(): void;
  /** The other side has reset it, or it broke. Nothing follows. */
  broken(): void;
}

/** A connection of the host's network: TCP, or a local socket. */
export interface HostStream {
  /** Bytes that were written and that the host has not taken yet. */
  readonly queued: number;
  /** The bytes are the caller's again when this returns. */
  write(bytes: Uint8Array): void;
  /** Nothing is written any more; data may still come. */
  end(): void;
  /** No `data` or `ended` until `resume`, except for what is under way at this moment. */
  pause(): void;
  resume(): void;
  /** Lets go of it when what was written has gone out. No events follow. */
  close(): void;
  /** Tells the other side that it was reset. No events follow. */
  reset(): void;
}

/** A connection that somebody made to a listener: it stands already, and is paused. */
export interface AcceptedStream {
  readonly peer: Endpoint;
  /** Takes it: paused. */
  start(events: StreamEvents): HostStream;
  /** Resets it. */
  refuse(): void;
}

export interface Closable {
  close(): void;
}

/** A port of the host that is listened on. */
export interface Bound {
  readonly port: number;
}

export interface DatagramEvents {
  /** The bytes are the host's again when this returns. */
  message(bytes: Uint8Array, from: Endpoint): void;
  /** Something that was sent to `to`, if it is known to what, has not arrived. */
  failed(reason: HostFailure, to?: Endpoint): void;
}

/** A UDP socket, or one for ICMP echo requests. */
export interface HostDatagram extends Closable {
  /** The bytes are the caller's again when this returns. */
  send(bytes: Uint8Array, to: Endpoint): void;
}

/** What a user network needs from its host. Addresses are text. */
export interface NetworkHost {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** Calls `action` once, at or after `now() + delay`; what is returned calls it off. */
  after(delay: number, action: () => void): () => void;
  /** Calls `action` when what is being done now is over, before anything else arrives. */
  defer(action: () => void): void;
  random(bytes: Uint8Array): void;

  connect(to: Endpoint, events: StreamEvents): HostStream;
  connectUnix(path: string, events: StreamEvents): HostStream;
  /** @throws ConfigError when the address cannot be had */
  listen(at: Endpoint, accept: (stream: AcceptedStream) => void): Promise<Closable & Bound>;
  /** A socket with a port of its own for one of the guest's. */
  openUdp(family: Family, events: DatagramEvents): HostDatagram;
  /** A socket for one message to one address and the answer: it hears of it when nobody listens there. */
  connectUdp(to: Endpoint, events: DatagramEvents): HostDatagram;
  /** @throws ConfigError when the address cannot be had */
  bindUdp(at: Endpoint, events: DatagramEvents): Promise<HostDatagram & Bound>;
  /**
   * A socket for ICMP or ICMPv6 echo: messages are whole, from the type on, and the host puts an identifier and a
   * checksum of its own in what is sent. `undefined` where the host does not let this user have one.
   */
  openPing(family: Family, events: DatagramEvents): HostDatagram | undefined;

  /** The name servers that the host itself asks, most wanted first. */
  nameservers(): readonly Endpoint[];
  /** What the host's own table of names (/etc/hosts) has for a name in lower case. */
  addressesOf(name: string): readonly string[];
}
