import { constants, createWriteStream, fstatSync, open } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { isatty, WriteStream } from 'node:tty';
import { promisify } from 'node:util';
import { ConfigError } from '../../errors.js';
import type { SerialPort } from '../../vmm/machine/serial-port.js';
import { OutputError, systemErrorText, writeTo } from '../output.js';
import type { SerialBackend } from './backend.js';

const { O_WRONLY, O_CREAT, O_TRUNC, O_NONBLOCK, O_NOCTTY } = constants;
const openFile = promisify(open);

/** A serial port whose output goes into a file, a FIFO or a device. @throws ConfigError when it cannot be opened */
export async function connectFile(port: SerialPort, path: string): Promise<SerialBackend> {
  const output = await openOutput(path);
  // Heard by the callbacks of those who write.
  output.on('error', () => undefined);
  return {
    where: path,
    finished: copy(port, output, path),
    patienceMs: Infinity,
    close: () => output.destroy(),
  };
}

async function copy(port: SerialPort, output: Writable, path: string): Promise<void> {
  for await (const data of port.readable) await writeTo(output, path, data);
  await new Promise<void>((resolve, reject) => {
    output.end((error?: Error | null) => (error ? reject(new OutputError(path, error)) : resolve()));
  });
}

async function openOutput(path: string): Promise<Writable> {
  const fd = await openWithoutWaiting(path);
  if (isatty(fd)) return new WriteStream(fd);
  return fstatSync(fd).isFIFO() ? new Socket({ fd, readable: false }) : createWriteStream(path, { fd });
}

/** Opening a FIFO waits for its reader by default, in a way that no signal ends. */
async function openWithoutWaiting(path: string): Promise<number> {
  try {
    return await openFile(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOCTTY);
  } catch (cause) {
    throw new ConfigError(`cannot write to ${path}: ${whyNotOpened(cause)}`, { path }, { cause });
  }
}

function whyNotOpened(cause: unknown): string {
  // A FIFO (open(2)), or a device without a driver.
  if ((cause as NodeJS.ErrnoException).code === 'ENXIO') return 'nobody reads it; start its reader first';
  return systemErrorText(cause);
}
