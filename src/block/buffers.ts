/** Lists of buffers, one behind the other, as scatter-gather input and output take them. */

export function totalLength(buffers: readonly Uint8Array[]): number {
  let total = 0;
  for (const buffer of buffers) total += buffer.length;
  return total;
}

/** The `length` bytes that begin `from` bytes into `buffers`. */
export function sliceBuffers(
  buffers: readonly Uint8Array[],
  from: number,
  length: number,
): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  let skip = from;
  let rest = length;
  for (let i = 0; i < buffers.length && rest > 0; i++) {
    const buffer = buffers[i];
    if (skip >= buffer.length) {
      skip -= buffer.length;
      continue;
    }
    const size = Math.min(buffer.length - skip, rest);
    parts.push(size === buffer.length ? buffer : buffer.subarray(skip, skip + size));
    skip = 0;
    rest -= size;
  }
  return parts;
}

export function fillBuffers(buffers: readonly Uint8Array[], value: number): void {
  for (const buffer of buffers) buffer.fill(value);
}

/** Copies `source` into `buffers`, from their start. */
export function scatter(source: Uint8Array, buffers: readonly Uint8Array[]): void {
  let at = 0;
  for (const buffer of buffers) {
    buffer.set(source.subarray(at, at + buffer.length));
    at += buffer.length;
  }
}

/** Zeroes everything behind the first `from` bytes. */
export function clearFrom(buffers: readonly Uint8Array[], from: number): void {
  let skip = from;
  for (const buffer of buffers) {
    if (skip < buffer.length) buffer.fill(0, skip);
    skip = Math.max(0, skip - buffer.length);
  }
}
