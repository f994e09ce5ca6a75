/**
 * Memory for data on its way in one direction, of all connections together. What a connection may have of it is a share
 * of what is free, so that some that stand still leave enough for the others; when nothing is left nobody takes data.
 */
export class Budget {
  private used = 0;
  private exhausted = false;

  /**
   * @param limit bytes in all
   * @param onFull nothing may be taken from now on
   * @param onRelief half of it is free again
   */
  constructor(
    private readonly limit: number,
    private readonly onFull: () => void,
    private readonly onRelief: () => void,
  ) {}

  /** Whether nothing may be taken. */
  get full(): boolean {
    return this.exhausted;
  }

  /** Most bytes that one connection may have: from `least` to `most`, less when there is less. */
  share(least: number, most: number): number {
    return Math.max(least, Math.min(most, (this.limit / 2 - this.used) / SHARES));
  }

  /** Somebody has so many bytes more, or less, than before. */
  add(bytes: number): void {
    this.used += bytes;
    if (this.exhausted) {
      if (this.used > this.limit / 2) return;
      this.exhausted = false;
      this.onRelief();
    } else if (this.used >= this.limit) {
      this.exhausted = true;
      this.onFull();
    }
  }
}

/** Connections that share what is free. */
const SHARES = 16;
