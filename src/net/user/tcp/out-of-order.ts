import { copyOf } from '../bytes.js';
import { add, distance } from './sequence.js';

/** Pieces of one connection that wait for what is before them. */
const MAX_PIECES = 512;
/** Memory that a piece takes besides its bytes, about. */
const PIECE_OVERHEAD = 256;

interface Piece {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** Data that came before its turn: pieces by their place, without overlaps. */
export class OutOfOrderData {
  /** Memory that all of them take, about. */
  held = 0;
  private readonly pieces: Piece[] = [];

  get isEmpty(): boolean {
    return this.pieces.length === 0;
  }

  /** Keeps of `bytes` from `start` to `end`, which begin at `sequence`, what is not there yet. */
  insert(sequence: number, bytes: Uint8Array, start: number, end: number): void {
    let from = sequence;
    let at = start;
    let i = 0;
    while (at < end && this.pieces.length < MAX_PIECES) {
      const piece = this.pieces[i];
      const gap = piece ? distance(piece.sequence, from) : Infinity;
      if (gap > 0) {
        const length = Math.min(gap, end - at);
        this.pieces.splice(i, 0, { sequence: from, bytes: copyOf(bytes, at, at + length) });
        this.held += length + PIECE_OVERHEAD;
        i++;
        from = add(from, length);
        at += length;
        continue;
      }
      const skipped = Math.max(0, gap + piece.bytes.length);
      from = add(from, skipped);
      at += skipped;
      i++;
    }
  }

  /** Takes what goes on at `sequence`; `undefined` when that has not come. */
  take(sequence: number): Uint8Array | undefined {
    for (let piece = this.pieces[0]; piece; piece = this.pieces[0]) {
      const skip = distance(sequence, piece.sequence);
      if (skip < 0) return undefined;
      this.pieces.shift();
      this.held -= piece.bytes.length + PIECE_OVERHEAD;
      if (skip < piece.bytes.length) return skip === 0 ? piece.bytes : piece.bytes.subarray(skip);
    }
    return undefined;
  }

  clear(): void {
    this.pieces.length = 0;
    this.held = 0;
  }
}
