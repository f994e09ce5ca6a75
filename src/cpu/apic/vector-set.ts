/** One bit for each of the 256 vectors, as ISR, TMR and IRR have them: eight words of 32. */
export class VectorSet {
  private readonly words = new Uint32Array(8);

  /** The word at a register's offset within its eight. */
  word(index: number): number {
    return this.words[index];
  }

  setWord(index: number, value: number): void {
    this.words[index] = value;
  }

  has(vector: number): boolean {
    return (this.words[vector >> 5] & (1 << (vector & 31))) !== 0;
  }

  add(vector: number): void {
    this.words[vector >> 5] |= 1 << (vector & 31);
  }

  delete(vector: number): void {
    this.words[vector >> 5] &= ~(1 << (vector & 31));
  }

  /** The vector of highest priority, −1 when there is none. */
  highest(): number {
    for (let i = 7; i >= 0; i--) {
      if (this.words[i] !== 0) return i * 32 + 31 - Math.clz32(this.words[i]);
    }
    return -1;
  }

  clear(): void {
    this.words.fill(0);
  }
}
