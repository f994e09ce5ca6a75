import type { NetCard, Offload, OffloadSupport } from '../../../../../src/net/backend.js';
import { NO_OFFLOADS } from '../../../../../src/net/backend.js';
import { checksum, parse, type Received } from './frames.js';

/** A guest's network card: keeps what arrives, and does what the driver of a real one would leave to it. */
export class FakeCard implements NetCard {
  accepts: OffloadSupport = NO_OFFLOADS;
  readonly received: Received[] = [];
  /** Frames that there is room for. */
  room = Infinity;
  /** Called instead of keeping a frame. */
  onFrame?: (frame: Received) => void;

  receive(bytes: Uint8Array, offload?: Offload): boolean {
    if (this.room <= 0) return false;
    this.room--;
    const frame = Buffer.from(bytes);
    if (offload?.csumStart !== undefined) completeChecksum(frame, offload.csumStart, offload.csumOffset!);
    const parsed = parse(frame);
    if (this.onFrame) this.onFrame(parsed);
    else this.received.push(parsed);
    return true;
  }

  setLink(): void {}

  /** What has arrived since the last time. */
  take(): Received[] {
    return this.received.splice(0, Infinity);
  }
}

function completeChecksum(frame: Buffer, start: number, offset: number): void {
  frame.writeUInt16BE(checksum(frame.subarray(start)), start + offset);
}
