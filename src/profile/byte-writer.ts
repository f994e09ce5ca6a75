const FIRST_SIZE = 4096;
const LOW_7 = 0x7f;
const MORE = 0x80;

/** Bytes that grow, with the encodings of the profile format. */
export class ByteWriter {
  private bytes = new Uint8Array(FIRST_SIZE);
  private length = 0;

  get size(): number {
    return this.length;
  }

  u8(value: number): this {
    this.reserve(1);
    this.bytes[this.length++] = value;
    return this;
  }

  u32(value: number): this {
    this.reserve(4);
    new DataView(this.bytes.buffer).setUint32(this.length, value, true);
    this.length += 4;
    return this;
  }

  u64(value: bigint): this {
    this.reserve(8);
    new DataView(this.bytes.buffer).setBigUint64(this.length, value, true);
    this.length += 8;
    return this;
  }

  /** LEB128. @param value a whole number, 0 to 2^53−1 */
  varint(value: number): this {
    this.reserve(8);
    let rest = value;
    while (rest >= MORE) {
      this.bytes[this.length++] = (rest % MORE) | MORE;
      rest = Math.floor(rest / MORE);
    }
    this.bytes[this.length++] = rest & LOW_7;
    return this;
  }

  /** A number that may be negative: doubled, and less one if it is. @param value ±2^52 */
  signed(value: number): this {
    return this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  /** Length in bytes, then UTF-8. */
  text(text: string): this {
    const encoded = new TextEncoder().encode(text);
    this.varint(encoded.length);
    return this.raw(encoded);
  }

  raw(bytes: Uint8Array): this {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  /** Everything written since the last call. */
  take(): Uint8Array {
    const taken = this.bytes.slice(0, this.length);
    this.length = 0;
    return taken;
  }

  private reserve(size: number): void {
    if (this.length + size <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + size));
    grown.set(this.bytes);
    this.bytes = grown;
  }
}
