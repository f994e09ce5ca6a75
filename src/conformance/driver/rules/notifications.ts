import { needsEvent } from '../../../devices/virtio/queue/virtqueue.js';
import type { DriverEvents } from '../driver-events.js';
import type { WatchedDevice } from '../watched-device.js';
import type { WatchedQueue } from '../watched-queue.js';

/** Looks at a queue in which a buffer waits for a notification, before it counts as forgotten. */
const PATIENCE = 10;
const NO_NOTIFY = 1;

/** What is remembered of one split queue. */
interface Progress {
  readonly queue: WatchedQueue;
  /** The device's wish, and the driver's index when the device last changed it. */
  wish: number;
  indexAtWish: number;
  /** The driver's index at its last notification, and how many buffers it had exposed then. */
  notifiedIndex: number;
  /** Looks in a row at which a buffer was waiting, and how many buffers there were at the first. */
  waited: number;
  exposures: number;
}

/**
 * Whether a driver of split queues notifies when the device wants it, and only then (virtio 1.4, 2.7.10.1).
 *
 * A driver reads the device's wish some time before its notification arrives, so that only what has not changed in between
 * can be held against it; and a notification may be overtaken by that of another CPU.
 */
export class NotificationRules implements DriverEvents {
  private readonly queues = new Map<number, Progress>();

  constructor(private readonly watched: WatchedDevice) {}

  reset(): void {
    this.queues.clear();
  }

  queueOpened(queue: WatchedQueue): void {
    if (queue.packed) return;
    this.queues.set(queue.index, {
      queue,
      wish: this.wishOf(queue),
      indexAtWish: queue.availableIndex,
      // What was exposed before DRIVER_OK could not be notified of (3.1.1).
      notifiedIndex: queue.availableIndex,
      waited: 0,
      exposures: 0,
    });
    const { ring } = queue;
    const update = (): void => this.update(queue.index);
    const enable = ring.enableNotifications.bind(ring);
    ring.enableNotifications = () => {
      const more = enable();
      update();
      return more;
    };
    const disable = ring.disableNotifications.bind(ring);
    ring.disableNotifications = () => {
      disable();
      update();
    };
  }

  exposed(queue: WatchedQueue): void {
    const state = this.queues.get(queue.index);
    if (state?.queue === queue) state.waited = 0;
  }

  notified(index: number): void {
    const state = this.queues.get(index);
    if (!state) return;
    const { queue } = state;
    const now = queue.availableIndex;
    const before = state.notifiedIndex;
    state.notifiedIndex = now;
    state.waited = 0;
    const needed = this.needs(state, now, before);
    if (needed) this.judgeSent(queue, true);
    // As many notifications as buffers may be late ones.
    const late = queue.notifications < queue.exposures;
    const certain = state.indexAtWish !== now || now === before;
    if (needed || !certain) this.judgeUnneeded(queue, true, '');
    else if (now === before) {
      if (!late) this.judgeUnneeded(queue, false, 'it notifies, and there is nothing new');
    } else {
      this.judgeUnneeded(
        queue,
        false,
        `it notifies, and the device does not want it (${this.wishText(state)})`,
      );
    }
  }

  sampled(): void {
    for (const state of this.queues.values()) this.sample(state);
  }

  private sample(state: Progress): void {
    const { queue } = state;
    const [first] = queue.waiting;
    const forgotten = first !== undefined && this.needs(state, queue.availableIndex, state.notifiedIndex);
    if (!forgotten || state.exposures !== queue.exposures) {
      state.waited = 0;
      state.exposures = queue.exposures;
      return;
    }
    state.waited++;
    if (state.waited === PATIENCE) {
      this.judgeSent(
        queue,
        false,
        `buffer ${first.head} waits, and it does not notify (${this.wishText(state)})`,
      );
    }
  }

  /** The device wants to hear of the buffers between two indices. */
  private needs({ queue, wish }: Progress, now: number, before: number): boolean {
    return queue.eventIndex ? needsEvent(wish, now, before) : (wish & NO_NOTIFY) === 0 && now !== before;
  }

  private update(index: number): void {
    const state = this.queues.get(index);
    if (!state) return;
    const wish = this.wishOf(state.queue);
    if (wish === state.wish) return;
    state.wish = wish;
    state.indexAtWish = state.queue.availableIndex;
  }

  private wishOf(queue: WatchedQueue): number {
    return queue.eventIndex ? queue.availEvent : queue.usedFlags;
  }

  private wishText({ queue, wish }: Progress): string {
    return queue.eventIndex ? `avail_event ${wish}` : `flags ${wish}`;
  }

  private judgeSent(queue: WatchedQueue, ok: boolean, what = ''): void {
    const id = queue.eventIndex ? '2.7.10.1/notify-event' : '2.7.10.1/notify-flag';
    this.watched.check(id, ok, () => what, queue.index);
  }

  private judgeUnneeded(queue: WatchedQueue, ok: boolean, what: string): void {
    const id = queue.eventIndex ? '2.7.10.1/no-notify-event' : '2.7.10.1/no-notify-flag';
    this.watched.check(id, ok, () => what, queue.index);
  }
}
