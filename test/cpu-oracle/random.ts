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

  /** 64 bits, often at an edge. */
  word(): bigint {
    switch (this.below(6)) {
      case 0:
        return BigInt(this.below(256));
      case 1:
        return BigInt.asUintN(64, -BigInt(this.below(256)));
      case 2:
        return BigInt.asUintN(64, (1n << BigInt(this.below(64))) + BigInt(this.below(3)) - 1n);
      default:
        return (BigInt(this.next()) << 32n) | BigInt(this.next());
    }
  }
}
