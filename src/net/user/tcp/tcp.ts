import type { IpAddress } from '../addresses.js';
import { copyOf, read32 } from '../bytes.js';
import type { MacAddress } from '../ethernet.js';
import type { CheckedHostForward } from '../forwards.js';
import type { AcceptedStream, HostFailure } from '../host.js';
import { quoteOf } from '../icmp-errors.js';
import { IpPath } from '../ip-path.js';
import type { Network } from '../network.js';
import { PROTOCOL, type IpPacket } from '../packet.js';
import { Budget } from './budget.js';
import { ByteQueue } from './byte-queue.js';
import { TcpConnection, type ConnectionOwner, type Opener } from './connection.js';
import { ConnectionTable } from './connection-table.js';
import { Knockers } from './knockers.js';
import { FLAG, TcpSegment } from './segment.js';
import { add } from './sequence.js';
import { Wire } from './wire.js';

/** Connections at one time, at most. */
const MAX_CONNECTIONS = 16_384;
/** Those of them that were not established yet. */
const MAX_EMBRYONIC = 2048;
/** Ports from which a connection to the guest comes when the host's own port is taken. */
const FIRST_EPHEMERAL = 49_152;
const EPHEMERAL_PORTS = 16_384;

const NOTHING = new ByteQueue();

/** TCP (RFC 9293): the guest's connections end here and go on as the host's, and the other way round. */
export class Tcp implements ConnectionOwner {
  readonly toGuest: Budget;
  readonly toHost: Budget;
  private readonly table = new ConnectionTable();
  private readonly knockers = new Knockers();
  private embryonic = 0;
  private readonly segment = new TcpSegment();
  /** Those that have to tell the guest how far it got. */
  private readonly due: TcpConnection[] = [];
  private flushing = false;
  /** Those for whose segments the card had no room. */
  private waiting: TcpConnection[] = [];
  private nextEphemeral = 0;
  private readonly random = new Uint8Array(4);

  /** @param memory bytes for data on its way in one direction, of all connections */
  constructor(
    private readonly network: Network,
    memory: number,
  ) {
    const { host } = network;
    this.toGuest = new Budget(
      memory,
      () => this.forAll(connection => connection.pauseReading()),
      () => host.defer(() => this.forAll(connection => connection.resumeReading())),
    );
    this.toHost = new Budget(
      memory,
      () => undefined,
      () => host.defer(() => this.forAll(connection => connection.reopenWindow())),
    );
  }

  /** Connections at this moment, closed ones that still wait included. */
  get size(): number {
    return this.table.size;
  }

  receive(packet: IpPacket): void {
    const { segment } = this;
    if (!packet.hasValidChecksum() || !segment.read(packet)) return;
    const connection = this.table.find(packet, segment.sourcePort, segment.destinationPort);
    const isSyn = segment.has(FLAG.syn) && !segment.has(FLAG.ack) && !segment.has(FLAG.rst);
    if (connection && !(isSyn && connection.phase === 'time-wait')) {
      connection.receive(segment);
      return;
    }
    connection?.abort();
    if (isSyn) this.accept(packet);
    else if (!segment.has(FLAG.rst)) this.refuse(packet);
  }

