import fc from 'fast-check';

/** What is done to a disk. */
export interface Operation {
  readonly kind: 'read' | 'write' | 'zero' | 'unmap' | 'flush';
  readonly offset: number;
  readonly length: number;
  readonly seed: number;
}

/** Anything within `size` bytes, `longest` at most at once. */
export function operationWithin(size: number, longest: number): fc.Arbitrary<Operation> {
  return fc.record({
    kind: fc.constantFrom(
      'read' as const,
      'write' as const,
      'zero' as const,
      'unmap' as const,
      'flush' as const,
    ),
    offset: fc.integer({ min: 0, max: size - 1 }),
    length: fc.integer({ min: 1, max: longest }),
    seed: fc.nat(255),
  });
}

/** Bytes that differ from those of another seed, and from those next to them. */
export function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i * 7 + seed * 13 + (i >> 8);
  return bytes;
}
