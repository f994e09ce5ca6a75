import type { NetCard, Offload } from '../backend.js';
import { ETHERNET_HEADER } from './ethernet.js';

/** Longer than any frame: what an IP packet can say of its length, and the header before it. */
const FRAME_SIZE = ETHERNET_HEADER + 65536;
/** Of the frames up to this length, views are kept. */
const KEPT_VIEWS = 1536;

/** The network's end of the cable. */
export class Link {
  /** What is sent is put together here. */
  readonly frame = new Uint8Array(FRAME_SIZE);
  /** Frames that the card had no room for, and that nobody sends again. */
  lost = 0;
  card?: NetCard;
  private readonly views: Uint8Array[] = [];
  private largeView = this.frame;

  /** Sends the first `length` bytes of `frame`. Returns false when the card has no room. */
  offer(length: number, offload?: Offload): boolean {
    return this.card?.receive(this.view(length), offload) ?? false;
  }

  /** Sends the first `length` bytes of `frame`, if the card has room. */
  send(length: number, offload?: Offload): void {
    if (!this.offer(length, offload)) this.lost++;
  }

  private view(length: number): Uint8Array {
    if (length > KEPT_VIEWS) {
      if (this.largeView.length !== length) this.largeView = this.frame.subarray(0, length);
      return this.largeView;
    }
    return (this.views[length] ??= this.frame.subarray(0, length));
  }
}
