import type { ExitEvent } from '../format.js';

/** A stretch of time, in ns. */
export type Stretch = readonly [from: number, to: number];

/**
 * When the guest ran before an exit: not at one stretch where the recorder stopped it to look at its code. Takes the events of one thread
 * in their order.
 */
export class GuestTime {
  private readonly pauses: Stretch[] = [];

  /** The recorder worked: an exit of reason `profiler`. */
  pause({ time, hostNs }: ExitEvent): void {
    this.pauses.push([time, time + hostNs]);
  }

  /** The stretches that are together as long as the exit's `guestNs`, the last one first. */
  before({ time, guestNs }: ExitEvent): Stretch[] {
    const stretches: Stretch[] = [];
    let [end, left] = [time, guestNs];
    while (left > 0) {
      const pause = this.pauses.pop();
      const from = Math.max(end - left, pause?.[1] ?? -Infinity);
      if (from < end) {
        stretches.push([from, end]);
        left -= end - from;
      }
      if (!pause) break;
      end = Math.min(end, pause[0]);
    }
    this.pauses.length = 0;
    return stretches;
  }
}
