/** Terms that can be added before their sum has to be folded: it stays below 2^31. */
const FOLD_EVERY = 0x7000;

/**
 * The sum of the 16-bit words of `bytes` from `start` to `end`, in one's complement arithmetic (RFC 1071); a last odd
 * byte is the high half of a word.
 * @param initial a sum to go on from, 0 to 0xFFFF
 * @returns 0 to 0xFFFF
 */
export function onesComplementSum(bytes: Uint8Array, start: number, end: number, initial = 0): number {
  let sum = initial;
  const even = end - ((end - start) & 1);
  for (let at = start; at < even;) {
    const stop = Math.min(even, at + 2 * FOLD_EVERY);
    for (; at < stop; at += 2) sum += (bytes[at] << 8) | bytes[at + 1];
    sum = fold(sum);
  }
  return even === end ? fold(sum) : fold(sum + (bytes[even] << 8));
}

/** The Internet checksum of the range: what belongs into the field that was 0, or held a part of the sum, before. */
export function internetChecksum(bytes: Uint8Array, start: number, end: number, initial = 0): number {
  return ~onesComplementSum(bytes, start, end, initial) & 0xffff;
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

function fold(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}
