const MULTIPLIER = 0x9e37_79b1;

/**
 * Finds records by three words: open addressing over indices into a table that only grows. Fixed in size, so that looking
 * up and adding allocate nothing.
 */
export class KeyIndex {
  /** Index + 1 of the record in each slot, 0 for none. */
  private readonly slots: Int32Array;
  private readonly keys: Int32Array;
  private readonly mask: number;

  /** @param capacity records, at most */
  constructor(private readonly capacity: number) {
    const size = 2 ** Math.ceil(Math.log2(capacity * 2));
    this.slots = new Int32Array(size);
    this.keys = new Int32Array(capacity * 3);
    this.mask = size - 1;
  }

  /** The index of the record with this key, −1 when there is none. */
  find(a: number, b: number, c: number): number {
    const { slots, keys, mask } = this;
    // Keys are kept as signed words, whatever they came as.
    const [first, second, third] = [a | 0, b | 0, c | 0];
    for (let slot = hash(a, b, c) & mask; ; slot = (slot + 1) & mask) {
      const index = slots[slot] - 1;
      if (index < 0) return -1;
      const at = index * 3;
      if (keys[at] === first && keys[at + 1] === second && keys[at + 2] === third) return index;
    }
  }

  /** Gives `index` to a key that no record has. @param index below the capacity */
  add(a: number, b: number, c: number, index: number): void {
    const { slots, keys, mask } = this;
    if (index >= this.capacity) throw new RangeError(`record ${index} of ${this.capacity}`);
    let slot = hash(a, b, c) & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = index + 1;
    keys[index * 3] = a;
    keys[index * 3 + 1] = b;
    keys[index * 3 + 2] = c;
  }
}

/** Of 32-bit words. */
function hash(a: number, b: number, c: number): number {
  let value = Math.imul(a, MULTIPLIER) ^ b;
  value = Math.imul(value ^ (value >>> 15), MULTIPLIER) ^ c;
  value = Math.imul(value ^ (value >>> 13), MULTIPLIER);
  return value ^ (value >>> 16);
}
