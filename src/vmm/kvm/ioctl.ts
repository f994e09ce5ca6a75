/**
 * ioctl request numbers as Linux encodes them on x86 (include/uapi/asm-generic/ioctl.h): direction in bits 30–31,
 * size of the argument in bits 16–29, type in bits 8–15, number in bits 0–7.
 */
const NONE = 0;
const WRITE = 1;
const READ = 2;

function encode(direction: number, type: number, number: number, size: number): number {
  return ((direction << 30) | (size << 16) | (type << 8) | number) >>> 0;
}

/** A request without an argument structure. */
export function io(type: number, number: number): number {
  return encode(NONE, type, number, 0);
}

/** A request from which the caller reads a structure of `size` bytes. */
export function ior(type: number, number: number, size: number): number {
  return encode(READ, type, number, size);
}

/** A request to which the caller passes a structure of `size` bytes. */
export function iow(type: number, number: number, size: number): number {
  return encode(WRITE, type, number, size);
}

/** A request whose structure of `size` bytes goes both ways. */
export function iowr(type: number, number: number, size: number): number {
  return encode(READ | WRITE, type, number, size);
}
