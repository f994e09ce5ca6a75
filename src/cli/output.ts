import type { Writable } from 'node:stream';
import { TsvmmError } from '../errors.js';
import { systemErrorText } from '../host/system-error.js';

export { systemErrorText };

/** Output that could not be written. */
export class OutputError extends TsvmmError {
  constructor(where: string, cause: unknown) {
    super('OUTPUT', `cannot write to ${where}: ${systemErrorText(cause)}`, { where }, { cause });
  }
}

/** The reader of standard output went away, as `head` does: nobody's mistake. */
export class OutputClosedError extends OutputError {}

/**
 * Writes to a stream and resolves when the host's kernel has the bytes. The stream's `error` event needs a listener of
 * its own.
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
  return new Promise((resolve, reject) => {
    process.stdout.write(data, error => {
      if (!error) return resolve();
      const { code } = error as NodeJS.ErrnoException;
      const gone = code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED';
      reject(new (gone ? OutputClosedError : OutputError)('standard output', error));
    });
  });
}
