import type { NetBackend, NetCard, Offload, OffloadSupport } from './backend.js';
import { MAX_FRAME, MIN_FRAME, type Cable } from './cable.js';
import { blankOffload, FRAME_HEADER_SIZE, isPlain, readOffload, writeOffload } from './frame-header.js';
import type { FrameRing } from './frame-ring.js';
import { completeChecksum, Segmenter } from './offload.js';

/** Frames that are passed on before the thread looks at something else. */
const FRAMES_A_TURN = 64;

/**
 * A network card as its back end sees it: the far end of the cable, on the back end's thread. It does in software what
 * the one side leaves to do and the other does not accept: checksums and segmentation.
 */
export class RemoteCard implements NetCard {
  private readonly fromGuest: FrameRing;
  private readonly toGuest: FrameRing;
  private readonly offload = blankOffload();
  private readonly segmenter = new Segmenter();
  private readonly scratch = new Uint8Array(MAX_FRAME);
  private waitsForRoom = false;
  private ringing = false;
  private readonly ringNow = (): void => {
    this.ringing = false;
    this.ring();
  };

  /**
   * @param ring wakes the machine: there are frames, or room for frames, or the link has changed
   * @param schedule calls `poll` soon
   */
  constructor(
    private readonly cable: Cable,
    private readonly backend: NetBackend,
    private readonly ring: () => void,
    private readonly schedule: () => void,
  ) {
    this.fromGuest = cable.toHost;
    this.toGuest = cable.toGuest;
    cable.link = true;
    backend.onReady = schedule;
    backend.attach(this);
  }

  get accepts(): OffloadSupport {
    return this.cable.accepts;
  }

  setLink(up: boolean): void {
    if (this.cable.link === up) return;
    this.cable.link = up;
    this.ringSoon();
  }

  receive(frame: Uint8Array, offload?: Offload): boolean {
    const { length } = frame;
    // What is no frame is no more tomorrow: it counts as taken.
    if (length < MIN_FRAME || length > MAX_FRAME) return true;
    if (offload?.gso !== undefined && !this.accepts[offload.gso]) return this.receiveSegments(frame, offload);
    const { toGuest } = this;
    const at = toGuest.reserve(length);
    if (at < 0) return this.refuse();
    toGuest.bytes.set(frame, at);
    const { csumStart, csumOffset } = offload ?? {};
    if (csumStart !== undefined && csumOffset !== undefined && !this.accepts.checksum) {
      const own = toGuest.bytes.subarray(at, at + length);
      if (csumStart + csumOffset + 2 <= length) completeChecksum(own, csumStart, csumOffset);
      writeOffload(toGuest.view, at - FRAME_HEADER_SIZE, undefined);
    } else {
      writeOffload(toGuest.view, at - FRAME_HEADER_SIZE, offload);
    }
    toGuest.commit(length);
    this.ringSoon();
    return true;
  }

  /**
   * Passes frames of the guest to the back end, and news of room.
   * @returns whether there is more to do, after others had their turn
   */
  poll(): boolean {
    const { fromGuest, backend } = this;
    let left = FRAMES_A_TURN;
    while (left > 0 && backend.ready !== false) {
      const at = fromGuest.peek();
      if (at < 0) break;
      this.transmit(at, fromGuest.lengthAt(at));
      fromGuest.shift(at);
      left--;
    }
    if (fromGuest.takeWaiting()) this.ringSoon();
    if (this.waitsForRoom && this.toGuest.halfFree) {
      this.waitsForRoom = false;
      backend.onRoom();
    }
    return left === 0;
  }

  private transmit(at: number, length: number): void {
    const { backend, fromGuest, offload } = this;
    const frame = fromGuest.bytes.subarray(at, at + length);
    const header = at - FRAME_HEADER_SIZE;
    if (isPlain(fromGuest.view, header)) {
      backend.transmit(frame);
      return;
    }
    readOffload(fromGuest.view, header, offload);
    const { accepts } = backend;
    if (offload.gso !== undefined && !accepts[offload.gso]) {
      const count = this.segmenter.begin(frame, offload);
      for (let i = 0; i < count; i++) {
        const segment = this.scratch.subarray(0, this.segmenter.lengthOf(i));
        this.segmenter.write(i, segment);
        backend.transmit(segment);
      }
    } else if (offload.csumStart !== undefined && !accepts.checksum) {
      // The card has checked that it lies inside the frame.
      completeChecksum(frame, offload.csumStart, offload.csumOffset!);
      backend.transmit(frame);
    } else {
      backend.transmit(frame, offload);
    }
  }

  private receiveSegments(frame: Uint8Array, offload: Offload): boolean {
    const { toGuest, segmenter } = this;
    const count = segmenter.begin(frame, offload);
    if (count === 0) return true;
    if (!toGuest.hasRoom(count, segmenter.largest)) return this.refuse();
    for (let i = 0; i < count; i++) {
      const length = segmenter.lengthOf(i);
      const at = toGuest.reserve(length);
      segmenter.write(i, toGuest.bytes.subarray(at, at + length));
      writeOffload(toGuest.view, at - FRAME_HEADER_SIZE, undefined);
      toGuest.commit(length);
    }
    this.ringSoon();
    return true;
  }

  /** There is no room: the back end hears when there is. */
  private refuse(): false {
    this.waitsForRoom = true;
    // Room that has come up in the meantime is found by the next look.
    if (!this.toGuest.awaitRoom()) this.schedule();
    return false;
  }

  /** Once for all frames of one event. */
  private ringSoon(): void {
    if (this.ringing) return;
    this.ringing = true;
    queueMicrotask(this.ringNow);
  }
}