  /** The card has room again. */
  onRoom(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const connection of waiting) connection.waitsForRoom = false;
    for (const connection of waiting) connection.roomAgain();
  }

  /** A connection that somebody has made to a port that is the guest's. */
  forward(stream: AcceptedStream, { guestAddress, guestPort }: CheckedHostForward): void {
    const { neighbours, routes } = this.network;
    const from = routes.inward(stream.peer.address, guestAddress.length === 4 ? 4 : 6);
    neighbours.resolve(guestAddress, mac => {
      const port = from && this.freePort(from, stream.peer.port, guestAddress, guestPort);
      if (!mac || !from || port === undefined || this.isFull()) {
        stream.refuse();
        return;
      }
      const wire = this.wire(mac, from, port, guestAddress, guestPort);
      const connection = new TcpConnection(
        this,
        this.network.timers,
        wire,
        this.initial(),
        guestPort,
        port,
        undefined,
      );
      this.begin(connection, events => stream.start(events));
    });
  }

  close(): void {
    for (const connection of this.table.all()) connection.abort();
  }

  // --- for connections -----------------------------------------------------------------------------------------------

  flushLater(connection: TcpConnection): void {
    this.due.push(connection);
    if (this.flushing) return;
    this.flushing = true;
    this.network.host.defer(() => this.flush());
  }

  waitForRoom(connection: TcpConnection): void {
    if (connection.waitsForRoom) return;
    connection.waitsForRoom = true;
    this.waiting.push(connection);
  }

  unanswered(connection: TcpConnection): void {
    this.knockers.add(connection);
  }

  taken(connection: TcpConnection): void {
    this.knockers.remove(connection);
  }

  served(guestPort: number): void {
    this.knockers.next(guestPort)?.knock();
  }

  settled(): void {
    this.embryonic--;
  }

  restarted(): number {
    this.embryonic++;
    return this.initial();
  }

  removed(connection: TcpConnection, wasEmbryonic: boolean): void {
    if (wasEmbryonic) this.embryonic--;
    this.table.remove(connection);
  }

  unreachable({ quote }: TcpConnection, reason: HostFailure): void {
    // Out of descriptors: nothing is said, and the guest tries again.
    if (reason === 'exhausted' || !quote) return;
    this.network.errors.send(quote, 'host');
  }

  // -------------------------------------------------------------------------------------------------------------------

  private forAll(action: (connection: TcpConnection) => void): void {
    for (const connection of this.table.all()) action(connection);
  }

  private flush(): void {
    this.flushing = false;
    const { due } = this;
    for (const connection of due) {
      connection.flushes = false;
      connection.flush();
    }
    due.length = 0;
  }

  /** A SYN from the guest. */
  private accept(packet: IpPacket): void {
    const { routes, errors, host } = this.network;
    if (!routes.isGuest(packet.copySource())) return;
    const destination = packet.copyDestination();
    const route = routes.outward(destination, this.segment.destinationPort);
    switch (route.kind) {
      case 'host':
        this.connect(packet, destination, events => host.connect(route.to, events));
        break;
      case 'nameserver':
        this.connect(packet, destination, events => host.connect(host.nameservers()[0], events));
        break;
      case 'forward': {
        const { target } = route;
        this.connect(packet, destination, events =>
          'path' in target ? host.connectUnix(target.path, events) : host.connect(target, events),
        );
        break;
      }
      case 'refused':
      case 'prohibited':
        this.refuse(packet);
        break;
      case 'unreachable':
        errors.about(packet, 'host');
        break;
      case 'nowhere':
        break;
    }
  }

  private connect(packet: IpPacket, destination: IpAddress, open: Opener): void {
    const { segment } = this;
    // Nothing is said: the guest tries again, and there may be room then.
    if (this.isFull() || this.table.isCrowded(segment.sourcePort, segment.destinationPort)) return;
    const quote = quoteOf(packet);
    const { destinationPort, sourcePort } = segment;
    const wire = this.wire(quote.mac, destination, destinationPort, packet.copySource(), sourcePort);
    const connection = new TcpConnection(
      this,
      this.network.timers,
      wire,
      this.initial(),
      sourcePort,
      destinationPort,
      segment,
      quote,
    );
    this.begin(connection, open);
  }

  private begin(connection: TcpConnection, open: Opener): void {
    this.table.add(connection);
    this.embryonic++;
    connection.start(open);
  }

  private wire(mac: MacAddress, from: IpAddress, port: number, guest: IpAddress, guestPort: number): Wire {
    const path = new IpPath(this.network.mac, mac, from, guest, PROTOCOL.tcp);
    return new Wire(this.network.link, path, port, guestPort, this.network.options.mtu);
  }

  private isFull(): boolean {
    if (this.embryonic >= MAX_EMBRYONIC) return true;
    if (this.table.size < MAX_CONNECTIONS) return false;
    return !this.table.dropWaiting();
  }

  /** Answers a segment that belongs to no connection (RFC 9293, 3.10.7.1). */
  private refuse(packet: IpPacket): void {
    const { segment } = this;
    if (!this.network.routes.isGuest(packet.copySource())) return;
    const { sourcePort, destinationPort } = segment;
    const wire = this.wire(
      copyOf(packet.sourceMac),
      packet.copyDestination(),
      destinationPort,
      packet.copySource(),
      sourcePort,
    );
    if (segment.has(FLAG.ack)) wire.send(FLAG.rst, segment.acknowledgment, 0, 0, NOTHING, 0, 0);
    else wire.send(FLAG.rst | FLAG.ack, 0, add(segment.sequence, segment.length), 0, NOTHING, 0, 0);
  }

  /** The peer's own port, or one that is free where another peer has that. */
  private freePort(from: IpAddress, wanted: number, guest: IpAddress, guestPort: number): number | undefined {
    if (!this.table.has(guest, guestPort, from, wanted)) return wanted;
    for (let tries = 0; tries < EPHEMERAL_PORTS; tries++) {
      const port = FIRST_EPHEMERAL + (this.nextEphemeral++ % EPHEMERAL_PORTS);
      if (!this.table.has(guest, guestPort, from, port)) return port;
    }
    return undefined;
  }

  private initial(): number {
    this.network.host.random(this.random);
    return read32(this.random, 0);
  }
}
