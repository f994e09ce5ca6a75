import { getSystemErrorMap } from 'node:util';
import type { Writable } from 'node:stream';
import { TsvmmError } from '../errors.js';

/** Output that could not be written. */
export class OutputError extends TsvmmError {
  /** True when the reader of a pipe went away, which is nobody's mistake. */
  readonly closed: boolean;

  constructor(where: string, cause: unknown) {
    super('OUTPUT', `cannot write to ${where}: ${systemErrorText(cause)}`, { where }, { cause });
    this.closed = ['EPIPE', 'ERR_STREAM_DESTROYED'].includes((cause as NodeJS.ErrnoException).code ?? '');
  }
}

/**
 * Writes to a stream and resolves when the host's kernel has the bytes.
 * @param where the stream's name, for the message
 * @throws OutputError
 */
export function writeTo(stream: Writable, where: string, data: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, error => (error ? reject(new OutputError(where, error)) : resolve()));
  });
}

/** Writes to standard output. @throws OutputError */
export function writeStdout(data: Uint8Array | string): Promise<void> {
  return writeTo(process.stdout, 'standard output', data);
}

/** What the system calls an error, without what Node adds: `no space left on device`. */
export function systemErrorText(error: unknown): string {
  const { errno, code, message } = error as NodeJS.ErrnoException;
  const [, text] = (errno !== undefined && getSystemErrorMap().get(errno)) || [];
  return text ?? code ?? message;
}
