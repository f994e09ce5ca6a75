import { ProfileError } from './profile-error.js';

const MORE = 0x80;
/** Bytes of the longest number below 2^53. */
const LONGEST_VARINT = 8;

/** Reads what `ByteWriter` wrote. Every method throws a ProfileError where the bytes end too early. */
export class ByteReader {
  private at = 0;
  private readonly view: DataView;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get atEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  get rest(): number {
    return this.bytes.length - this.at;
  }

  u8(): number {
    return this.bytes[this.advance(1)];
  }

  u32(): number {
    return this.view.getUint32(this.advance(4), true);
  }

  u64(): bigint {
    return this.view.getBigUint64(this.advance(8), true);
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < LONGEST_VARINT; i++) {
      const byte = this.u8();
      value += (byte % MORE) * scale;
      if (byte < MORE) return value;
      scale *= MORE;
    }
    throw new ProfileError('a number in the profile is too long: the file is damaged');
  }

  signed(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  text(): string {
    return new TextDecoder().decode(this.raw(this.varint()));
  }

  /** A view of the next `size` bytes. */
  raw(size: number): Uint8Array {
    const start = this.advance(size);
    return this.bytes.subarray(start, start + size);
  }

  private advance(size: number): number {
    const start = this.at;
    if (start + size > this.bytes.length)
      throw new ProfileError('the profile ends in the middle of a record');
    this.at = start + size;
    return start;
  }
}
