import type { TcpConnection } from './connection.js';

/**
 * Connections to the guest that it has not answered in time, by its port, those first that have waited longest. A guest
 * whose queue of connections is full drops what they send, and would hear of them again only at the end of ever longer
 * timeouts, of all of them at once: so each that it serves lets the next one try.
 */
export class Knockers {
  private readonly byPort = new Map<number, Set<TcpConnection>>();

  add(connection: TcpConnection): void {
    const waiting = this.byPort.get(connection.guestPort);
    if (waiting) waiting.add(connection);
    else this.byPort.set(connection.guestPort, new Set([connection]));
  }

  remove(connection: TcpConnection): void {
    const waiting = this.byPort.get(connection.guestPort);
    waiting?.delete(connection);
    if (waiting?.size === 0) this.byPort.delete(connection.guestPort);
  }

  /** Who is to try next at this port of the guest; the others come before it does again. */
  next(guestPort: number): TcpConnection | undefined {
    const waiting = this.byPort.get(guestPort);
    const [first] = waiting ?? [];
    if (!first) return undefined;
    waiting!.delete(first);
    waiting!.add(first);
    return first;
  }
}
