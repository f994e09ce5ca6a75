/** A set of byte strings, kept as 64-bit hashes: tens of millions fit, where a `Set` of strings would not. */
export class SeenBytes {
  size = 0;
  private slots = new Uint32Array(2 << 16);

  /** @returns whether the first `length` bytes were not yet in the set */
  add(bytes: Uint8Array, length: number): boolean {
    let low = 0x811c9dc5;
    let high = 0x9e3779b9 ^ length;
    for (let i = 0; i < length; i++) {
      low = Math.imul(low ^ bytes[i], 0x01000193);
      high = Math.imul(high ^ bytes[i] ^ (low >>> 15), 0x85ebca6b);
    }
    // Two zeroes are an empty slot.
    if (!this.insert(low >>> 0, (high | 1) >>> 0)) return false;
    this.size++;
    if (this.size * 4 > this.slots.length) this.grow();
    return true;
  }

  private insert(low: number, high: number): boolean {
    const { slots } = this;
    const mask = slots.length - 1;
    for (let at = ((low ^ (high >>> 7)) << 1) & mask; ; at = (at + 2) & mask) {
      if (slots[at + 1] === 0) {
        slots[at] = low;
        slots[at + 1] = high;
        return true;
      }
      if (slots[at] === low && slots[at + 1] === high) return false;
    }
  }

  private grow(): void {
    const old = this.slots;
    this.slots = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += 2) if (old[at + 1] !== 0) this.insert(old[at], old[at + 1]);
  }
}
