import koffi from 'koffi';

limitCallMemory();

/**
 * The memory in which koffi builds the arguments of a call outlives the thread: 256 and 64 KiB of it are plenty for what
 * is called here, signal handlers included that run on that stack; without this it is 3 MiB for each thread ever.
 */
function limitCallMemory(): void {
  try {
    koffi.config({ sync_stack_size: 256 << 10, sync_heap_size: 64 << 10 });
  } catch {
    // koffi refuses once a library was loaded in this process: whoever did that has decided on the sizes.
  }
}

/**
 * The C library's calls that Node does not offer, bound once a thread. The only place where values cross into native
 * code; every function returns what C returns, and `errno()` is the calling thread's.
 */
const libc = koffi.load(null);

/** ioctl with a number for its argument. */
export const ioctl = libc.func('ioctl', 'int', ['int', 'ulong', 'uintptr_t']) as unknown as (
  fd: number,
  request: number,
  argument: number | bigint,
) => number;

/** ioctl with a structure for its argument. */
export const ioctlStruct = libc.func('ioctl', 'int', ['int', 'ulong', 'void *']) as unknown as (
  fd: number,
  request: number,
  argument: Uint8Array,
) => number;

const mmapAddress = libc.func('mmap', 'uint64', [
  'uint64',
  'size_t',
  'int',
  'int',
  'int',
  'int64',
]) as unknown as (
  address: number,
  length: number,
  prot: number,
  flags: number,
  fd: number,
  offset: number,
) => number | bigint;

const munmapAddress = libc.func('munmap', 'int', ['uint64', 'size_t']) as unknown as (
  address: number | bigint,
  length: number,
) => number;

/** Closes a descriptor that came from an ioctl, which Node does not know of. */
export const close = libc.func('close', 'int', ['int']) as unknown as (fd: number) => number;

export const getpid = libc.func('getpid', 'int', []) as unknown as () => number;
export const gettid = libc.func('gettid', 'int', []) as unknown as () => number;
export const tgkill = libc.func('tgkill', 'int', ['int', 'int', 'int']) as unknown as (
  pid: number,
  tid: number,
  signal: number,
) => number;

export const sigaction = libc.func('sigaction', 'int', ['int', 'void *', 'void *']) as unknown as (
  signal: number,
  action: Uint8Array,
  old: Uint8Array | null,
) => number;

export const timerCreate = libc.func('timer_create', 'int', ['int', 'void *', 'void *']) as unknown as (
  clock: number,
  sigevent: Uint8Array,
  id: Uint8Array,
) => number;

export const timerSettime = libc.func('timer_settime', 'int', [
  'uint64',
  'int',
  'void *',
  'void *',
]) as unknown as (id: number | bigint, flags: number, value: Uint8Array, old: null) => number;

export const timerDelete = libc.func('timer_delete', 'int', ['uint64']) as unknown as (
  id: number | bigint,
) => number;

export const posixOpenpt = libc.func('posix_openpt', 'int', ['int']) as unknown as (flags: number) => number;
export const grantpt = libc.func('grantpt', 'int', ['int']) as unknown as (fd: number) => number;
export const unlockpt = libc.func('unlockpt', 'int', ['int']) as unknown as (fd: number) => number;
export const ptsname = libc.func('ptsname_r', 'int', ['int', 'void *', 'size_t']) as unknown as (
  fd: number,
  name: Uint8Array,
  length: number,
) => number;

export const tcgetattr = libc.func('tcgetattr', 'int', ['int', 'void *']) as unknown as (
  fd: number,
  termios: Uint8Array,
) => number;
export const tcsetattr = libc.func('tcsetattr', 'int', ['int', 'int', 'void *']) as unknown as (
  fd: number,
  when: number,
  termios: Uint8Array,
) => number;
export const cfmakeraw = libc.func('cfmakeraw', 'void', ['void *']) as unknown as (
  termios: Uint8Array,
) => void;

