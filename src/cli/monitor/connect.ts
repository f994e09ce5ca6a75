import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Monitor } from '../../monitor/monitor.js';
import type { SerialSpec } from '../serial/spec.js';
import { listenOnUnixSocket } from '../../host/unix-listener.js';
import { converse, PROMPT } from './converse.js';
import { connectStdioMonitor } from './stdio.js';

/** The monitor's far end. */
export interface MonitorBackend {
  /** Where it is, for people. */
  readonly where: string;
  /** Lets go of everything, at once. */
  close(): void;
}

export interface MonitorOptions {
  /** Each conversation has a monitor of its own. */
  readonly newMonitor: () => Monitor;
  /** Somebody wants to leave. */
  readonly quit: () => void;
  readonly fail: (error: Error) => void;
}

/** @throws ConfigError when the socket's path is taken or cannot be used */
export async function connectMonitor(spec: SerialSpec, options: MonitorOptions): Promise<MonitorBackend> {
  if (spec.kind === 'unix') return serveMonitor(spec.path, options);
  if (spec.kind === 'stdio') return connectStdioMonitor(options);
  return { where: 'not connected', close: () => undefined };
}

/** A monitor behind a unix socket, for as many clients as come. */
async function serveMonitor(path: string, { newMonitor, fail }: MonitorOptions): Promise<MonitorBackend> {
  const clients = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, client => {
    clients.add(client);
    client.on('close', () => clients.delete(client));
    // What went wrong is told by 'close'.
    client.on('error', () => undefined);
    talkTo(client, newMonitor()).catch(fail);
  });
  await listenOnUnixSocket(server, path);
  return {
    where: `a socket at ${path}`,
    close: () => {
      for (const client of clients) client.destroy();
      // Removes the socket, too.
      server.close();
    },
  };
}

async function talkTo(client: Socket, monitor: Monitor): Promise<void> {
  const lines = createInterface({ input: client, output: client, terminal: false, prompt: PROMPT });
  await converse(
    lines,
    monitor,
    text => new Promise<void>(resolve => void client.write(text, () => resolve())),
  );
  client.end();
}
