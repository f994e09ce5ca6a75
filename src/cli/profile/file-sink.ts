import { closeSync, openSync, writeSync } from 'node:fs';
import { ConfigError } from '../../errors.js';
import { OutputError, systemErrorText } from '../output.js';

/**
 * A file that takes pieces in their order. After the first that it does not take it takes no more: `onError` hears why, once.
 */
export class FileSink {
  private readonly fd: number;
  private failed = false;

  /** @throws ConfigError when the file cannot be made */
  constructor(
    private readonly path: string,
    private readonly onError: (error: Error) => void,
  ) {
    try {
      this.fd = openSync(path, 'w');
    } catch (cause) {
      throw new ConfigError(`cannot write ${path}: ${systemErrorText(cause)}`, { path }, { cause });
    }
  }

  readonly write = (data: Uint8Array | string): void => {
    if (this.failed) return;
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(this.fd, bytes, at);
    } catch (cause) {
      this.failed = true;
      this.onError(new OutputError(this.path, cause));
    }
  };

  close(): void {
    closeSync(this.fd);
  }
}
