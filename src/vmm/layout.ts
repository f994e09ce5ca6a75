import { Layout, Structure, blob, struct } from 'buffer-layout';

/**
 * The same bytes as a `Buffer`, the type that buffer-layout reads from and writes to. Nothing is copied: what is
 * written through the result appears in `bytes`, and the other way round.
 */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

class UInt64 extends Layout<bigint> {
  constructor(property?: string) {
    super(8, property);
  }

  override decode(bytes: Uint8Array, offset = 0): bigint {
    return asBuffer(bytes).readBigUInt64LE(offset);
  }

  override encode(value: bigint, bytes: Uint8Array, offset = 0): number {
    asBuffer(bytes).writeBigUInt64LE(BigInt.asUintN(64, value), offset);
    return this.span;
  }
}

class Ascii extends Layout<string> {
  override decode(bytes: Uint8Array, offset = 0): string {
    const text = asBuffer(bytes).toString('latin1', offset, offset + this.span);
    const end = text.indexOf('\0');
    return end < 0 ? text : text.slice(0, end);
  }

  override encode(value: string, bytes: Uint8Array, offset = 0): number {
    const field = asBuffer(bytes).subarray(offset, offset + this.span);
    if (value.length > this.span || field.length < this.span) {
      throw new RangeError(`'${value}' does not fit into ${this.span} bytes`);
    }
    field.fill(0).write(value, 'latin1');
    return this.span;
  }
}

/**
 * An unsigned little-endian 64-bit integer, exact, as a `bigint`. A value outside 0 to 2^64−1 is encoded modulo
 * 2^64. Where a number is exact enough (offsets, sizes), buffer-layout's own `nu64` is handier.
 */
export function u64(property?: string): Layout<bigint> {
  return new UInt64(property);
}

/** A text of one byte a character (Latin-1) in a field of `length` bytes, padded with zero bytes. */
export function ascii(length: number, property?: string): Layout<string> {
  return new Ascii(length, property);
}

/** `length` bytes that belong to a structure but have no name: they are not decoded, and encoding leaves them alone. */
export function padding(length: number): Layout<unknown> {
  return blob(length);
}

/**
 * A structure without implicit padding, whose fields, in their order in memory, decode to a `T`.
 * @param span the size in bytes that the specification gives, as a check on the list of fields
 * @throws RangeError when two fields have one name or the fields' sizes do not add up to `span`
 */
export function structure<T extends object>(fields: readonly Layout<unknown>[], span?: number): Structure<T> {
  const names = fields.map(field => field.property).filter(name => name !== undefined);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new RangeError(`two fields are called ${twice}`);
  const layout = struct<T>(fields);
  if (span !== undefined && layout.span !== span) {
    throw new RangeError(`the fields take ${layout.span} bytes, not ${span}`);
  }
  return layout;
}

/**
 * Where in a structure a field starts, in bytes.
 * @throws RangeError when the structure has no field of this name
 */
export function offsetOf<T extends object>(layout: Structure<T>, field: string & keyof T): number {
  const offset = layout.offsetOf(field);
  if (offset === undefined) throw new RangeError(`no field ${field} in the structure`);
  return offset;
}

/** A structure's bytes for `value`; fields that `value` leaves out and padding are zero. */
export function encode<T>(layout: Layout<T>, value: NoInfer<T>): Uint8Array {
  const bytes = Buffer.alloc(layout.span);
  layout.encode(value, bytes);
  return bytes;
}

/**
 * The value that a layout describes at `offset` in `bytes`.
 * @throws RangeError when it does not lie wholly within `bytes`
 */
export function decode<T>(layout: Layout<T>, bytes: Uint8Array, offset = 0): T {
  if (offset < 0 || offset + layout.span > bytes.length) {
    throw new RangeError(`${layout.span} bytes at ${offset} are not within ${bytes.length}`);
  }
  return layout.decode(asBuffer(bytes), offset);
}
