import type { DeviceState } from '../../vmm/device.js';
import { DeviceId, type DeviceHost, type DeviceType } from './device-type.js';
import { NO_CONFIG } from './no-config.js';

/** Where entropy comes from: fills `target`, memory that no other thread sees. */
export type EntropySource = (target: Uint8Array) => void;

const REQUEST_QUEUE = 0;
/** What is drawn at once: a larger buffer of the driver is filled piece by piece. */
const PIECE = 4096;
/** Bytes of one buffer that are filled; the driver asks again for more (5.4.6: at least one byte). */
const MAX_FILLED = 64 * 1024;

/** Entropy device (virtio 1.3, 5.4): every buffer that the driver offers comes back full of random bytes. */
export class VirtioRng implements DeviceType {
  readonly id = DeviceId.ENTROPY;
  readonly pciClass = 0x00_ff_00;
  readonly features = 0n;
  readonly queueSizes = [64];
  readonly config = NO_CONFIG;
  readonly configSize = 0;
  private host!: DeviceHost;
  private readonly piece = new Uint8Array(PIECE);

  constructor(private readonly source: EntropySource) {}

  connect(host: DeviceHost): void {
    this.host = host;
  }

  start(): void {
    this.notify(REQUEST_QUEUE);
  }

  requestName(): string {
    return 'fill';
  }

  notify(index: number): void {
    this.host.serve(index, (chain, queue) => {
      const wanted = Math.min(chain.writableBytes, MAX_FILLED);
      for (let filled = 0; filled < wanted; filled += PIECE) {
        const piece = this.piece.subarray(0, Math.min(PIECE, wanted - filled));
        this.source(piece);
        chain.write(filled, piece);
      }
      queue.push(chain, wanted);
    });
  }

  resetQueue(): void {}

  reset(): void {}

  save(): DeviceState {
    return {};
  }

  load(): void {}
}
