/**
 * Sequence numbers are 32 bits and wrap around (RFC 9293, 3.4): what comes before what is the sign of their difference.
 */

/** How far `a` is behind `b`: negative when it is before it. */
export function distance(a: number, b: number): number {
  return (a - b) | 0;
}

export function add(sequence: number, count: number): number {
  return (sequence + count) >>> 0;
}
