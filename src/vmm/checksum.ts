/** Sets the byte at `offset` so that all bytes of `bytes` add up to 0 modulo 256. */
export function setChecksum(bytes: Uint8Array, offset: number): void {
  bytes[offset] = 0;
  bytes[offset] = -bytes.reduce((sum, byte) => sum + byte, 0);
}
