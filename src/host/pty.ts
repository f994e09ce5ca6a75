import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { ConfigError } from '../errors.js';
import * as libc from './libc.js';

const { O_RDWR, O_NOCTTY, O_NONBLOCK } = constants;
/** No descriptor of a terminal may slip into a child: as long as one is open, the other side sees no end. */
const O_CLOEXEC = 0o2000000;
const F_DUPFD_CLOEXEC = 1030;
const POLLHUP = 0x10;
/** struct pollfd: descriptor, 16 bits of events to wait for, 16 bits of events that came. */
const POLLFD_SIZE = 8;
const POLLFD_EVENTS_CAME = 6;
/** More than struct termios has in any C library. */
const TERMIOS_SIZE = 128;
const TCSANOW = 0;
const FIONREAD = 0x541b;

/**
 * The controlling side of a pseudo-terminal. Others open its other side by its path, as often as they like; it is raw,
 * so that bytes pass as they are.
 */
export class PseudoTerminal {
  private readonly pollfd = new Uint8Array(POLLFD_SIZE);
  private readonly pollfdView = new DataView(this.pollfd.buffer);

  private constructor(
    private readonly fd: number,
    /** Of the other side. */
    readonly path: string,
  ) {
    this.pollfdView.setInt32(0, fd, true);
  }

  /** @throws ConfigError when the host gives none */
  static open(): PseudoTerminal {
    const fd = libc.posixOpenpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) throw refused('posix_openpt');
    try {
      if (libc.grantpt(fd) < 0) throw refused('grantpt');
      if (libc.unlockpt(fd) < 0) throw refused('unlockpt');
      makeRaw(fd);
      const path = nameOf(fd);
      // From its first opening on, the terminal tells whether somebody has it open.
      closeSync(openSync(path, O_RDWR | O_NOCTTY));
      return new PseudoTerminal(fd, path);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Whether somebody has the other side open. */
  get isOpened(): boolean {
    if (libc.poll(this.pollfd, 1, 0) < 0) throw refused('poll');
    return (this.pollfdView.getInt16(POLLFD_EVENTS_CAME, true) & POLLHUP) === 0;
  }

  /** Bytes that wait at the other side to be read. Closing this side throws them away. */
  get unread(): number {
    const fd = openSync(this.path, O_RDWR | O_NOCTTY);
    try {
      const count = new Int32Array(1);
      if (libc.ioctlStruct(fd, FIONREAD, new Uint8Array(count.buffer)) < 0) throw refused('FIONREAD');
      return count[0];
    } finally {
      closeSync(fd);
    }
  }

  /**
   * What is typed at the other side, until everybody there has closed it; then the stream meets the error EIO and
   * another one can be made.
   */
  read(): ReadStream {
    const fd = libc.fcntl(this.fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) throw refused('fcntl');
    return new ReadStream(fd);
  }

  /** Writes what there is room for without waiting, and says how much that was: 0 while nobody reads. */
  write(data: Uint8Array): number {
    try {
      return writeSync(this.fd, data);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
      throw error;
    }
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** No echo and no line editing: otherwise the terminal would send the guest's own output back as its input. */
function makeRaw(fd: number): void {
  const termios = new Uint8Array(TERMIOS_SIZE);
  if (libc.tcgetattr(fd, termios) < 0) throw refused('tcgetattr');
  libc.cfmakeraw(termios);
  if (libc.tcsetattr(fd, TCSANOW, termios) < 0) throw refused('tcsetattr');
}

function nameOf(fd: number): string {
  const name = new Uint8Array(128);
  if (libc.ptsname(fd, name, name.length) !== 0) throw refused('ptsname_r');
  return Buffer.from(name.subarray(0, name.indexOf(0))).toString();
}

function refused(call: string): ConfigError {
  const error = libc.errno();
  return new ConfigError(
    `the host gives no pseudo-terminal (${call}: ${libc.strerror(error)}): is devpts mounted at /dev/pts?`,
    { call, errno: error },
  );
}
