import * as libc from '../libc.js';

/** struct pollfd: descriptor, events to wait for, events that came. */
const POLLFD_SIZE = 8;
const EVENTS = 4;
const POLLIN = 1;
const EFD_FLAGS = 0o2000000 | 0o4000;
/** A thread of Node's pool that waits is no reason for the process to go on: it looks up now and then. */
const LOOK_UP_MS = 1000;

/**
 * Says when descriptors can be read that Node's event loop does not know how to wait for. However many there are, one
 * thread of Node's pool waits for all of them.
 */
class Readiness {
  private readonly watched = new Map<number, () => void>();
  private readonly wakeup = libc.eventfd(0, EFD_FLAGS);
  private readonly counter = new Uint8Array(new BigUint64Array([1n]).buffer);
  private polling = false;

  /** Calls `action` once, when there is something to read from `fd`. */
  watch(fd: number, action: () => void): void {
    this.watched.set(fd, action);
    this.update();
  }

  unwatch(fd: number): void {
    if (this.watched.delete(fd)) this.update();
  }

  /** What is waited for has changed. */
  private update(): void {
    if (this.polling) libc.write(this.wakeup, this.counter, this.counter.length);
    else this.poll();
  }

  private poll(): void {
    const { watched } = this;
    if (watched.size === 0) return;
    this.polling = true;
    const pollfds = new Uint8Array((watched.size + 1) * POLLFD_SIZE);
    const view = new DataView(pollfds.buffer);
    const fds = [this.wakeup, ...watched.keys()];
    fds.forEach((fd, i) => {
      view.setInt32(i * POLLFD_SIZE, fd, true);
      view.setInt16(i * POLLFD_SIZE + EVENTS, POLLIN, true);
    });
    libc.pollLater(pollfds, fds.length, LOOK_UP_MS, () => {
      this.polling = false;
      libc.read(this.wakeup, new Uint8Array(8), 8);
      const ready = fds
        .slice(1)
        .filter((_, i) => view.getInt16((i + 1) * POLLFD_SIZE + EVENTS + 2, true) !== 0);
      for (const fd of ready) {
        const action = watched.get(fd);
        watched.delete(fd);
        action?.();
      }
      if (!this.polling) this.poll();
    });
  }
}

let shared: Readiness | undefined;

/** The thread's own. */
export function readiness(): Readiness {
  return (shared ??= new Readiness());
}
