import { sameBytes, type IpAddress } from '../addresses.js';
import type { IpPacket } from '../packet.js';
import type { TcpConnection } from './connection.js';

/** Connections with the same two ports, at most: they are looked through one after the other. */
const MAX_CHAIN = 256;

/** All connections, by their ports and addresses. */
export class ConnectionTable {
  /** The first one with these two ports; the others are chained to it. */
  private readonly chains = new Map<number, TcpConnection>();
  size = 0;

  find(packet: IpPacket, guestPort: number, localPort: number): TcpConnection | undefined {
    let connection = this.chains.get(keyOf(guestPort, localPort));
    while (connection) {
      const { path } = connection.wire;
      if (packet.isFrom(path.destination) && packet.isTo(path.source)) return connection;
      connection = connection.chained;
    }
    return undefined;
  }

  has(guest: IpAddress, guestPort: number, local: IpAddress, localPort: number): boolean {
    let connection = this.chains.get(keyOf(guestPort, localPort));
    while (connection) {
      const { path } = connection.wire;
      if (sameBytes(path.destination, guest) && sameBytes(path.source, local)) return true;
      connection = connection.chained;
    }
    return false;
  }

  /** Whether there are too many with the same ports. */
  isCrowded(guestPort: number, localPort: number): boolean {
    let count = 0;
    let connection = this.chains.get(keyOf(guestPort, localPort));
    for (; connection; connection = connection.chained) count++;
    return count >= MAX_CHAIN;
  }

  add(connection: TcpConnection): void {
    const key = keyOf(connection.guestPort, connection.localPort);
    connection.chained = this.chains.get(key);
    this.chains.set(key, connection);
    this.size++;
  }

  remove(connection: TcpConnection): void {
    const key = keyOf(connection.guestPort, connection.localPort);
    const first = this.chains.get(key);
    if (first === connection) {
      if (connection.chained) this.chains.set(key, connection.chained);
      else this.chains.delete(key);
    } else {
      let before = first;
      while (before && before.chained !== connection) before = before.chained;
      if (before) before.chained = connection.chained;
    }
    connection.chained = undefined;
    this.size--;
  }

  /** Gives up one that is over but for its last acknowledgment. @returns false when there is none */
  dropWaiting(): boolean {
    for (const first of this.chains.values()) {
      for (let connection: TcpConnection | undefined = first; connection; connection = connection.chained) {
        if (connection.phase !== 'time-wait') continue;
        connection.abort();
        return true;
      }
    }
    return false;
  }

  all(): TcpConnection[] {
    const all: TcpConnection[] = [];
    for (const first of this.chains.values()) {
      for (let connection: TcpConnection | undefined = first; connection; connection = connection.chained) {
        all.push(connection);
      }
    }
    return all;
  }
}

/** Both ports in one small integer. */
function keyOf(guestPort: number, localPort: number): number {
  return (guestPort << 16) | localPort | 0;
}
