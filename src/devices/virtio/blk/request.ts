import type { BlockResult } from '../../../block/backend.js';
import type { GatedRequest } from '../../../block/throttle.js';
import type { Chain } from '../queue/chain.js';
import type { Virtqueue } from '../queue/virtqueue.js';

/** What is to be done next for a request: to look at what it asks for, or something by the back end. */
export const Step = { PARSE: 0, READ: 1, WRITE: 2, FLUSH: 3, DISCARD: 4, WRITE_ZEROES: 5 } as const;
export type Step = (typeof Step)[keyof typeof Step];

/** A range of DISCARD and WRITE_ZEROES, in bytes. */
export interface ClearedRange {
  readonly offset: number;
  readonly length: number;
  readonly unmap: boolean;
}

/** What a request needs of its device. */
export interface RequestOwner {
  /** Whether the driver still waits for it. */
  isPending(request: BlkRequest): boolean;
  /** It goes on, now or when its turn comes. */
  proceed(request: BlkRequest): void;
  /** The back end has done its next piece, or could not. */
  pieceDone(request: BlkRequest, result: BlockResult): void;
}

const NO_RANGES: readonly ClearedRange[] = [];

/** A request that the back end works on, piece by piece. Used again when it has been answered, and only then. */
export class BlkRequest implements GatedRequest {
  chain!: Chain;
  queue!: Virtqueue;
  /** Of its queue. */
  index = 0;
  step: Step = Step.PARSE;
  /** Bytes of data that the driver has got when it ends well. */
  filled = 0;
  /** Where on the disk its next piece begins, and how much is left from there on, in bytes. */
  offset = 0;
  rest = 0;
  /** Where in the chain's data its next piece begins. */
  at = 0;
  /** Bytes of the piece that the back end has. */
  piece = 0;
  /** What a deferred back end reads into. */
  aside: Uint8Array | undefined;
  /** Of DISCARD and WRITE_ZEROES: those behind the one that `offset` is in begin at `nextRange`. */
  ranges = NO_RANGES;
  nextRange = 0;
  unmap = false;
  /** Its piece has ended, with this result, while the device might not use memory. */
  ended = false;
  result: BlockResult;
  /** For the back end. */
  readonly done: (result: BlockResult) => void;

  constructor(private readonly owner: RequestOwner) {
    this.done = result => owner.pieceDone(this, result);
  }

  /** A buffer that was just taken from queue `index`. */
  hold(chain: Chain, queue: Virtqueue, index: number): void {
    this.chain = chain;
    this.queue = queue;
    this.index = index;
    this.step = Step.PARSE;
    this.filled = 0;
    this.rest = 0;
    this.at = 0;
    this.aside = undefined;
    this.ranges = NO_RANGES;
    this.nextRange = 0;
    this.ended = false;
    this.result = undefined;
  }

  /** Data between the disk, from `offset` on, and the chain. */
  transfer(step: Step, offset: number, length: number): void {
    this.step = step;
    this.offset = offset;
    this.rest = length;
  }

  clear(step: Step, ranges: readonly ClearedRange[]): void {
    this.step = step;
    this.ranges = ranges;
    this.enterRange();
  }

  /** The piece has been done: what comes next begins behind it. @returns false when nothing does */
  advance(): boolean {
    this.offset += this.piece;
    this.at += this.piece;
    this.rest -= this.piece;
    return this.rest > 0 || this.enterRange();
  }

  get wanted(): boolean {
    return this.owner.isPending(this);
  }

  proceed(): void {
    if (this.wanted) this.owner.proceed(this);
  }

  /** Goes to the next range that is not empty. */
  private enterRange(): boolean {
    while (this.nextRange < this.ranges.length) {
      const { offset, length, unmap } = this.ranges[this.nextRange++];
      if (length === 0) continue;
      this.offset = offset;
      this.rest = length;
      this.unmap = unmap;
      return true;
    }
    return false;
  }
}