export const fcntl = libc.func('fcntl', 'int', ['int', 'int', 'int']) as unknown as (
  fd: number,
  command: number,
  argument: number,
) => number;
/** fcntl with a structure for its argument. */
export const fcntlStruct = libc.func('fcntl', 'int', ['int', 'int', '_Inout_ void *']) as unknown as (
  fd: number,
  command: number,
  argument: Uint8Array,
) => number;
export const poll = libc.func('poll', 'int', ['void *', 'ulong', 'int']) as unknown as (
  pollfds: Uint8Array,
  count: number,
  timeoutMs: number,
) => number;

const strerrorText = libc.func('strerror', 'str', ['int']) as unknown as (errno: number) => string;

/** The calling thread's errno after the last call that failed. */
export function errno(): number {
  return koffi.errno();
}

/** Sets it, where something else was called before whom it is for looks at it. */
export function setErrno(error: number): void {
  koffi.errno(error);
}

/** What the C library calls an error number. */
export function strerror(error: number): string {
  return strerrorText(error);
}

/** The address of a C function, for C to call. */
export function functionAddress(name: string): bigint {
  return BigInt(libc.symbol(name) as bigint);
}

/** The address of the memory behind `bytes`. Stable for shared memory. */
export function addressOf(bytes: Uint8Array): bigint {
  return koffi.address(bytes);
}

/** Stores one byte at an address that another thread mapped. */
export function storeByte(address: number | bigint, value: number): void {
  koffi.encode(BigInt(address), 'uint8', value);
}

/** A mapping of a file in this process. */
export interface Mapping {
  readonly address: number;
  readonly buffer: ArrayBuffer;
  unmap(): void;
}

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;

/** Maps `length` bytes of `fd` from its start, shared and writable. `undefined` when the kernel refuses; see `errno()`. */
export function mapShared(fd: number, length: number): Mapping | undefined {
  const address = mmapAddress(0, length, PROT_READ_WRITE, MAP_SHARED, fd, 0);
  // MAP_FAILED is all ones; user addresses are below 2^47.
  if (typeof address === 'bigint') return undefined;
  return {
    address,
    buffer: koffi.view(BigInt(address), length),
    unmap: () => void munmapAddress(address, length),
  };
}

/** @param mode FALLOC_FL_… */
export const fallocate = libc.func('fallocate', 'int', ['int', 'int', 'int64', 'int64']) as unknown as (
  fd: number,
  mode: number,
  offset: number,
  length: number,
) => number;

/** @param operation LOCK_… */
export const flock = libc.func('flock', 'int', ['int', 'int']) as unknown as (
  fd: number,
  operation: number,
) => number;

/** Descriptors that cannot wait: read and write say −1 with EAGAIN instead, and never throw as Node's do. */
export const read = libc.func('read', 'int64', ['int', 'void *', 'size_t']) as unknown as (
  fd: number,
  buffer: Uint8Array,
  length: number,
) => number;
export const write = libc.func('write', 'int64', ['int', 'void *', 'size_t']) as unknown as (
  fd: number,
  buffer: Uint8Array,
  length: number,
) => number;

/** `poll` on a thread of Node's pool: `done` gets what it returns. */
export function pollLater(
  pollfds: Uint8Array,
  count: number,
  timeoutMs: number,
  done: (ready: number) => void,
): void {
  const call = poll as unknown as { async(...parameters: unknown[]): void };
  call.async(pollfds, count, timeoutMs, (error: unknown, ready: number) => done(error ? -1 : ready));
}

export const eventfd = libc.func('eventfd', 'int', ['uint', 'int']) as unknown as (
  initial: number,
  flags: number,
) => number;

export const socket = libc.func('socket', 'int', ['int', 'int', 'int']) as unknown as (
  domain: number,
  type: number,
  protocol: number,
) => number;

export const setsockopt = libc.func('setsockopt', 'int', [
  'int',
  'int',
  'int',
  'void *',
  'uint',
]) as unknown as (fd: number, level: number, option: number, value: Uint8Array, length: number) => number;

/** @param message struct msghdr */
export const recvmsg = libc.func('recvmsg', 'int64', ['int', 'void *', 'int']) as unknown as (
  fd: number,
  message: Uint8Array,
  flags: number,
) => number;
