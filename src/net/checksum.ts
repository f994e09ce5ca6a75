/**
 * The Internet checksum (RFC 1071): the sum of 16-bit words in ones' complement. Sums are kept unfolded, so that parts
 * of a message may be added up one after the other; each part but the last has an even length.
 */

/** Adds the words of `bytes` from `start` to `end` to `sum`. An odd last byte counts as the high half of a word. */
export function addWords(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  let total = sum;
  let i = start;
  // 64 KiB of all ones add up to 2^31 at most: the sum stays exact.
  for (const last = end - 7; i < last; i += 8) {
    total +=
      ((bytes[i] << 8) | bytes[i + 1]) +
      ((bytes[i + 2] << 8) | bytes[i + 3]) +
      ((bytes[i + 4] << 8) | bytes[i + 5]) +
      ((bytes[i + 6] << 8) | bytes[i + 7]);
  }
  for (; i < end - 1; i += 2) total += (bytes[i] << 8) | bytes[i + 1];
  if (i < end) total += bytes[i] << 8;
  return total;
}

/** To 16 bits, with the carries added. */
export function fold(sum: number): number {
  let folded = (sum & 0xffff) + Math.floor(sum / 0x10000);
  folded = (folded & 0xffff) + (folded >>> 16);
  return (folded & 0xffff) + (folded >>> 16);
}

/** What goes into a checksum field. */
export function complement(sum: number): number {
  return ~fold(sum) & 0xffff;
}

/**
 * The sum of the 16-bit words of `bytes` from `start` to `end`, in one's complement arithmetic (RFC 1071); a last odd
 * byte is the high half of a word.
 * @param initial a sum to go on from, 0 to 0xFFFF
 * @returns 0 to 0xFFFF
 */
export function onesComplementSum(bytes: Uint8Array, start: number, end: number, initial = 0): number {
  return fold(addWords(bytes, start, end, initial));
}

/** The Internet checksum of the range: what belongs into the field that was 0, or held a part of the sum, before. */
export function internetChecksum(bytes: Uint8Array, start: number, end: number, initial = 0): number {
  return complement(addWords(bytes, start, end, initial));
}

/** The sum for TCP's and UDP's pseudo header: addresses at `start` to `end`, protocol and length (RFC 9293, 3.1; RFC 8200, 8.1). */
export function pseudoHeaderSum(
  bytes: Uint8Array,
  start: number,
  end: number,
  protocol: number,
  length: number,
): number {
  return onesComplementSum(bytes, start, end, fold(protocol + (length & 0xffff) + (length >>> 16)));
}
