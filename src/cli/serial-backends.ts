import { createWriteStream } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ConfigError } from '../errors.js';
import { openPty } from '../host/pty.js';
import type { SerialPort } from '../vmm/machine/serial-port.js';
import { connectTerminal } from './terminal.js';

/** A serial port's far end. `finished` resolves once all output has gone where it should. */
export interface SerialBackend {
  readonly finished: Promise<unknown>;
  close(): void;
}

export interface BackendContext {
  /** Asks for the end of the run. */
  quit(): void;
  /** A line for the user. */
  tell(line: string): void;
}

/** Output that no client has read yet; older output than this is dropped. */
const BACKLOG = 64 << 10;

/** How `--serial` is written. */
export const SERIAL_SYNTAX = 'stdio, file:PATH, pty, unix:PATH (listens there) or none';

/**
 * Connects a serial port to what `--serial` says.
 * @throws ConfigError for something else than {@link SERIAL_SYNTAX} or for a path that cannot be used
 */
export async function connectSerial(
  port: SerialPort,
  spec: string,
  context: BackendContext,
): Promise<SerialBackend> {
  const [kind, path] = split(spec);
  if (kind === 'stdio' && path === '') return connectTerminal(port, context);
  if (kind === 'none' && path === '') return drain(port);
  if (kind === 'pty' && path === '') return connectPty(port, context);
  if (kind === 'file' && path !== '') return connectFile(port, path);
  if (kind === 'unix' && path !== '') return connectSocket(port, path, context);
  throw new ConfigError(`--serial ${spec}: write ${SERIAL_SYNTAX}`, { spec });
}

/** Checks a `--serial` without connecting anything. */
export function checkSerialSpec(spec: string): void {
  const [kind, path] = split(spec);
  const known = ['stdio', 'none', 'pty'].includes(kind)
    ? path === ''
    : ['file', 'unix'].includes(kind) && path !== '';
  if (!known) throw new ConfigError(`--serial ${spec}: write ${SERIAL_SYNTAX}`, { spec });
}

function split(spec: string): [kind: string, path: string] {
  const colon = spec.indexOf(':');
  return colon < 0 ? [spec, ''] : [spec.slice(0, colon), spec.slice(colon + 1)];
}

function drain(port: SerialPort): SerialBackend {
  // Listened to by nobody: the port reads on its own.
  return { finished: Promise.resolve(port), close: () => undefined };
}

async function connectFile(port: SerialPort, path: string): Promise<SerialBackend> {
  const file = createWriteStream(path);
  await new Promise<void>((resolve, reject) => {
    file.once('open', () => resolve());
    file.once('error', cause =>
      reject(new ConfigError(`cannot write to ${path}: ${cause.message}`, { path }, { cause })),
    );
  });
  return { finished: pipeline(Readable.fromWeb(port.readable), file), close: () => undefined };
}

function connectPty(port: SerialPort, context: BackendContext): SerialBackend {
  const { path, stream } = openPty();
  context.tell(`${port.name} is ${path}`);
  stream.on('data', (data: Buffer) => void port.write(data));
  // Nobody has opened the other side, or everybody closed it.
  stream.on('error', () => undefined);
  port.onData(data => stream.write(data));
  return { finished: Promise.resolve(), close: () => stream.destroy() };
}

/** Listens on a unix socket for one client at a time. What the guest sends before the first one comes waits for it. */
async function connectSocket(
  port: SerialPort,
  path: string,
  context: BackendContext,
): Promise<SerialBackend> {
  let client: Socket | undefined;
  let backlog: Uint8Array[] = [];
  let waiting = 0;
  const server = createServer(socket => {
    if (client) {
      socket.end('tsvmm: another client is connected\n');
      return;
    }
    client = socket;
    for (const data of backlog) socket.write(data);
    backlog = [];
    waiting = 0;
    socket.on('data', data => void port.write(data));
    socket.on('error', error => context.tell(`${port.name}: ${error.message}`));
    socket.on('close', () => (client = undefined));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', cause =>
      reject(new ConfigError(`cannot listen on ${path}: ${cause.message}`, { path }, { cause })),
    );
    server.listen(path);
  });
  const output = new Writable({
    write(data: Uint8Array, _encoding, done) {
      if (client) {
        client.write(data, () => done());
        return;
      }
      backlog.push(data);
      waiting += data.length;
      while (waiting > BACKLOG && backlog.length > 1) waiting -= backlog.shift()!.length;
      done();
    },
  });
  return {
    finished: pipeline(Readable.fromWeb(port.readable), output).then(() => endClient(client)),
    close: () => {
      client?.destroy();
      server.close();
      void unlink(path).catch((error: NodeJS.ErrnoException) => {
        // Node removes the socket itself when the server closes in time.
        if (error.code !== 'ENOENT') context.tell(`${path}: ${error.message}`);
      });
    },
  };
}

/** The client has read everything once its end of the connection is closed. */
function endClient(client: Socket | undefined): Promise<void> {
  return new Promise(resolve => {
    if (client) client.end(() => resolve());
    else resolve();
  });
}
