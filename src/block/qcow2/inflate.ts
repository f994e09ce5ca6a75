/**
 * Unpacks a compressed cluster: a deflate stream without a header (RFC 1951). What follows the stream's end does not
 * matter. Throws for one that is broken, or has more than `size` bytes in it.
 */
export type Inflate = (data: Uint8Array, size: number) => Uint8Array;
