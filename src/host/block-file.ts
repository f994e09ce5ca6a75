import {
  constants,
  closeSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readvSync,
  writevSync,
} from 'node:fs';
import type { BlockFile } from '../block/backend.js';
import { ConfigError } from '../errors.js';
import { lockImage } from './image-lock.js';
import { errno, fallocate, flock, ioctlStruct } from './libc.js';

/** fcntl.h, sys/file.h, linux/fs.h, errno-base.h of Linux on x86-64. */
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const BLKGETSIZE64 = 0x8008_1272;
const ENODEV = 19;
const EINTR = 4;
const EOPNOTSUPP = 95;

/** Buffers that one call takes: IOV_MAX. */
const MAX_BUFFERS = 1024;

const NOTHING: readonly Uint8Array[] = [];

/** A disk image or block device of the host, read and written in place. */
export class HostBlockFile implements BlockFile {
  private constructor(
    private readonly fd: number,
    readonly readOnly: boolean,
    readonly identity: string,
  ) {}

  /**
   * Opens and locks it: for itself alone to write, together with other readers to read.
   * @throws ConfigError that says why it cannot be had
   */
  static open(path: string, readOnly: boolean): HostBlockFile {
    let fd: number;
    try {
      fd = openSync(path, readOnly ? constants.O_RDONLY : constants.O_RDWR);
    } catch (cause) {
      throw new ConfigError(`disk ${path}: ${(cause as Error).message}`, { path }, { cause });
    }
    const stat = fstatSync(fd);
    if (!stat.isFile() && !stat.isBlockDevice()) {
      closeSync(fd);
      throw new ConfigError(`disk ${path}: neither a file nor a block device`, { path });
    }
    if (flock(fd, (readOnly ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0 || !lockImage(fd, readOnly)) {
      closeSync(fd);
      throw new ConfigError(`disk ${path}: somebody else is using it`, { path });
    }
    return new HostBlockFile(fd, readOnly, `${stat.dev}:${stat.isFile() ? stat.ino : `device ${stat.rdev}`}`);
  }

  size(): number {
    const stat = fstatSync(this.fd);
    if (stat.isFile()) return stat.size;
    const size = new BigUint64Array(1);
    if (ioctlStruct(this.fd, BLKGETSIZE64, new Uint8Array(size.buffer)) < 0) {
      throw new Error(`the size of the block device cannot be had (errno ${errno()})`);
    }
    return Number(size[0]);
  }

  read(buffers: readonly Uint8Array[], position: number): number {
    let total = 0;
    for (let rest = buffers; rest.length > 0;) {
      const count = readvSync(this.fd, oneCall(rest), position + total);
      if (count === 0) break;
      total += count;
      rest = behind(rest, count);
    }
    return total;
  }

  write(buffers: readonly Uint8Array[], position: number): void {
    let total = 0;
    for (let rest = buffers; rest.length > 0;) {
      const count = writevSync(this.fd, oneCall(rest), position + total);
      total += count;
      rest = behind(rest, count);
    }
  }

  sync(): void {
    fdatasyncSync(this.fd);
  }

  truncate(size: number): void {
    if (!fstatSync(this.fd).isFile()) throw new Error('a block device has the size that it has');
    ftruncateSync(this.fd, size);
  }

  punchHole(position: number, length: number): boolean {
    while (fallocate(this.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, position, length) < 0) {
      const error = errno();
      if (error === EOPNOTSUPP || error === ENODEV) return false;
      if (error !== EINTR) throw new Error(`fallocate failed (errno ${error})`);
    }
    return true;
  }

  close(): void {
    closeSync(this.fd);
  }
}

function oneCall(buffers: readonly Uint8Array[]): readonly Uint8Array[] {
  return buffers.length <= MAX_BUFFERS ? buffers : buffers.slice(0, MAX_BUFFERS);
}

/** What is left of `buffers` behind their first `count` bytes. */
function behind(buffers: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let skip = count;
  for (let i = 0; i < buffers.length; i++) {
    const { length } = buffers[i];
    if (skip < length) return [buffers[i].subarray(skip), ...buffers.slice(i + 1)];
    skip -= length;
  }
  return NOTHING;
}
