import { fcntlStruct } from './libc.js';

/** fcntl.h of Linux on x86-64: locks that belong to the open file, not to the process. */
const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;

/** struct flock: type, whence, start, length, pid. */
const FLOCK_SIZE = 32;
const FLOCK_START = 8;
const FLOCK_LENGTH = 16;

/**
 * What a user of an image does, as numbers of the bytes that QEMU locks for it (block/file-posix.c): one behind
 * `USES` for what it does itself, one behind `FORBIDS` for what nobody else may do meanwhile.
 */
const USES = 100;
const FORBIDS = 200;
const READ = 0;
const WRITE = 1;
const RESIZE = 3;

const CHANGES = [WRITE, RESIZE];

/**
 * Locks an image as QEMU and qemu-img do, so that none of them gets in the way of another: one may write, or several
 * read. On file systems without such locks it does nothing.
 * @returns false when somebody else uses the image
 */
export function lockImage(fd: number, readOnly: boolean): boolean {
  const uses = readOnly ? [READ] : [READ, ...CHANGES];
  for (const use of uses) lock(fd, USES + use);
  for (const use of CHANGES) lock(fd, FORBIDS + use);
  return !uses.some(use => isLocked(fd, FORBIDS + use)) && !CHANGES.some(use => isLocked(fd, USES + use));
}

function lock(fd: number, byte: number): void {
  fcntlStruct(fd, F_OFD_SETLK, flockOf(F_RDLCK, byte));
}

/** True when somebody else has locked the byte. */
function isLocked(fd: number, byte: number): boolean {
  const asked = flockOf(F_WRLCK, byte);
  if (fcntlStruct(fd, F_OFD_GETLK, asked) < 0) return false;
  return new DataView(asked.buffer).getInt16(0, true) !== F_UNLCK;
}

function flockOf(type: number, byte: number): Uint8Array<ArrayBuffer> {
  const flock = new Uint8Array(FLOCK_SIZE);
  const view = new DataView(flock.buffer);
  view.setInt16(0, type, true);
  view.setBigInt64(FLOCK_START, BigInt(byte), true);
  view.setBigInt64(FLOCK_LENGTH, 1n, true);
  return flock;
}
