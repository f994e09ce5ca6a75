/** A small repeatable generator of random numbers (xorshift32), so that a seed names a run. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = (seed | 0) === 0 ? 0x9e3779b9 : seed | 0;
    for (let i = 0; i < 8; i++) this.next();
  }

  /** 32 random bits. */
  next(): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return this.state >>> 0;
  }

  /** 0 to n − 1. */
  below(n: number): number {
    return Math.floor((this.next() / 2 ** 32) * n);
  }

  chance(probability: number): boolean {
    return this.next() < probability * 2 ** 32;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)];
  }

  fill(words: Uint32Array): void {
    for (let i = 0; i < words.length; i++) words[i] = this.next();
  }

  /** 32 bits, often at an edge. */
  word32(): number {
    switch (this.below(6)) {
      case 0:
        return this.below(256);
      case 1:
        return -this.below(256) >>> 0;
      case 2:
        return ((1 << this.below(32)) + this.below(3) - 1) >>> 0;
      default:
        return this.next();
    }
  }

  /** 64 bits, often at an edge, as words[at] and, above it, words[at + 1]. */
  word64(words: Uint32Array, at: number): void {
    let low = this.next();
    let high = this.next();
    switch (this.below(6)) {
      case 0:
        low &= 255;
        high = 0;
        break;
      case 1:
        low |= ~255;
        high = -1;
        break;
      case 2: {
        const n = this.below(64);
        low = n < 32 ? 1 << n : 0;
        high = n < 32 ? 0 : 1 << (n - 32);
        const near = this.below(3) - 1;
        // A borrow or carry out of the lower half.
        if (near < 0 && low === 0) high -= 1;
        if (near > 0 && low === -1) high += 1;
        low += near;
        break;
      }
      default:
    }
    words[at] = low;
    words[at + 1] = high;
  }

  /** The same as a number. */
  word(): bigint {
    const words = new Uint32Array(2);
    this.word64(words, 0);
    return (BigInt(words[1]) << 32n) | BigInt(words[0]);
  }
}
