/** qcow2 keeps its numbers big-endian; 64-bit ones are read as doubles, exact up to 2^53. */

/** Beyond what is exact a number is at least not smaller than 2^53, so that every limit refuses it. */
export function readNumber64(view: DataView, at: number): number {
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
}

/** @param value 0 to 2^53 */
export function writeNumber64(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 4, value % 2 ** 32);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
