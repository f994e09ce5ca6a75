import type { Layout } from 'buffer-layout';
import { ImageError, hex } from '../../errors.js';
import { asBuffer } from '../layout.js';

/** Bounds-checked access to the bytes of a file that may be truncated or hostile. */
export class ImageReader {
  readonly size: number;
  private readonly buffer: Buffer;

  constructor(image: Uint8Array) {
    this.buffer = asBuffer(image);
    this.size = image.length;
  }

  /**
   * The structure at `offset`.
   * @param what what the structure is, for the message: `the program headers`
   * @throws ImageError when it does not lie wholly within the file
   */
  read<T>(layout: Layout<T>, offset: number, what: string): T {
    this.check(offset, layout.span, what);
    return layout.decode(this.buffer, offset);
  }

  /**
   * A zero-copy view of `length` bytes at `offset`.
   * @throws ImageError when they do not lie wholly within the file
   */
  slice(offset: number, length: number, what: string): Uint8Array {
    this.check(offset, length, what);
    return this.buffer.subarray(offset, offset + length);
  }

  /** The little-endian 32-bit word at `offset`. @throws ImageError when it is not within the file */
  u32(offset: number, what: string): number {
    this.check(offset, 4, what);
    return this.buffer.readUInt32LE(offset);
  }

  /**
   * The zero-terminated text at `offset`, one byte a character, cut off at the end of the file and at `limit`
   * characters; `""` for an offset outside the file.
   */
  text(offset: number, limit: number): string {
    if (!(offset >= 0 && offset < this.size)) return '';
    const field = this.buffer.subarray(offset, offset + limit);
    const end = field.indexOf(0);
    return field.toString('latin1', 0, end < 0 ? field.length : end);
  }

  private check(offset: number, length: number, what: string): void {
    // Written so that NaN and values above 2^53, which nu64 rounds, are refused too.
    if (offset >= 0 && length >= 0 && offset + length <= this.size) return;
    throw new ImageError(
      `the file is truncated or damaged: ${what} should be at ${hex(offset)} (${length} bytes), but the file has ${this.size} bytes`,
      { offset, length, fileSize: this.size },
    );
  }
}

/**
 * The message of the ImageError that `check` raises, or `undefined` when it raises none: how a protocol's
 * `refuse()` asks its own loader's checks.
 */
export function refusalOf(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof ImageError) return error.message;
    throw error;
  }
}
