import type { ConsoleLine } from '../../devices/virtio/console/port.js';
import { ByteRing } from '../byte-ring.js';
import { LOOK_AGAIN_MS } from './ring-sink.js';
import type { SerialInput } from './serial-input.js';

export interface RingLineOptions {
  readonly output: SharedArrayBuffer;
  readonly input: SerialInput;
  /** Output waits until there is room, instead of staying with the guest: what the guest sees depends on no reader then. */
  readonly patient: boolean;
  /** Tells the control thread that the output ring is no longer empty. */
  announceOutput(): void;
  /** Tells it that there is room in the input ring, where it waits for that. */
  announceSpace(): void;
  announceOpen(open: boolean): void;
}

/** A console port's far end: rings that the control thread fills and empties. */
export class RingLine implements ConsoleLine {
  private readonly output: ByteRing;

  constructor(private readonly options: RingLineOptions) {
    this.output = new ByteRing(options.output);
  }

  write(data: Uint8Array): number {
    let count = this.writeSome(data);
    while (count < data.length) {
      // Room that came up between the two is used at once; otherwise the reader tells of it.
      if (this.options.patient) this.output.waitForRead(LOOK_AGAIN_MS);
      else if (this.output.awaitSpace()) break;
      count += this.writeSome(data.subarray(count));
    }
    return count;
  }

  put(byte: number): void {
    while (!this.output.push(byte)) this.output.waitForRead(LOOK_AGAIN_MS);
    if (this.output.length === 1) this.options.announceOutput();
  }

  get hasInput(): boolean {
    return this.options.input.length > 0;
  }

  read(target: Uint8Array): number {
    const { input } = this.options;
    const count = input.readInto(target);
    if (input.takeWaiting()) this.options.announceSpace();
    return count;
  }

  guestOpened(open: boolean): void {
    this.options.announceOpen(open);
  }

  private writeSome(data: Uint8Array): number {
    const count = this.output.write(data);
    // Looked at after the write: either this sees no more than it wrote, or the consumer sees all of it.
    if (count > 0 && this.output.length <= count) this.options.announceOutput();
    return count;
  }
}
