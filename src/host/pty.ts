import { ReadStream } from 'node:tty';
import { closeSync } from 'node:fs';
import { TsvmmError } from '../errors.js';
import * as libc from './libc.js';

const O_RDWR_NOCTTY = 0o2 | 0o400;

/** A pseudo-terminal: the side that tsvmm holds, and the name under which others open the other side. */
export interface PseudoTerminal {
  readonly path: string;
  /** Duplex: what is written appears at the other side. */
  readonly stream: ReadStream;
}

/** @throws TsvmmError when the host gives none */
export function openPty(): PseudoTerminal {
  const master = libc.posixOpenpt(O_RDWR_NOCTTY);
  if (master < 0) throw refused('posix_openpt');
  if (libc.grantpt(master) < 0 || libc.unlockpt(master) < 0) {
    closeSync(master);
    throw refused('unlockpt');
  }
  const name = new Uint8Array(128);
  if (libc.ptsname(master, name, name.length) !== 0) throw refused('ptsname_r');
  const path = Buffer.from(name.subarray(0, name.indexOf(0))).toString();
  return { path, stream: new ReadStream(master) };
}

function refused(call: string): TsvmmError {
  return new TsvmmError('PTY', `the host gives no pseudo-terminal: ${call}: ${libc.strerror(libc.errno())}`, { call });
}
