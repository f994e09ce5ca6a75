import { TsvmmError } from '../errors.js';
import * as libc from './libc.js';

/**
 * SIGRTMIN + 6 of glibc: real-time, so that no shell, supervisor or Node itself sends or handles it.
 */
const KICK_SIGNAL = 40;

/** struct sigaction of x86-64 glibc: handler, 128 bytes of mask, flags, restorer. */
const SIGACTION_SIZE = 152;
const SIGACTION_FLAGS = 136;
const SA_RESTART = 0x1000_0000;

/** struct sigevent: value, signo, notify, thread id. */
const SIGEVENT_SIZE = 64;
const SIGEV_THREAD_ID = 4;
const CLOCK_MONOTONIC = 1;

/** struct itimerspec: interval and value, each seconds and nanoseconds. */
const ITIMERSPEC_SIZE = 32;

/**
 * How often an expired deadline is signalled again. A signal that arrives between two KVM_RUNs interrupts neither, so
 * one more has to follow; the window is about a microsecond wide.
 */
const REPEAT_NS = 250_000n;

let installed = false;

/**
 * Makes the kick signal interrupt system calls and do nothing else. `process.on` cannot do that: it works on Node's
 * main thread alone, wakes its event loop each time, and is not there in worker threads.
 */
function install(): void {
  if (installed) return;
  const action = new Uint8Array(SIGACTION_SIZE);
  const view = new DataView(action.buffer);
  // abs() is a handler that does nothing, is async-signal-safe and is there already.
  view.setBigUint64(0, libc.functionAddress('abs'), true);
  // System calls of Node that the signal meets are restarted; KVM_RUN returns EINTR all the same.
  view.setInt32(SIGACTION_FLAGS, SA_RESTART, true);
  if (libc.sigaction(KICK_SIGNAL, action, null) < 0) throw systemError('sigaction');
  installed = true;
}

/** The calling thread as a target of kicks. */
export function kickTarget(): number {
  install();
  return libc.gettid();
}

/**
 * Interrupts a thread of this process that is inside KVM_RUN, or about to enter it.
 * @param exitByte address of its kvm_run's immediate_exit
 */
export function interruptThread(tid: number, exitByte: number): void {
  // The byte first: a thread that has not entered yet gets no EINTR from the signal, but sees the byte.
  libc.storeByte(exitByte, 1);
  libc.tgkill(libc.getpid(), tid, KICK_SIGNAL);
}

/** A host timer that kicks the thread that made it. */
export class DeadlineTimer {
  private readonly id: number | bigint;
  private readonly spec = new Uint8Array(ITIMERSPEC_SIZE);
  private readonly words = new BigInt64Array(this.spec.buffer);

  constructor() {
    const event = new Uint8Array(SIGEVENT_SIZE);
    const view = new DataView(event.buffer);
    view.setInt32(8, KICK_SIGNAL, true);
    view.setInt32(12, SIGEV_THREAD_ID, true);
    view.setInt32(16, kickTarget(), true);
    const id = new BigUint64Array(1);
    if (libc.timerCreate(CLOCK_MONOTONIC, event, new Uint8Array(id.buffer)) < 0)
      throw systemError('timer_create');
    this.id = id[0];
  }

  /** Kicks in `ns` nanoseconds (at least one microsecond from now) and repeatedly from then on; never for `Infinity`. */
  arm(ns: number): void {
    const armed = ns !== Infinity;
    const delay = armed ? BigInt(Math.max(1000, Math.round(ns))) : 0n;
    this.words[1] = armed ? REPEAT_NS : 0n;
    this.words[2] = delay / 1_000_000_000n;
    this.words[3] = delay % 1_000_000_000n;
    if (libc.timerSettime(this.id, 0, this.spec, null) < 0) throw systemError('timer_settime');
  }

  close(): void {
    libc.timerDelete(this.id);
  }
}

function systemError(call: string): TsvmmError {
  const error = libc.errno();
  return new TsvmmError('SYSTEM', `${call} failed: ${libc.strerror(error)}`, { call, errno: error });
}
