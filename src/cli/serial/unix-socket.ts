import { createServer, type Socket } from 'node:net';
import { listenOnUnixSocket } from '../../host/unix-listener.js';
import type { SerialPort } from '../../vmm/machine/serial-port.js';
import type { BackendContext, SerialBackend } from './backend.js';
import { PatientOutput } from './patient-output.js';

/** A client that does not read does not hold up the end for longer. */
const PATIENCE_MS = 2000;

/**
 * A serial port behind a unix socket, for one client at a time.
 * @throws ConfigError when the path is taken or cannot be used
 */
export async function connectUnixSocket(
  port: SerialPort,
  path: string,
  { fail }: BackendContext,
): Promise<SerialBackend> {
  const line = new SocketLine(port, fail);
  // A client that has sent all its input still wants to read the answer.
  const server = createServer({ allowHalfOpen: true }, client => line.accept(client));
  await listenOnUnixSocket(server, path);
  return {
    where: `a socket at ${path}`,
    finished: line.run(),
    patienceMs: PATIENCE_MS,
    close: () => {
      line.close();
      // Removes the socket, too.
      server.close();
    },
  };
}

/** Passes bytes between a serial port and the client of the moment. */
class SocketLine {
  private client: Socket | undefined;
  private readonly output = new PatientOutput(data => this.send(data));

  constructor(
    private readonly port: SerialPort,
    private readonly fail: (error: Error) => void,
  ) {
    port.setConnected(false);
  }

  async run(): Promise<void> {
    await this.output.take(this.port);
    await new Promise<void>(resolve => {
      if (this.client) this.client.end(resolve);
      else resolve();
    });
  }

  accept(client: Socket): void {
    // What went wrong is told by 'close'.
    client.on('error', () => undefined);
    if (this.client && !this.client.readableEnded) {
      client.end('tsvmm: another client is connected\n', () => client.destroy());
      return;
    }
    // One that has closed its sending side may have gone altogether: the next one takes over.
    this.client?.destroy();
    this.client = client;
    this.port.setConnected(true);
    client.on('data', data => {
      client.pause();
      this.port.write(data).then(() => client.resume(), this.fail);
    });
    client.on('close', () => {
      if (this.client === client) this.leave();
    });
    void this.output.flush();
  }

  close(): void {
    this.client?.destroy();
  }

  private leave(): void {
    this.client = undefined;
    this.port.setConnected(false);
  }

  private send(data: Uint8Array): Promise<number> {
    const { client } = this;
    if (!client) return Promise.resolve(0);
    return new Promise(resolve => {
      client.write(data, error => {
        if (error && this.client === client) this.leave();
        resolve(error ? 0 : data.length);
      });
    });
  }
}
