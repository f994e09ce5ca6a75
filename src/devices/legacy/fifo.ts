/**
 * A bounded first-in first-out queue of 16-bit values: a byte, and above it what a device has to say about that
 * byte. Nothing is allocated after construction.
 */
export class Fifo {
  private readonly slots: Uint16Array;
  private head = 0;
  private count = 0;

  /** @param capacity values that it can hold, at least 1 */
  constructor(readonly capacity: number) {
    this.slots = new Uint16Array(capacity);
  }

  /** Values waiting. */
  get length(): number {
    return this.count;
  }

  /** Values for which there is room. */
  get space(): number {
    return this.capacity - this.count;
  }

  /** Appends `value`, 0 to 0xFFFF. @returns false when there was no room and `value` was dropped */
  push(value: number): boolean {
    if (this.count === this.capacity) return false;
    this.slots[(this.head + this.count) % this.capacity] = value;
    this.count++;
    return true;
  }

  /** Takes the oldest value; −1 when there is none. */
  shift(): number {
    if (this.count === 0) return -1;
    const value = this.slots[this.head];
    this.head = (this.head + 1) % this.capacity;
    this.count--;
    return value;
  }

  /** The oldest value, which stays; −1 when there is none. */
  peek(): number {
    return this.count === 0 ? -1 : this.slots[this.head];
  }

  /** Puts `value` in the place of the oldest one, where there is one. */
  replaceFirst(value: number): void {
    if (this.count > 0) this.slots[this.head] = value;
  }

  clear(): void {
    this.head = 0;
    this.count = 0;
  }

  /** What waits, oldest first. */
  toArray(): number[] {
    return Array.from({ length: this.count }, (_, i) => this.slots[(this.head + i) % this.capacity]);
  }

  /** Holds `values`, oldest first, and nothing else; those beyond `capacity` are dropped. */
  restore(values: readonly number[]): void {
    this.clear();
    for (const value of values) this.push(value);
  }
}
