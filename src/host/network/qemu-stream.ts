import { connect, createServer, type Server, type Socket } from 'node:net';
import { ConfigError } from '../../errors.js';
import { NO_OFFLOADS, type NetBackend, type NetCard } from '../../net/backend.js';
import { MAX_FRAME } from '../../net/cable.js';
import { systemErrorText } from '../system-error.js';
import { listenOnUnixSocket } from '../unix-listener.js';

/** Before each frame: its length, big-endian. */
const LENGTH_SIZE = 4;
/** Bytes that are written at once, and how many such pieces may wait for the socket before the guest has to. */
const PIECE = 128 * 1024;
const MAX_WAITING = 4;

export interface StreamSetup {
  /** A unix socket. */
  readonly path: string;
  /** Listens there, for one peer at a time, instead of connecting. */
  readonly server: boolean;
  /** Seconds until a lost connection is tried again; 0 for never. */
  readonly reconnect: number;
}

/**
 * A stream of frames over a unix socket, each behind its length: what QEMU's `-netdev stream` and passt speak. While
 * nobody is connected the link is down.
 */
export class QemuStream implements NetBackend {
  readonly accepts = NO_OFFLOADS;
  onReady?: () => void;
  private card: NetCard | undefined;
  private server: Server | undefined;
  private socket: Socket | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private closed = false;
  private readonly reader = new FrameReader();
  /** What the socket has not been given yet. */
  private piece = Buffer.allocUnsafeSlow(PIECE);
  private used = 0;
  private flushing = false;
  private waiting = 0;
  private readonly free: Buffer<ArrayBuffer>[] = [];
  private readonly flushNow = (): void => {
    this.flushing = false;
    this.flush();
  };

  private constructor(private readonly setup: StreamSetup) {}

  /** @throws ConfigError when the path cannot be listened on, or nobody listens there */
  static async open(setup: StreamSetup): Promise<QemuStream> {
    const stream = new QemuStream(setup);
    if (setup.server) await stream.listen();
    else stream.take(await stream.connect());
    return stream;
  }

  get ready(): boolean {
    return this.waiting < MAX_WAITING;
  }

  attach(card: NetCard): void {
    this.card = card;
    card.setLink(this.socket !== undefined);
    // What has come in the meantime.
    this.read();
  }

  transmit(frame: Uint8Array): void {
    if (!this.socket) return;
    if (this.used + LENGTH_SIZE + frame.length > this.piece.length) this.flush();
    this.piece.writeUInt32BE(frame.length, this.used);
    this.piece.set(frame, this.used + LENGTH_SIZE);
    this.used += LENGTH_SIZE + frame.length;
    if (this.flushing) return;
    this.flushing = true;
    queueMicrotask(this.flushNow);
  }

  onRoom(): void {
    this.read();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    this.socket?.destroy();
    // Removes its file, too.
    this.server?.close();
  }

  private async listen(): Promise<void> {
    this.server = createServer(peer => {
      if (this.socket) peer.destroy();
      else this.take(peer);
    });
    await listenOnUnixSocket(this.server, this.setup.path);
  }

  private connect(): Promise<Socket> {
    const { path } = this.setup;
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once('connect', () => resolve(socket));
      socket.once('error', cause => {
        const why = systemErrorText(cause);
        reject(new ConfigError(`cannot connect to ${path}: ${why}`, { path }, { cause }));
      });
    });
  }

  private take(socket: Socket): void {
    this.socket = socket;
    this.reader.reset();
    socket.on('data', chunk => {
      this.reader.give(chunk);
      this.read();
    });
    // What went wrong is told by 'close'.
    socket.on('error', () => undefined);
    socket.once('close', () => this.lose());
    this.card?.setLink(true);
  }

  private lose(): void {
    this.socket = undefined;
    this.used = 0;
    if (this.closed) return;
    this.card?.setLink(false);
    if (!this.setup.server) this.reconnectLater();
  }

  private reconnectLater(): void {
    const { reconnect } = this.setup;
    if (reconnect === 0 || this.closed) return;
    this.retry = setTimeout(() => {
      this.connect().then(
        socket => (this.closed ? socket.destroy() : this.take(socket)),
        () => this.reconnectLater(),
      );
    }, reconnect * 1000);
  }

  /** Hands on the frames that have come, until the card has no room. */
  private read(): void {
    const { card, socket, reader } = this;
    if (!card || !socket) return;
    for (;;) {
      const frame = reader.peek();
      if (frame === 'broken') {
        socket.destroy();
        return;
      }
      if (!frame) break;
      if (!card.receive(frame)) {
        socket.pause();
        return;
      }
      reader.shift();
    }
    if (socket.isPaused()) socket.resume();
  }

  private flush(): void {
    const { socket, piece, used } = this;
    if (!socket || used === 0) return;
    this.waiting++;
    socket.write(piece.subarray(0, used), () => {
      this.free.push(piece);
      this.waiting--;
      if (this.waiting === MAX_WAITING - 1) this.onReady?.();
    });
    this.piece = this.free.pop() ?? Buffer.allocUnsafeSlow(PIECE);
    this.used = 0;
  }
}

/** Finds the frames in what comes, piece by piece. */
class FrameReader {
  /** What has come last, and how much of it was looked at. */
  private chunk: Uint8Array = new Uint8Array();
  private at = 0;
  /** A length and frame of which only a part has come. */
  private readonly partial = new Uint8Array(LENGTH_SIZE + MAX_FRAME);
  private have = 0;
  private frame: Uint8Array | undefined;

  reset(): void {
    this.chunk = new Uint8Array();
    this.at = this.have = 0;
    this.frame = undefined;
  }

  /** @param chunk the bytes that follow; everything before has been taken out, but for a frame that the card has no room for */
  give(chunk: Uint8Array): void {
    if (this.at < this.chunk.length) {
      // The socket was paused, and had this one under way.
      this.chunk = Buffer.concat([this.chunk.subarray(this.at), chunk]);
    } else {
      this.chunk = chunk;
    }
    this.at = 0;
  }

  /** The next frame, until `shift`; nothing while it is not complete, `broken` when there can be none. */
  peek(): Uint8Array | 'broken' | undefined {
    if (this.frame) return this.frame;
    const { chunk, partial } = this;
    if (this.have === 0 && chunk.length - this.at >= LENGTH_SIZE) {
      const length = lengthAt(chunk, this.at);
      if (length > MAX_FRAME) return 'broken';
      const end = this.at + LENGTH_SIZE + length;
      if (end <= chunk.length) {
        this.frame = chunk.subarray(this.at + LENGTH_SIZE, end);
        this.at = end;
        return this.frame;
      }
    }
    this.gather(LENGTH_SIZE);
    if (this.have < LENGTH_SIZE) return undefined;
    const length = lengthAt(partial, 0);
    if (length > MAX_FRAME) return 'broken';
    this.gather(LENGTH_SIZE + length);
    if (this.have < LENGTH_SIZE + length) return undefined;
    this.have = 0;
    this.frame = partial.subarray(LENGTH_SIZE, LENGTH_SIZE + length);
    return this.frame;
  }

  shift(): void {
    this.frame = undefined;
  }

  /** Moves bytes into `partial`, until it has `wanted`. */
  private gather(wanted: number): void {
    const count = Math.min(wanted - this.have, this.chunk.length - this.at);
    if (count <= 0) return;
    this.partial.set(this.chunk.subarray(this.at, this.at + count), this.have);
    this.have += count;
    this.at += count;
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}
