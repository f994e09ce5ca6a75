import type { BusRange, Device, DeviceState } from '../../vmm/device.js';
import { RegisterBlock } from '../registers.js';

export const POST_CODE_PORT = 0x80;

/** Codes that are remembered. */
export const POST_CODE_HISTORY = 16;

type PostCodeState = { codes: readonly number[] };

/**
 * The diagnostic port (IBM PC/AT Technical Reference, manufacturing test port): a latch for a progress code, which
 * many kernels also write to only because the access takes about a microsecond.
 */
export class PostCode implements Device {
  readonly name = 'post-code';
  readonly ranges: readonly BusRange[];

  private readonly codes = new Uint8Array(POST_CODE_HISTORY);
  /** Where the next code goes. */
  private next = 0;
  private count = 0;

  private static readonly registers = new RegisterBlock<PostCode>([
    {
      name: 'POST_CODE',
      offset: 0,
      width: 1,
      read: device => device.last,
      write: (device, value) => device.record(value),
    },
  ]);

  constructor() {
    this.ranges = [{ space: 'port', base: POST_CODE_PORT, size: 1, target: PostCode.registers.bind(this) }];
  }

  /** The last code written, 0 when there was none. */
  get last(): number {
    return this.count === 0 ? 0 : this.codes[(this.next + POST_CODE_HISTORY - 1) % POST_CODE_HISTORY];
  }

  /** The last codes, at most `POST_CODE_HISTORY`, oldest first. */
  history(): number[] {
    const first = this.next + POST_CODE_HISTORY - this.count;
    return Array.from({ length: this.count }, (_, i) => this.codes[(first + i) % POST_CODE_HISTORY]);
  }

  reset(): void {
    this.next = 0;
    this.count = 0;
  }

  save(): DeviceState {
    const state: PostCodeState = { codes: this.history() };
    return state;
  }

  load(state: DeviceState): void {
    this.reset();
    for (const code of (state as PostCodeState).codes) this.record(code);
  }

  private record(code: number): void {
    this.codes[this.next] = code;
    this.next = (this.next + 1) % POST_CODE_HISTORY;
    this.count = Math.min(this.count + 1, POST_CODE_HISTORY);
  }
}
