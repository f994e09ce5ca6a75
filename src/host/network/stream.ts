import { connect, createServer, type Server, type Socket } from 'node:net';
import { ConfigError } from '../../errors.js';
import type {
  AcceptedStream,
  Bound,
  Closable,
  Endpoint,
  HostStream,
  StreamEvents,
} from '../../net/user/host.js';
import { ByteQueue } from '../../net/user/tcp/byte-queue.js';
import { failureOf } from './failure.js';

/**
 * Room for what is read at once: the most whole segments of an Ethernet's size that fit in one large IPv4 packet.
 * All sockets read into the same bytes: what they have is handed on before the next one reads.
 */
const readBuffer = new Uint8Array(44 * 1460);

/** Each side ends by itself, and whatever was written is reported when the host has taken it. */
const OPTIONS = { allowHalfOpen: true, noDelay: true, writableHighWaterMark: 1 };

/** What is written is copied here, as long as the host takes all of it at once. */
let writeBuffer = new Uint8Array(65536);

const NOTHING = new Uint8Array(0);

/** A socket of Node's, as a user network sees it. */
class SocketStream implements HostStream {
  private over = false;
  private ending = false;
  /** What is written while the host takes nothing: in one piece, however small what the guest sends. */
  private readonly waiting = new ByteQueue();

  constructor(
    private readonly socket: Socket,
    private readonly events: StreamEvents,
  ) {}

  get queued(): number {
    return this.socket.writableLength + this.waiting.length;
  }

  /** @param connected whether it stands already */
  listen(connected: boolean): void {
    const { socket, events } = this;
    let standing = connected;
    if (!connected) {
      socket.once('connect', () => {
        standing = true;
        if (!this.over) events.connected();
      });
    }
    socket.on('end', () => this.hearEnd());
    const taken = (): void => {
      if (this.over) return;
      this.writeWaiting();
      if (this.queued === 0) events.drained();
    };
    socket.on('drain', taken);
    // Behind the last of it there is no "drain".
    socket.on('finish', taken);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (this.over) return;
      this.over = true;
      if (standing) events.broken();
      else events.failed(failureOf(error));
    });
  }

  /**
   * The other side sends no more. A reset that comes together with the last data is reported as such an end, too (libuv
   * takes the hang-up for it): whether one can still write tells.
   */
  private hearEnd(): void {
    const { socket, events } = this;
    if (this.over) return;
    if (this.ending || this.queued > 0) events.ended();
    else
      socket.write(NOTHING, error => {
        if (!error && !this.over) events.ended();
      });
  }

  take(bytes: Uint8Array): void {
    if (!this.over) this.events.data(bytes);
  }

  write(bytes: Uint8Array): void {
    if (this.over || this.ending || bytes.length === 0) return;
    if (this.socket.writableLength > 0) {
      this.waiting.append(bytes);
      return;
    }
    if (bytes.length > writeBuffer.length) writeBuffer = new Uint8Array(bytes.length);
    const copy = writeBuffer.subarray(0, bytes.length);
    copy.set(bytes);
    this.socket.write(copy);
    // Whatever the kernel has not taken at once is still read from there.
    if (this.socket.writableLength > 0) writeBuffer = new Uint8Array(writeBuffer.length);
  }

  private writeWaiting(): void {
    const { length } = this.waiting;
    if (length === 0) return;
    const bytes = new Uint8Array(length);
    this.waiting.copyTo(0, length, bytes, 0);
    this.waiting.clear();
    this.socket.write(bytes);
  }

  end(): void {
    this.writeWaiting();
    this.ending = true;
    this.socket.end();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  close(): void {
    if (!this.ending) this.writeWaiting();
    this.over = true;
    // Reading on would keep it for as long as the other side likes.
    if (this.socket.writableFinished) this.socket.destroy();
    else this.socket.destroySoon();
  }

  reset(): void {
    this.over = true;
    this.waiting.clear();
    this.socket.resetAndDestroy();
  }
}

export function connectStream(to: Endpoint | { readonly path: string }, events: StreamEvents): HostStream {
  const onread = {
    buffer: readBuffer,
    callback: (length: number, buffer: Uint8Array) => {
      stream.take(buffer.subarray(0, length));
      return true;
    },
  };
  const socket =
    'path' in to
      ? connect({ ...OPTIONS, path: to.path, onread })
      : connect({ ...OPTIONS, host: to.address, port: to.port, onread });
  const stream = new SocketStream(socket, events);
  stream.listen(false);
  return stream;
}

/** @throws ConfigError when the address cannot be had */
export async function listenForStreams(
  at: Endpoint,
  accept: (stream: AcceptedStream) => void,
): Promise<Closable & Bound> {
  const server = createServer({ ...OPTIONS, pauseOnConnect: true, highWaterMark: 1 }, socket => {
    // Until it is taken nobody minds what becomes of it.
    socket.on('error', () => {});
    accept({
      peer: { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 },
      start: events => {
        const stream = new SocketStream(socket, events);
        stream.listen(true);
        socket.on('data', (bytes: Uint8Array) => stream.take(bytes));
        // A listener for data makes it flow.
        socket.pause();
        return stream;
      },
      refuse: () => socket.resetAndDestroy(),
    });
  });
  await bound(server, at);
  return {
    port: (server.address() as { port: number }).port,
    close: () => void server.close(),
  };
}

function bound(server: Server, at: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new ConfigError(`cannot listen on TCP port ${at.port} of ${at.address}: ${error.message}`)),
    );
    server.listen({ host: at.address, port: at.port, ipv6Only: true, backlog: 1024 }, resolve);
  });
}
