import { setTimeout as delay } from 'node:timers/promises';
import type { ReadStream } from 'node:tty';
import { PseudoTerminal } from '../../host/pty.js';
import type { SerialPort } from '../../vmm/machine/serial-port.js';
import { OutputError } from '../output.js';
import type { BackendContext, SerialBackend } from './backend.js';
import { PatientOutput } from './patient-output.js';

/** Whoever has the terminal open but does not read does not hold up the end for longer. */
const PATIENCE_MS = 2000;
/** No event tells that somebody opens the terminal: how often to look. */
const LOOK_MS = 100;
/** No event tells that a terminal's reader has taken something: how often to look. */
const RETRY_MS = 5;

/** A serial port at a new pseudo-terminal. @throws ConfigError when there is none */
export function connectPty(port: SerialPort, { fail }: BackendContext): SerialBackend {
  const line = new PtyLine(port, PseudoTerminal.open(), fail);
  return {
    where: line.path,
    finished: line.run(),
    patienceMs: PATIENCE_MS,
    close: () => line.close(),
  };
}

/** Passes bytes between a serial port and whoever has the terminal open. */
class PtyLine {
  private readonly output = new PatientOutput(data => this.send(data));
  private readonly look: NodeJS.Timeout;
  /** While somebody has the terminal open. */
  private input: ReadStream | undefined;
  private closed = false;

  constructor(
    private readonly port: SerialPort,
    private readonly pty: PseudoTerminal,
    private readonly fail: (error: Error) => void,
  ) {
    port.setConnected(false);
    this.look = setInterval(() => {
      if (!this.input && pty.isOpened) this.connect();
    }, LOOK_MS);
  }

  get path(): string {
    return this.pty.path;
  }

  async run(): Promise<void> {
    await this.output.take(this.port);
    await this.untilRead();
  }

  close(): void {
    this.closed = true;
    clearInterval(this.look);
    this.input?.destroy();
    this.pty.close();
  }

  private connect(): void {
    const input = this.pty.read();
    this.input = input;
    this.port.setConnected(true);
    input.on('data', (data: Buffer) => {
      input.pause();
      this.port.write(data).then(() => {
        if (!input.destroyed) input.resume();
      }, this.fail);
    });
    input.on('error', (error: NodeJS.ErrnoException) => {
      // EIO: everybody has closed the terminal.
      if (error.code !== 'EIO') this.fail(new OutputError(this.path, error));
    });
    input.on('close', () => {
      this.input = undefined;
      if (!this.closed) this.port.setConnected(false);
    });
    void this.output.flush();
  }

  /** Closing the terminal throws away what its reader has not taken. */
  private async untilRead(): Promise<void> {
    // Twice: the host moves bytes to where they are counted in the background.
    for (let empty = 0; empty < 2 && !this.closed && this.pty.isOpened;) {
      empty = this.pty.unread === 0 ? empty + 1 : 0;
      await delay(RETRY_MS);
    }
  }

  private async send(data: Uint8Array): Promise<number> {
    while (!this.closed && this.pty.isOpened) {
      const count = this.pty.write(data);
      if (count > 0) return count;
      await delay(RETRY_MS);
    }
    return 0;
  }
}
